//! A file being received: under a hidden name until it is whole, or in place.
//!
//! The hidden file is a named one, never `O_TMPFILE`, which shared file systems lack. It stands in
//! the directory it is meant for, so that one rename gives it its name.

use super::{
    LocalOptions, listing,
    root::{Place, Root},
};
use crate::proto::VirtualPath;
use crate::storage::{Kept, Result, Start, StorageError, Upload, Version};
use rustix::fs::{FileType, Mode, fchmod, fstat};
use rustix::io::Errno;
use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
};

pub(super) fn create(
    root: &Root,
    path: &VirtualPath,
    start: Start,
    options: LocalOptions,
) -> Result<Box<dyn Upload>> {
    match start {
        Start::Fresh | Start::At(0) if options.in_place => {
            match InPlace::open(root, path, Keep::First(0), options) {
                Err(StorageError::NotFound) => {
                    InPlace::make(root.place_behind_links(path)?, options)
                }
                other => other,
            }
        }
        Start::Fresh | Start::At(0) => {
            NewFile::create(root.place_behind_links(path)?, Claim::Replace, options)
        }
        Start::Unique => NewFile::create(root.place(path)?, Claim::IfFree, options),
        Start::At(n) => InPlace::open(root, path, Keep::First(n), options),
        Start::Over(n) => InPlace::open(root, path, Keep::Around(n), options),
        Start::End => match InPlace::open(root, path, Keep::All, options) {
            // Two nodes may both find nothing: the second then must not replace the first's file.
            Err(StorageError::NotFound) => {
                NewFile::create(root.place_behind_links(path)?, Claim::IfFree, options)
            }
            other => other,
        },
    }
}

/// Whether a name is one that [`NewFile`] makes up: `.fxpd.`, 16 hexadecimal digits, `.part`.
pub(super) fn is_hidden(name: &[u8]) -> bool {
    name.strip_prefix(b".fxpd.")
        .and_then(|rest| rest.strip_suffix(b".part"))
        .is_some_and(|id| id.len() == 16 && id.iter().all(u8::is_ascii_hexdigit))
}

/// What happens when the name is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// The whole file replaces the one that is there.
    Replace,
    /// The name is refused.
    IfFree,
}

/// A file that has no name yet.
struct NewFile {
    file: File,
    hidden: Provisional,
    target: Place,
    claim: Claim,
    options: LocalOptions,
    /// Whether a byte came: without one there is nothing to resume.
    began: bool,
}

impl NewFile {
    fn create(target: Place, claim: Claim, options: LocalOptions) -> Result<Box<dyn Upload>> {
        if is_hidden(target.name()) {
            return Err(StorageError::NotFound);
        }
        if replaced_mode(&target, claim)?.is_some() {
            // Rename asks for the directory's permission only, but a file that its owner has
            // made read-only is not to be replaced.
            target.check_writable()?;
        }
        let id = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
        let place = target.beside(format!(".fxpd.{id:016x}.part").into_bytes());
        let file = place.make_file(0o600)?;
        let hidden = Provisional { place, kept: false };
        Ok(Box::new(NewFile { file, hidden, target, claim, options, began: false }))
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
        if !self.options.fsync {
            // NFS tells of a full disk at close; then the name must not be given.
            let written = version(&self.file);
            close(self.file)?;
            self.hidden.exchange(&self.target, self.claim)?;
            return Ok(still(written, &self.target));
        }
        self.file.sync_all()?;
        let written = version(&self.file);
        self.hidden.exchange(&self.target, self.claim)?;
        self.target.sync_directory(&self.file)?;
        Ok(still(written, &self.target))
    }

