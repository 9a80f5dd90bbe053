//! The operating system, thinly: waiting, sockets, some calls of libssl, and what a process is
//! started with.

pub mod crowd;
pub mod inherited;
pub mod openssl;
pub mod poll;
pub mod socket;
pub mod stop;
