//! `fxp doctor` at servers that are set up wrongly, each in the way that their makers' defaults or
//! their owners' haste bring about: what it says, and that it leaves nothing behind.

use crate::{
    fxp_pairs::fxp,
    fxp_peers::{Kind, Peer, runs},
    proftpd::{Proftpd, Resumption},
    program::{Outcome, Program},
    pure_ftpd::{self, Fxp},
    pyftpdlib,
    site::{Plan, Site},
    vsftpd,
};
use fxpd::{FxpGrant, FxpLevel, Identity};
use openssl::{asn1::Asn1Time, hash::MessageDigest, pkey::PKey, x509::X509};
use std::{fs, thread};

const NO_SECURE_ROUTE: i32 = 76;

/// The host of the server that is wrong; the other one is at `127.0.4.1`.
const HOST: &str = "127.0.4.2";

/// What it says with the server that is wrong as the target. Both are as they were.
#[track_caller]
fn examined(options: &[&str], wrong: &Peer) -> Outcome {
    let (fxp, sound) = (fxp(), Peer::start(Kind::Fxpd, "127.0.4.1"));
    let before = wrong.names();
    let urls = [sound.url(""), wrong.url("")];
    let arguments = [&["doctor", "--timeout", "3", &urls[0], &urls[1]], options].concat();
    let outcome = runs(&fxp, &arguments, [&sound, wrong]);
    assert_eq!((sound.names(), wrong.names()), (Vec::new(), before), "{}", outcome.err);
    let is_long = |line: &&str| line.chars().count() > 80 && line.trim().contains(' ');
    let long = outcome.out.lines().find(is_long);
    assert!(long.is_none() || !options.is_empty(), "{long:?}");
    outcome
}

