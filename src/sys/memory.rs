//! Memory that was freed, and that malloc(3) keeps for the next time.
//!
//! glibc keeps much, in an arena for each of many threads: a crowd that has come and gone would be
//! remembered for ever. Others give back by themselves.

#[cfg(target_env = "gnu")]
use crate::sys::raw;
use std::io;

/// Has malloc(3) keep less of what is freed, in all of this process: for programs that serve and
/// little else. To be called before the first thread is made; an error when a second one runs already.
///
/// There will be an arena for each processor at most, and what is larger than 128 KiB comes from the
/// system and goes back to it at once, whatever was freed before.
pub fn spare_memory() -> io::Result<()> {
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

/// Gives back what was freed and kept. For when nothing else is to be done: it looks at all of it,
/// which takes some microseconds.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    raw::trim_malloc();
}
