//! A real pure-ftpd with a virtual user.

use crate::real_server::{ANN, PASSWORD_HASH, Place, RealServer, peer};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
};

/// Whether it was started with `-w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fxp {
    Allowed,
    Refused,
}

/// The user and group `nobody`, who own what arrives; it takes no account of root's.
const NOBODY: u32 = 65534;

/// Starts one at `host` with the account `ann`.
pub fn start(host: &str, fxp: Fxp) -> RealServer {
    let place = Place::at(host);
    chown(place.home().join("tree"), Some(NOBODY), Some(NOBODY)).expect("pure-ftpd needs root");
    fs::set_permissions(place.home(), fs::Permissions::from_mode(0o755)).unwrap();
    add_account(&place);
    let path = |name: &str| place.home().join(name).display().to_string();
    let certificate = [fs::read(path("key.pem")).unwrap(), fs::read(path("cert.pem")).unwrap()];
    fs::write(path("both.pem"), certificate.concat()).unwrap();
    let mut command = peer("usr/sbin/pure-ftpd");
    command
        .arg("-S")
        .arg(format!("{},{}", place.address.ip(), place.address.port()))
        .args(["-Y", "3", "-2", &path("both.pem"), "-l", &format!("puredb:{}", path("db"))])
        .args(["-E", "-H", "-u", "1", "-g", &path("pid")])
        .args((fxp == Fxp::Allowed).then_some("-w"));
    place.start(ANN, &mut command)
}

/// Not by `pure-pw useradd`: the hash that it chooses takes seconds to check.
fn add_account(place: &Place) {
    let path = |name: &str| place.home().join(name);
    let tree = path("tree");
    let line = format!("ann:{PASSWORD_HASH}:{NOBODY}:{NOBODY}::{}::::::::::::\n", tree.display());
    place.write("passwd", &line);
    let mut command = peer("usr/bin/pure-pw");
    let made = command.arg("mkdb").arg(path("db")).arg("-f").arg(path("passwd")).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}
