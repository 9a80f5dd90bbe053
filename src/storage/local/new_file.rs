//! A whole new file on its way: it gets its name when it is complete, and until then nobody finds it.
//!
//! Where the file system can, it has no name at all meanwhile (`O_TMPFILE`): whatever ends the
//! server, nothing of it is left. Shared file systems lack that, and there it has a hidden name
//! (`hidden`) in the directory it is meant for. So has, for a moment, one that replaces a file:
//! the kernel gives a nameless file no name but a free one. The `book` tells of it meanwhile.

use super::{
    LocalOptions,
    book::Scribe,
    hidden::{self, is_hidden},
    listing,
    root::Place,
    upload::{Provisional, close, set_mode, version},
};
use crate::storage::{Kept, Result, StorageError, Upload, Version};
use rustix::fs::FileType;
use std::{
    fs::File,
    io::{self, Write},
};

/// What happens when the name is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The whole file replaces the one that is there.
    Replace,
    /// The name is refused.
    IfFree,
}

/// Nobody but its owner reads what is not whole.
const MODE_MEANWHILE: u32 = 0o600;

/// A file that does not have its name yet.
pub(super) struct NewFile {
    file: File,
    /// The name that it has meanwhile, if any.
    hidden: Option<Provisional>,
    target: Place,
    claim: Claim,
    options: LocalOptions,
    scribe: Scribe,
    /// Whether a byte came: without one there is nothing to resume.
    began: bool,
}

impl NewFile {
    pub(super) fn create(
        target: Place,
        claim: Claim,
        options: LocalOptions,
        scribe: &Scribe,
    ) -> Result<Box<dyn Upload>> {
        if is_hidden(target.name()) {
            return Err(StorageError::NotFound);
        }
        if replaced_mode(&target, claim)?.is_some() {
            // Rename asks for the directory's permission only, but a file that its owner has
            // made read-only is not to be replaced.
            target.check_writable()?;
        }
        let (file, hidden) = match target.make_nameless(MODE_MEANWHILE)? {
            Some(file) => (file, None),
            None => {
                let (file, name) = hidden::make(&target, MODE_MEANWHILE, scribe)?;
                (file, Some(name))
            }
        };
        let scribe = scribe.clone();
        Ok(Box::new(NewFile { file, hidden, target, claim, options, scribe, began: false }))
    }

    fn take_name(&mut self, claim: Claim) -> Result<()> {
        if let Some(hidden) = &mut self.hidden {
            return hidden.exchange(&self.target, claim);
        }
        match self.target.name_file(&self.file) {
            Err(error) if is_taken(&error) && claim == Claim::Replace => {
                let name = hidden::name(&self.target, &self.file, &self.scribe)?;
                self.hidden.insert(name).exchange(&self.target, claim)
            }
            other => Ok(other?),
        }
    }
}

impl Upload for NewFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.began |= !bytes.is_empty();
        Ok(self.file.write_all(bytes)?)
    }

    fn commit(mut self: Box<Self>) -> Result<Option<Version>> {
        // Asked again: what stood there when the upload began may have gone or changed.
        let replaced = replaced_mode(&self.target, self.claim)?;
        set_mode(&self.file, replaced.unwrap_or(0o666 & !self.options.umask_octal))?;
        match self.options.fsync {
            true => self.file.sync_all()?,
            false => hear_of_close(&self.file)?,
        }
        let written = version(&self.file);
        self.take_name(self.claim)?;
        if self.options.fsync {
            self.target.sync_directory(&self.file)?;
        }
        Ok(still(written, &self.target))
    }

    fn keep_partial(mut self: Box<Self>) -> Result<Kept> {
        if !self.began || !self.options.keep_partial {
            return Ok(Kept::Nothing);
        }
        set_mode(&self.file, 0o666 & !self.options.umask_octal)?;
        match self.take_name(Claim::IfFree) {
            Ok(()) => Ok(Kept::Partial),
            Err(StorageError::Exists) => Ok(Kept::Nothing),
            Err(error) => Err(error),
        }
    }
}

/// The permission bits of the file that `target` names, if there is one and it may be claimed.
fn replaced_mode(target: &Place, claim: Claim) -> Result<Option<u32>> {
    let Some(there) = target.stat()? else { return Ok(None) };
    match FileType::from_raw_mode(there.st_mode) {
        _ if claim == Claim::IfFree => Err(StorageError::Exists),
        FileType::RegularFile => Ok(Some(there.st_mode & 0o777)),
        FileType::Directory => Err(StorageError::IsADirectory),
        _ => Err(StorageError::NotAFile),
    }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists
}

/// NFS tells of a full disk when a descriptor is closed, and then the name must not be given. This
/// closes a second one: the lock goes with the last.
fn hear_of_close(file: &File) -> Result<()> {
    match file.try_clone() {
        Ok(second) => close(second),
        // There is no descriptor left. The disk tells as well, only later.
        Err(_) => Ok(file.sync_all()?),
    }
}

/// The state of the file at `place`, if that is the file that was `written` and nothing but its
/// name and its inode has changed.
fn still(written: Option<Version>, place: &Place) -> Option<Version> {
    let there = listing::version(&place.stat().ok()??);
    (written == Some(Version { changed: written?.changed, ..there })).then_some(there)
}
