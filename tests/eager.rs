//! Clients that shake hands on the passive port first and say their verb then, which is more than
//! RFC 4217 §7 promises them.

use crate::{
    ftp::Ftp,
    other_server::connect_from,
    peer::{self, Client},
    program::{Program, sample},
    site::{PATIENCE, Site},
};
use fxpd::{Demand, FxpGrant, FxpLevel, TlsRole};
use openssl::ssl::SslVersion;
use std::{
    io::{self, Write},
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

const VERSIONS: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

fn login_with(site: &Site, version: SslVersion) -> Ftp {
    let mut ftp = Ftp::silent(site.address, Client::only(version));
    ftp.hears(220);
    ftp.secure();
    ftp.log_in("ann");
    ftp
}

/// Sends a ClientHello and waits in vain for an answer while the server answers commands.
#[track_caller]
fn is_left_alone(ftp: &mut Ftp, socket: TcpStream) -> TcpStream {
    (&socket).write_all(&Client::any().hello()).unwrap();
    for _ in 0..3 {
        ftp.says("NOOP", 200);
    }
    socket.set_nonblocking(true).unwrap();
    let nothing = socket.peek(&mut [0]).expect_err("no answer");
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    socket.set_nonblocking(false).unwrap();
    socket
}

#[test]
fn who_shakes_hands_before_the_verb_is_answered() {
    for demand in [Demand::Optional, Demand::Required] {
        for version in VERSIONS {
            let site = Site::with(|plan| plan.settings.data_tls_reuse = demand);
            site.put("a", &sample(300_000));
            let mut ftp = login_with(&site, version);

            let address = ftp.epsv();
            let data = ftp.data(address);
            ftp.says("RETR a", 150);
            assert_eq!(peer::read_to_close(data).unwrap(), sample(300_000));
            ftp.hears(226);
            let record = site.record();
            assert!(record.complete && !record.foreign && record.tls.is_some());
            assert_eq!((record.role, record.peer.unwrap().ip()), (TlsRole::Accept, ftp.own_ip()));

            let address = ftp.pasv("PASV");
            let mut data = ftp.data(address);
            // Commands go on, and bytes may come before the verb as well.
            ftp.says("NOOP", 200);
            data.write_all(b"hello").unwrap();
            ftp.says("STOR b", 150);
            peer::finish(data);
            ftp.hears(226);
            assert_eq!(site.file("b").unwrap(), b"hello");

            let address = ftp.epsv();
            let data = ftp.data(address);
            ftp.says("NLST b", 150);
            assert_eq!(peer::read_to_close(data).unwrap(), b"b\r\n");
            ftp.hears(226);
        }
    }
}

#[test]
fn who_began_before_the_verb_is_answered_before_150() {
    let site = Site::start();
    site.put("big", &sample(50_000_000));
    for version in VERSIONS {
        let mut ftp = login_with(&site, version);
        let address = ftp.epsv();
        // While the server looks elsewhere, all of it comes.
        ftp.sends(b"XSHA512 big\r\n");
        let begun = ftp.tls.begin(peer::connect(address));
        ftp.sends(b"STOR a\r\n");
        ftp.hears(250);
        ftp.hears(150);
        assert!(begun.is_answered(), "{version:?}");
        peer::finish(begun.go_on().unwrap());
        ftp.hears(226);
        assert_eq!(site.file("a").unwrap(), b"");
    }
}

#[test]
fn who_waits_for_the_verb_is_served_as_ever() {
    let site = Site::start();
    site.put("a", b"hello");
    for version in VERSIONS {
        let mut ftp = login_with(&site, version);
        let address = ftp.epsv();
        let socket = peer::connect(address);
        ftp.says("NOOP", 200);
        ftp.says("RETR a", 150);
        let data = ftp.tls.connect(socket, None).unwrap();
        assert_eq!(peer::read_to_close(data).unwrap(), b"hello");
        ftp.hears(226);
        // A hello without an end, which the verb finds.
        let address = ftp.epsv();
        let begun = ftp.tls.begin(peer::connect(address));
        ftp.says("RETR a", 150);
        assert_eq!(peer::read_to_close(begun.go_on().unwrap()).unwrap(), b"hello");
        ftp.hears(226);
    }
}

#[test]
fn another_host_waits_for_the_verb_that_wants_it() {
    let site = Site::start();
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    let socket = is_left_alone(&mut ftp, connect_from("127.0.0.9", address));
    drop(socket);
    ftp.says("RETR a", 150);
    ftp.hears(421);

    let address = ftp.epsv();
    let socket = connect_from("127.0.0.9", address);
    ftp.says("NOOP", 200);
    ftp.says("RETR a", 150);
    let data = Client::any().connect(socket, None).unwrap();
    assert_eq!(peer::read_to_close(data).unwrap(), b"hello");
    ftp.hears(226);
    site.record();
    assert!(site.record().foreign);

    // A listing is for the client alone: who came before it is closed, and it gets in.
    let address = ftp.epsv();
    let socket = is_left_alone(&mut ftp, connect_from("127.0.0.9", address));
    ftp.says("NLST", 150);
    assert!(peer::is_closed(&socket));
    let data = ftp.data(address);
    assert_eq!(peer::read_to_close(data).unwrap(), b"a\r\n");
    ftp.hears(226);
}

#[test]
fn a_stranger_that_no_verb_could_want_does_not_stand_in_the_way() {
    let site = Site::with(|plan| plan.fxp = FxpGrant::both(FxpLevel::Off));
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    let strangers: Vec<_> = (0..5).map(|_| connect_from("127.0.0.9", address)).collect();
    assert!(strangers.iter().all(peer::is_closed));
    let data = ftp.data(address);
    ftp.says("RETR a", 150);
    assert_eq!(peer::read_to_close(data).unwrap(), b"hello");
    ftp.hears(226);
}

#[test]
fn where_we_are_the_tls_client_or_data_is_clear_the_verb_is_waited_for() {
    let site = Site::with(|plan| plan.settings.tls = Demand::Optional);
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    let address = ftp.pasv("CPSV");
    is_left_alone(&mut ftp, peer::connect(address));
    ftp.says("SSCN ON", 200);
    let address = ftp.epsv();
    is_left_alone(&mut ftp, peer::connect(address));
    ftp.says("SSCN OFF", 200);
    ftp.says("PROT C", 200);
    let address = ftp.epsv();
    is_left_alone(&mut ftp, peer::connect(address));
}

#[test]
fn a_handshake_that_has_become_wrong_is_dropped_at_the_verb() {
    let site = Site::with(|plan| plan.settings.tls = Demand::Optional);
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    for (change, back) in [("SSCN ON", "SSCN OFF"), ("PROT C", "PROT P")] {
        let address = ftp.epsv();
        let data = ftp.data(address);
        ftp.says(change, 200);
        ftp.says("RETR a", 425);
        assert!(peer::is_closed(data.get_ref()), "{change}");
        ftp.says("RETR a", 425);
        ftp.says(back, 200);
        assert_eq!(ftp.download("RETR a"), b"hello");
        site.record();
    }
    // For a listing SSCN makes no difference.
    let address = ftp.epsv();
    let data = ftp.data(address);
    ftp.says("SSCN ON", 200);
    ftp.says("NLST", 150);
    assert_eq!(peer::read_to_close(data).unwrap(), b"a\r\n");
    ftp.hears(226);
    // A connection from which nothing came may still go the other way.
    ftp.says("SSCN OFF", 200);
    let address = ftp.epsv();
    let socket = peer::connect(address);
    ftp.says("SSCN ON", 200);
    ftp.says("RETR a", 150);
    let context = peer::server(&site.identity, |_| {});
    let data = peer::accept_tls(&context, socket).unwrap();
    assert_eq!(peer::read_to_close(data).unwrap(), b"hello");
    ftp.hears(226);
}

#[test]
fn who_stalls_in_the_handshake_holds_nobody_up_and_has_its_time() {
    let time = Duration::from_secs(3);
    let site = Site::with(|plan| plan.settings.handshake_timeout = time);
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    let socket = peer::connect(address);
    let began = Instant::now();
    (&socket).write_all(&Client::any().hello()).unwrap();
    peer::hears_something(&socket);
    for _ in 0..20 {
        ftp.says("NOOP", 200);
    }
    assert!(began.elapsed() < time, "commands are answered meanwhile");
    let mut socket = socket;
    io::copy(&mut socket, &mut io::sink()).unwrap_or(0);
    assert!(began.elapsed() >= time && began.elapsed() < PATIENCE / 2, "it ends by itself");
    ftp.says("NOOP", 200);
    ftp.says("RETR a", 150);
    let told = ftp.hears(421);
    assert!(told.contains("timed out"), "{told}");
    assert!(!site.record().complete);
    assert_eq!(ftp.download("RETR a"), b"hello");
}

#[test]
fn a_handshake_that_failed_is_told_of_at_the_verb() {
    let site = Site::start();
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    let socket = peer::connect(address);
    (&socket).write_all(b"USER ann\r\nthis is no TLS\r\n").unwrap();
    assert!(peer::is_closed(&socket) || peer::is_closed(&socket), "after the alert");
    ftp.says("NOOP", 200);
    ftp.says("RETR a", 150);
    ftp.hears(421);
    let address = ftp.epsv();
    drop(peer::connect(address));
    ftp.says("NLST", 150);
    ftp.hears(522);
    assert_eq!(ftp.download("RETR a"), b"hello");
}

#[test]
fn a_new_port_abor_and_the_end_let_an_early_connection_go() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for let_go in ["EPSV", "ABOR", "REIN"] {
        let address = ftp.epsv();
        let data = ftp.data(address);
        ftp.sends(format!("{let_go}\r\n").as_bytes());
        ftp.reply().unwrap();
        assert!(peer::is_closed(data.get_ref()), "{let_go}");
    }
}

