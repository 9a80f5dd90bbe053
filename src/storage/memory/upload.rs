//! A file being received into memory: without a name until it is whole, or in place.

use super::{
    MemoryTree,
    nodes::{Directory, File, Node, lock},
};
use crate::proto::VirtualPath;
use crate::storage::{Kept, Result, StorageError, Upload, Version};
use jiff::Timestamp;
use std::sync::Arc;

/// What happens when the name is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The whole file replaces the one that is there.
    Replace,
    /// The name is refused.
    IfFree,
}

impl Claim {
    pub(super) fn check(self, parent: &Directory, name: &[u8]) -> Result<()> {
        match parent.nodes.get(name) {
            None => Ok(()),
            Some(_) if self == Claim::IfFree => Err(StorageError::Exists),
            Some(Node::File(_)) => Ok(()),
            Some(Node::Directory(_)) => Err(StorageError::IsADirectory),
        }
    }
}

/// A file that has no name yet.
pub(super) struct NewFile {
    tree: MemoryTree,
    path: VirtualPath,
    claim: Claim,
    bytes: Vec<u8>,
}

impl NewFile {
    pub(super) fn new(tree: MemoryTree, path: VirtualPath, claim: Claim) -> NewFile {
        NewFile { tree, path, claim, bytes: Vec::new() }
    }

    fn name(self, claim: Claim) -> Result<Version> {
        let mut top = lock(&self.tree.top);
        let (parent, name) = top.find_place(&self.path)?;
        claim.check(parent, name)?;
        let file = Arc::new(File::new(self.bytes));
        let version = file.bytes().1;
        parent.insert(name, Node::File(file));
        Ok(version)
    }
}

impl Upload for NewFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<Option<Version>> {
        let claim = self.claim;
        self.name(claim).map(Some)
    }

    fn keep_partial(self: Box<Self>) -> Result<Kept> {
        if self.bytes.is_empty() {
            return Ok(Kept::Nothing);
        }
        match self.name(Claim::IfFree) {
            Ok(_) => Ok(Kept::Partial),
            Err(StorageError::Exists) => Ok(Kept::Nothing),
            Err(error) => Err(error),
        }
    }
}

/// Where an upload in place writes first.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Here, and what is behind goes with the first write.
    CutAt(u64),
    /// Here, over what is there.
    Over(u64),
    /// Behind all that is there.
    End,
}

/// A file that grows under its own name.
pub(super) struct InPlace {
    file: Arc<File>,
    /// Where the next byte goes; behind all others if `None`.
    at: Option<usize>,
    /// The size that the file is cut to before the first byte is written.
    cut_to: Option<usize>,
}

impl InPlace {
    pub(super) fn open(file: Arc<File>, place: Place) -> Result<Box<dyn Upload>> {
        let mut content = file.content();
        if content.writing {
            return Err(StorageError::Busy);
        }
        let size = content.bytes.len();
        let within = |n| usize::try_from(n).ok().filter(|at| *at <= size);
        let (at, cut_to) = match place {
            Place::CutAt(n) => (None, Some(within(n).ok_or(StorageError::BeyondEnd)?)),
            Place::Over(n) => (Some(within(n).ok_or(StorageError::BeyondEnd)?), None),
            Place::End => (None, None),
        };
        content.writing = true;
        drop(content);
        Ok(Box::new(InPlace { file, at, cut_to }))
    }
}

impl Upload for InPlace {
    fn is_in_place(&self) -> bool {
        true
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let cut_to = self.cut_to.take();
        let mut content = self.file.content();
        let kept = Arc::make_mut(&mut content.bytes);
        kept.truncate(cut_to.unwrap_or(usize::MAX));
        let at = self.at.unwrap_or(kept.len());
        let over = bytes.len().min(kept.len() - at);
        kept[at..at + over].copy_from_slice(&bytes[..over]);
        kept.extend_from_slice(&bytes[over..]);
        self.at = self.at.map(|at| at + bytes.len());
        content.changed(Timestamp::now());
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<Option<Version>> {
        self.write(b"")?;
        Ok(Some(self.file.bytes().1))
    }

    fn keep_partial(self: Box<Self>) -> Result<Kept> {
        Ok(Kept::Partial)
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        self.file.content().writing = false;
    }
}
