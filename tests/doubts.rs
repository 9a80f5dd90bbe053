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
