//! Who may be at the other end of a data connection: the client, and other servers as far as an
//! account's grant goes.

use crate::{
    ftp::Ftp,
    other_server::{Means, OtherServer, Route, connect_from, listen, try_connect_from},
    peer,
    site::Site,
};
use fxpd::{Demand, FxpGrant, FxpLevel, TlsRole};
use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

/// Where the other server is; the client is at 127.0.0.1.
const FOREIGN: &str = "127.0.0.2";
const ELSEWHERE: &str = "127.0.0.3";

fn granting(fxp: FxpGrant) -> Site {
    let site = Site::with(|plan| {
        plan.fxp = fxp;
        plan.settings.tls = Demand::Optional;
        plan.settings.data_timeout = Duration::from_secs(1);
    });
    site.put("out", b"hello");
    site
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Opens `route` from `host`.
fn open_from(host: &str, route: Route) -> TcpStream {
    match route {
        Route::To(address) => connect_from(host, address),
        from => from.open(),
    }
}

/// Moves a file as `verb` says, in clear text or under TLS, and hears 226.
fn moves(ftp: &mut Ftp, verb: &str, mut socket: TcpStream, tls: Option<&OtherServer>) {
    let outgoing = verb.starts_with("RETR");
    match tls.map(|other| other.shake(socket.try_clone().unwrap(), TlsRole::Connect).unwrap()) {
        Some(data) if outgoing => assert_eq!(peer::read_to_close(data).unwrap(), b"hello"),
        Some(mut data) => {
            data.write_all(b"hello").unwrap();
            peer::finish(data);
        }
        None if outgoing => {
            let mut bytes = Vec::new();
            socket.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, b"hello");
        }
        None => socket.write_all(b"hello").unwrap(),
    }
    drop(socket);
    ftp.hears(226);
}

#[test]
fn a_grant_lets_through_what_it_says_in_its_direction_alone() {
    for (level, protection, refusal) in [
        (FxpLevel::Off, "P", Some(550)),
        (FxpLevel::Off, "C", Some(550)),
        (FxpLevel::Verified, "P", Some(550)),
        (FxpLevel::Verified, "C", Some(550)),
        (FxpLevel::Tls, "P", None),
        (FxpLevel::Tls, "C", Some(521)),
        (FxpLevel::Any, "P", None),
        (FxpLevel::Any, "C", None),
    ] {
        for (verb, back) in [("RETR out", "STOR in"), ("STOR in", "RETR out")] {
            let fxp = match verb {
                "RETR out" => FxpGrant { outgoing: level, ..FxpGrant::both(FxpLevel::Off) },
                _ => FxpGrant { incoming: level, ..FxpGrant::both(FxpLevel::Off) },
            };
            let site = granting(fxp);
            let other = OtherServer::new(&site.identity);
            let tls = (protection == "P").then_some(&other);
            let mut ftp = site.login("ann");
            ftp.says(&format!("PROT {protection}"), 200);
            for means in [Means::Pasv, Means::Epsv, Means::Port, Means::Eprt] {
                let row = format!("{level} PROT {protection} {means:?} {verb}");
                let passive = matches!(means, Means::Pasv | Means::Epsv);
                if level == FxpLevel::Off && !passive {
                    let listener = listen(ip(FOREIGN));
                    ftp.says(&means.naming(listener.local_addr().unwrap()), 550);
                    ftp.says(verb, 425);
                    continue;
                }
                let route = means.prepare_at(&mut ftp, ip(FOREIGN));
                match refusal {
                    None => {
                        ftp.says(verb, 150);
                        moves(&mut ftp, verb, open_from(FOREIGN, route), tls);
                    }
                    Some(_) if passive => {
                        let address = route.address();
                        ftp.says(verb, 150);
                        assert!(peer::is_closed(&connect_from(FOREIGN, address)), "{row}");
                        moves(&mut ftp, verb, peer::connect(address), tls);
                    }
                    Some(code) => {
                        ftp.says(verb, code);
                    }
                }
                // What is refused before its 150 is no transfer, and has no record.
                if refusal.is_none() || passive {
                    let record = site.record();
                    let told = (record.complete, record.foreign, record.tls.is_some());
                    assert_eq!(told, (true, refusal.is_none(), tls.is_some()), "{row}");
                }
                if !passive {
                    means.prepare_at(&mut ftp, ip(FOREIGN));
                    ftp.says(back, 550);
                }
            }
        }
    }
}

