//! An FTP-over-TLS server and client for copying files straight from one server to another.
mod auth;
mod net;
mod proto;
mod session;
mod storage;
mod sys;
mod transfer;
