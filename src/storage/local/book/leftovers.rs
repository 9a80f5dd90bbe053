//! The books of servers that were killed, and the removal of what they tell of.
//!
//! A book is data from a disk, and may say anything. Whatever it says, nothing is removed but files
//! with a hidden name that nobody holds, each below the home of its entry, resolved as for a session,
//! and as the user who made it.

use super::{Entry, MAX_PAGES, PAGE_BYTES, lock};
use crate::{
    storage::local::{
        hidden::{self, Swept},
        root::Root,
    },
    sys::{ids::Ids, trial::try_out},
};
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use std::{
    ffi::{CStr, CString, OsStr},
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::FileExt},
    },
    sync::Arc,
};

/// Books that one start takes up. Others are for the next.
const MAX_BOOKS: usize = 256;

/// Books whose lock was free, with entries, and locked by us now.
#[derive(Debug)]
pub struct Leftovers(Vec<Abandoned>);

#[derive(Debug)]
struct Abandoned {
    file: File,
    directory: Arc<OwnedFd>,
    name: CString,
}

impl Leftovers {
    /// Those in `directory`; `None` when there is nothing to do. Empty ones go at once.
    pub fn find(directory: &OwnedFd) -> io::Result<Option<Leftovers>> {
        let directory = Arc::new(directory.try_clone()?);
        let mut books = Vec::new();
        for entry in Dir::read_from(&*directory)? {
            let entry = entry?;
            if books.len() < MAX_BOOKS && is_book(entry.file_name().to_bytes()) {
                books.extend(take_up(&directory, entry.file_name()));
            }
        }
        Ok((!books.is_empty()).then_some(Leftovers(books)))
    }

    /// Removes what they tell of, and then them. It takes as long as the file systems take.
    pub fn clear_away(self) {
        for book in self.0 {
            match book.clear_away() {
                Ok(true) => book.remove(),
                Ok(false) => {} // and the next server tries again
                Err(error) => log::warn!("cannot read {}: {error}", book.shown()),
            }
        }
    }
}

impl Abandoned {
    /// Whether all of its entries are settled.
    fn clear_away(&self) -> io::Result<bool> {
        let size = self.file.metadata()?.len();
        let pages = usize::try_from(size.div_ceil(PAGE_BYTES as u64)).unwrap_or(usize::MAX);
        let (mut garbled, mut are_settled) = (pages.saturating_sub(MAX_PAGES), true);
        let mut page = vec![0; PAGE_BYTES];
        for number in 0..pages.min(MAX_PAGES) {
            let count = self.file.read_at(&mut page, super::offset(number))?;
            match Entry::parse(&page[..count]) {
                Ok(None) => {}
                Ok(Some(entry)) => are_settled &= is_settled(&entry),
                Err(_) => garbled += 1,
            }
        }
        if garbled > 0 {
            log::warn!("{}: {garbled} of {pages} pages are no entries", self.shown());
        }
        Ok(are_settled)
    }

    fn remove(&self) {
        let removed = fs::unlinkat(&*self.directory, &*self.name, AtFlags::empty());
        if removed.is_err() {
            // The directory is not ours to change; the next server removes what is empty.
            let _ = self.file.set_len(0);
        }
    }

    fn shown(&self) -> impl std::fmt::Display {
        self.name.to_string_lossy()
    }
}

/// Locks a book and keeps it, if that is free and it has entries.
fn take_up(directory: &Arc<OwnedFd>, name: &CStr) -> Option<Abandoned> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = fs::openat(directory, name, flags | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let file = File::from(file);
    let stat = fs::fstat(&file).ok()?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    // One with another name is somebody else's file, which is not to be emptied.
    if !is_file || stat.st_nlink != 1 || !matches!(lock(&file), Ok(true)) {
        return None;
    }
    let book = Abandoned { file, directory: Arc::clone(directory), name: name.to_owned() };
    // Asked under the lock: its writer lived a moment ago, perhaps.
    if book.file.metadata().ok()?.len() == 0 {
        book.remove();
        return None;
    }
    Some(book)
}

/// `uploads-`, 16 hexadecimal digits, `.book`.
fn is_book(name: &[u8]) -> bool {
    name.strip_prefix(b"uploads-")
        .and_then(|rest| rest.strip_suffix(b".book"))
        .is_some_and(|id| id.len() == 16 && id.iter().all(u8::is_ascii_hexdigit))
}

/// Removes what an entry names, if it is there still. `false` when somebody should try again.
fn is_settled(entry: &Entry) -> bool {
    let swept = match Ids::of_thread() {
        Ok(ids) if ids.uid == entry.ids.uid => sweep(entry),
        Ok(_) => sweep_as_its_maker(entry),
        Err(error) => Err(error),
    };
    match swept {
        Ok(()) => true,
        Err(error) => {
            let name = String::from_utf8_lossy(&entry.name);
            let home = OsStr::from_bytes(&entry.home);
            log::warn!("{name} stays, somewhere in {}: {error}", home.display());
            false
        }
    }
}

/// Who keeps root to become the accounts is denied their files before that.
fn sweep_as_its_maker(entry: &Entry) -> io::Result<()> {
    try_out(|| {
        entry.ids.take_on_in_thread()?;
        sweep(entry)
    })
}

fn sweep(entry: &Entry) -> io::Result<()> {
    let place = Root::of(OsStr::from_bytes(&entry.home))
        .and_then(|root| root.place_in(&entry.directory, &entry.name));
    let place = match place {
        Ok(place) => place,
        // The directory is gone, and so is what was in it.
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    let name = CString::new(&*entry.name)?;
    match hidden::sweep(place.directory().as_fd(), &name) {
        Swept::Settled => Ok(()),
        Swept::Stays(error) => Err(error.into()),
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}
