//! How long to wait for a socket, and what may end the wait.
//!
//! Every socket is non-blocking; whoever uses a stream brings the patience. A client waits until a
//! deadline; a session in a transfer also listens to its control connection meanwhile.

use crate::{
    net::NetError,
    sys::poll::{self, Interest},
};
use std::{
    os::fd::BorrowedFd,
    thread,
    time::{Duration, Instant},
};

/// Whoever pauses looks this often whether to give up.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The patience of whoever uses a stream.
pub trait Wait {
    /// Returns when `socket` is ready, or with the reason to give up.
    fn wait(&mut self, socket: BorrowedFd<'_>, interest: Interest) -> Result<(), NetError>;

    /// Called between blocks of a transfer that never has to wait: a chance to give up.
    fn between_blocks(&mut self) -> Result<(), NetError> {
        Ok(())
    }

    /// Lets time pass until `until`, of our own will: no deadline for the peer runs meanwhile. What
    /// would end a wait ends this, too.
    fn pause(&mut self, until: Instant) -> Result<(), NetError> {
        loop {
            self.between_blocks()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(LOOK_EVERY));
        }
    }
}

/// Waits until one moment and listens to nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Until(pub Instant);

impl Until {
    /// A deadline this far from now.
    pub fn within(time: Duration) -> Until {
        Until(Instant::now() + time)
    }
}

impl Wait for Until {
    fn wait(&mut self, socket: BorrowedFd<'_>, interest: Interest) -> Result<(), NetError> {
        self.between_blocks()?;
        let ready = poll::ready(&[(socket, interest)], self.0)?;
        if ready[0] { Ok(()) } else { Err(NetError::Timeout) }
    }

    /// A peer that always has something ready does not put the deadline off.
    fn between_blocks(&mut self) -> Result<(), NetError> {
        if Instant::now() < self.0 { Ok(()) } else { Err(NetError::Timeout) }
    }
}