    fn keep_partial(mut self: Box<Self>) -> Result<Kept> {
        if !self.began || !self.options.keep_partial {
            return Ok(Kept::Nothing);
        }
        set_mode(&self.file, 0o666 & !self.options.umask_octal)?;
        match self.hidden.exchange(&self.target, Claim::IfFree) {
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

fn set_mode(file: &File, mode: u32) -> Result<()> {
    match fchmod(file, Mode::from_raw_mode(mode)) {
        // A file system without permissions (FAT, some shares) keeps the file well without.
        Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
        other => Ok(other.map_err(io::Error::from)?),
    }
}

fn version(file: &File) -> Option<Version> {
    Some(listing::version(&fstat(file).ok()?))
}

/// The state of the file at `place`, if that is the file that was `written` and nothing but its
/// name and its inode has changed.
fn still(written: Option<Version>, place: &Place) -> Option<Version> {
    let there = listing::version(&place.stat().ok()??);
    (written == Some(Version { changed: written?.changed, ..there })).then_some(there)
}

fn close(file: File) -> Result<()> {
    Ok(nix::unistd::close(file).map_err(io::Error::from)?)
}

/// A name that was made for an upload, and goes with this value unless it was kept.
struct Provisional {
    place: Place,
    kept: bool,
}

impl Provisional {
    fn exchange(&mut self, target: &Place, claim: Claim) -> Result<()> {
        match claim {
            Claim::Replace => self.place.rename(target)?,
            Claim::IfFree => self.place.rename_to_free(target)?,
        }
        self.kept = true;
        Ok(())
    }
}

impl Drop for Provisional {
    fn drop(&mut self) {
        if !self.kept {
            let _ = self.place.remove_file(); // nobody is left to hear of it
        }
    }
}

/// What an upload in place leaves of the file that it finds.
enum Keep {
    First(u64),
    /// All, and the bytes from here on are written over.
    Around(u64),
    All,
}

/// A file that grows under its own name. One that was there is locked while it is open.
struct InPlace {
    file: File,
    /// The size that the file is cut to before the first byte is written.
    cut_to: Option<u64>,
    /// The name, where the file did not exist before.
    made: Option<Provisional>,
    options: LocalOptions,
}

impl InPlace {
    fn open(
        root: &Root,
        path: &VirtualPath,
        keep: Keep,
        options: LocalOptions,
    ) -> Result<Box<dyn Upload>> {
        let mut file = root.open_to_write(path)?.ok_or(StorageError::NotAFile)?;
        // Asked under the lock: only now can no other node add to it.
        let size = file.metadata()?.len();
        let (begin, cut_to) = match keep {
            Keep::First(n) | Keep::Around(n) if n > size => return Err(StorageError::BeyondEnd),
            Keep::First(n) => (n, Some(n)),
            Keep::Around(n) => (n, None),
            Keep::All => (size, None),
        };
        file.seek(SeekFrom::Start(begin))?;
        Ok(Box::new(InPlace { file, cut_to, made: None, options }))
    }

    fn make(place: Place, options: LocalOptions) -> Result<Box<dyn Upload>> {
        if is_hidden(place.name()) {
            return Err(StorageError::NotFound);
        }
        let mode = 0o666 & !options.umask_octal;
        let file = place.make_file(mode)?;
        let made = Some(Provisional { place, kept: false });
        set_mode(&file, mode)?;
        Ok(Box::new(InPlace { file, cut_to: Some(0), made, options }))
    }

    fn cut(&mut self) -> Result<()> {
        match self.cut_to.take() {
            Some(size) => Ok(self.file.set_len(size)?),
            None => Ok(()),
        }
    }
}

impl Upload for InPlace {
    fn is_in_place(&self) -> bool {
        true
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.cut()?;
        Ok(self.file.write_all(bytes)?)
    }

    fn commit(mut self: Box<Self>) -> Result<Option<Version>> {
        self.cut()?;
        if self.options.fsync {
            self.file.sync_all()?;
        }
        // Replaced or removed meanwhile, it would be acknowledged and found by nobody.
        if self.file.metadata()?.nlink() == 0 {
            return Err(StorageError::NotFound);
        }
        if let Some(made) = &mut self.made {
            made.kept = true;
            if self.options.fsync {
                made.place.sync_directory(&self.file)?;
            }
        }
        let written = version(&self.file);
        close(self.file)?;
        Ok(written)
    }

    fn keep_partial(mut self: Box<Self>) -> Result<Kept> {
        let Some(made) = &mut self.made else { return Ok(Kept::Partial) };
        // Not cut yet means that nothing was written.
        made.kept = self.cut_to.is_none() && self.options.keep_partial;
        Ok(if made.kept { Kept::Partial } else { Kept::Nothing })
    }
}
