//! What only the host's file system has: links, special files, permissions, hidden names.

use super::*;
use crate::proto::Kind;
use crate::storage::Kept;
use crate::storage::contract::{assert_refused, list, names, path, put, read};
use rustix::fs::{CWD, Mode, mkfifoat};
use std::{
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::PathBuf,
};

/// A home with a neighbour that must stay out of reach.
struct Site {
    directory: tempfile::TempDir,
}

impl Site {
    fn start() -> Site {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("home")).unwrap();
        fs::write(directory.path().join("secret"), "secret").unwrap();
        Site { directory }
    }

    fn host(&self, name: &str) -> PathBuf {
        self.directory.path().join("home").join(name)
    }

    fn tree(&self, options: LocalOptions) -> Box<dyn Tree> {
        Local::new(options).tree(self.host("").as_os_str()).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.host(name)).unwrap().permissions().mode() & 0o7777
    }

    /// All names of the home, hidden ones too.
    fn all_names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.host("")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[test]
fn a_home_must_be_a_directory_with_an_absolute_path() {
    let site = Site::start();
    let local = Local::default();
    fs::write(site.host("file"), "").unwrap();
    assert_refused!(local.tree(OsStr::new("home")), InvalidName);
    assert_refused!(local.tree(site.host("missing").as_os_str()), NotFound);
    assert_refused!(local.tree(site.host("file").as_os_str()), NotADirectory);
}

#[test]
fn a_link_never_leads_out_of_the_tree() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    symlink(site.directory.path().join("secret"), site.host("absolute")).unwrap();
    symlink("../secret", site.host("above")).unwrap();
    symlink("../../../../../../../../etc", site.host("far")).unwrap();
    symlink("loop", site.host("loop")).unwrap();
    for name in ["absolute", "above", "loop", "far/passwd"] {
        assert_refused!(tree.open(&path(name), 0), NotFound);
        assert_refused!(tree.entry(&path(name)), NotFound);
        assert_refused!(tree.create(&path(name), Start::At(1)), NotFound);
    }
    assert_refused!(tree.create(&path("absolute"), Start::Fresh), NotFound);
    assert_refused!(tree.create(&path("loop"), Start::Fresh), NotFound);
    assert_refused!(tree.create(&path("far/new"), Start::Fresh), NotFound);
    assert_refused!(tree.make_directory(&path("far/new")), NotFound);
    // `..` at the top stays there: the link means a file of the tree.
    put(&*tree, "above", Start::Fresh, b"mine").unwrap();
    assert_eq!(fs::read(site.host("secret")).unwrap(), b"mine");
    assert_eq!(fs::read(site.directory.path().join("secret")).unwrap(), b"secret");
    let kinds: Vec<Kind> = list(&*tree, "/").into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::File, Kind::Other, Kind::Other, Kind::Other, Kind::File]);
}

#[test]
fn a_link_within_the_tree_is_followed_and_stays() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    fs::create_dir_all(site.host("d/e")).unwrap();
    fs::write(site.host("d/file"), "old").unwrap();
    symlink("/d", site.host("top")).unwrap();
    symlink("../file", site.host("d/e/link")).unwrap();
    symlink("d/new", site.host("dangling")).unwrap();
    assert_eq!(read(&*tree, "top/e/link", 0).unwrap(), b"old");
    put(&*tree, "top/e/link", Start::Fresh, b"new").unwrap();
    put(&*tree, "top/e/link", Start::End, b"+").unwrap();
    put(&*tree, "dangling", Start::Fresh, b"made").unwrap();
    assert_eq!(fs::read(site.host("d/file")).unwrap(), b"new+");
    assert_eq!(fs::read(site.host("d/new")).unwrap(), b"made");
    assert_eq!(list(&*tree, "d/e")[0].size, 4);
    assert!(fs::symlink_metadata(site.host("d/e/link")).unwrap().is_symlink());
    assert_refused!(tree.create(&path("top"), Start::Fresh), IsADirectory);
    tree.remove_file(&path("d/e/link")).unwrap();
    assert_eq!(names(&*tree, "top"), ["e", "file", "new"]);
}

#[test]
fn special_files_are_refused_without_blocking() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    mkfifoat(CWD, site.host("fifo"), Mode::from_raw_mode(0o666)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(site.host("socket")).unwrap();
    for name in ["fifo", "socket"] {
        assert_refused!(tree.open(&path(name), 0), NotAFile);
        assert_refused!(tree.create(&path(name), Start::Fresh), NotAFile);
        assert_refused!(tree.create(&path(name), Start::End), NotAFile);
        assert_eq!(tree.entry(&path(name)).unwrap().kind, Kind::Other);
    }
    assert_eq!(site.all_names().len(), 2);
}

