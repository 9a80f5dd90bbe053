//! A local file that takes its name only when it is proved: until then it has a hidden name beside
//! it, and disappears with an error.

use crate::client::ClientError;
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A file under way to `target`.
pub(super) struct Hidden {
    file: File,
    path: PathBuf,
    target: PathBuf,
    kept: bool,
}

impl Hidden {
    /// Creates it beside `target`, in the same file system, so that a rename completes it.
    pub(super) fn create(target: &Path) -> Result<Hidden, ClientError> {
        let refused =
            |why: io::Error| ClientError::NotCreated(target.display().to_string(), why.to_string());
        let name = target.file_name().ok_or_else(|| refused(io::ErrorKind::InvalidInput.into()))?;
        let salt = getrandom::u64().map_err(|error| refused(io::Error::other(error)))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".fxp-{salt:016x}"));
        let path = target.with_file_name(hidden);
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(refused)?;
        Ok(Hidden { file, path, target: target.to_owned(), kept: false })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.file.write_all(bytes).map_err(|error| self.failed(error))
    }

    /// Gives it its name, when its bytes are on the disk.
    pub(super) fn keep(mut self) -> Result<(), ClientError> {
        self.file.sync_all().map_err(|error| self.failed(error))?;
        fs::rename(&self.path, &self.target).map_err(|error| self.failed(error))?;
        self.kept = true;
        Ok(())
    }

    fn failed(&self, error: io::Error) -> ClientError {
        ClientError::NotCreated(self.target.display().to_string(), error.to_string())
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path); // the error that led here is told instead
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_only_when_kept() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("a.txt");
        let names = || fs::read_dir(home.path()).unwrap().count();
        let mut hidden = Hidden::create(&target).unwrap();
        hidden.write(b"half").unwrap();
        assert!(!target.exists());
        drop(hidden);
        assert_eq!(names(), 0, "nothing is left behind");

        let mut hidden = Hidden::create(&target).unwrap();
        hidden.write(b"whole").unwrap();
        hidden.keep().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(names(), 1);
        assert!(Hidden::create(&home.path().join("no/a")).is_err());
    }
}
