//! The operating system, thinly: waiting, sockets, and some calls of libssl.

pub mod crowd;
pub mod openssl;
pub mod poll;
pub mod socket;
pub mod stop;
