//! The file that tells scripts which process the server is, and keeps a second one from starting.

use crate::failure::Failure;
use nix::fcntl::{Flock, FlockArg, OFlag};
use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
};

/// The file, locked as long as this lives. Dropping it removes the file, or, where the service
/// user may not do so, leaves it empty.
pub struct PidFile {
    file: Flock<File>,
    path: PathBuf,
}

impl PidFile {
    /// Writes this process's number into `path`. An error when another server holds the file.
    pub fn create(path: &Path) -> Result<PidFile, Failure> {
        let cannot = |error: &dyn std::fmt::Display| {
            Failure::cannot_create(format!("cannot write {}: {error}", path.display()))
        };
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false) // another server's number stays, if one runs
            .mode(0o644)
            // Nobody else's file is written by way of a link.
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(path)
            .map_err(|error| cannot(&error))?;
        let mut file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
            Failure::unavailable(format!("another fxpd runs: {} is locked", path.display()))
        })?;
        file.set_len(0)
            .and_then(|()| file.write_all(format!("{}\n", process::id()).as_bytes()))
            .map_err(|error| cannot(&error))?;
        Ok(PidFile { file, path: path.to_owned() })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = self.file.set_len(0); // for a directory that is not ours to change
        let _ = fs::remove_file(&self.path);
    }
}
