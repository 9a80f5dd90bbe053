//! Trees in memory: for tests, for programs that embed the server, and to keep the traits honest.
//!
//! It makes the promises of the disk: an upload has no name before it is whole, a download goes on
//! with the file that it opened, whatever is renamed or removed meanwhile.

mod nodes;
mod upload;

use crate::proto::{Change, Entry, PathArg, VirtualPath};
use crate::storage::{
    Download, Listing, Result, Start, Storage, StorageError, Tree, Upload, Version,
};
use nodes::{Directory, File, Node, lock};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    ops::Bound,
    sync::{Arc, Mutex},
};
use upload::{Claim, InPlace, NewFile, Place};

/// Trees in memory. Clones share them; a home comes into being when it is first named.
#[derive(Clone, Default)]
pub struct Memory {
    homes: Arc<Mutex<BTreeMap<OsString, MemoryTree>>>,
}

impl Memory {
    /// No homes, no files.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// Puts a file into `home`, replacing one that is there and making its directories.
    ///
    /// # Panics
    ///
    /// When no file can be there: a directory has that name, or a file stands in the way of one.
    pub fn put(&self, home: &str, path: &str, bytes: &[u8]) {
        let stored = parse(path).and_then(|path| {
            let tree = self.home(OsStr::new(home));
            let mut above = VirtualPath::root();
            for name in path.parent().components() {
                above = above.child(name);
                match tree.make_directory(&above) {
                    Ok(()) | Err(StorageError::Exists) => {}
                    Err(error) => return Err(error),
                }
            }
            let mut upload = tree.create(&path, Start::Fresh)?;
            upload.write(bytes)?;
            upload.commit().map(drop)
        });
        if let Err(error) = stored {
            panic!("cannot put {path}: {error}");
        }
    }

    /// The bytes of a file in `home`; `None` when no file has that name.
    pub fn get(&self, home: &str, path: &str) -> Option<Vec<u8>> {
        let tree = self.home(OsStr::new(home));
        let file = tree.file(&parse(path).ok()?).ok()?;
        Some(file.content().bytes.to_vec())
    }

    fn home(&self, home: &OsStr) -> MemoryTree {
        lock(&self.homes).entry(home.to_os_string()).or_default().clone()
    }
}

impl Storage for Memory {
    fn tree(&self, home: &OsStr) -> Result<Box<dyn Tree>> {
        Ok(Box::new(self.home(home)))
    }
}

fn parse(path: &str) -> Result<VirtualPath> {
    let path = PathArg::new(path).ok_or(StorageError::InvalidName)?;
    Ok(VirtualPath::root().join(&path))
}

#[derive(Clone, Default)]
struct MemoryTree {
    top: Arc<Mutex<Directory>>,
}

impl MemoryTree {
    fn file(&self, path: &VirtualPath) -> Result<Arc<File>> {
        let Some(name) = path.name() else { return Err(StorageError::IsADirectory) };
        match lock(&self.top).find(&path.parent())?.nodes.get(name) {
            Some(Node::File(file)) => Ok(Arc::clone(file)),
            Some(Node::Directory(_)) => Err(StorageError::IsADirectory),
            None => Err(StorageError::NotFound),
        }
    }

    fn new_file(&self, path: &VirtualPath, claim: Claim) -> Result<Box<dyn Upload>> {
        let mut top = lock(&self.top);
        let (parent, name) = top.find_place(path)?;
        claim.check(parent, name)?;
        Ok(Box::new(NewFile::new(self.clone(), path.clone(), claim)))
    }
}

