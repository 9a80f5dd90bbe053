//! Who is TLS client on a data connection: SSCN and CPSV, over every port and every verb, with a
//! peer of OpenSSL's and between two servers of ours.

use crate::{
    ftp::Ftp,
    other_server::{Means, OtherServer, introduce, opposite, site_at},
    peer,
    site::Site,
};
use fxpd::{Direction, Identity, TlsRole};
use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::PKey,
    rsa::Rsa,
    ssl::SslVersion,
    x509::{X509, X509NameBuilder},
};
use std::{
    fs,
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

const FILE: &[u8] = b"one line\nand another\n";

#[test]
fn each_role_is_played_over_each_port_for_each_verb_with_each_certificate() {
    for identity in [Identity::self_signed(&["127.0.0.1"]).unwrap(), rsa_identity()] {
        for (host, all_means) in [
            ("127.0.0.1", &[Means::Pasv, Means::Epsv, Means::Port, Means::Eprt][..]),
            ("::1", &[Means::Epsv, Means::Eprt]),
        ] {
            let site = Site::with(|plan| {
                plan.host = host.parse().unwrap();
                plan.identity = identity.clone();
            });
            site.put("out", FILE);
            let mut ftp = site.login("ann");
            for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
                let other = OtherServer::only(version, &identity);
                for role in [TlsRole::Accept, TlsRole::Connect] {
                    ftp.says(&format!("SSCN {}", wish(role)), 200);
                    for means in all_means {
                        for verb in ["RETR out", "STOR in", "APPE in", "STOU"] {
                            copy(&site, &mut ftp, &other, role, *means, verb, version);
                        }
                    }
                }
            }
        }
    }
}

fn wish(role: TlsRole) -> &'static str {
    match role {
        TlsRole::Accept => "OFF",
        TlsRole::Connect => "ON",
    }
}

/// One transfer in which `site` plays `role`.
#[track_caller]
fn copy(
    site: &Site,
    ftp: &mut Ftp,
    other: &OtherServer,
    role: TlsRole,
    means: Means,
    verb: &str,
    version: SslVersion,
) {
    let row = format!("{} {role:?} {means:?} {verb} {version:?}", site.address);
    let before = site.file("in").unwrap_or_default();
    let route = means.prepare(ftp);
    let opening = ftp.says(verb, 150);
    let mut data = other.shake(route.open(), opposite(role)).expect(&row);
    if verb.starts_with("RETR") {
        assert_eq!(peer::read_to_close(data).expect(&row), FILE, "{row}");
    } else {
        data.write_all(FILE).unwrap();
        peer::finish(data);
    }
    ftp.hears(226);
    match verb {
        "STOR in" => assert_eq!(site.file("in").unwrap(), FILE, "{row}"),
        "APPE in" => assert_eq!(site.file("in").unwrap(), [&before, FILE].concat(), "{row}"),
        "STOU" => {
            let name = opening.split("FILE: ").nth(1).expect("the name that was made");
            assert_eq!(site.file(name).expect(&row), FILE, "{row}");
            fs::remove_file(site.path(name)).unwrap();
        }
        _ => {}
    }
    let record = site.record();
    assert_eq!(record.role, role, "{row}");
    let spoken = if version == SslVersion::TLS1_2 { "TLSv1.2" } else { "TLSv1.3" };
    assert_eq!(record.tls.expect(&row).version, spoken, "{row}");
    assert!(record.complete && !record.foreign, "{row}");
    assert_eq!(record.bytes, FILE.len() as u64, "{row}");
    let out = verb.starts_with("RETR");
    assert_eq!(record.direction == Direction::Outgoing, out, "{row}");
}

