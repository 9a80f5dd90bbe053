//! Memory to hash passwords in: what a crowd of logins may take, and that nothing stays taken.
//!
//! Each argon2 hash fills 19 MiB. Hundreds of clients may log in at once, so the turns are few, and
//! whoever has one may hash. What was filled is kept for the next login, which need not have the
//! system make every page of it again; and given back when there was none for some seconds.

use crate::sys::rest::Rest;
use argon2::Block;
use std::{
    mem,
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Hashes that are computed at a time, on a machine with that many processors.
const MAX_PARALLEL_HASHES: usize = 8;

/// Without a login for this long, no memory is kept for the next.
const KEPT_FOR: Duration = Duration::from_secs(3);

/// The least room that is asked for. malloc(3) may keep what it once had from the system, in the
/// arena of whichever thread had it, but never blocks above 32 MiB: those are mapped and unmapped one
/// by one. Pages that no hash touches cost nothing.
const LEAST_ROOM_BYTES: usize = 33 << 20;

/// A turn to hash, and memory for it.
pub(super) struct WorkArea {
    blocks: Vec<Block>,
}

impl WorkArea {
    /// Waits for a turn.
    pub fn take() -> WorkArea {
        WorkArea { blocks: TURNS.take() }
    }

    /// So many blocks.
    pub fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.blocks.len() < count {
            let least = LEAST_ROOM_BYTES / mem::size_of::<Block>();
            self.blocks = Vec::new(); // before there are two
            self.blocks.reserve_exact(count.max(least));
            self.blocks.resize(count, Block::default());
        }
        &mut self.blocks[..count]
    }
}

impl Drop for WorkArea {
    fn drop(&mut self) {
        TURNS.give(mem::take(&mut self.blocks));
    }
}

static TURNS: LazyLock<Turns> = LazyLock::new(|| {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    Turns::new(turns_with(processors), KEPT_FOR)
});

/// More than one a processor would cost memory and gain no time.
fn turns_with(processors: usize) -> usize {
    processors.min(MAX_PARALLEL_HASHES)
}

/// All turns of this process, and what was filled by those that are over.
struct Turns {
    state: Mutex<State>,
    given: Condvar,
    /// From logins.
    rest: Arc<Rest>,
}

struct State {
    free: usize,
    kept: Vec<Vec<Block>>,
}

impl Turns {
    fn new(count: usize, kept_for: Duration) -> Turns {
        let state = Mutex::new(State { free: count, kept: Vec::new() });
        Turns { state, given: Condvar::new(), rest: Rest::new("work areas", kept_for) }
    }

    /// Waits for a turn, and returns what is kept for it, if anything is.
    fn take(&self) -> Vec<Block> {
        let mut state = self.state();
        while state.free == 0 {
            state = self.given.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.free -= 1;
        state.kept.pop().unwrap_or_default()
    }

    /// Gives a turn back, and what was filled in it.
    fn give(&'static self, blocks: Vec<Block>) {
        let mut state = self.state();
        state.free += 1;
        let has_filled = !blocks.is_empty();
        if has_filled {
            state.kept.push(blocks);
        }
        drop(state);
        self.given.notify_one();
        if has_filled {
            self.rest.put_off(|| self.give_back());
        }
    }

    fn give_back(&self) {
        let kept = mem::take(&mut self.state().kept);
        drop(kept); // now that nobody waits for the lock
    }

    /// Counting is whole at every moment, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;
    use std::time::Instant;

    fn turns(count: usize, kept_for: Duration) -> &'static Turns {
        Box::leak(Box::new(Turns::new(count, kept_for)))
    }

    fn area() -> Vec<Block> {
        vec![Block::default()]
    }

    #[test]
    fn an_area_is_kept_for_the_next_login() {
        let turns = turns(2, Duration::from_secs(3600));
        assert!(turns.take().is_empty() && turns.take().is_empty());
        turns.give(area());
        turns.give(Vec::new());
        assert_eq!(turns.take().len(), 1);
        assert!(turns.take().is_empty());
    }

    #[test]
    fn without_logins_it_is_given_back_and_again_after_the_next() {
        let kept_for = Duration::from_millis(20);
        let turns = turns(2, kept_for);
        for _ in 0..2 {
            turns.take();
            let given = Instant::now();
            turns.give(area());
            while turns.rest.is_awaited() || !turns.state().kept.is_empty() {
                assert!(given.elapsed() < Duration::from_secs(20), "never");
                thread::yield_now();
            }
            assert!(given.elapsed() >= kept_for, "not before");
            let state = turns.state();
            assert_eq!((state.free, state.kept.len()), (2, 0));
        }
    }

    #[test]
    fn a_process_has_a_turn_a_processor_and_eight_at_most() {
        assert_eq!([1, 8, 9, 64].map(turns_with), [1, 8, 8, 8]);
        let processors = thread::available_parallelism().unwrap().get();
        // Other tests may hash now.
        assert!((0..=turns_with(processors)).contains(&TURNS.state().free));
    }

    #[test]
    fn no_more_than_the_turns_hash_at_a_time_and_everybody_has_one() {
        const CROWD: usize = 9;
        let turns = turns(2, Duration::from_secs(3600));
        let ((entered, seen), (leave, left)) = (bounded(CROWD), bounded(0));
        let mut free = Vec::new();
        thread::scope(|scope| {
            for _ in 0..CROWD {
                scope.spawn(|| {
                    let area = turns.take();
                    entered.send(()).unwrap();
                    left.recv().unwrap();
                    turns.give(area);
                });
            }
            for gone in 0..CROWD {
                // As many as may are in, and all others wait for one to leave.
                while seen.len() < CROWD.min(gone + 2) {
                    thread::yield_now();
                }
                if gone + 2 <= CROWD {
                    free.push(turns.state().free);
                }
                leave.send(()).unwrap();
            }
        });
        assert_eq!(free, [0; CROWD - 1], "turns that somebody could have taken");
        assert_eq!(turns.state().free, 2);
    }
}
