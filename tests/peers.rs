//! What the operator knows of other servers (`[[peers]]`): whom a client names, it must be one of
//! them as well.

use crate::{
    authority::Authority,
    daemon::Daemon,
    ftp::Ftp,
    other_server::{Means, OtherServer, Route, connect_from, opposite},
    peer,
    site::Site,
    xpeer::{SHORT, expects},
};
use fxpd::{Demand, FxpGrant, FxpLevel, Identity, PeerProof, PeerRule, TlsRole};
use openssl::ssl::SslVersion;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

const FILE: &[u8] = b"one line\nand another\n";
/// Where the other server is, and a host of which no rule speaks; the client is at 127.0.0.1.
const FOREIGN: &str = "127.0.0.2";
const ELSEWHERE: &str = "127.0.0.3";
const ROLES: [TlsRole; 2] = [TlsRole::Accept, TlsRole::Connect];

fn identity() -> Identity {
    Identity::self_signed(&["peer"]).unwrap()
}

fn site(level: FxpLevel, rule: PeerRule) -> Site {
    let site = Site::with(|plan| {
        plan.settings.peers = vec![rule];
        plan.settings.data_timeout = SHORT;
        plan.settings.tls = Demand::Optional;
        plan.fxp = FxpGrant::both(level);
    });
    site.put("out", FILE);
    site
}

fn pinning(identity: &Identity) -> PeerRule {
    let network = "127.0.0.2/32".parse().unwrap();
    PeerRule::new(vec![network], vec![identity.fingerprint()])
}

fn open_from(host: &str, route: Route) -> TcpStream {
    match route {
        Route::To(address) => connect_from(host, address),
        from => from.open(),
    }
}

/// Says how a download by the other server at `FOREIGN` ends.
fn download(
    ftp: &mut Ftp,
    other: &OtherServer,
    role: TlsRole,
    means: Means,
) -> (Option<Vec<u8>>, String) {
    ftp.says(if role == TlsRole::Connect { "SSCN ON" } else { "SSCN OFF" }, 200);
    let route = means.prepare_at(ftp, FOREIGN.parse().unwrap());
    ftp.says("RETR out", 150);
    let shaken = other.shake(open_from(FOREIGN, route), opposite(role));
    let got = shaken.and_then(peer::read_to_close).ok();
    (got, ftp.reply().unwrap())
}

#[test]
fn a_server_of_a_rule_is_verified_without_xpeer_and_another_in_its_place_is_refused() {
    let (right, wrong) = (identity(), identity());
    let site = site(FxpLevel::Verified, pinning(&right));
    let mut ftp = site.login("ann");
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let (peer, thief) =
            (OtherServer::proving(version, &right), OtherServer::proving(version, &wrong));
        for role in ROLES {
            for means in [Means::Pasv, Means::Port] {
                let row = format!("{version:?} {role:?} {means:?}");
                let (got, reply) = download(&mut ftp, &peer, role, means);
                assert_eq!(got.as_deref(), Some(FILE), "{row}: {reply}");
                assert!(reply.starts_with("226"), "{row}: {reply}");
                let record = site.record();
                assert_eq!((record.proof, record.foreign), (PeerProof::Proved, true), "{row}");

                let (got, reply) = download(&mut ftp, &thief, role, means);
                assert_ne!(got.as_deref(), Some(FILE), "{row}");
                assert!(reply.starts_with("421") && reply.contains("expected"), "{row}: {reply}");
                let record = site.record();
                assert_eq!((record.proof, record.foreign), (PeerProof::Missing, true), "{row}");
            }
        }
    }
}

#[test]
fn the_level_verified_reaches_the_servers_of_rules_and_no_others() {
    let right = identity();
    let site = site(FxpLevel::Verified, pinning(&right));
    let mut ftp = site.login("ann");
    Means::Port.prepare_at(&mut ftp, ELSEWHERE.parse().unwrap());
    ftp.says("RETR out", 550);
    let address = ftp.epsv();
    ftp.says("RETR out", 150);
    assert!(peer::is_closed(&connect_from(ELSEWHERE, address)));
    let peer = OtherServer::proving(SslVersion::TLS1_3, &right);
    let data = peer.shake(connect_from(FOREIGN, address), TlsRole::Connect).unwrap();
    assert_eq!(peer::read_to_close(data).unwrap(), FILE);
    ftp.hears(226);
}

#[test]
fn a_stranger_in_the_network_of_a_rule_does_not_end_the_wait_of_a_passive_port() {
    let (right, wrong) = (identity(), identity());
    let site = Site::with(|plan| plan.settings.peers = vec![pinning(&right)]);
    site.put("out", FILE);
    let mut ftp = site.login("ann");
    let (peer, thief) = (
        OtherServer::proving(SslVersion::TLS1_3, &right),
        OtherServer::proving(SslVersion::TLS1_3, &wrong),
    );
    let address = ftp.epsv();
    // Another host's, before the verb: it is left alone until then.
    let silent = connect_from(FOREIGN, address);
    ftp.says("RETR out", 150);
    if let Ok(mut data) = thief.shake(connect_from(FOREIGN, address), TlsRole::Connect) {
        assert!(!matches!(data.read(&mut [0; 64]), Ok(1..)));
    }
    let data = peer.shake(connect_from(FOREIGN, address), TlsRole::Connect).unwrap();
    assert_eq!(peer::read_to_close(data).unwrap(), FILE);
    ftp.hears(226);
    drop(silent);
}

