//! How many files are read at once only to be hashed. Whoever has to wait goes on listening.

use crate::net::{NetError, Wait};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Those who wait look at their control connection this often.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Nobody waits longer than this.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// No more than this wait.
const MAX_WAITING: usize = 256;

/// A fixed number of turns, lent one by one. Clones share them.
#[derive(Clone)]
pub struct Turns {
    give: Sender<()>,
    take: Receiver<()>,
    waiting: Arc<AtomicUsize>,
    count: usize,
}

/// Leave to read a file, until dropped.
pub struct Turn<'a>(&'a Sender<()>);

impl Turns {
    /// This many; with 0, one for each processor.
    pub fn new(count: usize) -> Turns {
        let processors = || thread::available_parallelism().map_or(2, NonZeroUsize::get);
        let turns = if count == 0 { processors() } else { count };
        let (give, take) = bounded(turns);
        for _ in 0..turns {
            let _ = give.send(()); // never full: it holds `turns`
        }
        Turns { give, take, waiting: Arc::default(), count }
    }

    /// These, if they are as many; other ones otherwise, and those that are out count no more.
    pub fn resized(&self, count: usize) -> Turns {
        if count == self.count { self.clone() } else { Turns::new(count) }
    }

    /// Waits for a turn. [`NetError::Timeout`] when too many wait already or it takes too long;
    /// what `wait` ends, ends with its error.
    pub fn take(&self, wait: &mut dyn Wait) -> Result<Turn<'_>, NetError> {
        let _place = Place::take(&self.waiting)?;
        let deadline = Instant::now() + MAX_WAIT;
        loop {
            match self.take.recv_timeout(LOOK_EVERY) {
                Ok(()) => return Ok(Turn(&self.give)),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {
                    wait.between_blocks()?;
                }
                Err(_) => return Err(NetError::Timeout),
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.send(()); // never full, never closed
    }
}

/// One of those who wait.
struct Place<'a>(&'a AtomicUsize);

impl Place<'_> {
    fn take(waiting: &AtomicUsize) -> Result<Place<'_>, NetError> {
        let place = Place(waiting);
        match waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            true => Ok(place),
            false => Err(NetError::Timeout),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll::Interest;
    use std::os::fd::BorrowedFd;

    /// Gives up when first asked.
    struct Impatient;

    impl Wait for Impatient {
        fn wait(&mut self, _: BorrowedFd<'_>, _: Interest) -> Result<(), NetError> {
            Err(NetError::Interrupted)
        }

        fn between_blocks(&mut self) -> Result<(), NetError> {
            Err(NetError::Interrupted)
        }
    }

    #[test]
    fn a_turn_that_is_out_is_waited_for_and_comes_back() {
        let turns = Turns::new(2);
        let (first, second) = (turns.take(&mut Impatient), turns.take(&mut Impatient));
        assert!(first.is_ok() && second.is_ok());
        assert!(matches!(turns.clone().take(&mut Impatient), Err(NetError::Interrupted)));
        drop(first);
        assert!(turns.take(&mut Impatient).is_ok());
        assert_eq!(turns.waiting.load(Ordering::Relaxed), 0);
        assert!(turns.resized(2).take.len() < 2, "the same ones");
        assert_eq!(turns.resized(3).take.len(), 3, "new ones");
    }

    #[test]
    fn not_all_may_wait() {
        let turns = Turns::new(1);
        turns.waiting.store(MAX_WAITING, Ordering::Relaxed);
        assert!(matches!(turns.take(&mut Impatient), Err(NetError::Timeout)));
        assert_eq!(turns.waiting.load(Ordering::Relaxed), MAX_WAITING);
    }
}