#[test]
fn two_servers_copy_between_each_other_in_every_pairing() {
    let (source, target) = (site_at("127.0.0.2"), site_at("127.0.0.3"));
    source.put("out", FILE);
    let (mut from, mut to) = (source.login("ann"), target.login("ann"));
    for source_is_passive in [true, false] {
        for (sscn_passive, sscn_active, verb) in
            [("ON", "OFF", "PASV"), ("OFF", "ON", "PASV"), ("OFF", "OFF", "CPSV")]
        {
            let (source_sscn, target_sscn) = match source_is_passive {
                true => (sscn_passive, sscn_active),
                false => (sscn_active, sscn_passive),
            };
            let passive_connects = sscn_passive == "ON" || verb == "CPSV";
            let source_role = match passive_connects == source_is_passive {
                true => TlsRole::Connect,
                false => TlsRole::Accept,
            };
            for (rest, store, want) in [
                (None, "STOR in", FILE.to_vec()),
                (None, "APPE in", [b"before ", FILE].concat()),
                (None, "STOU", FILE.to_vec()),
                (Some(4), "STOR in", [b"befo", &FILE[4..]].concat()),
            ] {
                let row = format!("{source_is_passive} {source_sscn} {target_sscn} {verb} {store}");
                target.put("in", b"before ");
                from.says(&format!("SSCN {source_sscn}"), 200);
                to.says(&format!("SSCN {target_sscn}"), 200);
                match source_is_passive {
                    true => introduce(&mut from, verb, &mut to),
                    false => introduce(&mut to, verb, &mut from),
                }
                if let Some(offset) = rest {
                    from.says(&format!("REST {offset}"), 350);
                    to.says(&format!("REST {offset}"), 350);
                }
                let opening = to.says(store, 150);
                from.says("RETR out", 150);
                from.hears(226);
                to.hears(226);
                let name = opening.split("FILE: ").nth(1).unwrap_or("in");
                assert_eq!(target.file(name), Some(want), "{row}");
                let (sent, stored) = (source.record(), target.record());
                assert_eq!((sent.role, stored.role), (source_role, opposite(source_role)), "{row}");
                assert!(sent.foreign && stored.foreign, "{row}");
                assert_eq!(sent.peer.unwrap().ip(), target.address.ip(), "{row}");
                assert_eq!(stored.peer.unwrap().ip(), source.address.ip(), "{row}");
                let shown = |tls: Option<fxpd::TlsFacts>| tls.unwrap().peer;
                match source_role {
                    TlsRole::Connect => {
                        assert_eq!(shown(sent.tls), Some(target.identity.fingerprint()), "{row}")
                    }
                    TlsRole::Accept => {
                        assert_eq!(shown(stored.tls), Some(source.identity.fingerprint()), "{row}")
                    }
                }
            }
        }
    }
}

#[test]
fn two_servers_copy_over_ipv6() {
    let (source, target) = (site_at("::1"), site_at("::1"));
    source.put("out", FILE);
    let (mut from, mut to) = (source.login("ann"), target.login("ann"));
    for source_is_passive in [true, false] {
        for (source_sscn, target_sscn) in [("ON", "OFF"), ("OFF", "ON")] {
            from.says(&format!("SSCN {source_sscn}"), 200);
            to.says(&format!("SSCN {target_sscn}"), 200);
            let (passive, active) = match source_is_passive {
                true => (&mut from, &mut to),
                false => (&mut to, &mut from),
            };
            let address = passive.epsv();
            active.says(&Means::Eprt.naming(address), 200);
            from.says("RETR out", 150);
            to.says("STOR in", 150);
            to.hears(226);
            from.hears(226);
            assert_eq!(target.file("in").unwrap(), FILE);
            to.says("DELE in", 250);
        }
    }
}

#[test]
fn what_names_ipv4_only_is_refused_over_ipv6() {
    let site = site_at("::1");
    let mut ftp = site.login("ann");
    for verb in ["PASV", "CPSV"] {
        ftp.says(verb, 425);
    }
    ftp.upload("STOR in", FILE);
    assert_eq!(site.file("in").unwrap(), FILE);
}

#[test]
fn listings_accept_whatever_sscn_and_cpsv_say() {
    let site = Site::start();
    site.put("a-file", FILE);
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.login("ann");
    for sscn in ["ON", "OFF"] {
        ftp.says(&format!("SSCN {sscn}"), 200);
        for means in [Means::Pasv, Means::Cpsv, Means::Epsv, Means::Port, Means::Eprt] {
            for verb in ["LIST", "NLST", "MLSD"] {
                let route = means.prepare(&mut ftp);
                ftp.says(verb, 150);
                let data = other.shake(route.open(), TlsRole::Connect).expect(verb);
                let listing = peer::read_to_close(data).expect(verb);
                assert!(listing.ends_with(b"a-file\r\n"), "{sscn} {means:?} {verb}");
                ftp.hears(226);
            }
        }
    }
}

#[test]
fn sscn_left_on_fails_an_ordinary_download_cleanly() {
    let site = Site::start();
    site.put("out", FILE);
    let mut ftp = site.login("ann");
    ftp.says("SSCN ON", 200);
    let address = ftp.epsv();
    ftp.says("RETR out", 150);
    assert!(ftp.tls.connect(peer::connect(address), None).is_err(), "two TLS clients");
    let reply = ftp.hears(421);
    assert!(reply.contains("SSL/TLS negotiation failed"), "{reply}");
    let record = site.record();
    assert!(!record.complete && record.tls.is_none() && record.bytes == 0);
    assert_eq!(record.role, TlsRole::Connect);
    assert_eq!(ftp.says("SSCN", 200), "200 SSCN:CLIENT METHOD", "still set");
    ftp.says("SSCN OFF", 200);
    assert_eq!(ftp.download("RETR out"), FILE);
}

#[test]
fn a_listing_that_fails_to_negotiate_is_522() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("LIST", 150);
    let mut data = peer::connect(address);
    data.write_all(b"this is no ClientHello").unwrap();
    ftp.hears(522);
    ftp.says("NOOP", 200);
}

