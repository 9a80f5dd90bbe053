//! The two ends of a copy, as far as a walk sees them: directories that can be listed.

use crate::{
    client::{ClientError, Connection, RemotePath, TreePath},
    proto::{Listed, ListedKind, Moment},
};
use jiff::Timestamp;
use std::{
    fs::{self, DirEntry, Metadata},
    io,
    os::unix::{ffi::OsStringExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

/// A tree whose directories can be listed.
pub trait End {
    /// What is in a directory below the root, in any order.
    fn list(&mut self, directory: &TreePath) -> Result<Vec<Listed>, ClientError>;
}

/// A tree on a server.
pub struct RemoteEnd<'a> {
    /// The server.
    pub connection: &'a mut Connection,
    /// The tree's root there.
    pub root: &'a RemotePath,
}

impl End for RemoteEnd<'_> {
    fn list(&mut self, directory: &TreePath) -> Result<Vec<Listed>, ClientError> {
        self.connection.list(&directory.below(self.root))
    }
}

/// A tree on the local disk. Nothing is followed: neither links nor the root, if it is one.
#[derive(Clone, Copy, Debug)]
pub struct LocalEnd<'a> {
    /// The tree's root.
    pub root: &'a Path,
}

impl LocalEnd<'_> {
    /// What a path is; `None` when nothing is there.
    pub fn look(&self, path: &TreePath) -> Result<Option<Listed>, ClientError> {
        let name = path.name().unwrap_or_default().to_vec();
        let path = path.below_local(self.root);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => Ok(Some(listed(name, &metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ClientError::Local(path, error)),
        }
    }
}

impl End for LocalEnd<'_> {
    fn list(&mut self, directory: &TreePath) -> Result<Vec<Listed>, ClientError> {
        let path = directory.below_local(self.root);
        let failed = |error| ClientError::Local(path.clone(), error);
        let entries = fs::read_dir(&path).map_err(failed)?;
        let listed = entries.filter_map(|entry| match entry {
            Ok(entry) => look(&entry).transpose(),
            Err(error) => Some(Err((path.clone(), error))),
        });
        listed.map(|item| item.map_err(|(path, error)| ClientError::Local(path, error))).collect()
    }
}

/// What an entry is; nothing, if it is gone meanwhile.
fn look(entry: &DirEntry) -> Result<Option<Listed>, (PathBuf, io::Error)> {
    match entry.metadata() {
        Ok(metadata) => Ok(Some(listed(entry.file_name().into_vec(), &metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err((entry.path(), error)),
    }
}

/// What the local disk tells of a file.
pub fn listed(name: Vec<u8>, metadata: &Metadata) -> Listed {
    let kind = match metadata.file_type() {
        kind if kind.is_file() => ListedKind::File,
        kind if kind.is_dir() => ListedKind::Directory,
        kind if kind.is_symlink() => ListedKind::Link,
        _ => ListedKind::Other,
    };
    let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    Listed {
        name,
        kind,
        size: metadata.is_file().then_some(metadata.len()),
        modified: modified.map(Moment::exact),
        mode: Some(metadata.permissions().mode() & 0o7777),
    }
}
