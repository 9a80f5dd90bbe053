//! Users of this very system, and services of PAM that ask for them: made by a test that runs as
//! root, and gone with it, also when it fails.

use crate::started::{Home, wait_until};
use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::{
        LazyLock, Once,
        atomic::{AtomicUsize, Ordering},
    },
};
use tempfile::TempDir;

/// The password of every user here.
pub const PASSWORD: &str = "sesame";

/// Names of this run, which no other run of the tests has. What a run has left that was killed goes
/// with the first of them.
fn name() -> String {
    static SWEEP: Once = Once::new();
    SWEEP.call_once(sweep);
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("fxpt{}x{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn sweep() {
    let is_left = |name: &str| {
        let pid = name.strip_prefix("fxpt").and_then(|rest| rest.split_once('x'));
        pid.is_some_and(|(pid, _)| !Path::new("/proc").join(pid).exists())
    };
    for entry in fs::read_dir("/etc/pam.d").unwrap() {
        let entry = entry.unwrap();
        if is_left(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_file(entry.path()); // another run may do the same
        }
    }
    // Groups last: those of users that are there cannot go.
    for (tool, list) in [("userdel", "/etc/passwd"), ("groupdel", "/etc/group")] {
        let list = fs::read_to_string(list).unwrap();
        let names = list.lines().map(|line| line.split(':').next().unwrap());
        names.filter(|name| is_left(name)).for_each(|name| drop(quietly(tool, &[name])));
    }
}

/// A user with a group of its own, a further group, and an empty home.
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// The further group.
    pub group: u32,
}

impl User {
    /// One as people have it, with its home in the directory of `home`.
    pub fn new(home: &Home) -> User {
        User::with(home, &[])
    }

    /// One with these options of useradd(8) more.
    pub fn with(home: &Home, options: &[&str]) -> User {
        let is_root = rustix::process::geteuid().is_root();
        assert!(is_root, "this makes users: run the tests as root, such as by sudo");
        let name = name();
        let group = format!("{name}g");
        let place = home.word(&name);
        let words = ["-M", "-U", "-d", &place, "-s", "/bin/sh", "-G", &group];
        account_tool("groupadd", &[&group]);
        let mut user = User { name, uid: 0, gid: 0, group: 0 }; // from here on it goes with the test
        account_tool("useradd", &[&words[..], options, &[&user.name]].concat());
        let id = |kind: &str| run("id", &[kind, &user.name]).trim().parse().unwrap();
        (user.uid, user.gid) = (id("-u"), id("-g"));
        let entry = run("getent", &["group", &group]);
        user.group = entry.split(':').nth(2).unwrap().parse().unwrap();
        // Written as chpasswd(8) would, which takes the way through PAM.
        user.has_hash(&hash());
        fs::create_dir(&place).unwrap();
        chown(&place, Some(user.uid), Some(user.gid)).unwrap();
        fs::set_permissions(home.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        user
    }

    fn has_hash(&self, hash: &str) {
        account_tool("usermod", &["-p", hash, &self.name]);
    }

    /// Changes it by usermod(8).
    pub fn is(&self, options: &[&str]) {
        account_tool("usermod", &[options, &[&self.name]].concat());
    }

    /// A file of its home.
    pub fn file(&self, home: &Home, name: &str) -> PathBuf {
        home.path(&self.name).join(name)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // It may be half made.
        let group = format!("{}g", self.name);
        for words in [&["userdel", "-f", &self.name][..], &["groupdel", &group]] {
            let _ = quietly(words[0], &words[1..]);
        }
    }
}

/// A file of `/etc/pam.d`.
pub struct Service {
    pub name: String,
}

impl Service {
    /// With these lines.
    pub fn new(lines: &str) -> Service {
        let service = Service { name: name() };
        service.becomes(lines);
        service
    }

    /// From the next question on it has these lines.
    pub fn becomes(&self, lines: &str) {
        fs::write(self.path(), format!("{lines}\n")).unwrap();
    }

    /// pam_unix(8) and nothing else. It lets the refused wait, unless `option` is `nodelay`.
    pub fn unix(option: &str) -> Service {
        Service::new(&format!("auth required pam_unix.so {option}\naccount required pam_unix.so"))
    }

    fn path(&self) -> PathBuf {
        Path::new("/etc/pam.d").join(&self.name)
    }

    /// The settings of a server that asks it.
    pub fn settings(&self) -> String {
        format!("log = 'syslog'\naccount_ids = true\npam_service = '{}'\n", self.name)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path()); // it may be gone
    }
}

/// The line of `auth` for `tests/pam_module.c` with these arguments. It is compiled once for all tests.
pub fn module(arguments: &str) -> String {
    static STAGE: LazyLock<TempDir> = LazyLock::new(|| {
        let stage = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pam_module.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o"]);
        compiler.arg(stage.path().join("module.so")).arg(source).arg("-lpam");
        assert!(compiler.status().expect("a C compiler").success(), "libpam0g-dev has its headers");
        stage
    });
    format!("auth required {}/module.so {arguments}", STAGE.path().display())
}

/// The hash of [`PASSWORD`], by the system's own crypt(3).
fn hash() -> String {
    run("perl", &["-e", "print crypt($ARGV[0], '$y$j9T$abcdefghijklmnop')", PASSWORD])
}

/// Runs a tool of shadow-utils. One that finds the files locked, by another run of the tests or a
/// package that is being installed, is run again.
#[track_caller]
fn account_tool(tool: &str, words: &[&str]) {
    let mut complaint = String::new();
    wait_until(&format!("{tool} {words:?}"), || {
        let output = quietly(tool, words);
        complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_locked = complaint.contains("cannot lock") || complaint.contains("try again later");
        assert!(output.status.success() || is_locked, "{tool} {words:?}: {complaint}");
        output.status.success()
    });
}

fn quietly(tool: &str, words: &[&str]) -> process::Output {
    // Where a PATH of a user leaves these out.
    let path = format!("/usr/sbin:/sbin:{}", std::env::var("PATH").unwrap());
    let output = Command::new("env").arg(format!("PATH={path}")).arg(tool).args(words).output();
    output.unwrap_or_else(|error| panic!("{tool}: {error}"))
}

#[track_caller]
fn run(tool: &str, words: &[&str]) -> String {
    let output = quietly(tool, words);
    assert!(
        output.status.success(),
        "{tool} {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A script for pam_exec(8). Written by another process: a fork of ours that still holds it open
/// would keep it from being executed.
pub fn script(home: &Home, name: &str, text: &str) -> String {
    let place = home.word(name);
    let write = "cat > \"$0\" && chmod 755 \"$0\"";
    let mut shell =
        Command::new("sh").args(["-c", write, &place]).stdin(Stdio::piped()).spawn().unwrap();
    let text = format!("#!/bin/sh\n{text}\n");
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
    place
}
