//! A word that reaches every thread which waits in poll: the end of a pipe whose writer is closed.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
    time::Instant,
};

use crate::sys::poll::{self, Interest};

/// Whoever holds it keeps the others going; dropping it stops them.
#[derive(Debug)]
pub struct StopSource {
    _writer: OwnedFd,
}

/// What the others wait on: readable once they should stop.
#[derive(Clone, Debug)]
pub struct StopSignal {
    reader: Arc<OwnedFd>,
}

/// Makes a pair. It costs two descriptors, however many listen.
pub fn pair() -> io::Result<(StopSource, StopSignal)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    Ok((StopSource { _writer: writer }, StopSignal { reader: Arc::new(reader) }))
}

impl StopSignal {
    /// Whether the source is gone.
    pub fn is_given(&self) -> bool {
        let look = poll::ready(&[(self.as_fd(), Interest::Read)], Instant::now());
        look.is_ok_and(|ready| ready[0])
    }
}

impl AsFd for StopSignal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
