//! Starts processes on a thread that gives up nothing: what a session's thread is denied, its children
//! would be denied too.

use super::process::Process;
use crossbeam_channel::{Sender, bounded, unbounded};
use std::{
    io::{self, ErrorKind},
    path::PathBuf,
    sync::OnceLock,
    thread::Builder,
};

/// Where a process that was asked for goes.
type Wanted = Sender<io::Result<Process>>;

/// Starts processes of one program.
pub struct Starter {
    program: PathBuf,
    /// The thread that does it, once it was begun. It ends with this.
    thread: OnceLock<Sender<Wanted>>,
}

impl Starter {
    pub fn new(program: PathBuf) -> Starter {
        Starter { program, thread: OnceLock::new() }
    }

    /// Begins the thread, with what the calling thread may do.
    pub fn begin(&self) -> io::Result<()> {
        let (ask, asked) = unbounded::<Wanted>();
        let program = self.program.clone();
        Builder::new().name("auth-program".to_owned()).spawn(move || {
            for wanted in asked {
                let _ = wanted.send(Process::start(&program)); // who no longer waits needs none
            }
        })?;
        let _ = self.thread.set(ask); // a second start of the server has one already
        Ok(())
    }

    /// Starts one: on that thread, or on the calling one where no server has begun it.
    pub fn start(&self) -> io::Result<Process> {
        let Some(thread) = self.thread.get() else { return Process::start(&self.program) };
        let (give, take) = bounded(1);
        let gone = || io::Error::from(ErrorKind::BrokenPipe);
        thread.send(give).map_err(|_| gone())?;
        take.recv().map_err(|_| gone())?
    }
}
