//! Files that are hashed as they move, and files that end early: wrappers, so that the loops that
//! move bytes know of neither.

use crate::{
    storage::{Download, Kept, Result, StorageError, Upload, Version},
    transfer::{Hasher, Known},
};
use std::os::fd::BorrowedFd;

/// A whole file on its way, with the hash of what has passed, if one is wanted.
pub struct Hashed<F: ?Sized> {
    file: Box<F>,
    hasher: Option<Hasher>,
    /// The state of a file that is read, when that began.
    before: Option<Version>,
}

impl Hashed<dyn Download> {
    /// Reads `file`, which stands at its beginning if there is a `hasher`.
    pub fn download(file: Box<dyn Download>, hasher: Option<Hasher>) -> Hashed<dyn Download> {
        let before = hasher.as_ref().and_then(|_| file.version());
        Hashed { file, hasher, before }
    }

    /// What is known of the file, if it was read to its end and nobody changed it meanwhile.
    pub fn end(self) -> Option<Known> {
        let version = self.before.filter(|before| Some(*before) == self.file.version())?;
        self.hasher?.end_as(version)
    }
}

impl Hashed<dyn Upload> {
    /// Fills `file`, which is a new one if there is a `hasher`.
    pub fn upload(file: Box<dyn Upload>, hasher: Option<Hasher>) -> Hashed<dyn Upload> {
        Hashed { file, hasher, before: None }
    }

    /// As [`Upload::commit`]; tells what is known of the file.
    pub fn finish(self) -> Result<Option<Known>> {
        let version = self.file.commit()?;
        Ok(self.hasher.and_then(|hasher| hasher.end_as(version?)))
    }

    /// As [`Upload::keep_partial`].
    pub fn keep_partial(self) -> Result<Kept> {
        self.file.keep_partial()
    }
}

impl Download for Hashed<dyn Download> {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.file.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.add(&buffer[..count]);
        }
        Ok(count)
    }

    fn version(&self) -> Option<Version> {
        self.file.version()
    }

    /// What the kernel sends itself, nobody can hash.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        if self.hasher.is_some() { None } else { self.file.descriptor() }
    }
}

impl Upload for Hashed<dyn Upload> {
    fn is_in_place(&self) -> bool {
        self.file.is_in_place()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write(bytes)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.add(bytes);
        }
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<Option<Version>> {
        self.file.commit()
    }

    fn keep_partial(self: Box<Self>) -> Result<Kept> {
        self.file.keep_partial()
    }
}

/// A file of which only the next so many bytes concern us.
pub struct Part<F: ?Sized> {
    file: Box<F>,
    left: u64,
}

impl<F: ?Sized> Part<F> {
    /// The next `length` bytes of `file`.
    pub fn new(file: Box<F>, length: u64) -> Part<F> {
        Part { file, left: length }
    }
}

impl Download for Part<dyn Download> {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        let count = self.file.read(&mut buffer[..most])?;
        self.left -= count as u64;
        Ok(count)
    }

    fn version(&self) -> Option<Version> {
        self.file.version()
    }
}

/// It must be filled, and nothing is written behind it.
impl Upload for Part<dyn Upload> {
    fn is_in_place(&self) -> bool {
        self.file.is_in_place()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let fits = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        if fits > 0 {
            self.file.write(&bytes[..fits])?;
        }
        self.left -= fits as u64;
        if fits < bytes.len() { Err(StorageError::OutOfRange) } else { Ok(()) }
    }

    fn commit(self: Box<Self>) -> Result<Option<Version>> {
        match self.left {
            0 => self.file.commit(),
            _ => {
                self.file.keep_partial()?;
                Err(StorageError::OutOfRange)
            }
        }
    }

    fn keep_partial(self: Box<Self>) -> Result<Kept> {
        self.file.keep_partial()
    }
}