/// A name of the kind that unfinished uploads have where they have any.
const HIDDEN: &str = ".fxpd.0123456789abcdef.part";

/// A file of that name in `directory`, held as its writer does.
fn held(site: &Site, directory: &str) -> File {
    let file = File::create(site.host(directory).join(HIDDEN)).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn devices_are_no_files_wherever_a_tree_begins() {
    let tree = Local::default().tree(OsStr::new("/dev")).unwrap();
    for name in ["null", "zero", "tty", "ptmx"] {
        for start in [Start::Fresh, Start::At(1), Start::Over(0), Start::End] {
            assert!(tree.create(&path(name), start).is_err(), "{name} {start:?}");
        }
        assert!(tree.open(&path(name), 0).is_err(), "{name}");
    }
    assert_refused!(tree.open(&path("null"), 0), NotAFile);
    assert_refused!(tree.create(&path("null"), Start::End), NotAFile);
}

#[test]
fn unfinished_uploads_have_no_name_and_leave_no_trace() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    for end in [Upload::keep_partial as fn(Box<dyn Upload>) -> Result<Kept>, |_| Ok(Kept::Nothing)]
    {
        fs::write(site.host("old"), "old").unwrap();
        let mut upload = tree.create(&path("old"), Start::Fresh).unwrap();
        upload.write(b"half").unwrap();
        assert_eq!(site.all_names(), ["old"], "on a file system that has nameless files");
        assert_eq!(end(upload).unwrap(), Kept::Nothing);
        assert_eq!(site.all_names(), ["old"]);
    }
}

#[test]
fn files_with_a_hidden_name_do_not_exist_for_clients() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    let _writer = held(&site, "");
    assert_eq!(names(&*tree, "/"), [""; 0]);
    let hidden = path(HIDDEN);
    assert_refused!(tree.open(&hidden, 0), NotFound);
    assert_refused!(tree.entry(&hidden), NotFound);
    assert_refused!(tree.remove_file(&hidden), NotFound);
    assert_refused!(tree.rename(&hidden, &path("b")), NotFound);
    assert_refused!(tree.create(&hidden, Start::End), InvalidName);
    assert_refused!(tree.rename(&path("b"), &hidden), InvalidName);
    assert_eq!(site.all_names(), [HIDDEN], "somebody writes it");
}

#[test]
fn what_a_killed_server_left_goes_when_its_directory_is_read_or_removed() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    drop(held(&site, ""));
    assert_eq!(names(&*tree, "/"), [""; 0]);
    assert_eq!(site.all_names(), [""; 0]);
    fs::create_dir(site.host("d")).unwrap();
    let writer = held(&site, "d");
    assert_refused!(tree.remove_directory(&path("d")), NotEmpty);
    drop(writer);
    fs::write(site.host("d/file"), "").unwrap();
    assert_refused!(tree.remove_directory(&path("d")), NotEmpty);
    fs::remove_file(site.host("d/file")).unwrap();
    tree.remove_directory(&path("d")).unwrap();
    assert_eq!(site.all_names(), [""; 0]);
}

#[test]
fn only_regular_files_are_swept() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    fs::write(site.host("file"), "mine").unwrap();
    symlink("file", site.host(".fxpd.0000000000000001.part")).unwrap();
    let fifo = site.host(".fxpd.0000000000000002.part");
    mkfifoat(CWD, &fifo, Mode::from_raw_mode(0o666)).unwrap();
    let _reader = File::options().read(true).write(true).open(&fifo).unwrap();
    fs::create_dir(site.host(".fxpd.0000000000000003.part")).unwrap();
    assert_eq!(names(&*tree, "/"), ["file"]);
    assert_eq!(site.all_names().len(), 4);
    assert_eq!(fs::read(site.host("file")).unwrap(), b"mine");
}

#[test]
fn only_exact_hidden_names_are_hidden() {
    for (name, hidden) in [
        (".fxpd.0123456789abcdef.part", true),
        (".fxpd.0123456789abcde.part", false),
        (".fxpd.0123456789abcdeg.part", false),
        (".fxpd.0123456789abcdef.part2", false),
        (".fxpd", false),
    ] {
        assert_eq!(hidden::is_hidden(name.as_bytes()), hidden, "{name}");
    }
}

