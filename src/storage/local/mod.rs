//! Files of the host: an account's tree is an open directory handle.
//!
//! `root` makes the system calls, `upload` and `new_file` grow files, `hidden` names those that are
//! not whole and clears away after servers that were killed, `book` tells those names to the next
//! server, `listing` reads directories, `permits` asks what may be done there. The permissions are
//! those of the thread that calls; nothing here changes them, but that what a killed server has left
//! is removed as the user who made it.

mod book;
mod hidden;
mod listing;
mod new_file;
mod permits;
mod root;
#[cfg(test)]
mod tests;
mod upload;

use crate::proto::{Change, Entry, PathArg, VirtualPath};
use crate::storage::{
    Download, Listing, Result, Start, Storage, StorageError, Tree, Upload, Version,
};
use book::{Book, Scribe};
use root::Root;
use rustix::fs::{Advice, fadvise, fstat};
use std::{
    ffi::OsStr,
    fs::File,
    io::{ErrorKind, Read, Seek, SeekFrom},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    sync::Arc,
};

#[cfg(any(test, fuzzing))]
pub use book::Entry as BookEntry;

/// Directories of the host. A home is the absolute path of a directory that exists.
#[derive(Clone, Debug, Default)]
pub struct Local {
    options: LocalOptions,
    book: Option<Arc<Book>>,
}

/// How [`Local`] treats the files that it makes.
#[derive(Clone, Copy, Debug)]
pub struct LocalOptions {
    /// Whether [`Upload::commit`] waits until the file and its name are on the disk.
    pub fsync: bool,
    /// The permission bits that new files and directories do not get. A replaced file's
    /// permissions pass to its successor.
    pub umask_octal: u32,
    /// Whether a new name keeps what came of a file that was cut short.
    pub keep_partial: bool,
    /// Whether `STOR` writes into the file of the name itself instead of a new one: for
    /// directories where nothing can be made, and files whose owner or hard links must stay. A
    /// cut upload then has destroyed the old contents.
    pub in_place: bool,
}

impl Default for LocalOptions {
    fn default() -> LocalOptions {
        LocalOptions { fsync: false, umask_octal: 0o022, keep_partial: true, in_place: false }
    }
}

impl Local {
    /// Trees of the host's directories, written as `options` say.
    pub fn new(options: LocalOptions) -> Local {
        Local { options, book: None }
    }

    /// Writes down, in a file of its own in `directory`, which unfinished uploads have a hidden name.
    /// When a server that was killed has left such a book there, the next one with this directory
    /// removes, once it has started, the names that it tells of. `directory` is made if only it is
    /// missing. To be called before privilege is given up; an error when no file can be made and
    /// locked there.
    ///
    /// Without a book a hidden name stays until somebody lists or removes its directory.
    pub fn keep_book(mut self, directory: &Path) -> std::io::Result<Local> {
        self.book = Some(Arc::new(Book::begin(directory)?));
        Ok(self)
    }

    /// Whether this system has what keeps accounts in their directories, `openat2(2)` of Linux
    /// 5.6. Without it every use of a tree fails; a sandbox may take it away.
    pub fn check() -> std::io::Result<()> {
        Root::check()
    }
}

impl Storage for Local {
    fn tree(&self, home: &OsStr) -> Result<Box<dyn Tree>> {
        let scribe = Scribe::new(self.book.clone(), home);
        Ok(Box::new(LocalTree { root: Root::of(home)?, options: self.options, scribe }))
    }

    fn left_behind(&self) -> Option<Box<dyn FnOnce() + Send>> {
        let leftovers = self.book.as_ref()?.take_leftovers()?;
        Some(Box::new(move || leftovers.clear_away()))
    }
}

struct LocalTree {
    root: Root,
    options: LocalOptions,
    scribe: Scribe,
}

impl Tree for LocalTree {
    fn directory(&self) -> Option<BorrowedFd<'_>> {
        Some(self.root.handle())
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        refuse_hidden(path)?;
        listing::find(&self.root, path, self.options.in_place)
    }

    fn list(&self, path: &VirtualPath) -> Result<Listing> {
        refuse_hidden(path)?;
        let entries = listing::Entries::open(self.root.clone(), path, self.options.in_place)?;
        Ok(Box::new(entries))
    }

    fn open(&self, path: &VirtualPath, offset: u64) -> Result<Box<dyn Download>> {
        refuse_hidden(path)?;
        let mut file = self.root.open_to_read(path)?.ok_or(StorageError::NotAFile)?;
        let size = file.metadata()?.len();
        if offset > size {
            return Err(StorageError::BeyondEnd);
        }
        file.seek(SeekFrom::Start(offset))?;
        let _ = fadvise(&file, 0, None, Advice::Sequential); // only a hint
        Ok(Box::new(LocalDownload { file, size }))
    }

    /// A link is followed: the file it leads to is replaced, the link stays.
    fn create(&self, path: &VirtualPath, start: Start) -> Result<Box<dyn Upload>> {
        refuse_uncreatable(path)?;
        upload::create(&self.root, path, start, self.options, &self.scribe)
    }

    fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        refuse_uncreatable(path)?;
        Ok(self.root.place(path)?.make_directory(0o777 & !self.options.umask_octal)?)
    }

    fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        refuse_hidden(path)?;
        let place = self.root.place(path)?;
        match place.remove_directory() {
            // What no client sees is not in its way either, unless somebody is writing it.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                hidden::sweep_all(self.root.open_directory(path)?)?;
                Ok(place.remove_directory()?)
            }
            removed => Ok(removed?),
        }
    }

    fn remove_file(&self, path: &VirtualPath) -> Result<()> {
        refuse_hidden(path)?;
        Ok(self.root.place(path)?.remove_file()?)
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        refuse_hidden(from)?;
        refuse_uncreatable(to)?;
        Ok(self.root.place(from)?.rename(&self.root.place(to)?)?)
    }

    fn change(&self, path: &VirtualPath, change: Change) -> Result<()> {
        refuse_uncreatable(path)?;
        match change {
            Change::Modified(time) => {
                // The kernel counts nanoseconds forwards from the second before.
                let nanos = time.as_nanosecond().rem_euclid(1_000_000_000) as i32;
                let seconds = time.as_nanosecond().div_euclid(1_000_000_000) as i64;
                self.root.set_modified(path, seconds, nanos)?;
            }
            Change::Mode(mode) => self.root.set_mode(path, mode)?,
        }
        Ok(())
    }

    fn make_link(&self, target: &PathArg, path: &VirtualPath) -> Result<()> {
        refuse_uncreatable(path)?;
        Ok(self.root.place(path)?.make_link(target.as_bytes())?)
    }

    fn available_bytes(&self, path: &VirtualPath) -> Result<Option<u64>> {
        refuse_hidden(path)?;
        Ok(Some(self.root.available_bytes(path)?))
    }
}

/// The hidden files of unfinished uploads do not exist for any client.
fn refuse_hidden(path: &VirtualPath) -> Result<()> {
    match path.components().any(hidden::is_hidden) {
        true => Err(StorageError::NotFound),
        false => Ok(()),
    }
}

fn refuse_uncreatable(path: &VirtualPath) -> Result<()> {
    let hidden = path.components().any(hidden::is_hidden);
    match path.is_root() || path.has_control_bytes() || hidden {
        true => Err(StorageError::InvalidName),
        false => Ok(()),
    }
}

struct LocalDownload {
    file: File,
    size: u64,
}

impl Download for LocalDownload {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return Ok(other?),
            }
        }
    }

    fn version(&self) -> Option<Version> {
        Some(listing::version(&fstat(&self.file).ok()?))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}
