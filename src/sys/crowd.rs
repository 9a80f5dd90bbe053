//! Waiting for any number of descriptors through one of their own (epoll): it is readable while one
//! of them is ready.

use crate::sys::poll::Interest;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// Descriptors that are waited for together. One that is closed leaves by itself.
#[derive(Debug)]
pub struct Crowd {
    epoll: OwnedFd,
}

impl Crowd {
    /// Nobody.
    pub fn new() -> io::Result<Crowd> {
        Ok(Crowd { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// Waits for `member` too.
    pub fn add(&self, member: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, member, EventData::new_u64(0), flags(interest))?)
    }

    /// Waits for something else of `member`.
    pub fn change(&self, member: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, member, EventData::new_u64(0), flags(interest))?)
    }

    /// Waits for `member` no longer.
    pub fn remove(&self, member: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, member)?)
    }
}

impl AsFd for Crowd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

fn flags(interest: Interest) -> EventFlags {
    match interest {
        Interest::Read => EventFlags::IN,
        Interest::Write => EventFlags::OUT,
        Interest::End => EventFlags::RDHUP,
    }
}