#[test]
fn a_grant_reaches_its_networks_and_no_further() {
    let nets = |net: &str| vec![net.parse().unwrap()];
    let site = granting(FxpGrant {
        outgoing_networks: nets("127.0.0.2/32"),
        incoming_networks: nets("127.0.0.3/32"),
        ..FxpGrant::both(FxpLevel::Tls)
    });
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.login("ann");
    for (verb, inside, outside) in
        [("RETR out", FOREIGN, ELSEWHERE), ("STOR in", ELSEWHERE, FOREIGN)]
    {
        for means in [Means::Port, Means::Eprt] {
            means.prepare_at(&mut ftp, ip(outside));
            ftp.says(verb, 550);
            let route = means.prepare_at(&mut ftp, ip(inside));
            ftp.says(verb, 150);
            moves(&mut ftp, verb, route.open(), Some(&other));
        }
        // An address that only looks like IPv6 is in the IPv4 network all the same.
        for (host, code) in [(outside, 550), (inside, 150)] {
            let listener = listen(ip(host));
            let port = listener.local_addr().unwrap().port();
            ftp.says(&format!("EPRT |2|::ffff:{host}|{port}|"), 200);
            ftp.says(verb, code);
            if code == 150 {
                moves(&mut ftp, verb, peer::accept(&listener), Some(&other));
            }
        }
        let address = ftp.epsv();
        ftp.says(verb, 150);
        assert!(peer::is_closed(&connect_from(outside, address)), "{verb}");
        moves(&mut ftp, verb, connect_from(inside, address), Some(&other));
    }
}

#[test]
fn some_addresses_are_refused_whatever_the_grant() {
    let site = granting(FxpGrant::both(FxpLevel::Any));
    let mut ftp = site.login("ann");
    let own = [site.address.port(), site.implicit.port()];
    for (target, code) in [
        ("127.0.0.1:1023".to_owned(), 501),
        ("127.0.0.1:21".to_owned(), 501),
        ("127.0.0.1:0".to_owned(), 501),
        ("192.0.2.1:1023".to_owned(), 501),
        ("[2001:db8::1]:22".to_owned(), 501),
        ("0.0.0.0:5000".to_owned(), 501),
        ("0.1.2.3:5000".to_owned(), 501),
        ("224.0.0.1:5000".to_owned(), 501),
        ("239.255.255.250:5000".to_owned(), 501),
        ("255.255.255.255:5000".to_owned(), 501),
        ("169.254.169.254:5000".to_owned(), 501),
        ("[::]:5000".to_owned(), 501),
        ("[ff02::1]:5000".to_owned(), 501),
        ("[fe80::1]:5000".to_owned(), 501),
        ("[::ffff:0.0.0.0]:5000".to_owned(), 501),
        ("[::ffff:224.0.0.1]:5000".to_owned(), 501),
        ("[::ffff:169.254.169.254]:5000".to_owned(), 501),
        (format!("127.0.0.1:{}", own[0]), 501),
        (format!("127.0.0.1:{}", own[1]), 501),
        (format!("[::ffff:127.0.0.1]:{}", own[0]), 501),
        ("127.0.0.1:5000".to_owned(), 200),
        ("127.0.0.2:5000".to_owned(), 200),
        ("[::ffff:127.0.0.1]:5000".to_owned(), 200),
        ("[::1]:5000".to_owned(), 200),
        ("192.0.2.1:1024".to_owned(), 200),
        ("[2001:db8::1]:5000".to_owned(), 200),
    ] {
        let target: SocketAddr = target.parse().unwrap();
        for means in [Means::Port, Means::Eprt] {
            if target.is_ipv4() || means == Means::Eprt {
                ftp.says(&means.naming(target), code);
            }
        }
        if code == 501 {
            ftp = site.login("ann"); // so many refusals would end the session
            ftp.says("RETR out", 425);
        }
    }
}

