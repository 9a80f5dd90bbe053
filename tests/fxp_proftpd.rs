//! Copies between a site of ours and a real proftpd: by the program `fxp`, which has to find the way
//! alone, and by a broker that prescribes each way.

use crate::{
    ftp::{Ftp, port_command},
    fxp_pairs::{fxp, keeps_the_rules, said, url},
    proftpd::{Proftpd, Resumption},
    program::{Outcome, Program, sample},
    real_server::PASSWORD,
    site::Site,
    xpeer::expects,
};
use fxpd::{PeerProof, TlsRole};
use std::fs;

/// Runs `fxp` as one who knows both passwords.
#[track_caller]
fn copies(fxp: &Program, proftpd: &Proftpd, from: &str, to: &str) -> Outcome {
    let its = format!("FXP_PASSWORD_127_0_0_1_{}", proftpd.address().port());
    let variables = [("FXP_PASSWORD", "pw"), (its.as_str(), PASSWORD)];
    let outcome = fxp.runs_with(&["-v", "--trust-new", "--log-protocol", from, to], &variables);
    assert!(!outcome.err.contains(PASSWORD), "{}", outcome.err);
    keeps_the_rules(&outcome.err);
    outcome
}

#[test]
fn fxp_copies_from_a_site_to_proftpd_and_back() {
    // Where it demands resumption, proftpd has to be the TLS client; where not, it may as well be.
    for resumption in [Resumption::Demanded, Resumption::Waived] {
        let (site, proftpd, fxp) = (Site::start(), Proftpd::start(resumption), fxp());
        let bytes = sample(3_000_001);
        site.put("a", &bytes);
        let (ours, theirs) = (url(&site, "a"), proftpd.url("b"));
        let copied = copies(&fxp, &proftpd, &ours, &theirs).succeeds();
        let copied = copied.says("target passive, target TLS client by SSCN").says("3000001 bytes");
        let copied = copied.says("verified on the source only");
        assert_eq!(fs::read(proftpd.path("b")).unwrap(), bytes);
        let record = site.record();
        assert!(record.complete && record.role == TlsRole::Accept, "{record:?}");
        is_direct(&copied, &proftpd);

        let copied = copies(&fxp, &proftpd, &theirs, &url(&site, "c")).succeeds();
        let copied = copied.says("source passive, source TLS client by SSCN").says("3000001 bytes");
        let copied = copied.says("verified on the target only");
        assert_eq!(site.file("c").as_ref(), Some(&bytes));
        let record = site.record();
        assert!(record.complete && record.role == TlsRole::Accept, "{record:?}");
        is_direct(&copied, &proftpd);
    }
}

/// `fxp` found the way at once, with one SSCN ON and one SSCN OFF to proftpd.
#[track_caller]
fn is_direct(copied: &Outcome, proftpd: &Proftpd) {
    let said = said(&copied.err, proftpd.address());
    assert!(!said.iter().any(|said| said.starts_with("XPEER")), "it does not list it");
    for command in ["SSCN ON", "SSCN OFF", "PASV"] {
        let times = said.iter().filter(|said| **said == command).count();
        assert_eq!(times, 1, "{command}: {}", copied.err);
    }
}

#[test]
fn fxp_names_a_file_that_proftpd_lacks_and_creates_nothing() {
    let (site, proftpd) = (Site::start(), Proftpd::start(Resumption::Demanded));
    let fxp = fxp();
    copies(&fxp, &proftpd, &proftpd.url("no"), &url(&site, "b")).fails(77, "does not exist");
    copies(&fxp, &proftpd, &url(&site, "no"), &proftpd.url("b")).fails(77, "does not exist");
    assert!(site.names().is_empty() && !proftpd.path("b").exists());
    site.put("a", b"hello\n");
    copies(&fxp, &proftpd, &url(&site, "a"), &proftpd.url("no/b")).fails(73, "no/b on");
}

#[test]
fn a_half_file_at_proftpd_or_from_it_is_made_whole() {
    let bytes = sample(1_000_003);
    for more in ["", "AllowStoreRestart on"] {
        let (site, proftpd) = (Site::start(), Proftpd::with(Resumption::Demanded, more));
        let fxp = fxp();
        site.put("a", &bytes);
        let (ours, theirs) = (url(&site, "a"), proftpd.url("b"));
        let its = format!("FXP_PASSWORD_127_0_0_1_{}", proftpd.address().port());
        let variables = [("FXP_PASSWORD", "pw"), (its.as_str(), PASSWORD)];
        let copy = |from: &str, to: &str| {
            let arguments =
                ["-v", "--resume", "--retries", "0", "--trust-new", "--log-protocol", from, to];
            let log = fxp.runs_with(&arguments, &variables).succeeds().err;
            keeps_the_rules(&log);
            assert!(!log.contains("removed"), "'{more}', half of it at first: {log}");
        };
        for half in [&bytes[..500_000], &bytes[1..500_000]] {
            fs::write(proftpd.path("b"), half).unwrap();
            copy(&ours, &theirs);
            assert!(fs::read(proftpd.path("b")).unwrap() == bytes, "'{more}', to it");
        }
        site.put("c", &bytes[..500_000]);
        copy(&theirs, &url(&site, "c"));
        assert!(site.file("c").as_ref() == Some(&bytes), "'{more}', from it");
    }
}

