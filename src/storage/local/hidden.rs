//! The hidden names of files that are not whole yet, and what becomes of those that were left behind.
//!
//! Whoever writes such a file holds a lock on it. One that nobody holds belongs to a server that
//! was killed: it goes when the next server starts that keeps the same `book`, or as soon as anybody
//! reads its directory or wants to remove that. Processes and nodes that share a directory see each
//! other's locks, as they must for `APPE`. Where there are no locks nothing is removed.

use super::{book::Scribe, root::Place, upload::Provisional};
use rustix::fs::{self, AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::{
    ffi::CStr,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// Names tried while others sweep.
const MAX_TRIES: usize = 8;

/// Whether a name is one of these: `.fxpd.`, 16 hexadecimal digits, `.part`.
pub(super) fn is_hidden(name: &[u8]) -> bool {
    name.strip_prefix(b".fxpd.")
        .and_then(|rest| rest.strip_suffix(b".part"))
        .is_some_and(|id| id.len() == 16 && id.iter().all(u8::is_ascii_hexdigit))
}

/// Makes a file beside `target`, with permission bits `mode`, which is held while it is open.
pub(super) fn make(target: &Place, mode: u32, scribe: &Scribe) -> io::Result<(File, Provisional)> {
    for _ in 0..MAX_TRIES {
        let place = beside(target)?;
        let page = scribe.enter(&place);
        let file = place.make_file(mode)?;
        let name = Provisional::at(place, page);
        if hold(&file)? {
            return Ok((file, name));
        }
    }
    Err(io::Error::other("new files are removed as soon as they are made"))
}

/// Gives a hidden name beside `target` to `file`, which has none and is held from now on.
pub(super) fn name(target: &Place, file: &File, scribe: &Scribe) -> io::Result<Provisional> {
    let place = beside(target)?;
    let page = scribe.enter(&place);
    hold(file)?; // nobody else can have found it
    place.name_file(file)?;
    Ok(Provisional::at(place, page))
}

/// What became of a name that looked abandoned.
pub(super) enum Swept {
    /// It is gone, or somebody's.
    Settled,
    /// It could not be removed. It stays hidden.
    Stays(Errno),
}

/// Removes the file called `name` in `directory` if nobody holds it.
pub(super) fn sweep(directory: BorrowedFd<'_>, name: &CStr) -> Swept {
    let shown = name.to_string_lossy();
    match remove_unheld(directory, name) {
        Ok(()) => log::info!("removed {shown}, which a server that was killed has left behind"),
        // Held, or gone by now, or no file of ours.
        Err(Errno::WOULDBLOCK | Errno::NOENT | Errno::INVAL) => {}
        Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => {}
        Err(error) => {
            log::debug!("{shown} stays: {error}");
            return Swept::Stays(error);
        }
    }
    Swept::Settled
}

/// Does the same with all that is in `directory`, up to the first entry of another kind.
pub(super) fn sweep_all(directory: OwnedFd) -> io::Result<()> {
    let mut directory = Dir::new(directory)?;
    while let Some(entry) = directory.read().transpose()? {
        match entry.file_name().to_bytes() {
            b"." | b".." => {}
            name if is_hidden(name) => drop(sweep(directory.fd()?, entry.file_name())),
            _ => break,
        }
    }
    Ok(())
}

fn beside(target: &Place) -> io::Result<Place> {
    let id = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(target.beside(format!(".fxpd.{id:016x}.part").into_bytes()))
}

/// Locks a file that was just made; `false` when somebody swept it away before. A file system
/// without locks gives none to those who sweep either.
fn hold(file: &File) -> io::Result<bool> {
    match fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        _ => Ok(fs::fstat(file)?.st_nlink > 0),
    }
}

/// By the time that the lock is ours, its holder may have given the file its name: then the hidden
/// one is gone, and no other is touched.
fn remove_unheld(directory: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = fs::openat(directory, name, flags | OFlags::CLOEXEC, Mode::empty())?;
    if FileType::from_raw_mode(fs::fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    fs::flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive)?;
    fs::unlinkat(directory, name, AtFlags::empty())
}
