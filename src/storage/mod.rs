//! What an account finds: a tree of entries, whatever keeps them.
//!
//! [`Storage`] → [`Tree`] → [`Download`] or [`Upload`]: blocking, object-safe, and free of host
//! paths, so that an object store fits behind the same traits. No caller may assume a seekable
//! local file. Two backends keep it honest: [`Local`] and [`Memory`].

#[cfg(test)]
mod contract;
mod error;
mod incoming;
mod ledger;
mod local;
mod memory;
mod metered;

pub use error::StorageError;
pub use incoming::Incoming;
pub use ledger::{Ledger, Ledgers, Quota, Usage};
#[cfg(any(test, fuzzing))]
pub use local::BookEntry;
pub use local::{Local, LocalOptions};
pub use memory::Memory;
pub use metered::Metered;

use crate::proto::{Change, Entry, PathArg, VirtualPath};
use std::ffi::OsStr;

/// What every operation of this floor returns.
pub type Result<T> = std::result::Result<T, StorageError>;

/// Where the accounts' trees are kept.
pub trait Storage: Send + Sync {
    /// Opens the tree that an account's `home` names. What `home` means is the backend's affair:
    /// a directory of the host for [`Local`], a key for [`Memory`].
    fn tree(&self, home: &OsStr) -> Result<Box<dyn Tree>>;

    /// What a server that starts has to clear away after one that was killed: a piece of work that
    /// may take as long as it likes. It is asked for when privilege has been given up, and more than
    /// once where hosts share a storage.
    fn left_behind(&self) -> Option<Box<dyn FnOnce() + Send>> {
        None
    }
}

/// One account's view: every path is absolute in it, and nothing outside it can be reached.
pub trait Tree: Send + Sync {
    /// The directory of the host that holds all of the tree, where there is one: the thread that
    /// uses the tree can be locked into it.
    fn directory(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }

    /// What `path` names, links followed. [`StorageError::NotFound`] when nothing is there.
    fn entry(&self, path: &VirtualPath) -> Result<Entry>;

    /// The entries of a directory, in the backend's order, without `.` and `..`. They are read as
    /// they are asked for: memory does not grow with the directory.
    fn list(&self, path: &VirtualPath) -> Result<Listing>;

    /// Opens a regular file to be sent from `offset`; anything else is refused without blocking.
    /// [`StorageError::BeyondEnd`] when the file is shorter than `offset`.
    fn open(&self, path: &VirtualPath, offset: u64) -> Result<Box<dyn Download>>;

    /// Prepares to receive a file. Refusals (no such directory, no permission, not a regular file)
    /// come now; what `path` names is not changed before the first [`Upload::write`].
    fn create(&self, path: &VirtualPath, start: Start) -> Result<Box<dyn Upload>>;

    /// Makes one directory; its parent must exist.
    fn make_directory(&self, path: &VirtualPath) -> Result<()>;

    /// Removes one empty directory; never the root.
    fn remove_directory(&self, path: &VirtualPath) -> Result<()>;

    /// Removes one file or link, never a directory.
    fn remove_file(&self, path: &VirtualPath) -> Result<()>;

    /// Moves `from` to `to`, replacing a file that is there.
    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()>;

    /// Changes what is recorded of an entry, links followed.
    /// [`StorageError::Unsupported`] where the backend keeps no such thing.
    fn change(&self, path: &VirtualPath, change: Change) -> Result<()> {
        let _ = (path, change); // a backend that keeps neither
        Err(StorageError::Unsupported)
    }

    /// Makes `path` a link to `target`, which is taken as it is and followed within the tree.
    fn make_link(&self, target: &PathArg, path: &VirtualPath) -> Result<()> {
        let _ = (target, path); // a backend without links
        Err(StorageError::Unsupported)
    }

    /// How many bytes may still be written below a directory; `None` where nobody knows.
    fn available_bytes(&self, path: &VirtualPath) -> Result<Option<u64>> {
        self.entry(path).map(|_| None)
    }
}

/// The entries of one directory, one by one.
pub type Listing = Box<dyn Iterator<Item = Result<Entry>> + Send>;

/// Where a received file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// `STOR`: a whole new file, which takes the name when it is complete.
    Fresh,
    /// `STOU`: as `Fresh`, but the name must not be taken, not even meanwhile.
    Unique,
    /// `REST n` + `STOR`: in place, keeping `n` bytes. [`StorageError::BeyondEnd`] when the file
    /// is shorter, [`StorageError::Busy`] while another upload is in place; what lies behind goes
    /// with the first write.
    At(u64),
    /// `RANG n m` + `STOR`: in place, over what stands at `n` and behind, which is neither cut nor
    /// changed elsewhere. [`StorageError::BeyondEnd`] and [`StorageError::Busy`] as for `At`.
    Over(u64),
    /// `APPE`: in place, behind what is there, or [`StorageError::Busy`]; as `Unique` when nothing
    /// is there, so that two appends never replace each other.
    End,
}

/// One state of one file: as long as it stays the same, the bytes are the same, as far as the
/// backend can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// What tells the file from every other of the storage: device and inode.
    pub object: (u64, u64),
    /// Its size in bytes.
    pub size: u64,
    /// When its bytes were last changed, in nanoseconds since 1970. Its owner can set that back.
    pub modified_ns: i128,
    /// What grows with every change and cannot be set back: the time of the last change of inode
    /// or bytes, or a number that counts changes.
    pub changed: i128,
}

/// A file being sent.
pub trait Download: Send {
    /// Size of the whole file in bytes, as it was when opened.
    fn size(&self) -> u64;

    /// Reads the next bytes; 0 is the end of the file.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;

    /// Which state of the file is being read, asked anew each time; `None` where the backend cannot
    /// tell. Two equal answers say that all bytes read between them belong to that state.
    fn version(&self) -> Option<Version> {
        None
    }

    /// The file's descriptor, positioned at the next byte, where the backend has one: it allows
    /// `sendfile`. Its position moves with what is sent.
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

/// A file being received. Dropping it discards it: a replaced file stays as it was, a new name
/// does not appear. (What was written in place, after `APPE` or `REST`, stays written.)
pub trait Upload: Send {
    /// Adds bytes. After an error the upload can only be dropped or kept as partial.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// The whole file came: give it its name. Success means that every byte was taken and every
    /// error was seen; with the backend's `fsync` option, that it is on the disk. Returns the state
    /// that it left the file in, or `None` where the backend cannot tell, or where somebody else
    /// may have changed the file by then.
    fn commit(self: Box<Self>) -> Result<Option<Version>>;

    /// The file was cut short. A name that is new keeps what came, if anything did, so that `REST`
    /// or `APPE` can go on; a file that was to be replaced stays untouched. Tells which it was.
    fn keep_partial(self: Box<Self>) -> Result<Kept>;

    /// Whether what is written stands under the file's own name at once, rather than in a new file
    /// that takes the name in the end.
    fn is_in_place(&self) -> bool {
        false
    }
}

/// What became of a file that was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The bytes that came are under the name and can be resumed.
    Partial,
    /// The file that was there before is unchanged, or nothing is there.
    Nothing,
}
