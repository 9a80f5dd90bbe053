//! `fxpd --daemon`: what its starter learns, and the file with its number.

use crate::{
    ftp::Ftp,
    started::{Home, Orphan, example},
};
use rustix::process::Signal;
use std::{
    fs,
    process::{Command, Output},
};

/// Runs the command of the manual with this home's files.
fn start(home: &Home) -> Output {
    let words = example("# fxpd --daemon ");
    assert_eq!(words[..4], ["#", "fxpd", "--daemon", "--pid-file"]);
    assert_eq!(words.len(), 5);
    let mut fxpd = home.fxpd();
    fxpd.args(&words[2..4]).arg(home.path("pid"));
    within_patience(&fxpd)
}

fn within_patience(command: &Command) -> Output {
    let mut timed = Command::new("timeout");
    timed.arg("60").arg(command.get_program()).args(command.get_args()).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn pid(home: &Home) -> i32 {
    fs::read_to_string(home.path("pid")).unwrap().strip_suffix('\n').unwrap().parse().unwrap()
}

#[test]
fn a_daemon_serves_when_its_starter_ends_and_takes_its_file_with_it() {
    let home = Home::new("");
    let started = start(&home);
    assert!(started.status.success(), "{}", errors(&started));
    assert_eq!((errors(&started).as_str(), started.stdout.as_slice()), ("", &b""[..]));
    let daemon = Orphan(pid(&home));
    let mut ftp = Ftp::connect(home.address());
    assert_eq!(home.pid(), daemon.0, "the number of the one who serves");
    ftp.secure();
    ftp.log_in("ann");
    // Nothing of whoever started it: session, directory, standard streams.
    let of = |name: &str| fs::read_link(format!("/proc/{}/{name}", daemon.0)).unwrap();
    assert_eq!(of("cwd").to_str(), Some("/"));
    for stream in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(of(stream).to_str(), Some("/dev/null"), "{stream}");
    }
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.0)).unwrap();
    let session = stat.rsplit(") ").next().unwrap().split(' ').nth(3).unwrap();
    assert_eq!(session, daemon.0.to_string());
    daemon.signal(Signal::TERM);
    ftp.hears(421);
    home.hears(": stopped");
    daemon.ends();
    assert!(!home.path("pid").exists());
}

#[test]
fn a_daemon_that_cannot_serve_says_why_and_its_starter_fails() {
    let home = Home::new("");
    fs::remove_file(home.path("passwd")).unwrap();
    let started = start(&home);
    assert_eq!(started.status.code(), Some(78), "{}", errors(&started));
    assert_eq!(errors(&started).matches("cannot read ").count(), 1, "{}", errors(&started));
    assert!(!home.path("pid").exists());
}

#[test]
fn a_second_daemon_does_not_start_and_leaves_the_file_of_the_first_alone() {
    let home = Home::new("");
    assert!(start(&home).status.success());
    let daemon = Orphan(pid(&home));
    let second = start(&home);
    assert_eq!(second.status.code(), Some(69), "{}", errors(&second));
    assert!(errors(&second).contains("another fxpd runs: "), "{}", errors(&second));
    assert_eq!(pid(&home), daemon.0);
    // A number that somebody left behind does not matter.
    daemon.signal(Signal::KILL);
    daemon.ends();
    assert_eq!(pid(&home), daemon.0);
    assert!(start(&home).status.success());
    assert_ne!(Orphan(pid(&home)).0, daemon.0);
}