#[test]
fn the_same_role_on_both_sides_fails_in_time_and_leaves_no_trace() {
    let site = |host: &str| {
        Site::with(|plan| {
            plan.host = host.parse().unwrap();
            plan.settings.handshake_timeout = Duration::from_secs(1);
        })
    };
    let (source, target) = (site("127.0.0.2"), site("127.0.0.3"));
    source.put("out", FILE);
    target.put("old", b"as it was");
    for sscn in ["ON", "OFF"] {
        for store in ["STOR old", "APPE old", "STOR new", "STOU"] {
            let (mut from, mut to) = (source.login("ann"), target.login("ann"));
            from.says(&format!("SSCN {sscn}"), 200);
            to.says(&format!("SSCN {sscn}"), 200);
            let address = to.pasv("PASV");
            from.says(&Means::Port.naming(address), 200);
            let began = Instant::now();
            to.says(store, 150);
            from.says("RETR out", 150);
            to.hears(421);
            from.hears(421);
            assert!(began.elapsed() < Duration::from_secs(5), "{sscn} {store}");
            assert!(TcpStream::connect(address).is_err(), "{sscn} {store}: the listener is closed");
            for site in [&source, &target] {
                let record = site.record();
                assert!(!record.complete && record.bytes == 0 && record.tls.is_none());
            }
            assert_eq!(target.file("old").unwrap(), b"as it was", "{sscn} {store}");
            assert_eq!(target.names(), ["old"], "{sscn} {store}");
            to.says("NOOP", 200);
            from.says("NOOP", 200);
        }
    }
}

#[test]
fn cpsv_counts_for_its_port_alone() {
    let site = Site::start();
    site.put("out", FILE);
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.login("ann");
    for (first, then, role) in [
        (Means::Cpsv, None, TlsRole::Connect),
        (Means::Cpsv, Some(Means::Pasv), TlsRole::Accept),
        (Means::Cpsv, Some(Means::Epsv), TlsRole::Accept),
        (Means::Cpsv, Some(Means::Port), TlsRole::Accept),
        (Means::Cpsv, Some(Means::Eprt), TlsRole::Accept),
        (Means::Pasv, Some(Means::Cpsv), TlsRole::Connect),
        (Means::Port, Some(Means::Cpsv), TlsRole::Connect),
        (Means::Pasv, None, TlsRole::Accept),
    ] {
        let row = format!("{first:?} {then:?}");
        let mut route = first.prepare(&mut ftp);
        if let Some(then) = then {
            let replaced = std::mem::replace(&mut route, then.prepare(&mut ftp));
            if first != Means::Port {
                assert!(TcpStream::connect(replaced.address()).is_err(), "{row}: replaced");
            }
        }
        ftp.says("RETR out", 150);
        let data = other.shake(route.open(), opposite(role)).expect(&row);
        assert_eq!(peer::read_to_close(data).expect(&row), FILE);
        ftp.hears(226);
        assert_eq!(site.record().role, role, "{row}");
        assert_eq!(ftp.says("SSCN", 200), "200 SSCN:SERVER METHOD", "{row}");
    }
}

#[test]
fn prot_counts_when_the_verb_comes_not_when_the_port_was_made() {
    let site = Site::start();
    site.put("out", FILE);
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.connect();
    ftp.secure();
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 230);
    ftp.says("TYPE I", 200);
    ftp.says("SSCN ON", 200);
    for means in [Means::Pasv, Means::Port] {
        let route = means.prepare(&mut ftp);
        ftp.says("PBSZ 0", 200);
        ftp.says("PROT P", 200);
        ftp.says("RETR out", 150);
        let data = other.shake(route.open(), TlsRole::Accept).expect("a handshake");
        assert_eq!(peer::read_to_close(data).unwrap(), FILE);
        ftp.hears(226);
    }
}

#[test]
fn sscn_in_the_midst_of_a_transfer_counts_for_the_next() {
    let site = Site::start();
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.login("ann");
    for (wish, role, next) in
        [("ON", TlsRole::Accept, TlsRole::Connect), ("OFF", TlsRole::Connect, TlsRole::Accept)]
    {
        let first = Means::Epsv.prepare(&mut ftp);
        ftp.says("STOR first", 150);
        // Before the handshake of the first: its role is settled all the same.
        ftp.sends(format!("SSCN {wish}\r\nEPSV\r\n").as_bytes());
        let mut data = other.shake(first.open(), opposite(role)).expect(wish);
        data.write_all(FILE).unwrap();
        peer::finish(data);
        ftp.hears(226);
        ftp.hears(200);
        let reply = ftp.hears(229);
        let port = reply.split('|').nth(3).unwrap().parse().unwrap();
        ftp.says("STOR second", 150);
        let socket = peer::connect((site.address.ip(), port).into());
        let mut data = other.shake(socket, opposite(next)).expect(wish);
        data.write_all(FILE).unwrap();
        peer::finish(data);
        ftp.hears(226);
        assert_eq!((site.record().role, site.record().role), (role, next), "{wish}");
    }
}

/// A self-signed certificate with an RSA key.
fn rsa_identity() -> Identity {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "rsa").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(9).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (certificate, key_file) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    fs::write(&certificate, builder.build().to_pem().unwrap()).unwrap();
    fs::write(&key_file, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    Identity::from_files(&certificate, &key_file).unwrap()
}
