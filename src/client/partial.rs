//! A local file that takes its name only when it is proved: until then it stands beside it as
//! `.NAME.fxp-part`, which a later download continues.

use crate::{client::ClientError, transfer::Hasher};
use rustix::fs::{FlockOperation, OFlags, flock};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

/// A file under way to `target`.
pub(super) struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    /// So many bytes are written.
    length: u64,
}

/// Longer names leave no room for what we put around them (`NAME_MAX` is 255).
const MAX_NAME_BYTES: usize = 200;

const BLOCK_BYTES: usize = 256 * 1024;

impl Partial {
    /// Opens what an earlier download has left beside `target`, or begins. It is in the same file
    /// system as the target, so that a rename completes it, and no two programs write it at once.
    pub(super) fn open(target: &Path) -> Result<Partial, ClientError> {
        let refused = |why: io::Error| not_created(target, &why);
        let path = hidden_path(target).map_err(refused)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            // Who prepares a link in a shared directory shall not choose what we overwrite.
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(refused)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            refused(io::Error::other(format!("{} is being written", path.display())))
        })?;
        let metadata = file.metadata().map_err(refused)?;
        let named = fs::symlink_metadata(&path).map_err(refused)?;
        let owner = rustix::process::geteuid().as_raw();
        if named.ino() != metadata.ino() || metadata.uid() != owner || !metadata.is_file() {
            let why = format!("{} is somebody else's, or was just renamed", path.display());
            return Err(refused(io::Error::other(why)));
        }
        Ok(Partial { file, path, target: target.to_owned(), length: metadata.len() })
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Adds to `hash` all bytes that are there; the next ones are written behind them.
    pub(super) fn feed(&mut self, hash: &mut Hasher) -> Result<(), ClientError> {
        let mut block = vec![0; BLOCK_BYTES];
        self.file.rewind().map_err(|error| self.failed(error))?;
        let mut left = self.length;
        while left > 0 {
            let most = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match self.file.read(&mut block[..most]).map_err(|error| self.failed(error))? {
                0 => return Err(self.failed(io::ErrorKind::UnexpectedEof.into())),
                count => {
                    hash.add(&block[..count]);
                    left -= count as u64;
                }
            }
        }
        Ok(())
    }

    /// Forgets all bytes that are there.
    pub(super) fn restart(&mut self) -> Result<(), ClientError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        self.length = 0;
        emptied.map_err(|error| self.failed(error))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.file.write_all(bytes).map_err(|error| self.failed(error))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Gives it its name, when its bytes are on the disk.
    pub(super) fn keep(mut self) -> Result<(), ClientError> {
        self.file.sync_all().map_err(|error| self.failed(error))?;
        fs::rename(&self.path, &self.target).map_err(|error| self.failed(error))?;
        self.path = PathBuf::new();
        Ok(())
    }

    /// Removes it: its bytes are wrong.
    pub(super) fn discard(mut self) {
        self.length = 0;
    }

    fn failed(&self, error: io::Error) -> ClientError {
        not_created(&self.target, &error)
    }
}

impl Drop for Partial {
    /// What has bytes stays, for a later download to continue.
    fn drop(&mut self) {
        if self.length == 0 && !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path); // the error that led here is told instead
        }
    }
}

fn not_created(target: &Path, why: &io::Error) -> ClientError {
    let (name, text) = (target.display().to_string(), why.to_string());
    match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ClientError::NoSpace(name, text)
        }
        _ => ClientError::NotCreated(name, text),
    }
}

/// Removes what an earlier download has left beside `target`: other files need the room.
pub(super) fn remove(target: &Path) {
    if let Ok(path) = hidden_path(target) {
        let _ = fs::remove_file(path); // where that fails, it is told of the other files
    }
}

fn hidden_path(target: &Path) -> io::Result<PathBuf> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = OsString::from(".");
    match name.len() {
        0..=MAX_NAME_BYTES => hidden.push(name),
        _ => {
            let digest = openssl::sha::sha256(name.as_bytes());
            hidden.push(digest.map(|byte| format!("{byte:02x}")).concat());
        }
    }
    hidden.push(".fxp-part");
    Ok(target.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Algorithm;

    #[test]
    fn a_file_appears_only_when_kept() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("a.txt");
        let names = || fs::read_dir(home.path()).unwrap().count();
        drop(Partial::open(&target).unwrap());
        assert_eq!(names(), 0, "nothing without bytes is left behind");

        let mut partial = Partial::open(&target).unwrap();
        partial.write(b"half").unwrap();
        assert!(Partial::open(&target).is_err(), "it is being written");
        drop(partial);
        assert!(!target.exists());

        let mut partial = Partial::open(&target).unwrap();
        assert_eq!(partial.length(), 4);
        let mut hash = Hasher::begin(Algorithm::Sha256).unwrap();
        partial.feed(&mut hash).unwrap();
        partial.write(b" and half").unwrap();
        partial.keep().unwrap();
        assert_eq!(hash.bytes(), 4);
        assert_eq!(fs::read(&target).unwrap(), b"half and half");
        assert_eq!(names(), 1);

        let mut partial = Partial::open(&target).unwrap();
        partial.write(b"wrong").unwrap();
        partial.restart().unwrap();
        partial.write(b"ok").unwrap();
        partial.discard();
        assert_eq!(names(), 1, "what is wrong goes");
        assert!(Partial::open(&home.path().join("no/a")).is_err());
    }

    #[test]
    fn a_prepared_link_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let victim = home.path().join("victim");
        fs::write(&victim, b"precious").unwrap();
        std::os::unix::fs::symlink(&victim, home.path().join(".a.fxp-part")).unwrap();
        assert!(Partial::open(&home.path().join("a")).is_err());
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn a_long_name_has_a_short_partial() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("n".repeat(255));
        let mut partial = Partial::open(&target).unwrap();
        partial.write(b"x").unwrap();
        partial.keep().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"x");
    }
}
