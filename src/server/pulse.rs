//! A sign of life that one thread gives and others read.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// When a thread was last seen to go round.
#[derive(Debug)]
pub struct Pulse {
    every: Duration,
    born: Instant,
    /// Milliseconds from `born` to the last beat.
    last_ms: AtomicU64,
}

impl Pulse {
    /// Of a thread that begins now and shall beat this often.
    pub fn new(every: Duration) -> Pulse {
        Pulse { every, born: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    /// How often it shall beat.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// The thread lives.
    pub fn beat(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// How long ago the last beat was.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.now_ms().saturating_sub(self.last_ms.load(Ordering::Relaxed)))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