/// aioftp, which knows no other way.
const AIOFTP: &str = r#"
import asyncio, io, ssl, sys, aioftp

async def main():
    context = ssl.create_default_context(cafile='ca.pem')
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, sys.argv[2])
    client = aioftp.Client(ssl=None, socket_timeout=20)
    await client.connect('127.0.0.1', int(sys.argv[1]))
    await client.upgrade_to_tls(context)
    await client.login('ann', 'pw')
    body = bytes(range(256)) * 4001
    async with client.upload_stream('a') as stream:
        await stream.write(body)
    got = b''
    async with client.download_stream('a') as stream:
        async for block in stream.iter_by_block():
            got += block
    assert got == body
    async with client.append_stream('a') as stream:
        await stream.write(b'more')
    names = [str(path) for path, _ in await client.list('/')]
    assert names == ['/a'], names
    await client.quit()

asyncio.run(main())
print('done')
"#;

#[test]
fn aioftp_moves_files_and_lists() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/venv/bin/python");
    assert!(python.exists(), "no aioftp: run tests/tools.sh check");
    let python: &'static str = Box::leak(python.into_os_string().into_string().unwrap().into());
    for version in ["TLSv1_2", "TLSv1_3"] {
        let site = Site::start();
        let python = Program::new(python, "python3");
        python.put("ca.pem", &site.identity.certificate_pem().unwrap());
        python.put("script.py", AIOFTP.as_bytes());
        let port = site.address.port().to_string();
        python.runs(&["script.py", &port, version]).succeeds().says("done");
        assert_eq!(site.file("a").unwrap().len(), 256 * 4001 + 4);
    }
}