impl Tree for MemoryTree {
    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        let mut top = lock(&self.top);
        let Some(name) = path.name() else { return Ok(top.entry(b"")) };
        let found = top.find(&path.parent())?.nodes.get(name).ok_or(StorageError::NotFound)?;
        Ok(found.entry(name))
    }

    fn list(&self, path: &VirtualPath) -> Result<Listing> {
        lock(&self.top).find(path)?;
        Ok(Box::new(Entries { tree: self.clone(), path: path.clone(), last: Vec::new() }))
    }

    fn open(&self, path: &VirtualPath, offset: u64) -> Result<Box<dyn Download>> {
        let (bytes, version) = self.file(path)?.bytes();
        match usize::try_from(offset) {
            Ok(at) if at <= bytes.len() => Ok(Box::new(MemoryDownload { bytes, version, at })),
            _ => Err(StorageError::BeyondEnd),
        }
    }

    fn create(&self, path: &VirtualPath, start: Start) -> Result<Box<dyn Upload>> {
        refuse_uncreatable(path)?;
        match start {
            Start::Fresh | Start::At(0) => self.new_file(path, Claim::Replace),
            Start::Unique => self.new_file(path, Claim::IfFree),
            Start::At(n) => InPlace::open(self.file(path)?, Place::CutAt(n)),
            Start::Over(n) => InPlace::open(self.file(path)?, Place::Over(n)),
            Start::End => match self.file(path) {
                Err(StorageError::NotFound) => self.new_file(path, Claim::IfFree),
                file => InPlace::open(file?, Place::End),
            },
        }
    }

    fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        refuse_uncreatable(path)?;
        let mut top = lock(&self.top);
        let (parent, name) = top.find_place(path)?;
        if parent.nodes.contains_key(name) {
            return Err(StorageError::Exists);
        }
        parent.insert(name, Node::Directory(Directory::default()));
        Ok(())
    }

    fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        let mut top = lock(&self.top);
        let (parent, name) = top.find_place(path)?;
        match parent.nodes.get(name) {
            None => return Err(StorageError::NotFound),
            Some(Node::File(_)) => return Err(StorageError::NotADirectory),
            Some(Node::Directory(it)) if !it.nodes.is_empty() => {
                return Err(StorageError::NotEmpty);
            }
            Some(Node::Directory(_)) => parent.remove(name),
        };
        Ok(())
    }

    fn remove_file(&self, path: &VirtualPath) -> Result<()> {
        let mut top = lock(&self.top);
        let (parent, name) = top.find_place(path)?;
        match parent.nodes.get(name) {
            None => return Err(StorageError::NotFound),
            Some(Node::Directory(_)) => return Err(StorageError::IsADirectory),
            Some(Node::File(_)) => parent.remove(name),
        };
        Ok(())
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        refuse_uncreatable(to)?;
        let mut top = lock(&self.top);
        let (parent, name) = top.find_place(from)?;
        let moved = parent.nodes.get(name).ok_or(StorageError::NotFound)?;
        let is_directory = matches!(moved, Node::Directory(_));
        if from == to {
            return Ok(());
        }
        if is_directory && to.as_bytes().starts_with(from.child(b"").as_bytes()) {
            return Err(StorageError::InvalidName);
        }
        let (parent, name) = top.find_place(to)?;
        match (is_directory, parent.nodes.get(name)) {
            (false, Some(Node::Directory(_))) => return Err(StorageError::IsADirectory),
            (true, Some(Node::File(_))) => return Err(StorageError::NotADirectory),
            (true, Some(Node::Directory(it))) if !it.nodes.is_empty() => {
                return Err(StorageError::NotEmpty);
            }
            _ => {}
        }
        // Nothing below can fail: the node is never in neither place.
        let (parent, name) = top.find_place(from)?;
        let moved = parent.remove(name).ok_or(StorageError::NotFound)?;
        let (parent, name) = top.find_place(to)?;
        parent.insert(name, moved);
        Ok(())
    }

    /// There are times here, and no permissions.
    fn change(&self, path: &VirtualPath, change: Change) -> Result<()> {
        match change {
            Change::Modified(time) => self.file(path)?.content().changed(time),
            Change::Mode(_) => return Err(StorageError::Unsupported),
        }
        Ok(())
    }
}

/// What the disk would refuse as well.
fn refuse_uncreatable(path: &VirtualPath) -> Result<()> {
    let too_long = path.components().any(|name| name.len() > MAX_NAME_BYTES);
    match path.is_root() || path.has_control_bytes() || too_long {
        true => Err(StorageError::InvalidName),
        false => Ok(()),
    }
}

/// The longest name of one entry, as on Linux.
const MAX_NAME_BYTES: usize = 255;

/// Reads on behind the last name that was given: nothing is held between two entries.
struct Entries {
    tree: MemoryTree,
    path: VirtualPath,
    last: Vec<u8>,
}

impl Iterator for Entries {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        let mut top = lock(&self.tree.top);
        let directory = top.find(&self.path).ok()?;
        let behind = (Bound::Excluded(self.last.as_slice()), Bound::Unbounded);
        let (name, node) = directory.nodes.range::<[u8], _>(behind).next()?;
        let entry = node.entry(name);
        self.last.clone_from(name);
        Some(Ok(entry))
    }
}

struct MemoryDownload {
    bytes: Arc<Vec<u8>>,
    version: Version,
    at: usize,
}

impl Download for MemoryDownload {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The bytes are a copy that nobody changes: their state stays, whatever becomes of the file.
    fn version(&self) -> Option<Version> {
        Some(self.version)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
