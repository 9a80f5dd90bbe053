//! Programs that `fxpd` runs behind uploads.

use crate::{
    daemon::{Daemon, add_account, wait_for, write_identity},
    ftp::Ftp,
    peer,
    site::PATIENCE,
};
use rustix::process::Signal;
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::TcpStream,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    time::{Duration, Instant},
};

/// A daemon whose directory holds this shell script as `hook`, and these settings, in which
/// `HOOK` stands for its path.
fn daemon(script: &str, settings: &str) -> Daemon {
    Daemon::start_with(|place| {
        let hook = place.join("hook");
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        settings.replace("HOOK", &hook.display().to_string())
    })
}

fn login(daemon: &Daemon) -> Ftp {
    let mut ftp = daemon.connect();
    ftp.secure();
    ftp.log_in("ann");
    ftp
}

/// What a program left, once it is there: it must write to another name and rename.
fn left(path: &Path) -> Vec<u8> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match fs::read(path) {
            Ok(bytes) => return bytes,
            Err(error) => assert!(Instant::now() < deadline, "{path:?}: {error}"),
        }
        std::thread::yield_now();
    }
}

/// The variables in the output of `env -0`.
fn variables(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let pair = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b'=').unwrap();
        (String::from_utf8(line[..at].to_vec()).unwrap(), line[at + 1..].to_vec())
    };
    bytes.split(|byte| *byte == 0).filter(|line| !line.is_empty()).map(pair).collect()
}

/// Leaves its environment beside the daemon's other files, under its first argument.
const TELLS: &str = "cd \"${0%/*}\" && env -0 > told.new && mv told.new \"told.$1\"";

