//! What every backend promises, as one table of behaviour that each is run against.

use super::{Kept, LocalOptions, Memory, Result, Start, Storage, StorageError, Tree};
use crate::proto::{Change, Entry, Kind, PathArg, VirtualPath};
use std::{ffi::OsStr, time::Instant};

/// The absolute path that `name` means.
pub fn path(name: impl Into<Vec<u8>>) -> VirtualPath {
    VirtualPath::root().join(&PathArg::new(name).unwrap())
}

/// Receives `bytes` into `name`, whole.
pub fn put(tree: &dyn Tree, name: &str, start: Start, bytes: &[u8]) -> Result<()> {
    let mut upload = tree.create(&path(name), start)?;
    upload.write(bytes)?;
    upload.commit().map(drop)
}

/// The bytes of `name` from `offset` on.
pub fn read(tree: &dyn Tree, name: &str, offset: u64) -> Result<Vec<u8>> {
    let mut download = tree.open(&path(name), offset)?;
    let (mut bytes, mut buffer) = (Vec::new(), [0; 3]);
    loop {
        match download.read(&mut buffer)? {
            0 => return Ok(bytes),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// The entries of `name`, sorted by name.
pub fn list(tree: &dyn Tree, name: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = tree.list(&path(name)).unwrap().map(Result::unwrap).collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

/// The names in `name`, sorted.
pub fn names(tree: &dyn Tree, name: &str) -> Vec<String> {
    list(tree, name).into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect()
}

macro_rules! assert_refused {
    ($result:expr, $why:ident) => {
        match $result.map(|_| ()) {
            Err(StorageError::$why) => {}
            other => panic!("{} gave {other:?}, not {}", stringify!($result), stringify!($why)),
        }
    };
}
pub(super) use assert_refused;

/// Runs every promise against an empty tree of its own.
pub fn keeps_its_promises(fresh: &mut dyn FnMut() -> Box<dyn Tree>) {
    let promises: &[fn(&dyn Tree)] = &[
        a_whole_file_is_read_back,
        nothing_appears_before_commit,
        a_dropped_upload_leaves_what_was_there,
        a_cut_upload_is_kept_under_a_new_name_only,
        a_unique_name_is_never_taken_from_another,
        an_upload_goes_on_at_an_offset,
        an_upload_goes_over_what_is_there,
        a_version_is_one_state_of_one_file,
        an_append_goes_on_at_the_end,
        an_append_makes_a_file_that_is_missing,
        only_one_upload_writes_in_place,
        a_download_survives_its_name,
        directories_are_made_and_removed,
        names_move,
        the_root_is_protected,
        names_that_cannot_be_are_refused,
    ];
    for promise in promises {
        promise(&*fresh());
    }
}

fn a_whole_file_is_read_back(tree: &dyn Tree) {
    put(tree, "a", Start::Fresh, b"hello world").unwrap();
    assert_eq!(read(tree, "a", 0).unwrap(), b"hello world");
    assert_eq!(read(tree, "a", 6).unwrap(), b"world");
    assert_eq!(read(tree, "a", 11).unwrap(), b"");
    assert_refused!(read(tree, "a", 12), BeyondEnd);
    assert_eq!(tree.open(&path("a"), 6).unwrap().size(), 11);
    let entry = tree.entry(&path("a")).unwrap();
    assert_eq!((entry.name.as_slice(), entry.kind, entry.size), (&b"a"[..], Kind::File, 11));
    assert_eq!(list(tree, "/"), [entry]);
    put(tree, "a", Start::At(0), b"new").unwrap();
    assert_eq!(read(tree, "a", 0).unwrap(), b"new");
    assert_refused!(read(tree, "b", 0), NotFound);
    assert_refused!(read(tree, "a/b", 0), NotADirectory);
    assert_refused!(read(tree, "/", 0), IsADirectory);
}

fn nothing_appears_before_commit(tree: &dyn Tree) {
    put(tree, "old", Start::Fresh, b"old").unwrap();
    let mut new = tree.create(&path("new"), Start::Fresh).unwrap();
    let mut old = tree.create(&path("old"), Start::Fresh).unwrap();
    new.write(b"1").unwrap();
    old.write(b"2").unwrap();
    assert_eq!(names(tree, "/"), ["old"]);
    assert_eq!(read(tree, "old", 0).unwrap(), b"old");
    new.commit().unwrap();
    old.commit().unwrap();
    assert_eq!(names(tree, "/"), ["new", "old"]);
    assert_eq!(read(tree, "old", 0).unwrap(), b"2");
}

fn a_dropped_upload_leaves_what_was_there(tree: &dyn Tree) {
    put(tree, "old", Start::Fresh, b"old").unwrap();
    for (name, start) in [("old", Start::Fresh), ("new", Start::Fresh), ("new", Start::Unique)] {
        let mut upload = tree.create(&path(name), start).unwrap();
        upload.write(b"half").unwrap();
        drop(upload);
        assert_eq!(names(tree, "/"), ["old"]);
        assert_eq!(read(tree, "old", 0).unwrap(), b"old");
    }
    for start in [Start::At(1), Start::End] {
        drop(tree.create(&path("old"), start).unwrap());
        assert_eq!(read(tree, "old", 0).unwrap(), b"old", "nothing was written");
    }
}

fn a_cut_upload_is_kept_under_a_new_name_only(tree: &dyn Tree) {
    put(tree, "old", Start::Fresh, b"old").unwrap();
    for (name, start, bytes, kept) in [
        ("old", Start::Fresh, &b"half"[..], Kept::Nothing),
        ("empty", Start::Fresh, b"", Kept::Nothing),
        ("new", Start::Fresh, b"half", Kept::Partial),
        ("unique", Start::Unique, b"half", Kept::Partial),
        ("new", Start::At(4), b"+", Kept::Partial),
        ("new", Start::End, b"+", Kept::Partial),
    ] {
        let mut upload = tree.create(&path(name), start).unwrap();
        upload.write(bytes).unwrap();
        assert_eq!(upload.keep_partial().unwrap(), kept, "{name} {start:?}");
    }
    assert_eq!(names(tree, "/"), ["new", "old", "unique"]);
    assert_eq!(read(tree, "old", 0).unwrap(), b"old");
    assert_eq!(read(tree, "new", 0).unwrap(), b"half++");
}

fn a_unique_name_is_never_taken_from_another(tree: &dyn Tree) {
    put(tree, "a", Start::Unique, b"1").unwrap();
    assert_refused!(tree.create(&path("a"), Start::Unique), Exists);
    let mut late = tree.create(&path("b"), Start::Unique).unwrap();
    late.write(b"late").unwrap();
    put(tree, "b", Start::Fresh, b"first").unwrap();
    assert_refused!(late.commit(), Exists);
    assert_eq!(read(tree, "b", 0).unwrap(), b"first");
    assert_eq!(names(tree, "/"), ["a", "b"]);
}

fn an_upload_goes_on_at_an_offset(tree: &dyn Tree) {
    put(tree, "a", Start::Fresh, b"0123456789").unwrap();
    assert_refused!(tree.create(&path("a"), Start::At(11)), BeyondEnd);
    assert_refused!(tree.create(&path("b"), Start::At(1)), NotFound);
    let mut upload = tree.create(&path("a"), Start::At(4)).unwrap();
    assert_eq!(read(tree, "a", 0).unwrap(), b"0123456789", "not changed before the first write");
    upload.write(b"ab").unwrap();
    assert_eq!(read(tree, "a", 0).unwrap(), b"0123ab");
    upload.write(b"c").unwrap();
    upload.commit().unwrap();
    assert_eq!(read(tree, "a", 0).unwrap(), b"0123abc");
    tree.create(&path("a"), Start::At(2)).unwrap().commit().unwrap();
    assert_eq!(read(tree, "a", 0).unwrap(), b"01", "an empty rest ends the file");
}

fn an_upload_goes_over_what_is_there(tree: &dyn Tree) {
    put(tree, "a", Start::Fresh, b"0123456789").unwrap();
    assert_refused!(tree.create(&path("a"), Start::Over(11)), BeyondEnd);
    assert_refused!(tree.create(&path("b"), Start::Over(0)), NotFound);
    let mut upload = tree.create(&path("a"), Start::Over(4)).unwrap();
    upload.write(b"ab").unwrap();
    upload.write(b"c").unwrap();
    assert_refused!(tree.create(&path("a"), Start::Over(0)), Busy);
    upload.commit().unwrap();
    assert_eq!(read(tree, "a", 0).unwrap(), b"0123abc789");
    put(tree, "a", Start::Over(8), b"defg").unwrap();
    assert_eq!(read(tree, "a", 0).unwrap(), b"0123abc7defg");
    drop(tree.create(&path("a"), Start::Over(1)).unwrap());
    assert_eq!(read(tree, "a", 0).unwrap(), b"0123abc7defg");
}

fn a_version_is_one_state_of_one_file(tree: &dyn Tree) {
    let version = |name: &str| tree.open(&path(name), 0).unwrap().version().unwrap();
    let received = |name: &str, start: Start, bytes: &[u8]| {
        let mut upload = tree.create(&path(name), start).unwrap();
        upload.write(bytes).unwrap();
        upload.commit().unwrap().unwrap()
    };
    for (name, start) in [("a", Start::Fresh), ("a", Start::Fresh), ("b", Start::Unique)] {
        assert_eq!(received(name, start, b"hello"), version(name), "{name} {start:?}");
    }
    let (a, b) = (version("a"), version("b"));
    assert_ne!(a, b);
    assert_eq!((a.size, version("a")), (5, a));
    // A file system's clock may stand still for some milliseconds.
    let begun = Instant::now();
    while received("a", Start::Over(0), b"j") == a {
        assert!(begun.elapsed().as_secs() < 10, "it never changes");
    }
    assert_ne!(version("a"), a);
    tree.change(&path("b"), Change::Modified("2026-01-01T00:00:00Z".parse().unwrap())).unwrap();
    assert_ne!(version("b"), b);
}

fn an_append_goes_on_at_the_end(tree: &dyn Tree) {
    put(tree, "a", Start::Fresh, b"one").unwrap();
    put(tree, "a", Start::End, b"two").unwrap();
    assert_eq!(read(tree, "a", 0).unwrap(), b"onetwo");
}

fn an_append_makes_a_file_that_is_missing(tree: &dyn Tree) {
    let mut late = tree.create(&path("a"), Start::End).unwrap();
    late.write(b"late").unwrap();
    put(tree, "a", Start::End, b"first").unwrap();
    assert_refused!(late.commit(), Exists);
    assert_eq!(read(tree, "a", 0).unwrap(), b"first");
}

fn only_one_upload_writes_in_place(tree: &dyn Tree) {
    put(tree, "a", Start::Fresh, b"one").unwrap();
    let first = tree.create(&path("a"), Start::End).unwrap();
    assert_refused!(tree.create(&path("a"), Start::End), Busy);
    assert_refused!(tree.create(&path("a"), Start::At(1)), Busy);
    drop(first);
    put(tree, "a", Start::End, b"two").unwrap();
}

fn a_download_survives_its_name(tree: &dyn Tree) {
    put(tree, "a", Start::Fresh, b"one").unwrap();
    let mut replaced = tree.open(&path("a"), 0).unwrap();
    put(tree, "a", Start::Fresh, b"two").unwrap();
    let mut removed = tree.open(&path("a"), 0).unwrap();
    tree.remove_file(&path("a")).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(replaced.read(&mut buffer).unwrap(), 3);
    assert_eq!(&buffer[..3], b"one");
    assert_eq!(removed.read(&mut buffer).unwrap(), 3);
    assert_eq!(&buffer[..3], b"two");
}

fn directories_are_made_and_removed(tree: &dyn Tree) {
    tree.make_directory(&path("d")).unwrap();
    assert_refused!(tree.make_directory(&path("d")), Exists);
    assert_refused!(tree.make_directory(&path("no/d")), NotFound);
    tree.make_directory(&path("d/e")).unwrap();
    put(tree, "d/e/f", Start::Fresh, b"").unwrap();
    assert_eq!(tree.entry(&path("d/e")).unwrap().kind, Kind::Directory);
    assert_eq!(names(tree, "d"), ["e"]);
    for start in [Start::Fresh, Start::End, Start::At(1)] {
        assert_refused!(tree.create(&path("d"), start), IsADirectory);
    }
    assert_refused!(tree.create(&path("d"), Start::Unique), Exists);
    assert_refused!(tree.create(&path("no/f"), Start::Fresh), NotFound);
    assert_refused!(tree.create(&path("d/e/f/g"), Start::Fresh), NotADirectory);
    assert_refused!(tree.make_directory(&path("d/e/f")), Exists);
    assert_refused!(tree.list(&path("d/e/f")), NotADirectory);
    assert_refused!(tree.list(&path("no")), NotFound);
    assert_refused!(tree.remove_file(&path("d")), IsADirectory);
    assert_refused!(tree.remove_directory(&path("d")), NotEmpty);
    assert_refused!(tree.remove_directory(&path("d/e/f")), NotADirectory);
    assert_refused!(tree.remove_directory(&path("no")), NotFound);
    tree.remove_file(&path("d/e/f")).unwrap();
    tree.remove_directory(&path("d/e")).unwrap();
    tree.remove_directory(&path("d")).unwrap();
    assert_refused!(tree.entry(&path("d")), NotFound);
    assert_refused!(tree.remove_file(&path("d")), NotFound);
}

fn names_move(tree: &dyn Tree) {
    put(tree, "a", Start::Fresh, b"a").unwrap();
    put(tree, "b", Start::Fresh, b"b").unwrap();
    tree.make_directory(&path("d")).unwrap();
    tree.rename(&path("a"), &path("b")).unwrap();
    assert_eq!(read(tree, "b", 0).unwrap(), b"a");
    tree.rename(&path("b"), &path("d/c")).unwrap();
    tree.rename(&path("d"), &path("e")).unwrap();
    assert_eq!(read(tree, "e/c", 0).unwrap(), b"a");
    tree.make_directory(&path("f")).unwrap();
    assert_refused!(tree.rename(&path("e"), &path("e/d")), InvalidName);
    assert_refused!(tree.rename(&path("f"), &path("e")), NotEmpty);
    assert_refused!(tree.rename(&path("e/c"), &path("f")), IsADirectory);
    assert_refused!(tree.rename(&path("f"), &path("e/c")), NotADirectory);
    assert_refused!(tree.rename(&path("no"), &path("f")), NotFound);
    assert_refused!(tree.rename(&path("f"), &path("no/f")), NotFound);
    tree.rename(&path("e/c"), &path("e/c")).unwrap();
    assert_eq!(names(tree, "/"), ["e", "f"]);
}

fn the_root_is_protected(tree: &dyn Tree) {
    let root = VirtualPath::root();
    tree.make_directory(&path("d")).unwrap();
    assert_refused!(tree.remove_directory(&root), InvalidName);
    assert_refused!(tree.remove_file(&root), InvalidName);
    assert_refused!(tree.rename(&root, &path("d/e")), InvalidName);
    assert_refused!(tree.rename(&path("d"), &root), InvalidName);
    assert_refused!(tree.make_directory(&root), InvalidName);
    assert_refused!(tree.create(&root, Start::Fresh), InvalidName);
    assert_eq!(tree.entry(&root).unwrap().kind, Kind::Directory);
    assert!(tree.entry(&root).unwrap().name.is_empty());
}

fn names_that_cannot_be_are_refused(tree: &dyn Tree) {
    let longest = "x".repeat(255);
    put(tree, &longest, Start::Fresh, b"").unwrap();
    tree.rename(&path(longest.as_str()), &path("a")).unwrap();
    for bad in ["x".repeat(256), "tab\t".to_owned(), "\x1b[2J".to_owned()] {
        for start in [Start::Fresh, Start::Unique, Start::End] {
            assert_refused!(tree.create(&path(bad.as_str()), start), InvalidName);
        }
        assert_refused!(tree.make_directory(&path(bad.as_str())), InvalidName);
        assert_refused!(tree.rename(&path("a"), &path(bad.as_str())), InvalidName);
    }
    put(tree, "a b ü", Start::Fresh, b"").unwrap();
    assert_eq!(names(tree, "/"), ["a", "a b ü"]);
}

#[test]
fn memory_keeps_the_promises() {
    keeps_its_promises(&mut || Memory::new().tree(OsStr::new("ann")).unwrap());
}

#[test]
fn local_keeps_the_promises_with_and_without_fsync() {
    for fsync in [false, true] {
        let mut homes = Vec::new();
        let storage = super::Local::new(LocalOptions { fsync, ..LocalOptions::default() });
        keeps_its_promises(&mut || {
            let home = tempfile::tempdir().unwrap();
            let tree = storage.tree(home.path().as_os_str()).unwrap();
            homes.push(home);
            tree
        });
    }
}

#[test]
fn memory_shares_its_homes_and_keeps_them_apart() {
    let memory = Memory::new();
    memory.put("ann", "/d/e/a", b"hello");
    let tree = memory.clone().tree(OsStr::new("ann")).unwrap();
    assert_eq!(read(&*tree, "d/e/a", 0).unwrap(), b"hello");
    put(&*tree, "b", Start::Fresh, b"back").unwrap();
    assert_eq!(memory.get("ann", "/b").unwrap(), b"back");
    assert_eq!(memory.get("bob", "/b"), None);
}
