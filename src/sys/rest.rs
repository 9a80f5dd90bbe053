//! When nothing has been to do for a while, and what that is good for.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// It sleeps, and does little else.
const WATCH_STACK_BYTES: usize = 64 << 10;

/// Puts something off until it was put off for the last time a while ago: however often that is, it is
/// done once in so long at most. There is a thread for it as long as it is to be done, and no longer.
pub struct Rest {
    name: &'static str,
    lasts: Duration,
    state: Mutex<State>,
}

struct State {
    last: Instant,
    /// Whether a thread waits for the rest.
    is_watched: bool,
}

impl Rest {
    /// `name` is that of its thread.
    pub fn new(name: &'static str, lasts: Duration) -> Arc<Rest> {
        let state = Mutex::new(State { last: Instant::now(), is_watched: false });
        Arc::new(Rest { name, lasts, state })
    }

    /// There has been something to do. `then` is done after the rest, unless something else is to be
    /// done then already; and at once where there is no thread to wait.
    ///
    /// The thread is a child of the caller's: what that one has given up it has not either.
    pub fn put_off(self: &Arc<Rest>, then: impl Fn() + Send + Sync + 'static) {
        let mut state = self.state();
        state.last = Instant::now();
        if mem::replace(&mut state.is_watched, true) {
            return;
        }
        drop(state);
        let (rest, then) = (Arc::clone(self), Arc::new(then));
        let for_thread = Arc::clone(&then);
        let watch = thread::Builder::new().name(self.name.into()).stack_size(WATCH_STACK_BYTES);
        let started = watch.spawn(move || {
            rest.wait();
            for_thread();
        });
        if started.is_err() {
            self.state().is_watched = false;
            then();
        }
    }

    /// Whether something is to be done.
    #[cfg(test)]
    pub fn is_awaited(&self) -> bool {
        self.state().is_watched
    }

    /// Waits for the rest. Who puts something off from now on has it done another time.
    fn wait(&self) {
        loop {
            let mut state = self.state();
            let left = self.lasts.saturating_sub(state.last.elapsed());
            if left.is_zero() {
                state.is_watched = false;
                return;
            }
            drop(state);
            thread::sleep(left);
        }
    }

    /// It is whole at every moment, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn what_is_put_off_again_and_again_is_done_once_at_the_end() {
        const LASTS: Duration = Duration::from_millis(300);
        let rest = Rest::new("rest", LASTS);
        let (tell, told) = mpsc::channel();
        for round in 0..2 {
            let (begun, mut last) = (Instant::now(), Instant::now());
            while begun.elapsed() < LASTS * 2 {
                let tell = tell.clone();
                last = Instant::now();
                rest.put_off(move || tell.send(round).unwrap());
                thread::yield_now();
            }
            assert!(rest.is_awaited());
            assert_eq!(told.recv().unwrap(), round);
            assert!(last.elapsed() >= LASTS && !rest.is_awaited());
        }
        assert!(told.try_recv().is_err());
    }
}