#[test]
fn both_the_rule_and_xpeer_are_to_be_met() {
    let (known, named) = (identity(), identity());
    let site = site(FxpLevel::Tls, pinning(&known));
    let mut ftp = site.login("ann");
    let version = SslVersion::TLS1_3;
    for (pin, shown, code) in [
        (&known, &known, "226"),
        (&named, &named, "421"), // the client cannot widen what the operator says
        (&named, &known, "421"), // nor the operator what the client says
    ] {
        expects(&mut ftp, pin.fingerprint());
        let other = OtherServer::proving(version, shown);
        for role in ROLES {
            let (_, reply) = download(&mut ftp, &other, role, Means::Port);
            assert!(reply.starts_with(code), "{role:?}: {reply}");
        }
    }
}

#[test]
fn the_client_itself_is_not_concerned() {
    let right = identity();
    // The client's own host is in the network of the rule.
    let rule = PeerRule::new(vec!["0.0.0.0/0".parse().unwrap()], vec![right.fingerprint()]);
    let site = Site::with(|plan| {
        plan.settings.peers = vec![rule];
        plan.fxp = FxpGrant::both(FxpLevel::Tls);
    });
    site.put("out", FILE);
    let mut ftp = site.login("ann");
    assert_eq!(ftp.download("RETR out"), FILE);
    ftp.upload("STOR in", FILE);
    assert!(ftp.download("NLST").starts_with(b"in\r\n"));
    // Whoever shakes hands before the verb is answered as ever.
    let address = ftp.epsv();
    let eager = ftp.tls.begin(peer::connect(address));
    ftp.says("NOOP", 200);
    let eager = eager.go_on().expect("answered");
    ftp.says("RETR out", 150);
    assert_eq!(peer::read_to_close(eager).unwrap(), FILE);
    ftp.hears(226);
    // And its failure is told at once: nobody else is waited for.
    let address = ftp.epsv();
    ftp.says("RETR out", 150);
    peer::connect(address).write_all(b"this is no ClientHello").unwrap();
    ftp.hears(421);
    for _ in 0..3 {
        assert_eq!(site.record().proof, PeerProof::Unasked);
    }
}

#[test]
fn in_clear_text_a_rule_is_never_met() {
    let site = site(FxpLevel::Any, pinning(&identity()));
    let mut ftp = site.login("ann");
    ftp.says("PROT C", 200);
    Means::Port.prepare_at(&mut ftp, FOREIGN.parse().unwrap());
    ftp.says("RETR out", 550);
    let address = ftp.epsv();
    ftp.says("RETR out", 150);
    assert!(peer::is_closed(&connect_from(FOREIGN, address)));
    let mut bytes = Vec::new();
    connect_from(ELSEWHERE, address).read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, FILE);
    ftp.hears(226);
}

#[test]
fn what_an_authority_of_the_rule_has_signed_will_do_while_it_is_good() {
    let (ours, other) = (Authority::new(), Authority::new());
    let rule = PeerRule::new(vec!["127.0.0.0/8".parse().unwrap()], Vec::new());
    let site = site(FxpLevel::Verified, rule.authorities(&ours.file()).unwrap());
    let mut ftp = site.login("ann");
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        for role in ROLES {
            for (what, shown, code) in [
                ("signed", ours.signs(2_000_000_000), "226"),
                ("expired", ours.signs(1_100_000_000), "421"),
                ("another authority of the same name", other.signs(2_000_000_000), "421"),
                ("self-signed", identity(), "421"),
            ] {
                let peer = OtherServer::proving(version, &shown);
                let (_, reply) = download(&mut ftp, &peer, role, Means::Port);
                assert!(reply.starts_with(code), "{what} {version:?} {role:?}: {reply}");
            }
        }
    }
    let missing = PeerRule::new(Vec::new(), Vec::new()).authorities(Path::new("/no/ca.pem"));
    assert!(missing.is_err());
}

#[test]
fn the_rules_of_the_configuration_are_followed() {
    let known = Authority::new();
    let lines = {
        let file = known.file();
        move |_: &Path| {
            format!("\n[[peers]]\nnetworks = '127.0.0.2'\nauthorities = '{}'\n", file.display())
        }
    };
    let daemon = Daemon::start_with(lines);
    let mut ftp = daemon.connect();
    ftp.secure();
    ftp.log_in("ann");
    ftp.upload("STOR out", FILE);
    // The account says nothing of FXP: its level is `verified`.
    for (shown, code) in [(known.signs(2_000_000_000), "226"), (identity(), "421")] {
        let peer = OtherServer::proving(SslVersion::TLS1_3, &shown);
        let (_, reply) = download(&mut ftp, &peer, TlsRole::Accept, Means::Port);
        assert!(reply.starts_with(code), "{reply}");
    }
}
