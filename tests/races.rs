//! Names that change under our hands: a directory that is a link in the next moment, and back
//! again. Whatever the moment, no path leads out of the tree.

use fxpd::{Change, Local, LocalOptions, PathArg, Start, Storage, StorageError, Tree, VirtualPath};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::{
    fs::{self, File},
    os::{
        fd::AsRawFd,
        unix::fs::{PermissionsExt, symlink},
    },
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How often each attempt is made, and how long that may take. A check of the path before its use,
/// in place of one by the kernel, is found out within a few hundred.
const ATTEMPTS: usize = 5_000;
const AT_MOST: Duration = Duration::from_secs(15);

/// Does `work` again and again while somebody else does `change`.
fn amid(change: impl Fn() + Sync, mut work: impl FnMut()) {
    let (is_done, changes) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let _done = Done(&is_done);
        let changing = thread::Builder::new().spawn_scoped(scope, || {
            while !is_done.load(Ordering::Relaxed) {
                change();
                changes.fetch_add(1, Ordering::Relaxed);
            }
        });
        let began = Instant::now();
        for _ in (0..ATTEMPTS).take_while(|_| began.elapsed() < AT_MOST) {
            work();
        }
        drop(changing.unwrap());
    });
    assert!(changes.load(Ordering::Relaxed) > 100, "names have changed");
}

/// Tells that it is done, also where it failed.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn path(name: &str) -> VirtualPath {
    VirtualPath::root().join(&PathArg::new(name).unwrap())
}

/// Puts a file there if that can be.
fn put(tree: &dyn Tree, name: &str, start: Start) -> Result<(), StorageError> {
    let mut upload = tree.create(&path(name), start)?;
    upload.write(b"mine")?;
    upload.commit().map(drop)
}

/// Does all that a client can to what lies below `d`, and counts the files that it has read: none is
/// the secret.
fn try_all_below_d(tree: &dyn Tree) -> u32 {
    let mut reached = 0;
    let mut bytes = [0; 16];
    for name in ["d/secret", "d/sub/secret", "d/../d/secret"] {
        if let Ok(mut file) = tree.open(&path(name), 0) {
            reached += 1;
            let count = file.read(&mut bytes).unwrap();
            assert_ne!(&bytes[..count], b"secret", "{name}");
        }
    }
    let _ = put(tree, "d/new", Start::Fresh);
    let _ = put(tree, "d/secret", Start::End);
    let _ = put(tree, "d/sub/secret", Start::Fresh);
    let _ = tree.change(&path("d/secret"), Change::Mode(0o666));
    let _ = tree.make_directory(&path("d/made"));
    let _ = tree.rename(&path("d/secret"), &path("d/moved"));
    let _ = tree.remove_file(&path("d/moved"));
    let _ = tree.remove_file(&path("d/sub/secret"));
    let _ = tree.remove_directory(&path("d/sub"));
    if let Ok(entries) = tree.list(&path("d")) {
        assert!(entries.flatten().all(|entry| entry.name != b"theirs"));
    }
    reached
}

#[test]
fn a_directory_that_becomes_a_link_meanwhile_leads_nowhere_outside() {
    let place = tempfile::tempdir().unwrap();
    let host = |name: &str| place.path().join(name);
    for directory in ["home", "home/d", "outside", "outside/sub"] {
        fs::create_dir(host(directory)).unwrap();
    }
    for file in ["secret", "sub/secret", "theirs"] {
        fs::write(host("outside").join(file), "secret").unwrap();
        fs::set_permissions(host("outside").join(file), fs::Permissions::from_mode(0o600)).unwrap();
    }
    // What stands in the tree under the same names is harmless. By its handle the directory is
    // itself, whatever it is called.
    let handle = File::open(host("home/d")).unwrap();
    let inside = format!("/proc/self/fd/{}", handle.as_raw_fd());
    let restore = || {
        let _ = fs::create_dir(format!("{inside}/sub"));
        for file in ["secret", "sub/secret"] {
            fs::write(format!("{inside}/{file}"), "harmless").unwrap();
        }
    };
    restore();
    symlink(host("outside"), host("home/l")).unwrap();
    let tree = Local::new(LocalOptions::default()).tree(host("home").as_os_str()).unwrap();

    let mut reached = 0;
    let (one, other) = (host("home/d"), host("home/l"));
    let exchange = || renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
    amid(exchange, || {
        reached += try_all_below_d(&*tree);
        restore();
    });
    assert!(reached > 0, "the tree itself is reached");
    let names = |directory: &str| {
        let entries = fs::read_dir(host(directory)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("outside"), ["secret", "sub", "theirs"]);
    assert_eq!(names("outside/sub"), ["secret"]);
    for file in ["outside/secret", "outside/sub/secret"] {
        assert_eq!(fs::read(host(file)).unwrap(), b"secret", "{file}");
        assert_eq!(fs::metadata(host(file)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_file_in_place_is_never_made_behind_a_link_that_appears_meanwhile() {
    let place = tempfile::tempdir().unwrap();
    let host = |name: &str| place.path().join(name);
    for directory in ["home", "outside"] {
        fs::create_dir(host(directory)).unwrap();
    }
    let options = LocalOptions { in_place: true, ..LocalOptions::default() };
    let tree = Local::new(options).tree(host("home").as_os_str()).unwrap();
    let (target, name) = (host("outside").join("made"), host("home/name"));
    let come_and_go = || {
        let _ = symlink(&target, &name); // unless a file of that name was faster
        let _ = fs::remove_file(&name);
    };

    let mut stored = 0;
    amid(come_and_go, || {
        stored += u32::from(put(&*tree, "name", Start::Fresh).is_ok());
        assert!(!target.exists(), "it was made outside");
    });
    assert!(stored > 0, "the tree itself is written to");
}
