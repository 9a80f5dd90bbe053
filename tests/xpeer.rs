//! `XPEER`: a server that has been told whom to expect sends to nobody else and takes from nobody
//! else, with a peer of OpenSSL's. Pairs of servers are in `xpeer_pairs.rs`.

use crate::{
    ftp::Ftp,
    other_server::{Means, OtherServer, opposite},
    peer,
    site::Site,
};
use fxpd::{Demand, Fingerprint, FxpGrant, FxpLevel, Identity, PeerProof, TlsRole};
use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::PKey,
    ssl::{SslStream, SslVersion},
    x509::X509,
};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

const FILE: &[u8] = b"one line\nand another\n";
const VERSIONS: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];
const ROLES: [TlsRole; 2] = [TlsRole::Accept, TlsRole::Connect];

fn identity() -> Identity {
    Identity::self_signed(&["peer"]).unwrap()
}

/// `XPEER` and the reply to it.
pub fn expects(ftp: &mut Ftp, peer: Fingerprint) {
    let named = format!("XPEER SHA-256 {}", hex(peer));
    assert_eq!(ftp.says(&named, 200), format!("200 {named}"));
}

pub fn hex(print: Fingerprint) -> String {
    print.to_string().split_off("SHA256:".len())
}

fn sscn(ftp: &mut Ftp, role: TlsRole) {
    ftp.says(if role == TlsRole::Connect { "SSCN ON" } else { "SSCN OFF" }, 200);
}

/// A site that waits no longer than this for the one it expects.
pub const SHORT: Duration = Duration::from_millis(600);

/// Such a site at `host`, whose accounts copy with verified servers.
pub fn impatient_at(host: &str) -> Site {
    Site::with(|plan| {
        plan.host = host.parse().unwrap();
        plan.fxp = FxpGrant::both(FxpLevel::Verified);
        plan.settings.data_timeout = SHORT;
    })
}

/// Moves the file as `verb` says over a connection whose handshake is done, and hears 226.
fn moves(ftp: &mut Ftp, mut data: SslStream<TcpStream>, verb: &str) {
    if verb.starts_with("RETR") {
        assert_eq!(peer::read_to_close(data).expect(verb), FILE);
    } else {
        data.write_all(FILE).unwrap();
        peer::finish(data);
    }
    ftp.hears(226);
}

/// The next transfer is one of an ordinary client: nothing is left of what went wrong.
fn goes_on(ftp: &mut Ftp) {
    ftp.says("XPEER OFF", 200);
    sscn(ftp, TlsRole::Accept);
    assert_eq!(ftp.download("RETR out"), FILE);
}

#[test]
fn xpeer_is_asked_set_and_taken_back_by_its_gate() {
    let site = Site::start();
    let print = hex(identity().fingerprint());
    let set = format!("XPEER SHA-256 {print}");
    let mut ftp = site.connect();
    assert!(ftp.says("FEAT", 211).contains("\r\n XPEER SHA-256\r\n"));
    ftp.says(&set, 503);
    ftp.secure();
    ftp.says(&set, 530);
    ftp.log_in("ann");
    assert_eq!(ftp.says("XPEER", 200), "200 XPEER OFF");
    let upper = format!("xpeer sha-256 {} ", print.to_uppercase());
    assert_eq!(ftp.says(&upper, 200), format!("200 {set}"));
    for (bad, code) in [
        ("XPEER ON", 501),
        ("XPEER SHA-256", 501),
        (&format!("XPEER {print}"), 501),
        (&format!("{set}0"), 501),
        (&format!("{set} x"), 501),
        (&format!("XPEER SHA-512 {print}{print}"), 504),
    ] {
        ftp.says(bad, code);
        assert_eq!(ftp.says("XPEER", 200), format!("200 {set}"), "unchanged by {bad}");
    }
    assert_eq!(ftp.says("xpeer off", 200), "200 XPEER OFF");
    assert_eq!(ftp.says("XPEER", 200), "200 XPEER OFF");

    // REIN leaves nothing of it, and the AUTH behind it neither.
    ftp.says(&set, 200);
    ftp.says("REIN", 220);
    ftp.leave_tls();
    ftp.secure();
    ftp.log_in("ann");
    assert_eq!(ftp.says("XPEER", 200), "200 XPEER OFF");
}

