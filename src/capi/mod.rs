//! The server for programs in C: what `include/fxpd.h` declares and describes.
//!
//! `border` is the one file that takes pointers from C, and turns them into values of Rust before
//! anything else is done; `owner` calls back, `receiver` passes the log on, `failure` keeps what went
//! wrong. The library below is used by its public face alone.

mod border;
mod failure;
mod owner;
mod receiver;
