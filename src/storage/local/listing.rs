//! A directory's entries, one by one, and what `statx` says of each.

use super::{
    hidden,
    permits::{self, Asked},
    root::{Root, WANTED},
};
use crate::proto::{Entry, Kind, Link, Permits, VirtualPath};
use crate::storage::{Result, StorageError, Version};
use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Stat, Statx, StatxFlags, StatxTimestamp, makedev, statx};
use rustix::io::Errno;
use std::{
    ffi::{CStr, CString},
    io,
    os::fd::{AsFd, BorrowedFd},
};

/// The entries of one open directory, read from the kernel a few kilobytes at a time.
pub(super) struct Entries {
    root: Root,
    path: VirtualPath,
    directory: Dir,
    asked: Asked,
}

impl Entries {
    pub(super) fn open(root: Root, path: &VirtualPath, in_place: bool) -> Result<Entries> {
        let handle = root.open_directory(path)?;
        let asked = Asked::of(handle.as_fd(), in_place);
        let directory = Dir::new(handle).map_err(io::Error::from)?;
        Ok(Entries { root, path: path.clone(), directory, asked })
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
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let directory = match self.directory.fd() {
                Ok(directory) => directory,
                Err(error) => return Some(Err(StorageError::from(io::Error::from(error)))),
            };
            if hidden::is_hidden(name.to_bytes()) {
                hidden::sweep(directory, name);
                continue;
            }
            let looked = look(&self.root, &self.path, directory, name, &mut self.asked);
            if let Some(entry) = looked.transpose() {
                return Some(entry);
            }
        }
    }
}

/// The entry that `path` names, links followed.
pub(super) fn find(root: &Root, path: &VirtualPath, in_place: bool) -> Result<Entry> {
    let meant = root.stat(path)?;
    let Some(name) = path.name() else {
        return Ok(entry(b"", Link::No, permits::of_top(root.handle()), &meant));
    };
    let place = root.place(path)?;
    let own = place.stat()?.ok_or(StorageError::NotFound)?;
    let mut asked = Asked::of(place.directory(), in_place);
    if FileType::from_raw_mode(own.st_mode) == FileType::Symlink {
        return Ok(entry(name, Link::Followed, asked.permits_behind_link(&meant), &meant));
    }
    let c_name = CString::new(name).map_err(|_| StorageError::NotFound)?;
    let permits = asked.permits(place.directory(), &c_name, kind(&meant), &meant);
    Ok(entry(name, Link::No, permits, &meant))
}

/// The entry called `name` in `directory`, which is `path` in the tree; `None` when it vanished
/// since its name was read.
fn look(
    root: &Root,
    path: &VirtualPath,
    directory: BorrowedFd<'_>,
    name: &CStr,
    asked: &mut Asked,
) -> Result<Option<Entry>> {
    let own = match statx(directory, name, AtFlags::SYMLINK_NOFOLLOW, WANTED) {
        Ok(own) => own,
        // On a shared file system a removed file may also be "stale".
        Err(Errno::NOENT | Errno::STALE) => return Ok(None),
        Err(error) => return Err(StorageError::from(io::Error::from(error))),
    };
    if FileType::from_raw_mode(own.stx_mode.into()) != FileType::Symlink {
        let permits = asked.permits(directory, name, kind(&own), &own);
        return Ok(Some(entry(name.to_bytes(), Link::No, permits, &own)));
    }
    // Only a walk from the root knows where a link may lead. One that leads nowhere, or where we
    // may not look, is shown as itself.
    let (link, shown) = match root.stat(&path.child(name.to_bytes())) {
        Ok(target) => (Link::Followed, target),
        Err(_) => (Link::Dangling, own),
    };
    let permits = asked.permits_behind_link(&shown);
    Ok(Some(entry(name.to_bytes(), link, permits, &shown)))
}

fn kind(stat: &Statx) -> Kind {
    match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        _ => Kind::Other,
    }
}

/// What `statx` says, in the words of the protocol.
fn entry(name: &[u8], link: Link, permits: Permits, stat: &Statx) -> Entry {
    let knows_birth = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    Entry {
        name: name.to_vec(),
        kind: kind(stat),
        link,
        size: stat.stx_size,
        // A time that no calendar holds is shown as the first one.
        modified: time(stat.stx_mtime).unwrap_or(Timestamp::UNIX_EPOCH),
        created: time(stat.stx_btime).filter(|_| knows_birth),
        mode: u32::from(stat.stx_mode) & 0o777,
        owner: stat.stx_uid,
        group: stat.stx_gid,
        links: u64::from(stat.stx_nlink),
        unique: (makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino),
        permits,
    }
}

fn time(time: StatxTimestamp) -> Option<Timestamp> {
    Timestamp::new(time.tv_sec, i32::try_from(time.tv_nsec).ok()?).ok()
}

/// Which state of a file `stat` shows.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion)] // types differ between machines
pub(super) fn version(stat: &Stat) -> Version {
    let nanos = |seconds: i128, part: i128| seconds * 1_000_000_000 + part;
    Version {
        object: (stat.st_dev as u64, stat.st_ino as u64),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified_ns: nanos(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
        changed: nanos(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
    }
}
