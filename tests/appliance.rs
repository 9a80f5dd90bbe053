//! The small build, `--no-default-features`: what it has not, it refuses in words. `make check` runs
//! these tests on that build alone; every other build fails them.

#![allow(clippy::unwrap_used)] // in a test it is the assertion
#![allow(dead_code)] // of what the modules of the other tests offer, these need little

mod ftp;
mod peer;
mod site;

use ftp::Ftp;
use site::{PATIENCE, Site};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Made of `pw` by crypt(3).
const SHA256_CRYPT: &str = "$5$rounds=1000$saltsalt$eNI.02a9Kos9UxzxjTLpNZ6kYHkRe9Z8OsGkDDoW/X2";

fn fxpd(words: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fxpd"));
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// `fxpd` with two accounts: `ann`, whose hash is one of argon2, and `old`, whose hash is not.
struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
    address: SocketAddr,
    directory: TempDir,
}

impl Daemon {
    fn start() -> Daemon {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().to_str().unwrap();
        let (cert, key) = (format!("{place}/cert.pem"), format!("{place}/key.pem"));
        let made = fxpd(&["cert", "--cert", &cert, "--key", &key, "--name", "localhost"], "");
        assert!(made.status.success(), "{made:?}");
        add_account(&directory.path().join("passwd"), place);
        let config = format!(
            "listen = ['127.0.0.1:0']\ncertificate = '{cert}'\nkey = '{key}'\n\
             users = '{place}/passwd'\nstate_directory = '{place}/state'\n"
        );
        fs::write(directory.path().join("fxpd.conf"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fxpd"));
        command.arg("-c").arg(directory.path().join("fxpd.conf")).env_remove("RUST_LOG");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut daemon = Daemon { child, log, address: ([0; 4], 0).into(), directory };
        let listening = daemon.logs("listening on ");
        daemon.address = listening.rsplit(' ').next().unwrap().parse().unwrap();
        daemon.logs("serving");
        daemon
    }

    /// Waits until all that is in memory of it, as ps(1) shows it, is `most_kib` at most.
    fn comes_down_to(&self, most_kib: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.resident_kib() > most_kib {
            assert!(Instant::now() < deadline, "{} KiB", self.resident_kib());
            thread::sleep(Duration::from_millis(20)); // nothing tells
        }
        println!("{} KiB", self.resident_kib());
    }

    fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    /// Waits for a line of the log that holds `what`.
    fn logs(&mut self, what: &str) -> String {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ends without '{what}'");
        }
        line.trim_end().to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn add_account(users: &Path, home: &str) {
    let file = users.to_str().unwrap();
    let added = fxpd(&["passwd", "add", "ann", "-f", file, "--home", home, "--stdin"], "pw\n");
    assert!(added.status.success(), "{added:?}");
    let text = fs::read_to_string(users).unwrap();
    fs::write(users, format!("{text}old:{SHA256_CRYPT}:0:0::{home}:\n")).unwrap();
}

#[test]
fn there_is_no_mode_z_and_every_place_says_so() {
    let site = Site::start();
    site.put("hello.txt", b"hello\n");
    let mut ftp = site.login("ann");
    let features = ftp.says("FEAT", 211);
    assert!(!features.contains("MODE") && features.contains("SSCN"), "{features}");
    assert_eq!(ftp.says("HELP MODE", 214), "214 Usage: MODE S");
    assert_eq!(ftp.says("MODE Z", 504), "504 Usage: MODE S");
    assert_eq!(ftp.says("OPTS MODE Z LEVEL 9", 504), "504 Usage: OPTS UTF8 ON|MLST|HASH");
    ftp.says("MODE S", 200);
    assert!(ftp.says("STAT", 211).contains("mode: stream"));
    assert_eq!(ftp.download("RETR hello.txt"), b"hello\n");
}

#[test]
fn an_account_whose_hash_is_not_built_in_is_refused_and_the_log_says_why() {
    let mut daemon = Daemon::start();
    let mut ftp = Ftp::connect(daemon.address);
    ftp.secure();
    ftp.says("USER old", 331);
    ftp.says("PASS pw", 530);
    let told = daemon.logs("account 'old'");
    assert!(
        told.ends_with("is refused: its password is hashed by sha256, which is not built in"),
        "{told}"
    );
    ftp.log_in("ann");
}

#[test]
fn the_check_of_a_configuration_warns_of_such_accounts_and_none_is_made() {
    let daemon = Daemon::start();
    let path = |name: &str| daemon.directory.path().join(name).to_str().unwrap().to_owned();
    let checked = fxpd(&["-t", "-c", &path("fxpd.conf")], "");
    assert!(checked.status.success(), "{checked:?}");
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(told.contains("passwd: 1 accounts are refused: sha256 or the like is not built in"));
    let words = ["passwd", "set", "ann", "-f", &path("passwd"), "--stdin", "--hash", "yescrypt"];
    let refused = fxpd(&words, "pw\n");
    assert!(!refused.status.success());
    assert_eq!(String::from_utf8(refused.stderr).unwrap(), "fxpd: yescrypt is not built in\n");
}

/// `make footprint` holds the build for size to the same, and measures; this one is for debugging.
#[test]
fn at_rest_six_mebibytes_are_in_memory_with_the_systems_libraries() {
    const MOST_KIB: u64 = 6 << 10;
    let daemon = Daemon::start();
    daemon.comes_down_to(MOST_KIB);
    for _ in 0..2 {
        let mut ftp = Ftp::connect(daemon.address);
        ftp.secure();
        ftp.log_in("ann");
        assert!(daemon.resident_kib() > MOST_KIB, "{} KiB", daemon.resident_kib());
        ftp.says("QUIT", 221);
        drop(ftp);
        daemon.comes_down_to(MOST_KIB);
    }
}

#[test]
fn on_a_terminal_fxp_prints_lines_and_draws_nothing() {
    let site = Site::start();
    site.put("hello.txt", &vec![b'x'; 1_000_000]);
    let target = tempfile::tempdir().unwrap();
    let mut command = Command::new("python3");
    // A terminal of its own, whose output is this program's.
    command.args(["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"]);
    command.arg(env!("CARGO_BIN_EXE_fxp"));
    command.args(["--pin", &site.identity.fingerprint().to_string()]);
    command.arg(format!("ftps://ann@{}/hello.txt", site.address)).arg(target.path());
    command.env("FXP_PASSWORD", "pw").env("HOME", target.path()).stdin(Stdio::null());
    let output = command.output().expect("python3 runs");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("hello.txt: 1000000 bytes in "), "{shown}");
    assert!(!shown.contains(['\x1b', '%']), "{shown:?}");
    assert_eq!(fs::read(target.path().join("hello.txt")).unwrap().len(), 1_000_000);
}