/// An address of this host that is neither loopback nor link-local, if it has one.
fn outside_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?; // sends nothing
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn a_server_that_listens_everywhere_is_itself_at_every_address() {
    let site = Site::with(|plan| {
        plan.host = ip("0.0.0.0");
        plan.fxp = FxpGrant::both(FxpLevel::Any);
    });
    let port = site.address.port();
    let mut ftp = Ftp::connect(SocketAddr::new(ip("127.0.0.4"), port));
    ftp.secure();
    ftp.log_in("ann");
    let mut own = vec![ip("127.0.0.1"), ip("127.0.0.4"), ip("127.0.0.9")];
    own.extend(outside_address());
    for host in own {
        ftp.says(&Means::Eprt.naming(SocketAddr::new(host, port)), 501);
    }
    // And its data ports are where its client has reached it, and nowhere else.
    let address = ftp.pasv("PASV");
    assert_eq!(address.ip(), ip("127.0.0.4"));
    assert!(TcpStream::connect((ip("127.0.0.1"), address.port())).is_err());
    assert!(TcpStream::connect(address).is_ok());
}

#[test]
fn an_ipv4_client_of_an_ipv6_listener_is_an_ipv4_client() {
    let site = Site::with(|plan| plan.host = ip("::"));
    site.put("out", b"hello");
    let other = OtherServer::new(&site.identity);
    let mut ftp = Ftp::connect(SocketAddr::new(ip("127.0.0.1"), site.address.port()));
    ftp.secure();
    ftp.log_in("ann");
    for means in [Means::Pasv, Means::Epsv, Means::Port, Means::Eprt] {
        let route = means.prepare(&mut ftp);
        ftp.says("RETR out", 150);
        moves(&mut ftp, "RETR out", route.open(), Some(&other));
        let record = site.record();
        assert_eq!((record.foreign, record.client), (false, ip("127.0.0.1")), "{means:?}");
        assert!(record.peer.unwrap().is_ipv4(), "{means:?}");
    }
    ftp.says(&Means::Port.naming(SocketAddr::new(ip("127.0.0.1"), site.address.port())), 501);
}

#[test]
fn a_data_connection_comes_from_the_address_of_the_control_connection() {
    let site = Site::with(|plan| plan.host = ip("127.0.0.5"));
    site.put("out", b"hello");
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.login("ann");
    let listener = listen(ip("127.0.0.1"));
    let address = listener.local_addr().unwrap();
    for command in [
        Means::Port.naming(address),
        Means::Eprt.naming(address),
        format!("EPRT |2|::ffff:127.0.0.1|{}|", address.port()),
    ] {
        ftp.says(&command, 200);
        ftp.says("RETR out", 150);
        let socket = peer::accept(&listener);
        assert_eq!(socket.peer_addr().unwrap().ip(), site.address.ip(), "{command}");
        moves(&mut ftp, "RETR out", socket, Some(&other));
        let record = site.record();
        assert_eq!((record.foreign, record.peer), (false, Some(address)), "{command}");
    }
}

#[test]
fn strangers_neither_steal_nor_kill_a_transfer() {
    let site = granting(FxpGrant::both(FxpLevel::Off));
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.login("ann");
    for verb in ["RETR out", "STOR in"] {
        let address = ftp.epsv();
        let early: Vec<_> = (0..3).map(|_| connect_from(FOREIGN, address)).collect();
        ftp.says(verb, 150);
        let late: Vec<_> = (0..3).map(|_| connect_from(ELSEWHERE, address)).collect();
        for stranger in early.iter().chain(&late) {
            assert!(peer::is_closed(stranger), "{verb}");
        }
        moves(&mut ftp, verb, peer::connect(address), Some(&other));
        assert!(!site.record().foreign);
    }
    // However many come, and they may come for ever, the deadline ends it and nothing else.
    let site = Site::with(|plan| {
        plan.fxp = FxpGrant::both(FxpLevel::Off);
        plan.settings.data_timeout = Duration::from_secs(1);
    });
    site.put("out", b"hello");
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("RETR out", 150);
    let crowd =
        thread::Builder::new().spawn(move || while try_connect_from(FOREIGN, address).is_ok() {});
    ftp.hears(425);
    crowd.unwrap().join().unwrap();
}

#[test]
fn listings_go_to_the_client_alone() {
    let site = granting(FxpGrant::both(FxpLevel::Any));
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.login("ann");
    for verb in ["LIST", "NLST", "MLSD"] {
        Means::Port.prepare_at(&mut ftp, ip(FOREIGN));
        ftp.says(verb, 550);
        let address = ftp.epsv();
        ftp.says(verb, 150);
        assert!(peer::is_closed(&connect_from(FOREIGN, address)), "{verb}");
        let data = other.shake(peer::connect(address), TlsRole::Connect).unwrap();
        assert!(peer::read_to_close(data).unwrap().ends_with(b"out\r\n"), "{verb}");
        ftp.hears(226);
    }
}