#[test]
fn new_names_get_the_umask_and_replaced_files_keep_their_mode() {
    let site = Site::start();
    let tree = site.tree(LocalOptions { umask_octal: 0o027, ..LocalOptions::default() });
    fs::write(site.host("old"), "").unwrap();
    fs::set_permissions(site.host("old"), fs::Permissions::from_mode(0o4751)).unwrap();
    put(&*tree, "old", Start::Fresh, b"1").unwrap();
    put(&*tree, "new", Start::Fresh, b"1").unwrap();
    let mut cut = tree.create(&path("cut"), Start::Fresh).unwrap();
    cut.write(b"1").unwrap();
    assert_eq!(cut.keep_partial().unwrap(), Kept::Partial);
    tree.make_directory(&path("d")).unwrap();
    assert_eq!(site.mode("old"), 0o751, "no set-user-ID bit passes on");
    assert_eq!(site.mode("new"), 0o640);
    assert_eq!(site.mode("cut"), 0o640);
    assert_eq!(site.mode("d"), 0o750);
    assert_eq!(tree.entry(&path("old")).unwrap().mode, 0o751);
}

#[test]
fn partial_files_can_be_discarded_by_option() {
    let site = Site::start();
    let tree = site.tree(LocalOptions { keep_partial: false, ..LocalOptions::default() });
    let mut cut = tree.create(&path("cut"), Start::Fresh).unwrap();
    cut.write(b"1").unwrap();
    assert_eq!(cut.keep_partial().unwrap(), Kept::Nothing);
    assert_eq!(site.all_names(), [""; 0]);
}

#[test]
fn in_place_writes_into_the_file_itself() {
    let site = Site::start();
    let tree = site.tree(LocalOptions { in_place: true, ..LocalOptions::default() });
    fs::write(site.host("old"), "old contents").unwrap();
    let inode = fs::metadata(site.host("old")).unwrap().ino();
    drop(tree.create(&path("old"), Start::Fresh).unwrap());
    assert_eq!(fs::read(site.host("old")).unwrap(), b"old contents", "nothing was written");
    put(&*tree, "old", Start::Fresh, b"new").unwrap();
    assert_eq!(fs::read(site.host("old")).unwrap(), b"new");
    assert_eq!(fs::metadata(site.host("old")).unwrap().ino(), inode);
    let mut made = tree.create(&path("made"), Start::Fresh).unwrap();
    made.write(b"half").unwrap();
    assert_eq!(fs::read(site.host("made")).unwrap(), b"half");
    assert_eq!(made.keep_partial().unwrap(), Kept::Partial);
    drop(tree.create(&path("dropped"), Start::Fresh).unwrap());
    put(&*tree, "whole", Start::At(0), b"").unwrap();
    assert_eq!(names(&*tree, "/"), ["made", "old", "whole"]);
    assert_eq!(site.mode("made"), 0o644);
}

#[test]
fn a_descriptor_stands_at_the_next_byte() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    fs::write(site.host("a"), "0123456789").unwrap();
    let mut download = tree.open(&path("a"), 3).unwrap();
    download.read(&mut [0; 2]).unwrap();
    let fd = download.descriptor().unwrap();
    assert_eq!(rustix::fs::tell(fd).unwrap(), 5);
    let flags = rustix::fs::fcntl_getfl(fd).unwrap();
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
}

#[test]
fn a_large_directory_is_listed_entry_by_entry() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    for number in 0..10_000 {
        fs::write(site.host(&format!("file-{number}")), "").unwrap();
    }
    let mut listing = tree.list(&VirtualPath::root()).unwrap();
    listing.next().unwrap().unwrap();
    // What goes while the listing is read is left out, not an error.
    for number in 0..10_000 {
        fs::remove_file(site.host(&format!("file-{number}"))).unwrap();
    }
    let rest: Vec<_> = listing.map(Result::unwrap).collect();
    assert!(rest.is_empty(), "{} entries were read ahead", rest.len());
    for number in 0..10_000 {
        fs::write(site.host(&format!("file-{number}")), "").unwrap();
    }
    assert_eq!(tree.list(&VirtualPath::root()).unwrap().map(Result::unwrap).count(), 10_000);
}

#[test]
fn names_are_bytes() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    let name = b"\xff\xfe caf\xe9";
    let mut upload = tree.create(&path(*name), Start::Fresh).unwrap();
    upload.write(b"bytes").unwrap();
    upload.commit().unwrap();
    assert!(site.host("").join(OsStr::from_bytes(name)).exists());
    assert_eq!(list(&*tree, "/")[0].name, name);
    assert_eq!(tree.entry(&path(*name)).unwrap().size, 5);
}

#[test]
fn a_directory_that_appears_meanwhile_is_not_replaced() {
    let site = Site::start();
    let tree = site.tree(LocalOptions::default());
    let upload = tree.create(&path("a"), Start::Fresh).unwrap();
    fs::create_dir(site.host("a")).unwrap();
    assert_refused!(upload.commit(), IsADirectory);
    assert_eq!(site.all_names(), ["a"]);
}
