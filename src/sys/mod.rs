//! The operating system, thinly: waiting, sockets, and two calls of libssl.

pub mod openssl;
pub mod poll;
pub mod socket;
pub mod stop;
