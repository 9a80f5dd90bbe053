//! `[[host]]` in the configuration of the program, and curl as it comes to such a host.

use crate::{
    daemon::{Daemon, add_account, wait_for, write_identity},
    ftp::Ftp,
    peer::Client,
    program::Program,
};
use fxpd::Identity;
use rustix::process::Signal;
use std::{fmt::Write as _, fs, path::Path, process::Command};

/// curl does not believe the certificate.
const NOT_TRUSTED: i32 = 60;

/// The lines of a host `a.example` of `amy` and a host `b.example` of `ben`, whose files are made.
fn hosts(place: &Path) -> String {
    let mut lines = String::new();
    for (host, user) in [("a", "amy"), ("b", "ben")] {
        let path = |name: &str| place.join(format!("{host}.{name}"));
        write_identity(&path("cert"), &path("key"), &format!("{host}.example"));
        fs::create_dir(place.join(user)).unwrap();
        fs::write(place.join(user).join("out"), user).unwrap();
        add_account(&path("users"), user, &place.join(user));
        let base = place.join(host).display().to_string();
        write!(
            lines,
            "\n[[host]]\nnames = ['{host}.example', 'ftp.{host}.example']\n\
             certificate = '{base}.cert'\nkey = '{base}.key'\nusers = '{base}.users'\n"
        )
        .unwrap();
    }
    lines + "greeting = 'B is here'\n"
}

/// The fingerprint of the certificate in one of the daemon's files.
fn of_files(daemon: &Daemon, host: &str) -> String {
    let path = |name: &str| daemon.path(&format!("{host}.{name}"));
    Identity::from_files(&path("cert"), &path("key")).unwrap().fingerprint().to_string()
}

#[test]
fn hosts_of_the_configuration_are_met_by_host_and_by_server_name() {
    let daemon = Daemon::start_with(hosts);
    for (host, user, greeting) in [("a", "amy", "220 fxpd ready"), ("b", "ben", "220 B is here")] {
        let mut by_host = daemon.connect();
        assert_eq!(by_host.says(&format!("HOST ftp.{host}.example"), 220), greeting);
        by_host.secure();
        let name = format!("{host}.example");
        let mut by_server_name = Ftp::silent(daemon.address, Client::any().at(&name));
        by_server_name.hears(220);
        by_server_name.secure();
        for mut ftp in [by_host, by_server_name] {
            assert_eq!(ftp.shown(), of_files(&daemon, host));
            ftp.says("USER ann", 331);
            ftp.says("PASS pw", 530);
            ftp.log_in(user);
            assert_eq!(ftp.download("RETR out"), user.as_bytes());
        }
    }
}

#[test]
fn sighup_replaces_the_hosts() {
    let daemon = Daemon::start_with(hosts);
    let before = of_files(&daemon, "a");
    write_identity(&daemon.path("a.cert"), &daemon.path("a.key"), "a.example");
    let config = fs::read_to_string(daemon.path("fxpd.conf")).unwrap();
    let (rest, _) = config.rsplit_once("[[host]]").unwrap();
    fs::write(daemon.path("fxpd.conf"), rest).unwrap();
    daemon.signal(Signal::HUP);
    wait_for(&daemon.log, "reloaded");
    let mut ftp = daemon.connect();
    ftp.says("HOST b.example", 504);
    ftp.says("HOST a.example", 220);
    ftp.secure();
    assert_ne!(of_files(&daemon, "a"), before);
    assert_eq!(ftp.shown(), of_files(&daemon, "a"));
    ftp.log_in("amy");
    // A host that cannot be leaves the others as they are.
    fs::write(daemon.path("fxpd.conf"), format!("{rest}[[host]]\nnames = 'c'\n")).unwrap();
    daemon.signal(Signal::HUP);
    assert!(wait_for(&daemon.log, "nothing reloaded: ").contains("'certificate' is missing"));
    daemon.connect().says("HOST a.example", 220);
}

#[test]
fn the_check_of_a_configuration_reads_the_hosts() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    write_identity(&path("cert"), &path("key"), "localhost");
    add_account(&path("users"), "ann", place.path());
    let base = place.path().display();
    let own = format!("certificate = '{base}/cert'\nkey = '{base}/key'\nusers = '{base}/users'\n");
    let good = own + &hosts(place.path());
    let lines = good.lines().count() + 1;
    let check = |config: &str| {
        fs::write(path("fxpd.conf"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fxpd"));
        let output = command.arg("-t").arg("-c").arg(path("fxpd.conf")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, errors) = check(&good);
    assert_eq!(status, Some(0), "{errors}");
    for (more, what) in [
        ("home = '/srv'\n", format!("line {lines} column 1: unknown setting 'host.home'")),
        ("[[host]]\nkey = 'k'\n", format!("line {} column 7: host.key: ", lines + 1)),
    ] {
        let (status, errors) = check(&format!("{good}{more}"));
        assert!(status == Some(78) && errors.contains(&what), "{errors}");
    }
    fs::write(path("b.users"), "ben\n").unwrap();
    let (status, errors) = check(&good);
    assert!(status == Some(78) && errors.contains("b.users line 1"), "{errors}");
    fs::copy(path("a.key"), path("b.key")).unwrap();
    let (status, errors) = check(&good);
    assert!(status == Some(78) && errors.contains("not that of the certificate"), "{errors}");
}

#[test]
fn curl_meets_the_host_that_its_url_names() {
    let daemon = Daemon::start_with(hosts);
    let curl = Program::new("curl", "curl");
    for file in ["a.cert", "b.cert"] {
        curl.put(file, &fs::read(daemon.path(file)).unwrap());
    }
    let port = daemon.address.port();
    let runs = |host: &str, user: &str, trusted: &str| {
        let line = format!(
            "-q -sS -v -m 50 --ssl-reqd --cacert {trusted} -u {user}:pw \
             --resolve {host}:{port}:127.0.0.1 ftp://{host}:{port}/out"
        );
        curl.runs_with(&line.split(' ').collect::<Vec<_>>(), &[("no_proxy", "*")])
    };
    // It checks the name in the certificate, on control and data connections.
    let heard = runs("a.example", "amy", "a.cert").succeeds().says("amy");
    assert!(heard.err.contains("subject: CN=a.example"), "{}", heard.err);
    runs("b.example", "ben", "b.cert").succeeds().says("ben");
    runs("a.example", "amy", "b.cert").fails(NOT_TRUSTED, "");
    // Login denied: ben is unknown at this host.
    runs("a.example", "ben", "a.cert").fails(67, "530");
}
