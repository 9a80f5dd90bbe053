//! A directory's entries, one by one, and what `stat` says of each.

use super::{root::Root, upload};
use crate::proto::{Entry, Kind, VirtualPath};
use crate::storage::{Result, StorageError, Version};
use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};
use rustix::io::Errno;
use std::{ffi::CStr, io};

/// The entries of one open directory, read from the kernel a few kilobytes at a time.
pub(super) struct Entries {
    root: Root,
    path: VirtualPath,
    directory: Dir,
}

impl Entries {
    pub(super) fn open(root: Root, path: &VirtualPath) -> Result<Entries> {
        let directory = Dir::new(root.open_directory(path)?).map_err(io::Error::from)?;
        Ok(Entries { root, path: path.clone(), directory })
    }

    /// The entry called `name`; `None` when it vanished since its name was read.
    fn look(&self, name: &CStr) -> Result<Option<Entry>> {
        let directory = self.directory.fd().map_err(io::Error::from)?;
        let own = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(own) => own,
            // On a shared file system a removed file may also be "stale".
            Err(Errno::NOENT | Errno::STALE) => return Ok(None),
            Err(error) => return Err(StorageError::from(io::Error::from(error))),
        };
        let name = name.to_bytes();
        if FileType::from_raw_mode(own.st_mode) == FileType::Symlink {
            // Only a walk from the root knows where a link may lead. One that leads nowhere, or
            // where we may not look, is shown as itself.
            if let Ok(target) = self.root.stat(&self.path.child(name)) {
                return Ok(Some(entry(name, &target)));
            }
        }
        Ok(Some(entry(name, &own)))
    }
}

impl Iterator for Entries {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        loop {
            let found = match self.directory.read()? {
                Ok(found) => found,
                Err(error) => return Some(Err(StorageError::from(io::Error::from(error)))),
            };
            let name = found.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || upload::is_hidden(name.to_bytes()) {
                continue;
            }
            if let Some(entry) = self.look(name).transpose() {
                return Some(entry);
            }
        }
    }
}

/// What `stat` says, in the words of the protocol.
// The types of `Stat` differ between the machines that Linux runs on.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
pub(super) fn entry(name: &[u8], stat: &Stat) -> Entry {
    Entry {
        name: name.to_vec(),
        kind: match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            _ => Kind::Other,
        },
        size: u64::try_from(stat.st_size).unwrap_or(0),
        // A time that no calendar holds is shown as the first one.
        modified: Timestamp::new(stat.st_mtime as i64, stat.st_mtime_nsec as i32)
            .unwrap_or(Timestamp::UNIX_EPOCH),
        mode: stat.st_mode & 0o777,
        owner: stat.st_uid,
        group: stat.st_gid,
        links: u64::from(stat.st_nlink),
        unique: (stat.st_dev as u64, stat.st_ino as u64),
    }
}

/// Which state of a file `stat` shows.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion)] // as above
pub(super) fn version(stat: &Stat) -> Version {
    let nanos = |seconds: i128, part: i128| seconds * 1_000_000_000 + part;
    Version {
        object: (stat.st_dev as u64, stat.st_ino as u64),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified_ns: nanos(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
        changed: nanos(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
    }
}
