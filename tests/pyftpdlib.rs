//! A real server of Python's library pyftpdlib, with `permit_foreign_addresses`.

use crate::real_server::{ANN, PASSWORD, Place, RealServer};
use std::{path::Path, process::Command};

/// Starts one at `host` with the account `ann`.
pub fn start(host: &str) -> RealServer {
    start_with(host, &[])
}

/// The same as if it were nine hours further east and told its own time.
pub fn start_in_japan(host: &str) -> RealServer {
    start_with(host, &["local-time"])
}

fn start_with(host: &str, words: &[&str]) -> RealServer {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("build/venv/bin/python");
    assert!(python.exists(), "no pyftpdlib: run 'tests/tools.sh check' to get it");
    let place = Place::at(host);
    let mut command = Command::new(python);
    command
        .arg(root.join("tests/pyftpdlib_server.py"))
        .args([place.address.ip().to_string(), place.address.port().to_string()])
        .arg(place.home())
        .arg(PASSWORD)
        .args(words)
        .env("TZ", "JST-9");
    place.start(ANN, &mut command)
}