#[test]
fn rein_alone_takes_xpeer_back() {
    let site = Site::start();
    let mut ftp = Ftp::implicit(site.implicit);
    ftp.log_in("ann");
    expects(&mut ftp, identity().fingerprint());
    ftp.says("REIN", 220);
    ftp.log_in("ann");
    assert_eq!(ftp.says("XPEER", 200), "200 XPEER OFF");
}

#[test]
fn auth_after_ccc_takes_xpeer_back() {
    let site = Site::with(|plan| plan.settings.ccc = true);
    let mut ftp = site.login("ann");
    expects(&mut ftp, identity().fingerprint());
    ftp.says("CCC", 200);
    ftp.leave_tls();
    ftp.secure();
    ftp.log_in("ann");
    assert_eq!(ftp.says("XPEER", 200), "200 XPEER OFF");
}

#[test]
fn the_expected_peer_is_served_in_each_role_over_each_port_for_each_verb() {
    let other = identity();
    for (host, all_means) in [
        ("127.0.0.1", &[Means::Pasv, Means::Epsv, Means::Cpsv, Means::Port, Means::Eprt][..]),
        ("::1", &[Means::Epsv, Means::Eprt]),
    ] {
        let site = Site::with(|plan| plan.host = host.parse().unwrap());
        site.put("out", FILE);
        let mut ftp = site.login("ann");
        expects(&mut ftp, other.fingerprint());
        for version in VERSIONS {
            let peer = OtherServer::proving(version, &other);
            for role in ROLES {
                sscn(&mut ftp, role);
                for means in all_means {
                    let role = if *means == Means::Cpsv { TlsRole::Connect } else { role };
                    for verb in ["RETR out", "STOR in", "APPE in", "STOU"] {
                        let row = format!("{host} {version:?} {role:?} {means:?} {verb}");
                        let route = means.prepare(&mut ftp);
                        ftp.says(verb, 150);
                        let data = peer.shake(route.open(), opposite(role)).expect(&row);
                        moves(&mut ftp, data, verb);
                        let record = site.record();
                        assert_eq!(record.proof, PeerProof::Proved, "{row}");
                        let shown = record.tls.unwrap().peer;
                        assert_eq!(shown, Some(other.fingerprint()), "{row}");
                        assert_eq!(record.role, role, "{row}");
                    }
                }
            }
        }
        assert!(site.file("in").unwrap().starts_with(FILE));
    }
}

#[test]
fn another_peer_is_421_with_the_reason_and_nothing_is_created_or_sent() {
    let site = impatient_at("127.0.0.1");
    site.put("out", FILE);
    site.put("old", b"as it was");
    let (right, wrong) = (identity(), identity());
    let shows = format!("the peer shows {}", wrong.fingerprint());
    let none = "the peer shows no certificate".to_owned();
    let mut ftp = site.login("ann");
    for version in VERSIONS {
        for role in ROLES {
            let mut others = vec![(OtherServer::proving(version, &wrong), &shows)];
            if role == TlsRole::Accept {
                others.push((OtherServer::only(version, &wrong), &none));
            }
            for (other, reason) in others {
                for (means, verbs) in [
                    (Means::Pasv, &["RETR out", "STOR new"][..]),
                    (Means::Port, &["RETR out", "STOR new", "STOR old", "APPE old", "STOU"]),
                ] {
                    for verb in verbs {
                        let row = format!("{version:?} {role:?} {means:?} {verb} {reason}");
                        expects(&mut ftp, right.fingerprint());
                        sscn(&mut ftp, role);
                        let route = means.prepare(&mut ftp);
                        ftp.says(verb, 150);
                        let began = Instant::now();
                        gets_nothing(&other, route.open(), opposite(role), &row);
                        let reply = ftp.hears(421);
                        assert!(reply.contains(reason.as_str()), "{row}: {reply}");
                        // Whom we connected to is all there is to wait for.
                        let waited = began.elapsed() >= SHORT - Duration::from_millis(100);
                        assert_eq!(waited, means == Means::Pasv, "{row}: {:?}", began.elapsed());
                        let record = site.record();
                        assert_eq!(record.proof, PeerProof::Missing, "{row}");
                        assert!(!record.complete && record.bytes == 0 && record.tls.is_none());
                        assert!(record.peer.is_some(), "{row}");
                    }
                }
            }
        }
    }
    assert_eq!(site.names(), ["old", "out"]);
    assert_eq!(site.file("old").unwrap(), b"as it was");
    goes_on(&mut ftp);
}

