//! Clients that log in by certificate, and those that only have one.

use crate::{child::Daemon, ftp::Ftp, peer, program::Program};
use openssl::ssl::{SslFiletype, SslVersion};
use std::{fs, os::unix::fs::PermissionsExt, process::Command};

/// A certificate for `name` and its key, in `program`'s home.
fn certificate(program: &Program, file: &str, name: &str) -> String {
    let (cert, key) = (program.word(file), program.word(&format!("{file}.key")));
    let made = Command::new(env!("CARGO_BIN_EXE_fxpd"))
        .args(["cert", "--cert", &cert, "--key", &key, "--name", name])
        .output()
        .unwrap();
    assert!(made.status.success());
    let pem = fs::read(&cert).unwrap();
    let digest = openssl::x509::X509::from_pem(&pem).unwrap();
    let digest = digest.digest(openssl::hash::MessageDigest::sha256()).unwrap();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("SHA256:{hex}")
}

/// A control connection that has shown a certificate of `program`'s home.
fn showing(daemon: &Daemon, program: &Program, file: &str) -> Ftp {
    let (cert, key) = (program.word(file), program.word(&format!("{file}.key")));
    let client = peer::Client::built(|builder| {
        builder.set_certificate_chain_file(cert).unwrap();
        builder.set_private_key_file(key, SslFiletype::PEM).unwrap();
    });
    let mut ftp = Ftp::silent(daemon.address, client);
    ftp.hears(220);
    ftp.secure();
    ftp
}

/// Accounts beside `ann`, each with these options; the hash is the middle word.
fn add(daemon: &Daemon, accounts: &[(&str, &str, &str)]) {
    let file = daemon.path("../passwd");
    let home = daemon.path("");
    let mut text = fs::read_to_string(&file).unwrap();
    for (name, hash, options) in accounts {
        text.push_str(&format!("{name}:{hash}:0:0::{}::{options}\n", home.display()));
    }
    fs::write(file, text).unwrap();
}

#[test]
fn a_certificate_opens_the_account_that_names_it_and_no_other() {
    let files = Program::new("true", "coreutils");
    let pin = certificate(&files, "one", "one");
    certificate(&files, "other", "pinned");
    let daemon = Daemon::start(&["client_certificate=optional"], &[]);
    let cert = format!("cert={pin}");
    let away = format!("{cert} networks=192.0.2.0/24");
    add(
        &daemon,
        &[
            ("pinned", "*", &cert),
            ("locked", "!", &cert),
            ("away", "*", &away),
            ("ca", "*", "cert=ca"),
        ],
    );
    let mut ftp = showing(&daemon, &files, "one");
    assert!(ftp.says("USER pinned", 232).contains("certificate"));
    ftp.says("PASS whatever", 202);
    ftp.says("PBSZ 0", 200);
    ftp.says("PROT P", 200);
    ftp.says("TYPE I", 200);
    ftp.upload("STOR a", b"a");
    assert_eq!(ftp.download("RETR a"), b"a");
    // A session that is locked into a directory serves one login: the others have their own.
    let mut ftp = showing(&daemon, &files, "one");
    for name in ["ann", "locked", "away", "ca", "nobody"] {
        ftp.says(&format!("USER {name}"), 331);
    }
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 230);
    showing(&daemon, &files, "other").says("USER pinned", 331);
    let mut bare = Ftp::connect(daemon.address);
    bare.secure();
    bare.says("USER pinned", 331);
    bare.says("PASS *", 530);
}

#[test]
fn a_ca_speaks_for_the_common_name() {
    let files = Program::new("true", "coreutils");
    certificate(&files, "good", "dora");
    certificate(&files, "forged", "dora");
    let authorities = format!("client_authorities={}", files.word("good"));
    let daemon = Daemon::start(&["client_certificate=required", &authorities], &[]);
    add(&daemon, &[("dora", "*", "cert=ca"), ("emma", "*", "cert=ca")]);
    let mut good = showing(&daemon, &files, "good");
    good.says("USER dora", 232);
    let mut good = showing(&daemon, &files, "good");
    good.says("USER emma", 331);
    good.says("USER ann", 331);
    good.says("PASS pw", 230);
    let mut forged = showing(&daemon, &files, "forged");
    forged.says("USER dora", 331);
    // A password is no help to whom nobody has signed for.
    forged.says("USER ann", 331);
    forged.says("PASS pw", 530);
    let mut bare = Ftp::connect(daemon.address);
    bare.says("AUTH TLS", 234);
    let client = peer::Client::only(SslVersion::TLS1_2);
    let refused = client.connect(bare.into_socket(), None);
    assert!(refused.is_err(), "no handshake without a certificate");
}

#[test]
fn fxp_needs_no_password_where_its_certificate_is_enough() {
    let fxp = Program::new(env!("CARGO_BIN_EXE_fxp"), "fxpd");
    let pin = certificate(&fxp, "mine", "mine");
    fs::set_permissions(fxp.path("mine.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let daemon = Daemon::start(&["client_certificate=optional"], &[]);
    add(&daemon, &[("dora", "*", &format!("cert={pin}"))]);
    fs::write(daemon.path("a"), "a").unwrap();
    let url = format!("ftps://dora@{}/a", daemon.address);
    let words = ["--trust-new", "--cert", "mine", "--key", "mine.key", &url, "./"];
    fxp.runs_with(&words, &[("FXP_PASSWORD", "none")]).succeeds();
    assert_eq!(fxp.file("a").as_deref(), Some(&b"a"[..]));
}