/// One way of meeting: whether proftpd is passive, and whether it is the TLS client.
#[derive(Clone, Copy, Debug)]
struct Way {
    proftpd_passive: bool,
    proftpd_connects: bool,
}

/// Logs in at proftpd, data protected.
fn log_in(proftpd: &Proftpd) -> Ftp {
    let mut ftp = Ftp::connect(proftpd.address());
    ftp.secure();
    ftp.says("USER ann", 331);
    ftp.says(&format!("PASS {PASSWORD}"), 230);
    ftp.says("PBSZ 0", 200);
    ftp.says("PROT P", 200);
    ftp.says("TYPE I", 200);
    ftp
}

/// The final reply to a verb. proftpd says 150 when the data connection is there, so it is not waited
/// for.
#[track_caller]
fn ends(ftp: &mut Ftp, what: &str) {
    loop {
        let reply = ftp.reply().unwrap_or_else(|error| panic!("{what}: {error}"));
        if !reply.starts_with('1') {
            assert!(reply.starts_with("226"), "{what}: {reply}");
            return;
        }
    }
}

/// Copies there and back this way, as a broker by hand.
fn broker(site: &Site, proftpd: &Proftpd, way: Way, version: &str) {
    let bytes = sample(1_000_003);
    let (mut ours, mut theirs) = (site.login("ann"), log_in(proftpd));
    let certificate = theirs.shown().parse().unwrap();
    let client = if way.proftpd_connects { &mut theirs } else { &mut ours };
    client.says("SSCN ON", 200);
    for (our_verb, their_verb, proof) in [
        ("RETR a", "STOR b", PeerProof::Unasked),
        ("STOR c", "RETR b", PeerProof::Unasked),
        ("RETR a", "STOR b", PeerProof::Proved),
        ("STOR c", "RETR b", PeerProof::Proved),
    ] {
        let what = format!("{way:?} {version} {our_verb} {proof:?}");
        site.put("a", &bytes);
        if proof == PeerProof::Proved {
            // It knows nothing of XPEER, and shows its one certificate as TLS client, too.
            expects(&mut ours, certificate);
        }
        if way.proftpd_passive {
            let address = theirs.pasv("PASV");
            ours.says(&port_command(address), 200);
            ours.sends(format!("{our_verb}\r\n").as_bytes());
            theirs.sends(format!("{their_verb}\r\n").as_bytes());
        } else {
            let address = ours.pasv("PASV");
            theirs.says(&port_command(address), 200);
            theirs.sends(format!("{their_verb}\r\n").as_bytes());
            ours.sends(format!("{our_verb}\r\n").as_bytes());
        }
        ends(&mut ours, &what);
        ends(&mut theirs, &what);
        let record = site.record();
        assert_eq!(record.role == TlsRole::Connect, !way.proftpd_connects, "{what}");
        assert_eq!(record.proof, proof, "{what}");
        assert_eq!(record.tls.unwrap().version, version, "{what}");
    }
    assert_eq!(fs::read(proftpd.path("b")).unwrap(), bytes, "{way:?} {version}");
    assert_eq!(site.file("c"), Some(bytes), "{way:?} {version}");
}

const PROFTPD_PASSIVE_CONNECTS: Way = Way { proftpd_passive: true, proftpd_connects: true };
const PROFTPD_PASSIVE_ACCEPTS: Way = Way { proftpd_passive: true, proftpd_connects: false };
const PROFTPD_ACTIVE_ACCEPTS: Way = Way { proftpd_passive: false, proftpd_connects: false };
/// proftpd 1.3.8 dies of this one under TLS 1.3 (double free).
const PROFTPD_ACTIVE_CONNECTS: Way = Way { proftpd_passive: false, proftpd_connects: true };

#[test]
fn proftpd_and_a_site_meet_in_every_way_under_tls_1_2() {
    let site = Site::start();
    let demanding = Proftpd::with(Resumption::Demanded, "TLSProtocol TLSv1.2");
    for way in [PROFTPD_PASSIVE_CONNECTS, PROFTPD_ACTIVE_CONNECTS] {
        broker(&site, &demanding, way, "TLSv1.2");
    }
    let waiving = Proftpd::with(Resumption::Waived, "TLSProtocol TLSv1.2");
    for way in [PROFTPD_PASSIVE_ACCEPTS, PROFTPD_ACTIVE_ACCEPTS] {
        broker(&site, &waiving, way, "TLSv1.2");
    }
}

#[test]
fn proftpd_and_a_site_meet_in_every_way_that_proftpd_survives_under_tls_1_3() {
    let site = Site::start();
    let demanding = Proftpd::start(Resumption::Demanded);
    broker(&site, &demanding, PROFTPD_PASSIVE_CONNECTS, "TLSv1.3");
    let waiving = Proftpd::start(Resumption::Waived);
    for way in [PROFTPD_PASSIVE_ACCEPTS, PROFTPD_ACTIVE_ACCEPTS] {
        broker(&site, &waiving, way, "TLSv1.3");
    }
}