/// Shakes hands as far as it goes; no byte of a file comes.
fn gets_nothing(other: &OtherServer, socket: TcpStream, role: TlsRole, row: &str) {
    if let Ok(mut data) = other.shake(socket, role) {
        // Under TLS 1.3 a client is done before the server has seen its certificate.
        let _ = data.write_all(FILE);
        let read = data.read(&mut [0; 64]);
        assert!(!matches!(read, Ok(1..)), "{row}: {read:?}");
    }
}

#[test]
fn a_thief_who_is_first_at_the_port_gets_nothing_and_the_expected_peer_completes() {
    let site = Site::start();
    site.put("out", FILE);
    let (right, wrong) = (identity(), identity());
    let mut ftp = site.login("ann");
    expects(&mut ftp, right.fingerprint());
    for version in VERSIONS {
        let (peer, thief) =
            (OtherServer::proving(version, &right), OtherServer::proving(version, &wrong));
        for role in ROLES {
            sscn(&mut ftp, role);
            for verb in ["RETR out", "STOR in"] {
                let row = format!("{version:?} {role:?} {verb}");
                let address = ftp.epsv();
                // Before the verb and behind it: silent ones, gone ones, ones with words of their
                // own, more than shake hands at a time, and one with a certificate.
                let early: Vec<_> = (0..3).map(|_| peer::connect(address)).collect();
                drop(peer::connect(address));
                ftp.says(verb, 150);
                let silent: Vec<_> = (0..20).map(|_| peer::connect(address)).collect();
                let mut rude = peer::connect(address);
                rude.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
                gets_nothing(&thief, peer::connect(address), opposite(role), &row);
                let data = peer.shake(peer::connect(address), opposite(role)).expect(&row);
                moves(&mut ftp, data, verb);
                for silent in early.iter().chain(&silent) {
                    gets_no_file(silent, &row);
                }
                assert_eq!(site.record().proof, PeerProof::Proved, "{row}");
            }
        }
    }
    assert_eq!(site.file("in").unwrap(), FILE);
}

/// To the end of the connection, which may begin with a ClientHello.
fn gets_no_file(mut socket: &TcpStream, row: &str) {
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes); // a reset is an end as well
    assert!(!bytes.windows(FILE.len()).any(|seen| seen == FILE), "{row}");
    assert!(bytes.len() < 2000, "{row}: {}", bytes.len());
}

#[test]
fn no_silent_crowd_delays_the_expected_peer() {
    let site = Site::start();
    site.put("out", FILE);
    let right = identity();
    let peer = OtherServer::proving(SslVersion::TLS1_3, &right);
    let mut ftp = site.login("ann");
    expects(&mut ftp, right.fingerprint());
    let address = ftp.epsv();
    let crowd: Vec<_> = (0..10).map(|_| peer::connect(address)).collect();
    let began = Instant::now();
    ftp.says("RETR out", 150);
    let data = peer.shake(peer::connect(address), TlsRole::Connect).unwrap();
    moves(&mut ftp, data, "RETR out");
    assert!(began.elapsed() < Duration::from_secs(5), "a handshake's time is ten seconds");
    drop(crowd);
}

#[test]
fn a_silent_stranger_alone_is_421_and_nobody_at_all_425() {
    let site = Site::with(|plan| {
        plan.settings.data_timeout = Duration::from_secs(1);
        plan.settings.handshake_timeout = Duration::from_secs(2);
    });
    site.put("out", FILE);
    let mut ftp = site.login("ann");
    expects(&mut ftp, identity().fingerprint());
    ftp.epsv();
    ftp.says("RETR out", 150);
    ftp.hears(425);
    assert_eq!(site.record().proof, PeerProof::Missing);
    let address = ftp.epsv();
    ftp.says("RETR out", 150);
    let silent = peer::connect(address);
    let reply = ftp.hears(421);
    assert!(reply.contains("timed out"), "{reply}");
    drop(silent);
    goes_on(&mut ftp);
}

