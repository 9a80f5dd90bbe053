//! `fxpd cert`: a self-signed certificate and its key, for servers that are known by fingerprint.

use crate::{failure::Failure, options::CertArgs, show};
use fxpd::Identity;
use nix::unistd::gethostname;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// A key is for its owner only.
const KEY_MODE: u32 = 0o600;
/// A certificate is shown to everybody who connects.
const CERTIFICATE_MODE: u32 = 0o644;

/// Writes both files and prints the fingerprint. A file that exists is never touched: it may be
/// the key that peers have pinned.
pub fn make(args: &CertArgs) -> Result<(), Failure> {
    let names = if args.names.is_empty() { vec![host_name()?] } else { args.names.clone() };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let identity = Identity::self_signed(&names).map_err(Failure::input)?;
    let certificate = identity.certificate_pem().map_err(Failure::system)?;
    let key = identity.key_pem().map_err(Failure::system)?;
    create(&args.key, &key, KEY_MODE)?;
    if let Err(failure) = create(&args.certificate, &certificate, CERTIFICATE_MODE) {
        let _ = fs::remove_file(&args.key); // ours, and of no use alone
        return Err(failure);
    }
    show(&format!("{}\n", identity.fingerprint()))
}

fn create(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::cannot_create(format!("cannot create {}: {error}", path.display()))
    };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path); // half a key is none
    }
    written.map_err(failed)
}

fn host_name() -> Result<String, Failure> {
    let name = gethostname()
        .map_err(|error| Failure::system(format!("cannot tell the host's name: {error}")))?;
    name.into_string().map_err(|_| Failure::usage("the host's name is not text; give --name"))
}
