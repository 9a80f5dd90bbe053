//! Memory that this process can do without: what was freed, and malloc(3) keeps for the next time;
//! and the pages of its program and libraries, once nothing is to be done.
//!
//! glibc keeps much, in an arena for each of many threads: a crowd that has come and gone would be
//! remembered for ever. Others give back by themselves.

use crate::sys::raw::{self, Constants};
use std::{io, sync::OnceLock};

/// There for a program that wants to spare memory, and has its pages where they belong.
static CONSTANTS: OnceLock<Constants> = OnceLock::new();

/// Has all of this process take less memory: for programs that serve and little else. To be called
/// before the first thread is made, and before privilege is given up.
///
/// malloc(3) will have an arena for each processor at most, and what is larger than 128 KiB comes from
/// the system and goes back to it at once, whatever was freed before. And a server at rest will let go
/// of code and constants, the program's own and its libraries': what is used again comes back from
/// the system's page cache. Breakpoints and probes in them are lost by that.
///
/// An error when a second thread runs already, and when something has been put in the place of code or
/// constants, or that cannot be looked up: no memory is spared then, or less.
pub fn spare_memory() -> io::Result<()> {
    spare_in_malloc()?;
    let constants = Constants::find()?;
    let _ = CONSTANTS.set(constants); // called twice: it is there
    Ok(())
}

fn spare_in_malloc() -> io::Result<()> {
    #[cfg(target_env = "gnu")]
    {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let arenas = i32::try_from(processors).unwrap_or(i32::MAX);
        raw::set_malloc(&[
            (libc::M_ARENA_MAX, arenas),
            // Both begin with this, and grow with what is freed unless they are set.
            (libc::M_MMAP_THRESHOLD, 128 << 10),
            (libc::M_TRIM_THRESHOLD, 128 << 10),
        ])?;
    }
    Ok(())
}

/// Gives back what was freed and kept; and lets go of code and constants where [`spare_memory`] was
/// called. For when nothing else is to be done: it looks at all memory that was ever freed, which takes
/// some hundred microseconds, and what is done next takes somewhat longer.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    raw::trim_malloc();
    if let Some(constants) = CONSTANTS.get() {
        constants.let_go();
    }
}