#[test]
fn abor_ends_the_wait_and_tells_who_was_refused() {
    let site = Site::start();
    site.put("out", FILE);
    let (right, wrong) = (identity(), identity());
    let thief = OtherServer::proving(SslVersion::TLS1_2, &wrong);
    let mut ftp = site.login("ann");
    expects(&mut ftp, right.fingerprint());
    let address = ftp.epsv();
    ftp.says("RETR out", 150);
    assert!(thief.shake(peer::connect(address), TlsRole::Connect).is_err());
    ftp.sends(b"ABOR\r\n");
    let reply = ftp.hears(426);
    assert!(reply.contains(&wrong.fingerprint().to_string()), "{reply}");
    ftp.hears(226);
    goes_on(&mut ftp);
}

#[test]
fn a_resumed_session_proves_nothing() {
    for reuse in [Demand::Optional, Demand::Required] {
        let site = Site::with(|plan| {
            plan.settings.data_timeout = Duration::from_secs(1);
            plan.settings.data_tls_reuse = reuse;
        });
        site.put("out", FILE);
        let right = identity();
        for version in VERSIONS {
            // The client holds a session of its control connection, and not the certificate.
            let mut ftp = Ftp::silent(site.address, peer::Client::only(version));
            ftp.hears(220);
            ftp.secure();
            ftp.log_in("ann");
            assert_eq!(ftp.download("RETR out"), FILE, "resumed, as ever");
            assert!(site.record().tls.unwrap().resumed, "{version:?}");
            expects(&mut ftp, right.fingerprint());
            let address = ftp.epsv();
            ftp.says("RETR out", 150);
            let session = ftp.session();
            if let Ok(mut data) = ftp.tls.connect(peer::connect(address), session.as_ref()) {
                assert!(!data.ssl().session_reused(), "{version:?}");
                assert!(!matches!(data.read(&mut [0; 64]), Ok(1..)), "{version:?}");
            }
            let reply = ftp.hears(421);
            assert!(reply.contains("no certificate"), "{reply}");
            assert_eq!(site.record().proof, PeerProof::Missing);
            // Who has proved who it is need not resume.
            let address = ftp.epsv();
            ftp.says("RETR out", 150);
            let peer = OtherServer::proving(version, &right);
            let data = peer.shake(peer::connect(address), TlsRole::Connect).unwrap();
            moves(&mut ftp, data, "RETR out");
            assert_eq!(site.record().proof, PeerProof::Proved);
        }
    }
}

#[test]
fn a_pin_is_for_the_transfers_behind_it() {
    let site = impatient_at("127.0.0.1");
    site.put("out", FILE);
    let (first, second) = (identity(), identity());
    let version = SslVersion::TLS1_3;
    let (one, two) =
        (OtherServer::proving(version, &first), OtherServer::proving(version, &second));
    let mut ftp = site.login("ann");
    for (expected, peer, stranger) in [(&first, &one, &two), (&second, &two, &one)] {
        expects(&mut ftp, expected.fingerprint());
        // It lasts until it is changed.
        for _ in 0..2 {
            let address = ftp.epsv();
            ftp.says("RETR out", 150);
            let data = peer.shake(peer::connect(address), TlsRole::Connect).unwrap();
            moves(&mut ftp, data, "RETR out");
        }
        let address = ftp.epsv();
        ftp.says("RETR out", 150);
        gets_nothing(stranger, peer::connect(address), TlsRole::Connect, "the other one");
        ftp.hears(421);
    }
    // Said during a transfer, it counts for the next.
    let address = ftp.epsv();
    ftp.says("STOR in", 150);
    ftp.sends(format!("XPEER SHA-256 {}\r\n", hex(first.fingerprint())).as_bytes());
    let data = two.shake(peer::connect(address), TlsRole::Connect).unwrap();
    moves(&mut ftp, data, "STOR in");
    ftp.hears(200);
    let address = ftp.epsv();
    ftp.says("STOR in", 150);
    let data = one.shake(peer::connect(address), TlsRole::Connect).unwrap();
    moves(&mut ftp, data, "STOR in");
}

#[test]
fn listings_ignore_it() {
    let site = Site::with(|plan| plan.settings.data_tls_reuse = Demand::Required);
    site.put("a-file", FILE);
    let mut ftp = site.login("ann");
    expects(&mut ftp, identity().fingerprint());
    for verb in ["LIST", "NLST", "MLSD"] {
        let listing = ftp.download(verb);
        assert!(listing.ends_with(b"a-file\r\n"), "{verb}");
    }
}