#[test]
fn a_program_runs_behind_an_upload_and_is_told_all_of_it() {
    let daemon = daemon(TELLS, "on_upload = ['HOOK', 'a b']\nhash_transfers = 'all'\n");
    let mut ftp = login(&daemon);
    ftp.says("MKD dir", 257);
    ftp.upload("STOR dir/it's $(x) \u{e4} ;a", b"hello");
    let told = variables(&left(&daemon.path("told.a b")));
    let file = daemon.path("ann/dir/it's $(x) \u{e4} ;a");
    for (name, value) in [
        ("FXPD_ACCOUNT", &b"ann"[..]),
        ("FXPD_PATH", "/dir/it's $(x) \u{e4} ;a".as_bytes()),
        ("FXPD_FILE", file.as_os_str().as_bytes()),
        ("FXPD_BYTES", b"5"),
        ("FXPD_CLIENT", b"127.0.0.1"),
        ("FXPD_RESULT", b"complete"),
        ("FXPD_FOREIGN", b"no"),
        ("FXPD_VERIFIED", b"no"),
        ("FXPD_SHA256", b"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
    ] {
        assert_eq!(told.get(name).map(Vec::as_slice), Some(value), "{name} of {told:?}");
    }
    assert!(told["FXPD_PEER"].starts_with(b"127.0.0.1:"), "{told:?}");
    assert!(!told.contains_key("FXPD_HOST") && !told.contains_key("HOME"), "{told:?}");
    let allowed = |name: &String| {
        name.starts_with("FXPD_")
            || ["PATH", "PWD"].contains(&name.as_str())
            || name == "_"
            || name == "OLDPWD"
            || name == "SHLVL"
    };
    assert!(told.keys().all(allowed), "{told:?}");
}

#[test]
fn names_come_to_a_program_byte_for_byte() {
    let daemon = daemon(TELLS, "on_upload = ['HOOK', '1']\n");
    let mut ftp = login(&daemon);
    let address = ftp.epsv();
    ftp.sends(b"STOR \xff\\n \xe2\x80\xa8-=\"'\r\n");
    ftp.hears(150);
    let mut data = ftp.data(address);
    data.write_all(b"x").unwrap();
    peer::finish(data);
    ftp.hears(226);
    let told = variables(&left(&daemon.path("told.1")));
    assert_eq!(told["FXPD_PATH"], b"/\xff\\n \xe2\x80\xa8-=\"'");
    assert!(told["FXPD_FILE"].ends_with(b"/ann/\xff\\n \xe2\x80\xa8-=\"'"));
    assert_eq!(fs::read_dir(daemon.path("ann")).unwrap().count(), 1);
}

#[test]
fn an_upload_that_fails_has_a_program_of_its_own() {
    let settings = "on_upload = ['HOOK', 'good']\non_upload_failed = ['HOOK', 'bad']\n";
    let daemon = daemon(TELLS, settings);
    let mut ftp = login(&daemon);
    ftp.breaks_off("STOR cut", b"half");
    let told = variables(&left(&daemon.path("told.bad")));
    assert_eq!(told["FXPD_RESULT"], b"incomplete");
    assert_eq!(told["FXPD_PATH"], b"/cut");
    assert!(!told.contains_key("FXPD_SHA256"), "{told:?}");
    ftp.upload("STOR whole", b"whole");
    ftp.download("RETR whole");
    assert_eq!(variables(&left(&daemon.path("told.good")))["FXPD_PATH"], b"/whole");
}

#[test]
fn a_program_is_told_the_virtual_host() {
    let daemon = Daemon::start_with(|place| {
        let path = |name: &str| place.join(name);
        fs::create_dir(path("bob")).unwrap();
        write_identity(&path("b.pem"), &path("b.key"), "b.example");
        add_account(&path("b.passwd"), "ann", &path("bob"));
        fs::write(path("hook"), format!("#!/bin/sh\n{TELLS}\n")).unwrap();
        fs::set_permissions(path("hook"), fs::Permissions::from_mode(0o755)).unwrap();
        let place = place.display();
        format!(
            "on_upload = ['{place}/hook', '1']\n[[host]]\nnames = 'b.example'\n\
             certificate = '{place}/b.pem'\nkey = '{place}/b.key'\nusers = '{place}/b.passwd'\n"
        )
    });
    let mut ftp = daemon.connect();
    ftp.says("HOST b.example", 220);
    ftp.secure();
    ftp.log_in("ann");
    ftp.upload("STOR a", b"hello");
    let told = variables(&left(&daemon.path("told.1")));
    assert_eq!(told["FXPD_HOST"], b"b.example");
    assert_eq!(told["FXPD_FILE"], daemon.path("bob/a").as_os_str().as_bytes());
}

#[test]
fn what_a_program_says_and_how_it_fails_is_in_the_log() {
    let script = "echo one; printf 'two\\033[2J\\n' >&2; printf three; exit 3";
    let daemon = daemon(script, "on_upload = 'HOOK'\n");
    login(&daemon).upload("STOR a", b"hello");
    let first = wait_for(&daemon.log, "on_upload[");
    assert!(first.ends_with(": one"), "{first}");
    assert!(wait_for(&daemon.log, "on_upload[").ends_with(r": two\u{1b}[2J"));
    assert!(wait_for(&daemon.log, "on_upload[").ends_with(": three"));
    assert!(wait_for(&daemon.log, "on_upload[").ends_with("exit status: 3"));
}

#[test]
fn a_program_that_is_not_there_harms_nobody() {
    let daemon = daemon("", "on_upload = '/no/such/program'\n");
    let mut ftp = login(&daemon);
    ftp.upload("STOR a", b"hello");
    wait_for(&daemon.log, "on_upload cannot be run for /a: No such file");
    ftp.says("NOOP", 200);
}

#[test]
fn a_flood_of_output_is_cut() {
    let script = "head -c 300000 /dev/zero | tr '\\0' 'x'; echo; yes | head -n 100000";
    let daemon = daemon(script, "on_upload = 'HOOK'\n");
    login(&daemon).upload("STOR a", b"hello");
    let line = wait_for(&daemon.log, "xxx");
    assert!(line.len() < 20_000, "{}", line.len());
    let lost = wait_for(&daemon.log, "bytes more are not logged");
    assert!(lost.contains(&format!("{} bytes", 300_001 + 200_000 - (16 << 10))), "{lost}");
}

/// A set of signals, as `/proc` tells it.
fn signals(status: &str, name: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

#[test]
fn a_program_has_no_descriptors_of_the_server_and_signals_as_by_default() {
    let script = "cd \"${0%/*}\" && { ls -l /proc/$$/fd; grep ^Sig /proc/self/status; ps -o pgid= $$; echo $$; } > new && mv new seen";
    let daemon = daemon(script, "on_upload = 'HOOK'\n");
    login(&daemon).upload("STOR a", b"hello");
    let seen = String::from_utf8(left(&daemon.path("seen"))).unwrap();
    // The masks are those of grep: a shell that waits for it blocks signals meanwhile.
    let open: Vec<_> = seen.lines().filter(|line| line.contains(" -> ")).collect();
    let foreign = |line: &&&str| line.contains("socket:") || line.contains("eventpoll");
    assert_eq!(open.iter().find(foreign), None, "{seen}");
    let beyond = |line: &&&str| line.contains("pipe:") && !line.contains(" 2 -> ");
    let output = open.iter().find(|line| line.contains(" 2 -> ")).unwrap();
    let (_, output) = output.split_once(" -> ").unwrap();
    let other = open.iter().filter(beyond).find(|line| !line.ends_with(output));
    assert_eq!(other, None, "{seen}");
    let ours = fs::read_to_string("/proc/self/status").unwrap();
    for name in ["SigBlk:", "SigIgn:"] {
        // The C library keeps two behind the usual ones for itself. What we were started without, as
        // by a shell in the background, everybody below is; but Rust's own is not handed on.
        let handed_on = signals(&ours, name) & !(1 << (Signal::PIPE.as_raw() - 1));
        assert_eq!(signals(&seen, name) & 0x7fff_ffff & !handed_on, 0, "{seen}");
    }
    let numbers: Vec<_> = seen.lines().rev().take(2).map(str::trim).collect();
    assert_eq!(numbers[0], numbers[1], "a group of its own: {seen}");
}

#[test]
fn a_program_that_hangs_is_ended_with_all_of_its_group() {
    let script = "trap '' TERM; (trap '' TERM; sleep 1000) & echo \"child $!\"; sleep 1000";
    let daemon = daemon(script, "on_upload = 'HOOK'\nhook_timeout_s = 1\n");
    let mut ftp = login(&daemon);
    ftp.upload("STOR a", b"hello");
    let line = wait_for(&daemon.log, "child ");
    let child = line.rsplit(' ').next().unwrap().to_owned();
    assert!(Path::new(&format!("/proc/{child}")).exists());
    wait_for(&daemon.log, "takes too long: SIGTERM");
    ftp.says("NOOP", 200);
    wait_for(&daemon.log, "takes too long: SIGKILL");
    let gone = Instant::now() + PATIENCE;
    while is_running(&child) {
        assert!(Instant::now() < gone, "{child} is still there");
    }
}

/// A process that waits for its parent to notice its end is none.
pub fn is_running(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

#[test]
fn a_flood_of_uploads_waits_for_no_program_and_drops_are_counted() {
    const QUEUED: usize = 1000;
    const MORE: usize = 7;
    let script = "cd \"${0%/*}\"; test -e free || { echo held; read line < go; }";
    let daemon = daemon(script, "on_upload = 'HOOK'\nmax_hooks = 1\ntls = 'optional'\n");
    fifo(&daemon.path("go"));
    let mut ftp = daemon.connect();
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 230);
    let mut upload = || {
        let address = ftp.epsv();
        ftp.says("STOR a", 150);
        drop(TcpStream::connect(address).unwrap());
        ftp.hears(226);
    };
    upload();
    wait_for(&daemon.log, "held");
    for _ in 0..QUEUED + MORE {
        upload();
    }
    wait_for(&daemon.log, "on_upload is behind and not run for /a");
    // A record is written after it was offered to the program.
    let written = || fs::read_to_string(daemon.path("xferlog")).unwrap().lines().count();
    let deadline = Instant::now() + PATIENCE;
    while written() < 1 + QUEUED + MORE {
        assert!(Instant::now() < deadline, "{} records", written());
    }
    fs::write(daemon.path("free"), "").unwrap();
    fs::write(daemon.path("go"), "\n").unwrap();
    // Whether there is room is known when there is an upload, and not before.
    let deadline = Instant::now() + PATIENCE;
    let (mut lost, mut told) = (MORE, None);
    while told.is_none() {
        assert!(Instant::now() < deadline, "no count");
        upload();
        told = daemon.log.try_iter().find(|line| line.contains("hooks were behind"));
        lost += 1;
    }
    let told = told.unwrap();
    let count: usize = told.split(' ').find_map(|word| word.parse().ok()).unwrap();
    assert!((MORE..lost).contains(&count), "{told}");
}

pub fn fifo(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
}

#[test]
fn a_server_that_stops_waits_for_a_program_only_so_long() {
    let script = "echo begun; exec sleep 1000";
    let daemon = daemon(script, "on_upload = 'HOOK'\nmax_hooks = 1\nhook_timeout_s = 3\n");
    let mut ftp = login(&daemon);
    // So many that some wait still, however slowly they come: each turn takes three seconds.
    for name in ["a", "b", "c", "d", "e", "f"] {
        ftp.upload(&format!("STOR {name}"), b"hello");
    }
    wait_for(&daemon.log, "begun");
    let began = Instant::now();
    daemon.signal(Signal::TERM);
    let line = wait_for(&daemon.log, "the server stops before its hooks");
    assert!(line.contains(" not run"), "{line}");
    wait_for(&daemon.log, "must end: SIGTERM");
    wait_for(&daemon.log, "stopped");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn a_server_that_stops_lets_a_program_end() {
    let script = "cd \"${0%/*}\"; echo begun; read line < go; echo done > new; mv new seen";
    let daemon = daemon(script, "on_upload = 'HOOK'\n");
    fifo(&daemon.path("go"));
    login(&daemon).upload("STOR a", b"hello");
    wait_for(&daemon.log, "begun");
    daemon.signal(Signal::TERM);
    wait_for(&daemon.log, "stopping");
    fs::write(daemon.path("go"), "\n").unwrap();
    wait_for(&daemon.log, "stopped");
    assert_eq!(fs::read(daemon.path("seen")).unwrap(), b"done\n");
}
