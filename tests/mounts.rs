//! File systems of a test's own: full, broken, read-only, counted, or shared. Mounting takes root.

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    process::{Pid, Signal, kill_process},
};
use std::{
    fs::{self, File},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Something mounted at a directory, gone when dropped.
pub struct Mount {
    at: PathBuf,
    /// What it is made of.
    below: Below,
}

enum Below {
    Nothing,
    Directory(#[expect(dead_code, reason = "it is held, not used")] TempDir),
    Disk(File),
}

impl Mount {
    /// In memory, with such options as `size=1m` or `nr_inodes=9`.
    pub fn in_memory(at: &Path, options: &str) -> Mount {
        mount(at, &["-t", "tmpfs", "-o", options, "none"]);
        Mount { at: at.to_owned(), below: Below::Nothing }
    }

    /// As shared file systems are: with locks, and without nameless files.
    pub fn shared(at: &Path) -> Mount {
        let kept = tempfile::tempdir().unwrap();
        run("bindfs", Command::new("bindfs").arg(kept.path()).arg(at));
        Mount { at: at.to_owned(), below: Below::Directory(kept) }
    }

    /// On a disk of so many bytes, which `mkfs` formats.
    pub fn of_disk(at: &Path, bytes: u64, mkfs: &[&str]) -> Mount {
        let disk = File::from(
            memfd_create("disk", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).unwrap(),
        );
        disk.set_len(bytes).unwrap();
        let path = format!("/proc/{}/fd/{}", std::process::id(), disk.as_raw_fd());
        run(mkfs[0], Command::new(mkfs[0]).args(&mkfs[1..]).arg(&path));
        mount(at, &["-o", "loop", &path]);
        Mount { at: at.to_owned(), below: Below::Disk(disk) }
    }

    /// From now on its disk fails, behind so many bytes: reading and writing.
    pub fn fails_behind(&self, bytes: u64) {
        let Below::Disk(disk) = &self.below else { panic!("it has no disk") };
        disk.set_len(bytes).unwrap();
        fcntl_add_seals(disk, SealFlags::GROW).unwrap();
    }

    /// Changes its options while it is in use.
    pub fn remount(&self, options: &str) {
        run(
            "mount",
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.at),
        );
    }

    /// Has a shared one answer nobody until the value returned is dropped.
    pub fn hangs(&self) -> Hanging {
        let is_it = |pid: &i32| {
            let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.starts_with("bindfs\0") && words.contains(self.at.to_str().unwrap())
        };
        let all = fs::read_dir("/proc").unwrap();
        let mut pids = all.filter_map(|it| it.unwrap().file_name().to_str()?.parse().ok());
        let pid = Pid::from_raw(pids.find(is_it).expect("a bindfs")).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        Hanging(pid)
    }

    /// The names in it that unfinished uploads have.
    pub fn hidden_names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.at).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(".fxpd.")).collect()
    }
}

/// A file system that answers nobody.
pub struct Hanging(Pid);

impl Drop for Hanging {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a server that the test leaves may still hold a handle.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

fn mount(at: &Path, arguments: &[&str]) {
    run("mount", Command::new("mount").args(arguments).arg(at));
}

#[track_caller]
pub fn run(package: &str, command: &mut Command) {
    let outcome = command.output();
    let outcome = outcome.unwrap_or_else(|error| panic!("{package} is needed: {error}"));
    let words = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{command:?}, which takes root: {words}");
}