#[test]
fn clear_data_proves_nothing_and_is_refused_before_it_begins() {
    let site = Site::with(|plan| {
        plan.settings.tls = Demand::Optional;
        plan.fxp = FxpGrant::both(FxpLevel::Any);
    });
    site.put("out", FILE);
    let mut ftp = site.login("ann");
    ftp.says("PROT C", 200);
    expects(&mut ftp, identity().fingerprint());
    ftp.epsv();
    ftp.says("RETR out", 521);
    ftp.epsv();
    ftp.says("STOR in", 521);
    assert_eq!(site.names(), ["out"]);
    let address = ftp.epsv();
    ftp.says("NLST", 150);
    let mut listing = Vec::new();
    peer::connect(address).read_to_end(&mut listing).unwrap();
    assert_eq!(listing, b"out\r\n");
}

#[test]
fn no_handshake_begins_before_the_pin_is_known() {
    let site = Site::start();
    site.put("out", FILE);
    let right = identity();
    let peer = OtherServer::proving(SslVersion::TLS1_3, &right);
    // Begun before XPEER, when nobody was asked for a certificate: it does not count, and its
    // owner, or another, may come again.
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    let eager = ftp.tls.begin(peer::connect(address));
    ftp.says("NOOP", 200);
    let mut eager = eager.go_on().expect("an eager client is answered");
    expects(&mut ftp, right.fingerprint());
    ftp.says("RETR out", 150);
    let data = peer.shake(peer::connect(address), TlsRole::Connect).unwrap();
    moves(&mut ftp, data, "RETR out");
    assert!(!matches!(eager.read(&mut [0; 64]), Ok(1..)));
    // As TLS client we would have nothing to do with it either.
    ftp.says("XPEER OFF", 200);
    let address = ftp.epsv();
    let eager = ftp.tls.begin(peer::connect(address));
    ftp.says("NOOP", 200);
    drop(eager.go_on().expect("an eager client is answered"));
    expects(&mut ftp, right.fingerprint());
    sscn(&mut ftp, TlsRole::Connect);
    ftp.says("RETR out", 150);
    let data = peer.shake(peer::connect(address), TlsRole::Accept).unwrap();
    moves(&mut ftp, data, "RETR out");
    sscn(&mut ftp, TlsRole::Accept);
    // Behind XPEER it is not answered before the verb, and then it is asked.
    let address = ftp.epsv();
    let waiting = peer::Client::proving(SslVersion::TLS1_3, &right).begin(peer::connect(address));
    assert!(matches!(waiting, peer::Begun::Waiting(_)));
    ftp.says("NOOP", 200);
    ftp.says("RETR out", 150);
    let data = waiting.go_on().expect("asked, and answered");
    moves(&mut ftp, data, "RETR out");
    for _ in 0..3 {
        assert_eq!(site.record().proof, PeerProof::Proved);
    }
}

#[test]
fn a_pinned_certificate_need_not_please_anyone_else() {
    let site = Site::start();
    site.put("out", FILE);
    let expired = expired();
    let mut ftp = site.login("ann");
    expects(&mut ftp, expired.fingerprint());
    for version in VERSIONS {
        let peer = OtherServer::proving(version, &expired);
        for role in ROLES {
            sscn(&mut ftp, role);
            let address = ftp.epsv();
            ftp.says("RETR out", 150);
            let data = peer.shake(peer::connect(address), opposite(role)).expect("a handshake");
            moves(&mut ftp, data, "RETR out");
        }
    }
}

/// A certificate that was good until yesterday, for another name, and signed by itself.
fn expired() -> Identity {
    let young = identity();
    let key = PKey::private_key_from_pem(&young.key_pem().unwrap()).unwrap();
    let certificate = X509::from_pem(&young.certificate_pem().unwrap()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(certificate.subject_name()).unwrap();
    builder.set_issuer_name(certificate.subject_name()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(1_000_000_000).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(1_100_000_000).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (cert, pem) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    fs::write(&cert, builder.build().to_pem().unwrap()).unwrap();
    fs::write(&pem, young.key_pem().unwrap()).unwrap();
    Identity::from_files(&cert, &pem).unwrap()
}
