//! Waiting for several descriptors until a deadline.

use rustix::{
    event::{PollFd, PollFlags, Timespec},
    io::Errno,
};
use std::{io, os::fd::BorrowedFd, time::Instant};

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something to read, or an end.
    Read,
    /// Room to write.
    Write,
    /// The peer's end and no less: what it has sent before stays unread.
    End,
}

/// The most descriptors of one wait: data (or a passive port), control, stop.
pub const MAX_WAITED: usize = 3;

/// Waits until one of `waited`, at least one and at most [`MAX_WAITED`], is ready or in error, or
/// `deadline` has passed, and tells which are. A deadline in the past looks without waiting.
pub fn ready(
    waited: &[(BorrowedFd<'_>, Interest)],
    deadline: Instant,
) -> io::Result<[bool; MAX_WAITED]> {
    let count = waited.len().min(MAX_WAITED);
    // An array of the greatest size, for this is called for every wait; the rest is not looked at.
    let mut fds: [PollFd<'_>; MAX_WAITED] = std::array::from_fn(|at| {
        let (fd, interest) = waited[at.min(count - 1)];
        let flags = match interest {
            Interest::Read => PollFlags::IN,
            Interest::Write => PollFlags::OUT,
            Interest::End => PollFlags::RDHUP,
        };
        PollFd::from_borrowed_fd(fd, flags)
    });
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match rustix::event::poll(&mut fds[..count], Some(&left)) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut ready = [false; MAX_WAITED];
    for (ready, fd) in ready.iter_mut().zip(&fds[..count]) {
        *ready = !fd.revents().is_empty();
    }
    Ok(ready)
}
