//! Trying out what cannot be undone, on a thread that ends with it.

use std::{io, thread};

/// Does `attempt` on a thread of its own, and tells what came of it. The kernel may refuse it, and so
/// may a filter of the service manager: whoever finds out in earnest cannot go on.
pub fn try_out(attempt: impl FnOnce() -> io::Result<()> + Send) -> io::Result<()> {
    thread::scope(|scope| {
        let trial = thread::Builder::new().name("trial".into()).spawn_scoped(scope, attempt)?;
        trial.join().unwrap_or_else(|_| Err(io::Error::other("a fault of this program")))
    })
}
