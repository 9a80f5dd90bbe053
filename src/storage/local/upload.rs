//! A file being received: beside its name until it is whole (`new_file`), or in place.

use super::{
    LocalOptions,
    book::{Page, Scribe},
    hidden::is_hidden,
    listing,
    new_file::{Claim, NewFile},
    root::{Place, Root},
};
use crate::proto::VirtualPath;
use crate::storage::{Kept, Result, Start, StorageError, Upload, Version};
use rustix::fs::{Mode, fchmod, fstat};
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
    scribe: &Scribe,
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
            NewFile::create(root.place_behind_links(path)?, Claim::Replace, options, scribe)
        }
        Start::Unique => NewFile::create(root.place(path)?, Claim::IfFree, options, scribe),
        Start::At(n) => InPlace::open(root, path, Keep::First(n), options),
        Start::Over(n) => InPlace::open(root, path, Keep::Around(n), options),
        Start::End => match InPlace::open(root, path, Keep::All, options) {
            // Two nodes may both find nothing: the second then must not replace the first's file.
            Err(StorageError::NotFound) => {
                NewFile::create(root.place_behind_links(path)?, Claim::IfFree, options, scribe)
            }
            other => other,
        },
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
        // It is the name that was asked for: no other server may remove it.
        let made = Some(Provisional::at(place, None));
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

/// A name that was made for an upload, and goes with this value unless it was kept.
pub(super) struct Provisional {
    place: Place,
    kept: bool,
    /// Where the book tells of it.
    page: Option<Page>,
}

impl Provisional {
    pub(super) fn at(place: Place, page: Option<Page>) -> Provisional {
        Provisional { place, kept: false, page }
    }

    pub(super) fn exchange(&mut self, target: &Place, claim: Claim) -> Result<()> {
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
        let removed = if self.kept { Ok(()) } else { self.place.remove_file() };
        // Nobody is left to hear of an error, but the next server may have more luck.
        if let (Err(error), Some(page)) = (removed, &mut self.page)
            && error.kind() != io::ErrorKind::NotFound
        {
            page.stays();
        }
    }
}

pub(super) fn set_mode(file: &File, mode: u32) -> Result<()> {
    match fchmod(file, Mode::from_raw_mode(mode)) {
        // A file system without permissions (FAT, some shares) keeps the file well without.
        Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
        other => Ok(other.map_err(io::Error::from)?),
    }
}

pub(super) fn version(file: &File) -> Option<Version> {
    Some(listing::version(&fstat(file).ok()?))
}

pub(super) fn close(file: File) -> Result<()> {
    Ok(nix::unistd::close(file).map_err(io::Error::from)?)
}
