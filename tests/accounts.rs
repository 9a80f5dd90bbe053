//! Who may enter: what the users file holds besides argon2, and what is said when nobody can tell.

use crate::{child::Daemon, ftp::Ftp, program::Program};
use std::{fs, path::Path, time::Instant};
use tempfile::TempDir;

/// A control connection under TLS that has said `USER`.
fn introduced(daemon: &Daemon, name: &str) -> Ftp {
    let mut ftp = Ftp::connect(daemon.address);
    ftp.secure();
    ftp.says(&format!("USER {name}"), 331);
    ftp
}

#[test]
fn hashes_that_the_system_has_made_open_their_accounts() {
    let daemon = Daemon::start(&[], &[]);
    let crypt = |salt: &str| {
        let words = ["-e", "print crypt('pw', $ARGV[0])", salt];
        Program::new("perl", "perl").runs(&words).succeeds().out
    };
    let home = daemon.path("").display().to_string();
    let mut lines = String::new();
    let salts =
        ["$y$j9T$abcdefghijklmnop", "$2b$05$saltofbcryptsaltofbcrO", "$6$saltof6", "$5$saltof5"];
    for (number, salt) in salts.iter().enumerate() {
        let hash = crypt(salt);
        assert!(hash.starts_with(salt), "{hash}");
        lines.push_str(&format!("u{number}:{hash}:0:0::{home}:\n"));
    }
    fs::write(daemon.path("../passwd"), lines).unwrap();
    for number in 0..salts.len() {
        introduced(&daemon, &format!("u{number}")).says("PASS pw", 230);
    }
    introduced(&daemon, "u0").says("PASS wp", 530);
}

#[test]
fn a_users_file_that_cannot_be_read_is_no_wrong_password() {
    let daemon = Daemon::start(&[], &[]);
    daemon.login().says("QUIT", 221); // it has read the file at its start
    let (file, away) = (daemon.path("../passwd"), daemon.path("../away"));
    fs::rename(&file, &away).unwrap();
    let began = Instant::now();
    for _ in 0..8 {
        let mut ftp = introduced(&daemon, "ann");
        assert!(ftp.says("PASS pw", 421).contains("try again later"));
        ftp.hears_the_end();
    }
    // As guesses they would have waited for twenty seconds and more.
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    fs::rename(&away, &file).unwrap();
    daemon.login().says("PWD", 257);
}

/// The example that comes with the server, and a database of its own.
struct Example {
    directory: TempDir,
    program: String,
}

impl Example {
    /// With the account `dora`, whose password is `p"w` and whose home it is.
    fn new() -> Example {
        let directory = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/fxpd-auth-sqlite");
        let example = Example { directory, program: program.display().to_string() };
        fs::write(example.directory.path().join("hello"), "hello").unwrap();
        let home = example.directory.path().display().to_string();
        let words = [&example.program, "add", "dora", &home, "access=ro"];
        let python = Program::new("python3", "python3");
        python.put(".input", b"p\"w\n");
        let input = fs::File::open(python.path(".input")).unwrap();
        let mut command = std::process::Command::new("python3");
        command.args(words).env("FXPD_AUTH_DB", example.database()).stdin(input);
        assert!(command.status().unwrap().success());
        example
    }

    fn database(&self) -> String {
        self.directory.path().join("accounts").display().to_string()
    }
}

#[test]
fn a_program_knows_accounts_that_the_users_file_does_not() {
    let example = Example::new();
    let setting = format!("auth_program={}", example.program);
    let daemon = Daemon::start(&[&setting], &[("FXPD_AUTH_DB", &example.database())]);
    let mut dora = introduced(&daemon, "dora");
    dora.says("PASS p\"w", 230);
    dora.says("PBSZ 0", 200);
    dora.says("PROT P", 200);
    assert_eq!(dora.download("RETR hello"), b"hello");
    assert!(dora.says("MKD d", 550).contains("only read"));
    // ann's password is known to the users file, which decides alone.
    for (name, password) in [("dora", "pw"), ("nobody", "pw"), ("ann", "p\"w")] {
        introduced(&daemon, name).says(&format!("PASS {password}"), 530);
    }
    daemon.login().says("MKD d", 257);
    fs::remove_file(example.database()).unwrap();
    introduced(&daemon, "dora").says("PASS p\"w", 421);
    daemon.login().says("PWD", 257);
}

#[test]
fn a_program_that_says_nothing_stops_nobody_else() {
    let settings = ["auth_program=/bin/sleep", "auth_program_timeout_s=1"];
    let broken = Daemon::start(&settings, &[]);
    introduced(&broken, "dora").says("PASS pw", 421);
    let directory = tempfile::tempdir().unwrap();
    let mute = directory.path().join("mute");
    let words = ["-c", "printf '#!/bin/sh\\nexec sleep 60\\n' > \"$0\"; chmod 755 \"$0\""];
    let mute = mute.display().to_string();
    Program::new("sh", "dash").runs(&[&words[..], &[&mute]].concat()).succeeds();
    let settings = [&format!("auth_program={mute}"), "auth_program_timeout_s=4"];
    let daemon = Daemon::start(&settings, &[]);
    let mut dora = introduced(&daemon, "dora");
    dora.sends(b"PASS pw\r\n");
    let began = Instant::now();
    let mut ann = daemon.login();
    ann.says("MKD d", 257);
    assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
    dora.hears(421);
    ann.says("PWD", 257);
}
