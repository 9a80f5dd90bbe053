//! Signals, turned into wishes that the main thread reads one by one.

use crossbeam_channel::Receiver;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ},
    flag, iterator,
};
use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    thread,
};

/// The exit code of a server that was told twice to stop.
const HURRIED_EXIT: i32 = 1;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// SIGHUP: read settings and certificate again, and reopen the log.
    Reload,
    /// SIGTERM or SIGINT: end, with grace.
    Stop,
}

/// The signals that the server knows. While it exists, none that it has begun to catch kills.
pub struct Signals(iterator::Signals);

impl Signals {
    /// Begins with SIGHUP alone: one that comes before the server serves is a wish to be kept until
    /// it does. What stops a server that has not begun may end it as it does any program.
    pub fn of_reloads() -> io::Result<Signals> {
        iterator::Signals::new([SIGHUP]).map(Signals)
    }

    /// Catches the others as well. A second SIGTERM or SIGINT ends the process at once: that is how
    /// an operator says that the grace takes too long.
    pub fn catch_all(&self) -> io::Result<()> {
        let told = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first signal finds the flag down and raises it.
            flag::register_conditional_shutdown(signal, HURRIED_EXIT, Arc::clone(&told))?;
            flag::register(signal, Arc::clone(&told))?;
        }
        ignore_file_size()?;
        [SIGTERM, SIGINT].into_iter().try_for_each(|signal| self.0.add_signal(signal))
    }

    /// Hears them on a thread of its own, to be waited for with other things.
    pub fn heard(mut self) -> io::Result<Receiver<Wish>> {
        let (tell, wishes) = crossbeam_channel::unbounded();
        let hear = move || while tell.send(self.next()).is_ok() {};
        thread::Builder::new().name("signals".into()).spawn(hear)?;
        Ok(wishes)
    }

    /// Waits for the next wish.
    pub fn next(&mut self) -> Wish {
        match self.0.forever().next() {
            Some(SIGHUP) => Wish::Reload,
            _ => Wish::Stop,
        }
    }
}

/// Lets a write beyond the file size limit fail instead of killing the process. A handler that does
/// nothing is as good as ignoring, and needs no unsafe call. (SIGPIPE std ignores already.)
fn ignore_file_size() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map(drop)
}
