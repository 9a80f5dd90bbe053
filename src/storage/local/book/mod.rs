//! The book of hidden names in use: written before a name is made, struck out when it is gone, so
//! that the next server can remove what one that was killed has left, wherever that is.
//!
//! Each process has a book of its own, a file that it has locked as long as it lives. It is opened
//! before privilege is given up: from then on only its descriptor is used, which no change of ids and
//! no Landlock takes away. Nothing waits for the disk: what the kernel has taken survives the process.
//! And no upload fails for the sake of the book.
//!
//! A book is made of pages, an entry each. A page that is struck out is used again, and those behind
//! the last entry are cut off: a book is as long as there were hidden names at a time.

mod entry;
mod leftovers;
#[cfg(test)]
mod tests;

pub use entry::{Entry, PAGE_BYTES};
pub use leftovers::Leftovers;

use super::root::Place;
use crate::sys::ids::Ids;
use rustix::fs::{self, AtFlags, FlockOperation, Mode, OFlags};
use std::{
    ffi::OsStr,
    fs::{DirBuilder, File},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            ffi::OsStrExt,
            fs::{DirBuilderExt, FileExt},
        },
    },
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Entries at a time; further uploads go without.
const MAX_PAGES: usize = 4096;

/// Names tried while others clear away what looks abandoned.
const MAX_TRIES: usize = 8;

/// This process's book.
#[derive(Debug)]
pub struct Book {
    file: File,
    directory: OwnedFd,
    name: String,
    /// Which pages bear an entry.
    taken: Mutex<Vec<bool>>,
    /// Whether it was said that the book cannot be written.
    has_complained: AtomicBool,
    leftovers: Mutex<Option<Leftovers>>,
}

impl Book {
    /// Begins one in `directory`, which is made if only it is missing, and finds those of servers
    /// that were killed.
    pub fn begin(directory: &Path) -> io::Result<Book> {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = fs::open(directory, flags, Mode::empty())?;
        let leftovers = Leftovers::find(&directory)?;
        for _ in 0..MAX_TRIES {
            let id = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
            let name = format!("uploads-{id:016x}.book");
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file =
                File::from(fs::openat(&directory, &*name, flags, Mode::from_raw_mode(0o600))?);
            if lock(&file)? && fs::fstat(&file)?.st_nlink > 0 {
                let leftovers = Mutex::new(leftovers);
                let (taken, has_complained) = (Mutex::default(), AtomicBool::new(false));
                return Ok(Book { file, directory, name, taken, has_complained, leftovers });
            }
        }
        Err(io::Error::other("new books are removed as soon as they are made"))
    }

    /// What others have left, once.
    pub fn take_leftovers(&self) -> Option<Leftovers> {
        self.leftovers.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Writes an entry down. `None` when it cannot be: what becomes of its name is then seen by
    /// whoever lists the directory.
    fn enter(self: &Arc<Self>, entry: &Entry) -> Option<Page> {
        self.write(entry).map_err(|error| self.complain(&error)).ok()
    }

    fn write(self: &Arc<Self>, entry: &Entry) -> io::Result<Page> {
        let text = entry.print().ok_or_else(|| io::Error::other("an entry takes too much room"))?;
        let number = take_free(&mut self.taken());
        let number = number.ok_or_else(|| io::Error::other("it is full"))?;
        let page = Page { book: Arc::clone(self), number, stays: false };
        self.file.write_all_at(&text, offset(number))?;
        Ok(page)
    }

    /// The pages behind the last entry are cut off, another is marked as empty. The lock is held
    /// meanwhile: who takes a page that was cut off must not lose it.
    fn strike_out(&self, number: usize) {
        let mut taken = self.taken();
        taken[number] = false;
        let left = taken.iter().rposition(|taken| *taken).map_or(0, |last| last + 1);
        let struck = match number < left {
            true => self.file.write_all_at(&[0], offset(number)),
            false => {
                taken.truncate(left);
                self.file.set_len(offset(left))
            }
        };
        if let Err(error) = struck {
            self.complain(&error);
        }
    }

    fn complain(&self, error: &io::Error) {
        if !self.has_complained.swap(true, Ordering::Relaxed) {
            log::warn!("cannot write the book of uploads, and go on without it: {error}");
        }
    }

    fn taken(&self) -> MutexGuard<'_, Vec<bool>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        // Entries that are left are for the next server to read.
        if self.taken().is_empty() {
            // A thread that is locked into a directory cannot, nor can who is an account by now; it
            // stays, empty, until the next server starts.
            let _ = fs::unlinkat(&self.directory, &*self.name, AtFlags::empty());
        }
    }
}

/// A page with an entry, which is struck out when this is dropped.
pub struct Page {
    book: Arc<Book>,
    number: usize,
    stays: bool,
}

impl Page {
    /// The name could not be removed: the next server shall try again.
    pub fn stays(&mut self) {
        self.stays = true;
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if !self.stays {
            self.book.strike_out(self.number);
        }
    }
}

/// Who writes down the hidden names of one tree, if its storage keeps a book.
#[derive(Clone)]
pub struct Scribe {
    book: Option<Arc<Book>>,
    home: Arc<[u8]>,
}

impl Scribe {
    /// For the tree whose top is `home`.
    pub fn new(book: Option<Arc<Book>>, home: &OsStr) -> Scribe {
        Scribe { book, home: home.as_bytes().into() }
    }

    /// To be called before the name of `place` is made, by the thread that makes it.
    pub fn enter(&self, place: &Place) -> Option<Page> {
        let book = self.book.as_ref()?;
        let ids = Ids::of_thread().map_err(|error| book.complain(&error)).ok()?;
        let (directory, name) = (place.parent().to_vec(), place.name().to_vec());
        book.enter(&Entry { ids, home: self.home.to_vec(), directory, name })
    }
}

/// The lowest page without an entry, marked as having one.
fn take_free(taken: &mut Vec<bool>) -> Option<usize> {
    let number = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
    if number == MAX_PAGES {
        return None;
    }
    match taken.get_mut(number) {
        Some(page) => *page = true,
        None => taken.push(true),
    }
    Some(number)
}

fn offset(page: usize) -> u64 {
    (page * PAGE_BYTES) as u64
}

/// Whether the book is ours alone from now on. Where there are no locks there are no books.
fn lock(file: &File) -> io::Result<bool> {
    match fs::flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        locked => locked.map(|()| true).map_err(io::Error::from),
    }
}
