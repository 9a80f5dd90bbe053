//! A real server of Python's library pyftpdlib, with `permit_foreign_addresses`.

use crate::real_server::{ANN, PASSWORD, Place, RealServer};
use std::{path::Path, process::Command};

/// Starts one at `host` with the account `ann`.
pub fn start(host: &str) -> RealServer {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("build/venv/bin/python");
    assert!(python.exists(), "no pyftpdlib: run 'tests/tools.sh check' to get it");
    let place = Place::at(host);
    let mut command = Command::new(python);
    command
        .arg(root.join("tests/pyftpdlib_server.py"))
        .args([place.address.ip().to_string(), place.address.port().to_string()])
        .arg(place.home())
        .args([PASSWORD, "foreign"]);
    place.start(ANN, &mut command)
}
