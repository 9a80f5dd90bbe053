//! Data connections that resume the TLS session of their control connection, and what is told to
//! those that do not.

use crate::{
    ftp::Ftp,
    other_server::{Means, OtherServer, Route, connect_from},
    peer::{self, Client},
    site::Site,
    xpeer::expects,
};
use fxpd::{Demand, Identity, PeerProof, TlsRole};
use openssl::ssl::{SslStream, SslVersion};
use std::{
    collections::HashSet,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

const VERSIONS: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

fn demanding() -> Site {
    let site = Site::with(|plan| plan.settings.data_tls_reuse = Demand::Required);
    site.put("out", b"hello");
    site
}

/// A control connection of `account` whose tickets `client` keeps.
fn login(site: &Site, client: &Client, account: &str) -> Ftp {
    let mut ftp = Ftp::silent(site.address, client.clone());
    ftp.hears(220);
    ftp.secure();
    ftp.log_in(account);
    ftp
}

/// Reads or writes as `verb` wants, and hears 226.
fn complete(ftp: &mut Ftp, verb: &str, mut data: SslStream<TcpStream>) {
    if verb.starts_with("STOR") {
        data.write_all(b"hello").unwrap();
        peer::finish(data);
    } else {
        assert!(!peer::read_to_close(data).unwrap().is_empty());
    }
    ftp.hears(226);
}

#[test]
fn ten_data_connections_in_a_row_resume_each_with_a_fresh_ticket() {
    let site = demanding();
    for version in VERSIONS {
        for means in [Means::Pasv, Means::Epsv, Means::Port, Means::Eprt] {
            let client = Client::only(version);
            let mut ftp = login(&site, &client, "ann");
            let mut tickets = HashSet::new();
            for verb in ["RETR out", "STOR in", "LIST", "APPE in", "NLST"].repeat(2) {
                let route = means.prepare(&mut ftp);
                let session = ftp.session().expect("a ticket");
                tickets.insert(session.id().to_vec());
                ftp.says(verb, 150);
                let data = client.connect(route.open(), Some(&session)).unwrap();
                assert!(data.ssl().session_reused(), "{version:?} {means:?} {verb}");
                complete(&mut ftp, &verb.replace("APPE", "STOR"), data);
                if !matches!(verb, "LIST" | "NLST") {
                    assert!(site.record().tls.unwrap().resumed);
                }
            }
            if version == SslVersion::TLS1_3 {
                assert_eq!(tickets.len(), 10, "{means:?}: a ticket serves once");
            }
        }
    }
}

#[test]
fn without_a_session_it_is_522_where_resumption_is_demanded() {
    let site = demanding();
    for version in VERSIONS {
        let stranger = Client::only(version);
        let mut ftp = login(&site, &Client::only(version), "ann");
        for verb in ["RETR out", "STOR new", "APPE out", "STOU", "LIST", "MLSD"] {
            let address = ftp.epsv();
            ftp.says(verb, 150);
            let data = stranger.connect(peer::connect(address), None).unwrap();
            is_turned_away(&mut ftp, data, verb);
        }
        assert_eq!(site.names(), ["out"]);
        assert_eq!(site.file("out").unwrap(), b"hello");
        assert_eq!(ftp.download("RETR out"), b"hello");
    }
}

/// 522, and not a byte.
#[track_caller]
fn is_turned_away(ftp: &mut Ftp, mut data: SslStream<TcpStream>, row: &str) {
    assert!(!data.ssl().session_reused(), "{row}");
    ftp.hears(522);
    assert_eq!(data.read(&mut [0; 16]).unwrap_or(0), 0, "{row}: nothing is sent");
}

#[test]
fn the_ticket_of_another_control_connection_does_not_do() {
    let site = demanding();
    for version in VERSIONS {
        for account in ["ann", "bob"] {
            let client = Client::only(version);
            let mut other = login(&site, &client, account);
            other.epsv();
            let stolen = client.session().expect("a ticket");
            let mut ftp = login(&site, &client, "ann");
            let own = client.session().expect("a ticket");
            for verb in ["RETR out", "STOR new"] {
                let address = ftp.epsv();
                ftp.says(verb, 150);
                let data = client.connect(peer::connect(address), Some(&stolen)).unwrap();
                is_turned_away(&mut ftp, data, account);
            }
            assert_eq!(site.names(), ["out"], "{account} {version:?}");
            let address = ftp.epsv();
            ftp.says("RETR out", 150);
            let data = client.connect(peer::connect(address), Some(&own)).unwrap();
            complete(&mut ftp, "RETR out", data);
        }
    }
}

#[test]
fn the_ticket_of_another_control_connection_is_declined_cleanly_where_none_is_demanded() {
    let site = Site::start();
    site.put("out", b"hello");
    for version in VERSIONS {
        let client = Client::only(version);
        let mut bob = login(&site, &client, "bob");
        bob.epsv();
        let other = client.session().expect("a ticket");
        let mut ftp = login(&site, &client, "ann");
        let address = ftp.epsv();
        ftp.says("RETR out", 150);
        let data = client.connect(peer::connect(address), Some(&other)).unwrap();
        assert!(!data.ssl().session_reused(), "{version:?}");
        complete(&mut ftp, "RETR out", data);
        assert!(!site.record().tls.unwrap().resumed);
    }
}

#[test]
fn the_demand_is_waived_for_another_server_and_for_the_connecting_end() {
    let site = demanding();
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.login("ann");
    for (role, foreign, waived) in [
        (TlsRole::Accept, false, false),
        (TlsRole::Accept, true, true),
        (TlsRole::Connect, false, true),
        (TlsRole::Connect, true, true),
    ] {
        let (theirs, sscn) = match role {
            TlsRole::Accept => (TlsRole::Connect, "SSCN OFF"),
            TlsRole::Connect => (TlsRole::Accept, "SSCN ON"),
        };
        ftp.says(sscn, 200);
        let here = if foreign { "127.0.0.2" } else { "127.0.0.1" };
        for means in [Means::Pasv, Means::Port] {
            for verb in ["RETR out", "STOR in"] {
                let row = format!("{role:?} {here} {means:?} {verb}");
                let route = means.prepare_at(&mut ftp, here.parse().unwrap());
                ftp.says(verb, 150);
                let socket = match route {
                    Route::To(address) => connect_from(here, address),
                    from => from.open(),
                };
                let data = other.shake(socket, theirs).expect(&row);
                match waived {
                    true => complete(&mut ftp, verb, data),
                    false => is_turned_away(&mut ftp, data, &row),
                }
                let record = site.record();
                assert_eq!((record.foreign, record.complete), (foreign, waived), "{row}");
            }
        }
    }
}

#[test]
fn data_connections_send_no_tickets() {
    let site = Site::start();
    site.put("out", b"hello");
    let mut ftp = site.login("ann");
    for resumes in [false, true] {
        for verb in ["RETR out", "STOR in", "LIST"] {
            let route = Means::Epsv.prepare(&mut ftp);
            let session = ftp.session().filter(|_| resumes);
            // The control connection's client has kept all that it was given until now.
            let kept = ftp.tls.tickets();
            ftp.says(verb, 150);
            let data = ftp.tls.connect(route.open(), session.as_ref()).unwrap();
            assert_eq!(data.ssl().version_str(), "TLSv1.3");
            assert_eq!(data.ssl().session_reused(), resumes);
            if verb == "STOR in" {
                let mut data = data;
                let _ = data.shutdown();
                assert_eq!(data.read(&mut [0]).unwrap(), 0, "close_notify and nothing before it");
                ftp.hears(226);
            } else {
                complete(&mut ftp, verb, data);
            }
            assert_eq!(ftp.tls.tickets(), kept, "{verb} {resumes}");
        }
    }
}

#[test]
fn a_resumed_session_proves_nothing() {
    for reuse in [Demand::Optional, Demand::Required] {
        let site = Site::with(|plan| {
            plan.settings.data_timeout = Duration::from_secs(1);
            plan.settings.data_tls_reuse = reuse;
        });
        site.put("out", b"hello");
        let right = Identity::self_signed(&["peer"]).unwrap();
        for version in VERSIONS {
            // The client holds a session of its control connection, and not the certificate.
            let mut ftp = Ftp::silent(site.address, peer::Client::only(version));
            ftp.hears(220);
            ftp.secure();
            ftp.log_in("ann");
            assert_eq!(ftp.download("RETR out"), b"hello", "resumed, as ever");
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
            assert_eq!(peer::read_to_close(data).unwrap(), b"hello");
            ftp.hears(226);
            assert_eq!(site.record().proof, PeerProof::Proved);
        }
    }
}

/// Which keys have sealed the newest ticket of a session: OpenSSL names them in its first bytes.
pub fn ticket_keys(ftp: &mut Ftp) -> Vec<u8> {
    const TICKET: u8 = 0xaa; // [10], as OpenSSL writes a session down
    const NAME_BYTES: usize = 16;
    let session = ftp.session().expect("a ticket").to_der().unwrap();
    let (_, mut fields, _) = item(&session);
    loop {
        let (tag, field, rest) = item(fields);
        if tag == TICKET {
            return item(field).1[..NAME_BYTES].to_vec();
        }
        fields = rest;
    }
}

/// The first item of DER: its tag, what it holds, and what is behind it.
fn item(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, begin) = match der[1] {
        short @ ..0x80 => (usize::from(short), 2),
        long => {
            let digits = &der[2..2 + usize::from(long & 0x7f)];
            let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
            (length, 2 + digits.len())
        }
    };
    let (held, rest) = der[begin..].split_at(length);
    (der[0], held, rest)
}

#[test]
fn ticket_keys_can_be_renewed_under_those_who_are_on() {
    let site = demanding();
    for version in VERSIONS {
        let mut on = [(); 2].map(|()| login(&site, &Client::only(version), "ann"));
        let [one, other] = on.each_mut().map(ticket_keys);
        assert_eq!(one, other, "{version:?}");
        site.handle.as_ref().unwrap().renew_ticket_keys().unwrap();
        let mut later = login(&site, &Client::only(version), "ann");
        assert_ne!(one, ticket_keys(&mut later), "{version:?}");
        for ftp in on.iter_mut().chain([&mut later]) {
            assert_eq!(ftp.download("RETR out"), b"hello", "resumed, for that is demanded");
        }
    }
}
