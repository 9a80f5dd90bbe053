//! Who may enter: what the users file holds besides argon2, and what is said when nobody can tell.

use crate::{child::Daemon, ftp::Ftp, program::Program};
use std::{fs, time::Instant};

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