/// The sentences of its answer, each on one line.
fn sentences(outcome: &Outcome) -> String {
    outcome.out.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn ours(change: impl FnOnce(&mut Plan)) -> Peer {
    Peer::site(Site::with(|plan| {
        plan.host = HOST.parse().unwrap();
        change(plan);
    }))
}

fn proftpd(resumption: Resumption, more: &str) -> Peer {
    Peer::Proftpd(Proftpd::at(HOST, resumption, more))
}

fn vsftpd(more: &str) -> Peer {
    Peer::Real(vsftpd::start(HOST, more))
}

/// Each server, whether it can be copied to all the same, and what is said of it.
#[track_caller]
fn diagnoses(cases: Vec<(Peer, bool, &[&str])>) {
    thread::scope(|scope| {
        for (peer, has_route, expected) in &cases {
            scope.spawn(move || {
                let outcome = examined(&[], peer);
                let said = sentences(&outcome);
                for words in *expected {
                    assert!(said.contains(words), "no '{words}' in: {}", outcome.out);
                }
                match has_route {
                    true => drop(outcome.succeeds()),
                    false => drop(outcome.fails(NO_SECURE_ROUTE, "no secure way")),
                }
            });
        }
    });
}

#[test]
fn it_names_the_directives_of_proftpd() {
    diagnoses(vec![
        (
            proftpd(Resumption::Demanded, ""),
            true,
            &[
                "works: target listens and is the TLS client, by SSCN",
                "(proftpd) wants a resumed TLS session for data",
                ": TLSOptions NoSessionReuseRequired",
            ],
        ),
        (
            proftpd(Resumption::Waived, "TLSVerifyServer on"),
            true,
            &[
                "(proftpd) does not trust the other's certificate",
                ": TLSVerifyServer off, or",
                "(proftpd) breaks as TLS client where it connects",
            ],
        ),
        (
            proftpd(Resumption::Waived, "AllowForeignAddress off"),
            false,
            &[
                "(proftpd) lets only its client reach its passive ports",
                "(proftpd) copies with no other server (500 Illegal PORT command)",
                ": AllowForeignAddress on",
                "untried: ",
            ],
        ),
    ]);
}

#[test]
fn it_tells_an_address_that_only_the_server_itself_knows_from_ports_that_are_closed() {
    diagnoses(vec![
        (
            proftpd(Resumption::Waived, "MasqueradeAddress 10.255.255.1"),
            true,
            &["it names 10.255.255.1 and is reached at 127.0.4.2): MasqueradeAddress with"],
        ),
        (
            // An address for documentation, where nobody is (RFC 5737).
            proftpd(Resumption::Waived, "MasqueradeAddress 192.0.2.1"),
            true,
            &["(proftpd) is not reached at its passive ports (425", ": set PassivePorts and open"],
        ),
    ]);
}

#[test]
fn it_names_the_settings_of_vsftpd() {
    diagnoses(vec![
        (
            vsftpd("pasv_promiscuous=YES\nport_promiscuous=YES\n"),
            false,
            &["(vsftpd) wants a resumed TLS session for data (522", ": require_ssl_reuse=NO"],
        ),
        (
            vsftpd("require_ssl_reuse=NO\npasv_promiscuous=YES\n"),
            true,
            &["(vsftpd) takes only its client's address in PORT", ": port_promiscuous=YES"],
        ),
        (
            vsftpd("require_ssl_reuse=NO\nport_promiscuous=YES\n"),
            true,
            &["(vsftpd) lets only its client reach its passive ports", ": pasv_promiscuous=YES"],
        ),
    ]);
}

#[test]
fn it_names_the_option_of_pure_ftpd_and_finds_a_clock_that_tells_local_time() {
    diagnoses(vec![
        (
            Peer::Real(pure_ftpd::start(HOST, Fxp::Refused)),
            false,
            &[
                "(pure-ftpd) copies with no other server (500 I won't open",
                ": start it with -w, or",
            ],
        ),
        (
            Peer::Real(pyftpdlib::start_in_japan(HOST)),
            true,
            &["(pyftpdlib) tells another time than this host (9.0 h ahead of this host"],
        ),
    ]);
}

#[test]
fn it_names_the_grants_of_fxpd() {
    let (off, tls) = (FxpLevel::Off, FxpLevel::Tls);
    let one_way = |outgoing, incoming| FxpGrant { outgoing, incoming, ..FxpGrant::default() };
    let elsewhere = FxpGrant {
        incoming_networks: vec!["192.0.2.0/24".parse().unwrap()],
        ..FxpGrant::both(tls)
    };
    diagnoses(vec![
        (
            ours(|plan| plan.fxp = FxpGrant::both(off)),
            false,
            &["(fxpd) copies with no other server (550", ": fxp=tls for the account"],
        ),
        (
            ours(|plan| plan.fxp = one_way(off, tls)),
            true,
            &["(fxpd) lets this account send to no other server (550", ": fxp_out=tls"],
        ),
        (
            ours(|plan| plan.fxp = one_way(tls, off)),
            false,
            &["(fxpd) lets this account take from no other server (550", ": fxp_in=tls"],
        ),
        (
            ours(|plan| plan.fxp = elsewhere),
            false,
            &["(fxpd) lets this account copy with other networks (550", "fxp_in_networks"],
        ),
    ]);
}

/// A certificate that was or will be valid between these times in seconds since 1970.
fn valid_between(begins: i64, ends: i64) -> Identity {
    let made = Identity::self_signed(&[HOST]).unwrap();
    let key = PKey::private_key_from_pem(&made.key_pem().unwrap()).unwrap();
    let model = X509::from_pem(&made.certificate_pem().unwrap()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(model.serial_number()).unwrap();
    builder.set_subject_name(model.subject_name()).unwrap();
    builder.set_issuer_name(model.issuer_name()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(begins).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(ends).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (cert, private) = (home.path().join("cert"), home.path().join("key"));
    fs::write(&cert, builder.build().to_pem().unwrap()).unwrap();
    fs::write(&private, made.key_pem().unwrap()).unwrap();
    Identity::from_files(&cert, &private).unwrap()
}

#[test]
fn it_finds_certificates_that_are_out_of_date_and_clocks_agree_elsewhere() {
    let (past, future) = (1_600_000_000, 4_000_000_000);
    diagnoses(vec![
        (
            ours(|plan| plan.identity = valid_between(past, past + 1)),
            true,
            &[
                "(fxpd) shows a certificate that is no longer valid (since 2020-09-13",
                ": a new certificate, by 'fxpd cert'",
            ],
        ),
        (
            ours(|plan| plan.identity = valid_between(future, future + 1)),
            true,
            &["(fxpd) shows a certificate that is not valid yet (until 2096-10-02"],
        ),
    ]);
    let sound = examined(&[], &ours(|_| {})).succeeds();
    assert!(!sound.out.contains("Besides") && !sound.out.contains("fails"), "{}", sound.out);
}

#[test]
fn it_says_at_once_that_neither_can_be_the_tls_client_or_that_an_account_cannot_write() {
    let (fxp, one) = (fxp(), Peer::start(Kind::Pyftpdlib, "127.0.4.1"));
    let two = Peer::Real(vsftpd::start(HOST, vsftpd::OPEN));
    let outcome = runs(&fxp, &["doctor", &one.url(""), &two.url("")], [&one, &two]);
    let said = sentences(&outcome);
    assert!(said.contains("neither server can be the TLS client"), "{said}");
    assert!(said.contains("one of them has to offer SSCN or CPSV"), "{said}");
    outcome.fails(NO_SECURE_ROUTE, "no secure way");

    let (one, two) = (Peer::start(Kind::Fxpd, "127.0.4.1"), ours(|_| {}));
    let reader = two.url("").replace("ann@", "reader@");
    let outcome = runs(&fxp, &["doctor", &one.url(""), &reader], [&one, &two]);
    let said = sentences(&outcome);
    assert!(said.contains("takes no scratch file (550"), "{said}");
    assert!(said.contains("name a directory that the account may write into"), "{said}");
    assert!(one.names().is_empty() && two.names().is_empty(), "{}", outcome.err);
    outcome.fails(NO_SECURE_ROUTE, "no secure way");
}

#[test]
fn it_answers_programs_in_json_and_terminals_with_signs() {
    let wrong = vsftpd("require_ssl_reuse=NO\npasv_promiscuous=YES\n");
    let outcome = examined(&["--json"], &wrong).succeeds();
    let read = "import json, sys; d = json.load(sys.stdin); \
                r = [r for r in d['there'] if r['outcome'] == 'fails'][0]; \
                print(d['secure'], d['target']['kind'], abs(d['target']['clock_ahead_s']) < 60, \
                r['passive'], r['ailments'][0]['cause'], r['ailments'][0]['change'])";
    let python = Program::new("python3", "python3");
    let shown = python.runs_on(&["-c", read], &outcome.out).succeeds();
    assert_eq!(shown.out, "True vsftpd True source refuses-port port_promiscuous=YES\n");

    let (one, two) = (Peer::start(Kind::Fxpd, "127.0.4.3"), Peer::start(Kind::Fxpd, "127.0.4.4"));
    let terminal = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let (from, to) = (one.url(""), two.url(""));
    let command = ["-c", terminal, env!("CARGO_BIN_EXE_fxp"), "doctor", "--trust-new", &from, &to];
    let shown = python.runs_with(&command, &[("FXP_PASSWORD", "pw")]).succeeds();
    shown.says("✓ target listens and is the TLS client, by SSCN");
    let plain = [("FXP_PASSWORD", "pw"), ("LC_ALL", "C")];
    python.runs_with(&command, &plain).succeeds().says("works: target listens");
}
