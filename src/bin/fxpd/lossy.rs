//! A log that never holds anybody up: a message that cannot go where it should within a moment is
//! lost, and the next one that can is followed by their number.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    io::{self, Write},
    os::fd::AsFd,
};

/// Severity of a word about messages that were lost: a warning.
const WARNING: u8 = 4;

/// How long a reader may be behind who was there until now.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
const NO_PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Where messages go.
pub trait Drain: Send {
    /// Passes a message on, or says `false`.
    fn take(&mut self, message: &[u8]) -> bool;

    /// A message of its own in the form that it wants, with a severity of syslog(3).
    fn form(&self, severity: u8, text: &str) -> String;
}

/// Gives what each call of `write` gets to a drain as one message, and never fails.
pub struct Lossy<D> {
    drain: D,
    lost: u64,
}

impl<D: Drain> Lossy<D> {
    /// In front of `drain`.
    pub fn new(drain: D) -> Lossy<D> {
        Lossy { drain, lost: 0 }
    }
}

impl<D: Drain> Write for Lossy<D> {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        if !self.drain.take(message) {
            self.lost += 1;
        } else if self.lost > 0 {
            let text = format!("{} messages before this one were lost", self.lost);
            let message = self.drain.form(WARNING, &text);
            if self.drain.take(message.as_bytes()) {
                self.lost = 0;
            }
        }
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error as a drain: a pipe whose reader sleeps must not put sessions to sleep.
pub struct StandardError {
    form: fn(u8, &str) -> String,
    was_ready: bool,
}

/// A pipe that is ready takes this much at once (PIPE_BUF). A longer message is cut.
const MAX_BYTES: usize = 4096;

impl StandardError {
    /// With lines of this form.
    pub fn new(form: fn(u8, &str) -> String) -> StandardError {
        StandardError { form, was_ready: true }
    }

    fn is_ready(&self) -> bool {
        let stderr = io::stderr();
        let mut waited = [PollFd::from_borrowed_fd(stderr.as_fd(), PollFlags::OUT)];
        let patience = if self.was_ready { PATIENCE } else { NO_PATIENCE };
        poll(&mut waited, Some(&patience)).is_ok_and(|count| count > 0)
    }
}

impl Drain for StandardError {
    fn take(&mut self, message: &[u8]) -> bool {
        self.was_ready = self.is_ready();
        if !self.was_ready {
            return false;
        }
        let mut line = message[..message.len().min(MAX_BYTES)].to_vec();
        if let Some(end) = line.last_mut() {
            *end = b'\n'; // also of a line that was cut
        }
        io::stderr().write_all(&line).is_ok()
    }

    fn form(&self, severity: u8, text: &str) -> String {
        (self.form)(severity, text)
    }
}
