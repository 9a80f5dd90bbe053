//! A file being received into memory: without a name until it is whole, or in place.

use super::{
    MemoryTree,
    nodes::{Directory, File, Node, lock},
};
use crate::proto::VirtualPath;
use crate::storage::{Kept, Result, StorageError, Upload};
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

    fn name(self, claim: Claim) -> Result<()> {
        let mut top = lock(&self.tree.top);
        let (parent, name) = top.find_place(&self.path)?;
        claim.check(parent, name)?;
        parent.insert(name, Node::File(Arc::new(File::new(self.bytes))));
        Ok(())
    }
}

impl Upload for NewFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<()> {
        let claim = self.claim;
        self.name(claim)
    }

    fn keep_partial(self: Box<Self>) -> Result<Kept> {
        if self.bytes.is_empty() {
            return Ok(Kept::Nothing);
        }
        match self.name(Claim::IfFree) {
            Ok(()) => Ok(Kept::Partial),
            Err(StorageError::Exists) => Ok(Kept::Nothing),
            Err(error) => Err(error),
        }
    }
}

/// A file that grows under its own name.
pub(super) struct InPlace {
    file: Arc<File>,
    /// The size that the file is cut to before the first byte is written.
    cut_to: Option<usize>,
}

impl InPlace {
    pub(super) fn open(file: Arc<File>, keep: Option<u64>) -> Result<Box<dyn Upload>> {
        let mut content = file.content();
        if content.writing {
            return Err(StorageError::Busy);
        }
        let size = content.bytes.len();
        let cut_to = match keep.map(usize::try_from) {
            None => None,
            Some(Ok(keep)) if keep <= size => Some(keep),
            Some(_) => return Err(StorageError::BeyondEnd),
        };
        content.writing = true;
        drop(content);
        Ok(Box::new(InPlace { file, cut_to }))
    }
}

impl Upload for InPlace {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let cut_to = self.cut_to.take();
        let mut content = self.file.content();
        let kept = Arc::make_mut(&mut content.bytes);
        kept.truncate(cut_to.unwrap_or(usize::MAX));
        kept.extend_from_slice(bytes);
        content.modified = Timestamp::now();
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        self.write(b"")
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
