//! Locking a thread into one directory (landlock(7)): whatever it, and threads that it starts, tries
//! to open elsewhere is denied by the kernel, root or not. What is open already stays usable.

use crate::sys::trial::try_out;
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr,
};
use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd},
};

/// What may be done within the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Reading files and directories.
    Read,
    /// That, and making, writing, moving and removing files, directories and links.
    Change,
}

/// Below this one nothing can be moved from one directory to another.
const OLDEST_OF_USE: ABI = ABI::V2;

/// Beyond this one even `/dev/log` would have to be allowed.
const NEWEST_KNOWN: ABI = ABI::V8;

/// An error that says why when threads cannot be locked.
pub fn check() -> io::Result<()> {
    let anywhere = File::open("/")?;
    try_out(|| lock_thread_into(anywhere.as_fd(), Inside::Change))
}

/// Locks the calling thread into `directory` for good. An error where the kernel cannot.
pub fn lock_thread_into(directory: BorrowedFd<'_>, inside: Inside) -> io::Result<()> {
    let rule = PathBeneath::new(directory, accesses(inside));
    let ruleset = ruleset()?.set_compatibility(CompatLevel::BestEffort).add_rule(rule);
    ruleset.and_then(|it| it.restrict_self()).map_err(io::Error::other)?;
    Ok(())
}

/// Everything that the kernel can deny is denied.
fn ruleset() -> io::Result<RulesetCreated> {
    let oldest = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(OLDEST_OF_USE));
    oldest
        .and_then(|it| {
            it.set_compatibility(CompatLevel::BestEffort)
                .handle_access(AccessFs::from_all(NEWEST_KNOWN))
        })
        .and_then(Ruleset::create)
        .map_err(io::Error::other)
}

/// No client makes devices, sockets or FIFOs, and the server runs no programs of its clients.
fn accesses(inside: Inside) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let change = AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSym
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer;
    match inside {
        Inside::Read => read,
        Inside::Change => read | change,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink, path::Path, thread};

    /// Does `act` on a thread that is locked into a directory called `in`, beside one called `out`.
    fn locked(inside: Inside, act: impl FnOnce(&Path) + Send) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for name in ["in", "in/a", "in/b", "out"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        fs::write(path.join("in/a/file"), "mine").unwrap();
        fs::write(path.join("out/file"), "other").unwrap();
        symlink("../out/file", path.join("in/link")).unwrap();
        let top = File::open(path.join("in")).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                lock_thread_into(top.as_fd(), inside).unwrap();
                act(path);
            });
        });
        // The others are not.
        assert_eq!(fs::read(path.join("out/file")).unwrap(), b"other");
    }

    fn is_denied<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn a_locked_thread_opens_nothing_outside_by_no_way() {
        locked(Inside::Change, |path| {
            for outside in [
                Path::new("/etc/passwd"),
                &path.join("out/file"),
                &path.join("in/../out/file"),
                &path.join("in/link"),
            ] {
                assert!(is_denied(fs::read(outside)), "{outside:?}");
            }
            assert!(is_denied(fs::read_dir(path.join("out"))));
            assert!(is_denied(File::create(path.join("out/new"))));
            assert!(is_denied(fs::remove_file(path.join("out/file"))));
            assert!(fs::rename(path.join("in/a/file"), path.join("out/moved")).is_err());
            assert!(fs::hard_link(path.join("out/file"), path.join("in/got")).is_err());
            let handle = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
            let out = rustix::fs::open(path.join("out"), handle, rustix::fs::Mode::empty());
            // A handle for itself opens nothing either.
            let read = rustix::fs::OFlags::RDONLY;
            let opened = rustix::fs::openat(out.unwrap(), "file", read, rustix::fs::Mode::empty());
            assert!(is_denied(opened.map_err(io::Error::from)));
        });
    }

    #[test]
    fn a_locked_thread_does_inside_what_it_may() {
        locked(Inside::Change, |path| {
            fs::rename(path.join("in/a/file"), path.join("in/b/file")).unwrap();
            fs::write(path.join("in/b/file"), "new").unwrap();
            fs::create_dir(path.join("in/c")).unwrap();
            symlink("c", path.join("in/d")).unwrap();
            fs::remove_file(path.join("in/b/file")).unwrap();
            fs::remove_dir(path.join("in/b")).unwrap();
        });
        locked(Inside::Read, |path| {
            assert_eq!(fs::read(path.join("in/a/file")).unwrap(), b"mine");
            assert_eq!(fs::read_dir(path.join("in")).unwrap().count(), 3);
            assert!(is_denied(fs::write(path.join("in/a/file"), "new")));
            assert!(is_denied(fs::create_dir(path.join("in/c"))));
            assert!(is_denied(fs::remove_file(path.join("in/a/file"))));
        });
    }

    #[test]
    fn what_a_locked_thread_starts_is_locked_too() {
        locked(Inside::Change, |_| {
            thread::scope(|scope| {
                scope.spawn(|| assert!(is_denied(fs::read("/etc/passwd"))));
            });
        });
    }
}
