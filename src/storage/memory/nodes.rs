//! What a tree in memory is made of: directories and files.

use crate::proto::{Entry, Kind, Link, Permits, VirtualPath};
use crate::storage::{Result, StorageError, Version};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

pub(super) struct Directory {
    id: u64,
    modified: Timestamp,
    pub(super) nodes: BTreeMap<Vec<u8>, Node>,
}

pub(super) enum Node {
    File(Arc<File>),
    Directory(Directory),
}

/// A file, which lives as long as its name or a writer. Readers hold its bytes alone.
pub(super) struct File {
    id: u64,
    content: Mutex<Content>,
}

pub(super) struct Content {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) modified: Timestamp,
    /// Grows with every change.
    changes: u64,
    /// Whether an upload in place has it: a second one would mix the two.
    pub(super) writing: bool,
}

impl File {
    pub(super) fn new(bytes: Vec<u8>) -> File {
        let content = Content {
            bytes: Arc::new(bytes),
            modified: Timestamp::now(),
            changes: 0,
            writing: false,
        };
        File { id: next_id(), content: Mutex::new(content) }
    }

    /// Its bytes, and the state that they belong to.
    pub(super) fn bytes(&self) -> (Arc<Vec<u8>>, Version) {
        let content = self.content();
        let version = Version {
            object: (0, self.id),
            size: content.bytes.len() as u64,
            modified_ns: content.modified.as_nanosecond(),
            changed: content.changes.into(),
        };
        (Arc::clone(&content.bytes), version)
    }

    pub(super) fn content(&self) -> MutexGuard<'_, Content> {
        lock(&self.content)
    }
}

impl Content {
    /// What was changed, was so at `time`.
    pub(super) fn changed(&mut self, time: Timestamp) {
        self.modified = time;
        self.changes += 1;
    }
}

impl Default for Directory {
    fn default() -> Directory {
        Directory { id: next_id(), modified: Timestamp::now(), nodes: BTreeMap::new() }
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Directory {
    /// The directory `path` below this one.
    pub(super) fn find(&mut self, path: &VirtualPath) -> Result<&mut Directory> {
        let mut here = self;
        for name in path.components() {
            here = match here.nodes.get_mut(name) {
                Some(Node::Directory(directory)) => directory,
                Some(Node::File(_)) => return Err(StorageError::NotADirectory),
                None => return Err(StorageError::NotFound),
            };
        }
        Ok(here)
    }

    /// The directory that holds `path`, and the name in it.
    pub(super) fn find_place<'p>(
        &mut self,
        path: &'p VirtualPath,
    ) -> Result<(&mut Directory, &'p [u8])> {
        let name = path.name().ok_or(StorageError::InvalidName)?;
        Ok((self.find(&path.parent())?, name))
    }

    pub(super) fn insert(&mut self, name: &[u8], node: Node) {
        self.nodes.insert(name.to_vec(), node);
        self.modified = Timestamp::now();
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Node> {
        self.modified = Timestamp::now();
        self.nodes.remove(name)
    }

    pub(super) fn entry(&self, name: &[u8]) -> Entry {
        entry(name, Kind::Directory, 0, self.modified, self.id)
    }
}

impl Node {
    pub(super) fn entry(&self, name: &[u8]) -> Entry {
        match self {
            Node::Directory(directory) => directory.entry(name),
            Node::File(file) => {
                let content = file.content();
                let size = content.bytes.len() as u64;
                entry(name, Kind::File, size, content.modified, file.id)
            }
        }
    }
}

fn entry(name: &[u8], kind: Kind, size: u64, modified: Timestamp, id: u64) -> Entry {
    let mode = if kind == Kind::Directory { 0o755 } else { 0o644 };
    // The top has no name that could be taken away.
    let moves = if name.is_empty() { Permits::MOVE } else { Permits::NONE };
    Entry {
        name: name.to_vec(),
        kind,
        link: Link::No,
        size,
        modified,
        created: None,
        mode,
        owner: 0,
        group: 0,
        links: 1,
        unique: (0, id),
        permits: Permits::ALL.without(moves),
    }
}

/// A session that panicked leaves whole values: no change takes two steps.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
