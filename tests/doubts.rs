//! What `fxpd -t` warns of.

use crate::{daemon::add_account, real_server::make_certificate};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

fn check(place: &Path, settings: &str) -> Output {
    let here = place.display();
    let files = format!(
        "certificate = '{here}/cert.pem'\nkey = '{here}/key.pem'\nusers = '{here}/passwd'\n"
    );
    fs::write(place.join("fxpd.conf"), files + settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fxpd"));
    command.arg("-t").arg("-c").arg(place.join("fxpd.conf")).output().unwrap()
}

/// The warnings of a configuration that is good.
#[track_caller]
fn warnings(place: &Path, settings: &str) -> Vec<String> {
    let output = check(place, settings);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "fxpd: configuration is good\n");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stderr).unwrap();
    let warning = |line: &str| line.strip_prefix("fxpd: warning: ").map(str::to_owned);
    text.lines().filter_map(warning).collect()
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_good_configuration_has_no_warning() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let made = Command::new(env!("CARGO_BIN_EXE_fxpd"))
        .args(["cert", "--name", "localhost", "--cert"])
        .arg(path("cert.pem"))
        .arg("--key")
        .arg(path("key.pem"))
        .output()
        .unwrap();
    assert!(made.status.success());
    add_account(&path("passwd"), "ann", home.path());
    let log = format!("transfer_log = '{}'\n", path("xferlog").display());
    assert_eq!(warnings(home.path(), &log), [""; 0]);
}

#[test]
fn each_doubt_is_a_warning_and_no_error() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    make_certificate(home.path(), "127.0.0.1".parse().unwrap()); // of nine days
    mode(&path("key.pem"), 0o644);
    add_account(&path("passwd"), "ann", &path("gone"));
    add_account(&path("passwd"), "bob", home.path());
    let here = home.path().display();
    let found = warnings(
        home.path(),
        &format!(
            "passive_address = '192.168.0.9'\npassive_ports = '50000-50099'\n\
             transfer_log = '{here}/no/xferlog'\ntransfer_log_json = '{here}/nor/json'\n"
        ),
    );
    let expected = [
        "passive_address: 192.168.0.9 is reached from within alone".to_owned(),
        "passive_ports: 100 are too few for the 2000 sessions of max_sessions".to_owned(),
        format!("{here}/cert.pem: the certificate expires on "),
        format!("{here}/key.pem: the key is open to every user of this host"),
        format!("{here}/passwd: the home of 'ann', {here}/gone, is no directory"),
        format!("transfer_log: there is no directory {here}/no"),
        format!("transfer_log_json: there is no directory {here}/nor"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.starts_with(expected.as_str()), "{found}: {expected}");
    }
    fs::write(path("passwd"), "# nobody\n").unwrap();
    let found = warnings(home.path(), "");
    assert!(found.iter().any(|line| line.ends_with("passwd: there are no accounts")), "{found:?}");
    // What keeps a server from starting is an error as before.
    fs::write(path("passwd"), "ann:x\n").unwrap();
    assert_eq!(check(home.path(), "").status.code(), Some(78));
}

#[test]
fn the_doubts_end_where_they_should() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let here = home.path().display();
    make_certificate(home.path(), "127.0.0.1".parse().unwrap());
    for name in ["cert.pem", "key.pem"] {
        fs::rename(path(name), path(&format!("other-{name}"))).unwrap();
    }
    make_certificate(home.path(), "127.0.0.1".parse().unwrap());
    mode(&path("key.pem"), 0o600);
    add_account(&path("passwd"), "ann", home.path());
    let told = |settings: &str, words: &str| {
        warnings(home.path(), settings).iter().filter(|line| line.contains(words)).count()
    };
    // As many ports as sessions will do.
    for (sessions, doubts) in [(100, 0), (101, 1)] {
        let settings = format!("passive_ports = '50000-50099'\nmax_sessions = {sessions}\n");
        assert_eq!(told(&settings, "passive_ports: "), doubts, "{sessions}");
    }
    assert_eq!(told(&format!("pid_file = '{here}/no/pid'\n"), "pid_file: there is no "), 1);
    // Who can write a key can put another in its place.
    for (bits, doubts) in [(0o600, 0), (0o640, 0), (0o602, 1), (0o604, 1)] {
        mode(&path("key.pem"), bits);
        assert_eq!(told("", "the key is open"), doubts, "{bits:o}");
    }
    mode(&path("key.pem"), 0o600);
    // Other hosts are looked at as the default one is.
    mode(&path("other-key.pem"), 0o644);
    let names: Vec<String> = (10..22).map(|number| format!("user{number}")).collect();
    add_account(&path("other-passwd"), &names[0], &path("gone"));
    let one = fs::read_to_string(path("other-passwd")).unwrap();
    let all = |count: usize| {
        let lines = names[..count].iter().map(|name| one.replace(&names[0], name));
        fs::write(path("other-passwd"), lines.collect::<String>()).unwrap();
    };
    let host = format!(
        "[[host]]\nnames = ['other.example']\ncertificate = '{here}/other-cert.pem'\n\
         key = '{here}/other-key.pem'\nusers = '{here}/other-passwd'\n"
    );
    assert_eq!(told(&host, "other-cert.pem: the certificate expires on "), 1);
    assert_eq!(told(&host, "other-key.pem: the key is open"), 1);
    // So many of them are named, and the others counted.
    for (accounts, named, counted) in [(10, 10, 0), (11, 10, 1), (12, 10, 1)] {
        all(accounts);
        assert_eq!(told(&host, "other-passwd: the home of "), named, "{accounts}");
        let more = format!("other-passwd: the homes of {} accounts more", accounts - named);
        assert_eq!(told(&host, &more), counted, "{accounts}");
    }
}

#[test]
fn a_program_that_accounts_may_not_execute_is_doubted_where_they_run_it() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    make_certificate(home.path(), "127.0.0.1".parse().unwrap());
    add_account(&path("passwd"), "ann", home.path());
    fs::write(path("hook"), "#!/bin/sh\n").unwrap();
    let hook = path("hook").display().to_string();
    let both = format!("on_upload = '{hook}'\non_upload_failed = ['{hook}', 'x']\n");
    let doubt = format!(": {hook} is run by accounts, of which not all may execute it");
    for (bits, settings, doubts) in [
        (0o700, "account_ids = true\n", 2),
        (0o750, "account_ids = true\n", 2),
        (0o755, "account_ids = true\n", 0),
        (0o700, "account_ids = true\nhooks_as = 'server'\n", 0),
        (0o700, "", 0),
    ] {
        mode(&path("hook"), bits);
        let found = warnings(home.path(), &format!("{both}{settings}"));
        let count = found.iter().filter(|line| line.ends_with(&doubt)).count();
        assert_eq!(count, doubts, "{bits:o} {settings}: {found:?}");
    }
}
