//! Listings of a server of its own: how much memory they take, whose time they show, and what the
//! kernel lets its user do.

use crate::{
    child::{self, Daemon},
    ftp::Ftp,
    one_directory, peer,
};
use openssl::ssl::ErrorCode;
use std::{
    fs::{self, File, FileTimes},
    os::unix::fs::{MetadataExt, PermissionsExt},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

#[test]
fn a_directory_of_a_hundred_thousand_entries_takes_no_memory() {
    const COUNT: usize = 100_000;
    let daemon = Daemon::start(&[], &[]);
    for number in 0..COUNT {
        File::create(daemon.path(&format!("a-file-with-a-name-of-some-length-{number}"))).unwrap();
    }
    let mut ftp = daemon.login();
    ftp.download("NLST *-77777");
    for (command, may_take_kib) in [
        ("MLSD", 1 << 10),
        // Some thousand entries are held, in the hope that they are all.
        ("LIST", 4 << 10),
        // The client insists: some ten thousand.
        ("NLST -t", 24 << 10),
    ] {
        let before = daemon.forget_peak_kib();
        let listed = ftp.download(command);
        let lines = listed.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines, COUNT, "{command}");
        let took = daemon.peak_kib().saturating_sub(before);
        assert!(took <= may_take_kib, "{command} took {took} KiB");
    }
}

const MANY: u64 = 150_000;

#[test]
fn the_first_names_are_sent_before_the_last_are_read() {
    let read = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&read);
    let (server, mut ftp) = one_directory::serve(move || {
        let read = Arc::clone(&counted);
        (0..MANY).map(move |number| {
            read.fetch_add(1, Ordering::SeqCst);
            format!("file-{number:06}-{}", "x".repeat(100))
        })
    });
    for command in ["MLSD", "LIST", "NLST f*"] {
        read.store(0, Ordering::SeqCst);
        let address = ftp.epsv();
        ftp.says(command, 150);
        let mut data = ftp.data(address);
        let mut first = vec![0; 1 << 14];
        let count = data.ssl_read(&mut first).unwrap();
        let ahead = read.load(Ordering::SeqCst);
        assert!(ahead < MANY, "{command}: all {ahead} were read before the first was sent");
        let mut lines = first[..count].iter().filter(|byte| **byte == b'\n').count() as u64;
        loop {
            match data.ssl_read(&mut first) {
                Ok(count) => lines += first[..count].iter().filter(|b| **b == b'\n').count() as u64,
                Err(error) if error.code() == ErrorCode::ZERO_RETURN => break,
                Err(error) => panic!("{command}: {error}"),
            }
        }
        peer::finish(data);
        ftp.hears(226);
        assert_eq!(lines, MANY, "{command}");
    }
    // Nobody reads: the listing stops where the buffers are full, and ends when it is told to.
    read.store(0, Ordering::SeqCst);
    let address = ftp.epsv();
    ftp.says("LIST -R", 150);
    let data = ftp.data(address);
    ftp.says("ABOR", 426);
    ftp.hears(226);
    assert!(read.load(Ordering::SeqCst) < MANY);
    drop(data);
    server.shutdown();
}

#[test]
fn list_shows_local_times_and_facts_show_utc() {
    // Half an hour off every zone that a machine is likely to have.
    let daemon = Daemon::start(&[], &[("TZ", "XXX-5:30")]);
    let minute = 60;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let day_ago = (now - 86_400) / minute * minute;
    for (name, seconds) in [("old", 1_600_000_000), ("young", day_ago)] {
        let file = File::create(daemon.path(name)).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }
    let mut ftp = daemon.login();
    let clock = (day_ago + 5 * 3600 + 1800) % 86_400 / minute;
    let shown = format!(" {:02}:{:02} young\r\n", clock / 60, clock % 60);
    let listed = String::from_utf8(ftp.download("LIST")).unwrap();
    assert!(listed.contains(&shown), "{listed} has no{shown}");
    assert!(listed.contains(" Sep 13  2020 old\r\n"), "{listed}");
    assert!(ftp.says("MLST old", 250).contains(";modify=20200913122640;"));
    ftp.says("MFMT 20200913183001 old", 213);
    let listed = String::from_utf8(ftp.download("LIST old")).unwrap();
    assert!(listed.contains(" Sep 14  2020 old"), "{listed}: half past midnight there");
    assert_eq!(ftp.says("MDTM old", 213), "213 20200913183001");
}

#[test]
fn perm_tells_what_the_kernel_allows() {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let daemon = Daemon::start(if is_root { &["user=nobody"] } else { &[] }, &[]);
    for (directory, mode) in [("free", 0o777), ("fixed", 0o555), ("closed", 0o000)] {
        fs::create_dir(daemon.path(directory)).unwrap();
        for (file, mode) in [("rw", 0o666), ("r", 0o444), ("w", 0o222), ("none", 0o000)] {
            let path = daemon.path(directory).join(file);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::set_permissions(daemon.path(directory), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(daemon.path(""), fs::Permissions::from_mode(0o555)).unwrap();
    let mut ftp = daemon.login();
    for (path, perm) in [
        ("free", "celmp"),
        ("fixed", "el"),
        ("closed", ""),
        ("free/rw", "adfrw"),
        ("free/r", "dfr"),
        ("free/w", "adfw"),
        ("free/none", "df"),
        ("fixed/rw", "ar"),
        ("fixed/r", "r"),
        ("fixed/none", ""),
    ] {
        let told = ftp.says(&format!("MLST {path}"), 250);
        assert!(told.contains(&format!(";perm={perm};")), "{path} is {perm}: {told}");
        let (directory, name) = path.split_once('/').unwrap_or((".", path));
        let listed = String::from_utf8(ftp.download(&format!("MLSD {directory}"))).unwrap();
        let line = listed.lines().find(|line| line.ends_with(&format!("; {name}"))).unwrap();
        assert!(line.contains(&format!(";perm={perm};")), "{path} is {perm}: {line}");
    }
    // What is told is so.
    let uploaded = |ftp: &mut Ftp, name: &str| {
        ftp.epsv();
        ftp.sends(format!("STOR {name}\r\n").as_bytes());
        !ftp.reply().unwrap().starts_with('5')
    };
    assert!(!uploaded(&mut ftp, "fixed/rw") && !uploaded(&mut ftp, "free/r"));
    ftp.says("DELE free/none", 250);
    ftp.says("DELE fixed/none", 550);
    ftp.says("EPSV", 229);
    ftp.says("LIST closed", 550);
    if is_root {
        sticky_directories_let_go_of_own_files_only(&daemon, &mut ftp);
    }
    fs::set_permissions(daemon.path(""), fs::Permissions::from_mode(0o755)).unwrap();
}

fn sticky_directories_let_go_of_own_files_only(daemon: &Daemon, ftp: &mut Ftp) {
    fs::create_dir(daemon.path("sticky")).unwrap();
    fs::set_permissions(daemon.path("sticky"), fs::Permissions::from_mode(0o1777)).unwrap();
    for name in ["own", "foreign"] {
        fs::write(daemon.path("sticky").join(name), "").unwrap();
    }
    child::give_to_nobody(&daemon.path("sticky/own"));
    assert!(ftp.says("MLST sticky/own", 250).contains(";perm=adfrw;"));
    assert!(ftp.says("MLST sticky/foreign", 250).contains(";perm=r;"));
}
