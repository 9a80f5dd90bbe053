//! The program `fxp` and `XPEER`: it tells each server whom to expect, by itself, and says how sure
//! they were. What proftpd makes of it is in `fxp_proftpd.rs`.

use crate::{
    fxp_pairs::{copies, fxp, said, url},
    other_server::site_at,
    program::Program,
    scripted_server::{Data, ScriptedServer},
    site::Site,
    xpeer::{hex, impatient_at},
};
use fxpd::{
    Connection, Credentials, Existing, Location, PeerProof, Pins, RemotePath, Run, Secret, Setup,
    Unseen, download,
};

const NO_SECURE_ROUTE: i32 = 76;

#[test]
fn fxp_tells_each_server_whom_to_expect_and_takes_it_back() {
    let (source, target, fxp) = (impatient_at("127.0.0.2"), impatient_at("127.0.0.3"), fxp());
    source.put("a", b"hello\n");
    for option in ["-v", "--require-verified", "--tls12"] {
        let (from, to) = (url(&source, "a"), url(&target, "b"));
        let copied = copies(&fxp, &[option, "--manifest", "m", &from, &to]).succeeds();
        let copied = copied.says("verified on both ends");
        let manifest = String::from_utf8(fxp.file("m").unwrap()).unwrap();
        assert!(manifest.contains(r#""verified":"both""#), "{manifest}");
        for (site, other, verb) in [(&source, &target, "RETR a"), (&target, &source, "STOR b")] {
            assert_eq!(site.record().proof, PeerProof::Proved);
            let told = said(&copied.err, site.address);
            let named = format!("XPEER SHA-256 {}", hex(other.identity.fingerprint()));
            let at = |command: &str| told.iter().position(|said| *said == command);
            assert!(at("FEAT") < at(&named) && at(&named) < at(verb), "{}", copied.err);
            assert!(at(verb) < at("XPEER OFF"), "{}", copied.err);
            let times = told.iter().filter(|said| said.starts_with("XPEER")).count();
            assert_eq!(times, 2, "{}", copied.err);
        }
        assert_eq!(target.file("b").unwrap(), b"hello\n");
    }
}

#[test]
fn fxp_says_nothing_of_xpeer_for_its_own_transfers() {
    let (site, fxp) = (Site::start(), fxp());
    fxp.put("a", b"hello\n");
    let arguments = ["--require-verified", "a", &url(&site, "b")];
    let up = copies(&fxp, &arguments).succeeds();
    let down = copies(&fxp, &["--require-verified", &url(&site, "b"), "c"]).succeeds();
    for outcome in [up, down] {
        let told = said(&outcome.err, site.address);
        assert!(!told.iter().any(|said| said.starts_with("XPEER")), "{}", outcome.err);
    }
}

/// A source that can listen and no more: it is no TLS client, and connects to nobody.
const LISTENS: crate::scripted_server::Script =
    &[("PORT", "500 no"), ("FEAT", "211-Features:\r\n SIZE\r\n XPEER MD5\r\n211 End")];

#[test]
fn fxp_verifies_one_end_where_the_other_server_cannot_and_says_so() {
    let (target, fxp) = (site_at("127.0.0.1"), fxp());
    let source = ScriptedServer::with_data(LISTENS, Data::Whole);
    let copied =
        copies(&fxp, &["--manifest", "m", &source.url("a"), &url(&target, "b")]).succeeds();
    let manifest = String::from_utf8(fxp.file("m").unwrap()).unwrap();
    assert!(manifest.contains(r#""verified":"target""#), "{manifest}");
    copied.says("verified on the target only");
    assert_eq!(target.record().proof, PeerProof::Proved);
    assert_eq!(target.file("b").unwrap(), b"hello\n");
    let heard = source.heard();
    assert!(!heard.iter().any(|said| said.starts_with("XPEER")), "an old peer: {heard:?}");
}

#[test]
fn fxp_meets_an_interceptor_by_the_end_that_verifies() {
    let (target, fxp) = (impatient_at("127.0.0.1"), fxp());
    let source = ScriptedServer::with_data(LISTENS, Data::OtherCertificate);
    let failed = copies(&fxp, &[&source.url("a"), &url(&target, "b")]);
    failed.fails(NO_SECURE_ROUTE, "which is not the certificate expected");
    assert!(target.names().is_empty());
    assert_eq!(target.record().proof, PeerProof::Missing);
}

#[test]
fn fxp_refuses_what_it_cannot_verify_where_that_is_required() {
    let (target, fxp) = (site_at("127.0.0.1"), fxp());
    let refuses = |fxp: &Program, from: &str, to: &str, why: &str| {
        copies(fxp, &["--require-verified", from, to]).fails(NO_SECURE_ROUTE, why);
    };
    target.put("c", b"hello\n");
    let (one, two) = (ScriptedServer::start(LISTENS), ScriptedServer::start(LISTENS));
    let why = "XPEER SHA-256 is not in the FEAT of 127.0.0.1:";
    refuses(&fxp, &one.url("a"), &url(&target, "b"), why);
    refuses(&fxp, &url(&target, "c"), &two.url("b"), why);
    for heard in [one.heard(), two.heard()] {
        let begun = heard.iter().any(|said| said.starts_with("RETR") || said.starts_with("STOR"));
        assert!(!begun, "{heard:?}");
    }
    assert_eq!(target.names(), ["c"]);
}

#[test]
fn fxp_does_without_no_pin_that_a_server_promised() {
    let script: crate::scripted_server::Script = &[
        ("FEAT", "211-Features:\r\n SSCN\r\n XPEER SHA-256\r\n SIZE\r\n211 End"),
        ("XPEER", "502 not after all"),
    ];
    let (source, target) = (ScriptedServer::start(script), site_at("127.0.0.1"));
    let failed = copies(&fxp(), &[&source.url("a"), &url(&target, "b")]);
    failed.fails(NO_SECURE_ROUTE, "source refused XPEER: 502 not after all");
    assert!(!source.heard().iter().any(|said| said.starts_with("RETR")));
    assert!(target.names().is_empty());
}

#[test]
fn fxp_hands_on_what_a_server_says_of_those_it_refused() {
    // The target connects, and waits; the source says that nobody came.
    let source = ScriptedServer::start(&[("RETR", "425 nobody came")]);
    let target = ScriptedServer::start(&[
        ("FEAT", "211-Features:\r\n SSCN\r\n SIZE\r\n211 End"),
        ("PASV", "500 no"),
        ("STOR", "150 waiting"),
        ("ABOR", "426 The last who came was refused: a thief\r\n226 done"),
    ]);
    let failed = copies(&fxp(), &[&source.url("a"), &target.url("b")]);
    let why = "target, broken off: 426 The last who came was refused: a thief";
    failed.fails(NO_SECURE_ROUTE, why);
}

#[test]
fn a_connection_that_was_left_in_the_midst_of_a_run_expects_nobody_afterwards() {
    let (source, target) = (impatient_at("127.0.0.2"), impatient_at("127.0.0.3"));
    source.put("a", b"hello\n");
    let open = |site: &Site| {
        let credentials = Credentials::new("ann", Secret::new(&b"pw"[..])).unwrap();
        let setup = Setup::new(Pins(vec![site.identity.fingerprint()]));
        let place = format!("ftps://ann@{}/", site.address).parse::<Location>().unwrap().site;
        Connection::open(place, credentials, setup).unwrap()
    };
    let (mut from, mut to) = (open(&source), open(&target));
    let path = |name: &str| RemotePath::new(name).unwrap();
    let mut run = Run::begin(&mut from, &mut to).unwrap();
    run.file(&path("a"), &path("b"), Existing::Replace, &mut Unseen).unwrap();
    drop(run);
    let home = tempfile::tempdir().unwrap();
    let here = home.path().join("c");
    download(&mut from, &path("a"), &here, Existing::Replace, &mut Unseen).unwrap();
    assert_eq!(std::fs::read(here).unwrap(), b"hello\n");
}

#[test]
fn fxp_plan_tells_how_sure_the_servers_will_be() {
    let (source, target, fxp) = (impatient_at("127.0.0.2"), impatient_at("127.0.0.3"), fxp());
    source.put("a", b"hello\n");
    let (from, to) = (url(&source, "a"), url(&target, "b"));
    copies(&fxp, &["plan", &from, &to]).succeeds().says("peers:  verified on both ends");
    copies(&fxp, &["plan", "--json", &from, &to]).succeeds().says(r#""verified":"both""#);
}
