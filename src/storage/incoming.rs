//! A tree that takes new files from strangers and shows them to nobody: all of it can be read but
//! the directory `/incoming`, which can only be put into. Otherwise people who know each other
//! would exchange there what the owner is then asked about.
//!
//! Paths are judged by name. A link elsewhere that leads into the directory is the owner's doing.

use super::{Download, Kept, Listing, Result, Start, StorageError, Tree, Upload, Version};
use crate::proto::{Change, Entry, Kind, PathArg, VirtualPath};

/// The directory's name, at the top of the tree.
const NAME: &[u8] = b"incoming";

/// The tree around another.
pub struct Incoming(pub Box<dyn Tree>);

/// Whether `path` is the directory or in it.
fn is_incoming(path: &VirtualPath) -> bool {
    path.components().next() == Some(NAME)
}

impl Incoming {
    fn readable(&self, path: &VirtualPath) -> Result<&dyn Tree> {
        if is_incoming(path) { Err(StorageError::NotPermitted) } else { Ok(&*self.0) }
    }
}

impl Tree for Incoming {
    /// Directories, so that a client can enter; which files there are is nobody's business.
    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        match self.0.entry(path) {
            Ok(entry) if entry.kind == Kind::Directory => Ok(entry),
            found => self.readable(path).and(found),
        }
    }

    fn list(&self, path: &VirtualPath) -> Result<Listing> {
        if is_incoming(path) {
            return self.0.list(path).map(|_| Box::new(std::iter::empty()) as Listing);
        }
        self.0.list(path)
    }

    fn open(&self, path: &VirtualPath, offset: u64) -> Result<Box<dyn Download>> {
        self.readable(path)?.open(path, offset)
    }

    /// A whole new file, under a name that is free.
    fn create(&self, path: &VirtualPath, start: Start) -> Result<Box<dyn Upload>> {
        match start {
            Start::Fresh | Start::Unique if is_incoming(path) => {
                Ok(Box::new(WholeOrNothing(self.0.create(path, Start::Unique)?)))
            }
            _ => Err(StorageError::NotPermitted),
        }
    }

    fn make_directory(&self, _: &VirtualPath) -> Result<()> {
        Err(StorageError::NotPermitted)
    }

    fn remove_directory(&self, _: &VirtualPath) -> Result<()> {
        Err(StorageError::NotPermitted)
    }

    fn remove_file(&self, _: &VirtualPath) -> Result<()> {
        Err(StorageError::NotPermitted)
    }

    fn rename(&self, _: &VirtualPath, _: &VirtualPath) -> Result<()> {
        Err(StorageError::NotPermitted)
    }

    fn change(&self, _: &VirtualPath, _: Change) -> Result<()> {
        Err(StorageError::NotPermitted)
    }

    fn make_link(&self, _: &PathArg, _: &VirtualPath) -> Result<()> {
        Err(StorageError::NotPermitted)
    }

    fn available_bytes(&self, path: &VirtualPath) -> Result<Option<u64>> {
        self.0.available_bytes(path)
    }
}

/// An upload that nobody could resume: when it is cut short nothing of it stays.
struct WholeOrNothing(Box<dyn Upload>);

impl Upload for WholeOrNothing {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes)
    }

    fn commit(self: Box<Self>) -> Result<Option<Version>> {
        self.0.commit()
    }

    fn keep_partial(self: Box<Self>) -> Result<Kept> {
        Ok(Kept::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Memory, Storage,
        contract::{assert_refused, names, path, put, read},
    };
    use super::*;

    #[test]
    fn the_directory_takes_new_files_whole_and_shows_none() {
        let files = Memory::new();
        files.put("home", "/pub/a", b"a");
        files.put("home", "/incoming/there", b"there");
        let open = files.tree("home".as_ref()).unwrap();
        let tree = Incoming(files.tree("home".as_ref()).unwrap());
        assert_eq!(read(&tree, "pub/a", 0).unwrap(), b"a");
        assert_eq!(names(&tree, "/"), ["incoming", "pub"]);
        put(&tree, "incoming/new", Start::Fresh, b"new").unwrap();
        assert_eq!(read(&*open, "incoming/new", 0).unwrap(), b"new");
        assert_refused!(put(&tree, "incoming/new", Start::Fresh, b"other"), Exists);
        assert!(names(&tree, "incoming").is_empty());
        assert!(tree.entry(&path("incoming")).is_ok());
        for hidden in ["incoming/new", "incoming/missing"] {
            assert_refused!(tree.entry(&path(hidden)), NotPermitted);
            assert_refused!(tree.open(&path(hidden), 0), NotPermitted);
        }
        for start in [Start::At(0), Start::Over(0), Start::End] {
            assert_refused!(tree.create(&path("incoming/new"), start), NotPermitted);
        }
        for place in ["pub/new", "pub/a", "new", "incoming2"] {
            assert_refused!(tree.create(&path(place), Start::Fresh), NotPermitted);
        }
        let cut = |name: &str| {
            let mut upload = tree.create(&path(name), Start::Fresh).unwrap();
            upload.write(b"half").unwrap();
            upload.keep_partial().unwrap()
        };
        assert_eq!(cut("incoming/cut"), Kept::Nothing);
        assert_eq!(names(&*open, "incoming"), ["new", "there"]);
    }

    #[test]
    fn nothing_is_changed_anywhere() {
        let files = Memory::new();
        files.put("home", "/pub/a", b"a");
        files.put("home", "/incoming/b", b"b");
        let tree = Incoming(files.tree("home".as_ref()).unwrap());
        for name in ["pub/a", "incoming/b"] {
            assert_refused!(tree.remove_file(&path(name)), NotPermitted);
            assert_refused!(tree.rename(&path(name), &path("incoming/c")), NotPermitted);
            assert_refused!(tree.change(&path(name), Change::Mode(0o777)), NotPermitted);
            let link = tree.make_link(&PathArg::new(name).unwrap(), &path("incoming/l"));
            assert_refused!(link, NotPermitted);
        }
        for name in ["pub", "incoming", "incoming/d"] {
            assert_refused!(tree.make_directory(&path(name)), NotPermitted);
            assert_refused!(tree.remove_directory(&path(name)), NotPermitted);
        }
    }
}
