//! The operating system, thinly: waiting, sockets, some calls of libssl, what a process is started
//! with, what it hands to another, whose programs it starts, what a thread gives up, and what a process
//! at rest does. All that is unsafe is in `raw`.

pub mod crowd;
pub mod handoff;
pub mod ids;
pub mod inherited;
pub mod landlock;
pub mod memory;
pub mod openssl;
pub mod poll;
pub mod programs;
mod raw;
pub mod rest;
pub mod seccomp;
pub mod socket;
pub mod stop;
pub mod trial;
