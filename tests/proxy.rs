//! Behind balancers: the PROXY protocol on control and data connections, by hand.

use crate::{
    daemon::{Daemon, wait_for},
    ftp::Ftp,
    peer,
    site::PATIENCE,
};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

/// A daemon where 127.0.0.1 is a balancer, with these settings more.
fn daemon(settings: &str) -> Daemon {
    let more =
        "proxy_listen = '127.0.0.1:0'\nproxy_from = '127.0.0.1'\ntransfer_log_json = 'JSON'\n";
    Daemon::start_with(|place| {
        let json = place.join("json").display().to_string();
        more.replace("JSON", &json) + settings
    })
}

/// A header of version 2 for a client, with a TLV behind the addresses.
fn v2(client: &str, reached: &str) -> Vec<u8> {
    let (client, reached): (SocketAddr, SocketAddr) =
        (client.parse().unwrap(), reached.parse().unwrap());
    let (SocketAddr::V4(client), SocketAddr::V4(reached)) = (client, reached) else {
        panic!("IPv4 here")
    };
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11".to_vec();
    header.extend(client.ip().octets());
    header.extend(reached.ip().octets());
    header.extend(client.port().to_be_bytes());
    header.extend(reached.port().to_be_bytes());
    header.extend(b"\x04\0\x02xx"); // NOOP
    header
}

fn v1(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    format!("PROXY TCP4 {} 198.51.100.9 {} 21\r\n", client.ip(), client.port()).into_bytes()
}

/// Connects from `source`.
pub fn connect_from(source: &str, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let source: SocketAddr = format!("{source}:0").parse().unwrap();
    socket.bind(&SockAddr::from(source)).unwrap();
    socket.connect(&SockAddr::from(address)).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A control connection through the balancer that begins with `header`.
fn through(daemon: &Daemon, header: &[u8]) -> Ftp {
    let mut socket = TcpStream::connect(daemon.address).unwrap();
    socket.write_all(header).unwrap();
    Ftp::over(socket, daemon.address, peer::Client::any())
}

const CLIENT: &str = "192.0.2.77:4000";
const REACHED: &str = "198.51.100.9:21";

/// Logged in from [`CLIENT`].
fn login(daemon: &Daemon) -> Ftp {
    let mut ftp = through(daemon, &v2(CLIENT, REACHED));
    ftp.hears(220);
    ftp.secure();
    ftp.log_in("ann");
    ftp
}

/// A data connection through the balancer.
fn data(ftp: &mut Ftp, address: SocketAddr, header: &[u8]) -> openssl::ssl::SslStream<TcpStream> {
    let mut socket = peer::connect(address);
    socket.write_all(header).unwrap();
    let session = ftp.session();
    ftp.tls.connect(socket, session.as_ref()).expect("a data handshake")
}

fn upload(ftp: &mut Ftp, name: &str, header: &[u8]) {
    let address = ftp.epsv();
    ftp.says(&format!("STOR {name}"), 150);
    let mut data = data(ftp, address, header);
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    ftp.hears(226);
}

/// Closed without a word.
#[track_caller]
fn is_silently_closed(mut socket: TcpStream) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut heard = Vec::new();
    let _ = socket.read_to_end(&mut heard); // a reset is an end as well
    assert!(heard.is_empty(), "{}", heard.escape_ascii());
}

#[test]
fn the_header_s_address_is_the_client_s_everywhere() {
    let daemon = daemon("");
    let mut ftp = login(&daemon);
    wait_for(&daemon.log, "192.0.2.77:4000: logged in as ann");
    upload(&mut ftp, "a", &v2("192.0.2.77:5000", "198.51.100.9:50000"));
    assert_eq!(fs::read(daemon.path("ann/a")).unwrap(), b"hello");
    ftp.says("QUIT", 221);
    daemon.signal(rustix::process::Signal::TERM);
    wait_for(&daemon.log, "stopped");
    let record = fs::read_to_string(daemon.path("json")).unwrap();
    assert!(record.contains(r#""client":"192.0.2.77""#), "{record}");
    assert!(record.contains(r#""peer":"192.0.2.77:5000","foreign":false"#), "{record}");
    assert!(fs::read_to_string(daemon.path("xferlog")).unwrap().contains(" 192.0.2.77 5 /a "));
}

#[test]
fn both_versions_are_understood_and_come_before_implicit_tls() {
    let implicit = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let daemon = Daemon::start_with(|_| {
        format!(
            "listen_implicit = '{implicit}'\nproxy_listen = ['127.0.0.1:0', '{implicit}']\n\
             proxy_from = ['127.0.0.1', '2001:db8::/32']\n"
        )
    });
    for header in [v1(CLIENT), v2(CLIENT, REACHED)] {
        let mut ftp = through(&daemon, &header);
        ftp.hears(220);
        wait_for(&daemon.log, "192.0.2.77: connected");
        ftp.secure();
        ftp.log_in("ann");
        upload(&mut ftp, "a", &v1("192.0.2.77:5000"));
        ftp.says("QUIT", 221);
        let mut socket = TcpStream::connect(implicit).unwrap();
        socket.write_all(&header).unwrap();
        let mut ftp = Ftp::over(socket, implicit, peer::Client::any());
        ftp.shake_hands();
        ftp.hears(220);
        wait_for(&daemon.log, "192.0.2.77: connected");
        ftp.log_in("ann");
        upload(&mut ftp, "b", &header);
    }
}

#[test]
fn a_header_may_come_in_pieces_and_with_what_follows_it() {
    let daemon = daemon("");
    let mut socket = TcpStream::connect(daemon.address).unwrap();
    socket.set_nodelay(true).unwrap();
    let header = [&v2(CLIENT, REACHED)[..], b"NOOP\r\n"].concat();
    for byte in header.chunks(1) {
        socket.write_all(byte).unwrap();
    }
    let mut ftp = Ftp::over(socket, daemon.address, peer::Client::any());
    ftp.hears(220);
    ftp.hears(200);
    ftp.says("QUIT", 221);
}

#[test]
fn a_balancer_that_speaks_for_itself_is_the_client() {
    let daemon = daemon("");
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0";
    for header in [&b"PROXY UNKNOWN\r\n"[..], local] {
        let mut ftp = through(&daemon, header);
        ftp.hears(220);
        wait_for(&daemon.log, "127.0.0.1: connected");
        ftp.secure();
        ftp.log_in("ann");
        ftp.upload("STOR a", b"as a client of its own: no header on data");
    }
}

#[test]
fn a_balancer_without_a_header_is_refused() {
    let daemon = daemon("handshake_timeout_s = 1\n");
    for (bytes, why) in [
        (&b"AUTH TLS\r\n"[..], "the PROXY header is missing"),
        (b"PROXY TCP9 192.0.2.1 192.0.2.2 1 2\r\n", "the PROXY header is malformed"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "the PROXY header is too long"),
        (b"", "timed out"),
        (b"PROXY TCP4 192.0.2.1 ", "timed out"),
    ] {
        let mut socket = TcpStream::connect(daemon.address).unwrap();
        socket.write_all(bytes).unwrap();
        is_silently_closed(socket);
        let line = wait_for(&daemon.log, "refused");
        assert!(line.ends_with(&format!("balancer 127.0.0.1: refused: {why}")), "{line}");
    }
    drop(TcpStream::connect(daemon.address).unwrap());
    let line = wait_for(&daemon.log, "refused");
    assert!(line.contains("closed the connection too early"), "{line}");
}

#[test]
fn a_stranger_speaks_for_itself_and_is_refused_with_a_header() {
    let daemon = daemon("");
    let mut ftp =
        Ftp::over(connect_from("127.0.0.2", daemon.address), daemon.address, peer::Client::any());
    ftp.hears(220);
    wait_for(&daemon.log, "127.0.0.2: connected");
    ftp.says("QUIT", 221);
    for header in [v1(CLIENT), v2(CLIENT, REACHED)] {
        let mut socket = connect_from("127.0.0.2", daemon.address);
        socket.write_all(&header).unwrap();
        let mut heard = Vec::new();
        let _ = socket.read_to_end(&mut heard);
        wait_for(&daemon.log, "127.0.0.2: connected");
        let line = wait_for(&daemon.log, "127.0.0.2: ");
        assert!(line.ends_with("the client speaks another protocol"), "{line}");
        // Nothing that stood in the header was answered.
        let replies = heard.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        assert_eq!(replies.count(), 1, "{}", heard.escape_ascii());
    }
}

#[test]
fn limits_count_clients_and_not_their_balancer() {
    let daemon = daemon("max_sessions_per_address = 1\n");
    let mut first = through(&daemon, &v2("192.0.2.1:1", REACHED));
    first.hears(220);
    let mut second = through(&daemon, &v2("192.0.2.2:1", REACHED));
    second.hears(220);
    let same = v2("192.0.2.1:2", REACHED);
    let mut socket = TcpStream::connect(daemon.address).unwrap();
    socket.write_all(&same).unwrap();
    is_silently_closed(socket);
    wait_for(&daemon.log, "192.0.2.1: refused: Too many connections from your address.");
    first.says("QUIT", 221);
    first.hears_the_end();
    // Its place is free once its thread has ended, soon after.
    loop {
        let mut again = through(&daemon, &same);
        if again.reply().is_ok() {
            break;
        }
    }
}

#[test]
fn silent_balancers_are_counted() {
    let daemon = daemon("max_sessions_not_logged_in = 2\n");
    let silent = [(); 2].map(|()| TcpStream::connect(daemon.address).unwrap());
    let mut third = through(&daemon, b"");
    third.hears(421);
    drop(silent);
}

#[test]
fn a_passive_port_takes_nobody_but_the_client_that_a_header_names() {
    let daemon = daemon("");
    let mut ftp = login(&daemon);
    let address = ftp.epsv();
    ftp.says("STOR a", 150);
    // A silent one, no header, another client, a balancer's own, a stranger who claims: none.
    let _silent = peer::connect(address);
    for bytes in [
        b"\x16\x03\x01\x02\0\x01\0".to_vec(),
        v2("192.0.2.78:5000", "198.51.100.9:50000"),
        b"PROXY UNKNOWN\r\n".to_vec(),
    ] {
        let mut socket = peer::connect(address);
        socket.write_all(&bytes).unwrap();
        is_silently_closed(socket);
    }
    let mut stranger = connect_from("127.0.0.2", address);
    stranger.write_all(&v2("192.0.2.77:5000", REACHED)).unwrap();
    is_silently_closed(stranger);
    let header = v2("192.0.2.77:5001", "198.51.100.9:50000");
    let mut data = data(&mut ftp, address, &header);
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    ftp.hears(226);
    assert_eq!(fs::read(daemon.path("ann/a")).unwrap(), b"hello");
}

#[test]
fn more_silent_connections_than_can_be_heard_keep_nobody_out() {
    let daemon = daemon("");
    let mut ftp = login(&daemon);
    let address = ftp.epsv();
    ftp.says("STOR a", 150);
    let silent: Vec<_> = (0..40).map(|_| peer::connect(address)).collect();
    // Whoever comes displaces who has been silent longest: what a crowd costs has a bound.
    assert!(silent[..20].iter().all(peer::is_closed));
    let mut data = data(&mut ftp, address, &v1("192.0.2.77:5001"));
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    ftp.hears(226);
    drop(silent);
}

#[test]
fn a_data_connection_may_come_before_its_verb() {
    let daemon = daemon("");
    let mut ftp = login(&daemon);
    let address = ftp.epsv();
    let mut data = data(&mut ftp, address, &v2("192.0.2.77:5001", REACHED));
    ftp.says("STOR a", 150);
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    ftp.hears(226);
}

#[test]
fn replies_tell_the_address_that_the_client_has_reached() {
    let daemon = daemon("");
    let mut ftp = login(&daemon);
    assert_eq!(ftp.pasv("PASV").ip().to_string(), "198.51.100.9");
    ftp.says("PORT 198,51,100,9,0,21", 501);
    let mut six = through(&daemon, b"PROXY TCP6 2001:db8::7 2001:db8::1 4000 21\r\n");
    six.hears(220);
    wait_for(&daemon.log, "2001:db8::7: connected");
    six.secure();
    six.log_in("ann");
    six.says("PASV", 425);
    six.says("EPSV 1", 522);
    six.says("EPSV 2", 229);
}

#[test]
fn rules_about_other_servers_go_by_the_header() {
    let daemon = daemon("fxp = 'tls'\n");
    let mut ftp = login(&daemon);
    // From a public client to what is inside: refused as for any public client.
    for inside in ["10.0.0.1", "127.0.0.1", "127.8.8.8", "169.254.0.1", "172.16.0.1", "192.168.1.1"]
    {
        ftp.says(&format!("EPRT |1|{inside}|51201|"), 501);
        ftp.says(&format!("EPRT |2|::ffff:{inside}|51201|"), 501);
    }
    for inside in ["::1", "fd00::1", "fe80::1"] {
        ftp.says(&format!("EPRT |2|{inside}|51201|"), 501);
    }
    for outside in ["192,0,2,77", "203,0,113,5"] {
        ftp.says(&format!("PORT {outside},200,1"), 200);
    }
    // Another server comes through the balancer, as the account may let it.
    let address = ftp.epsv();
    ftp.says("STOR a", 150);
    let mut data = data(&mut ftp, address, &v2("203.0.113.5:20", REACHED));
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    ftp.hears(226);
    let line = wait_for(&daemon.log, "FXP ann: /a from ");
    assert!(line.contains("from 203.0.113.5:20 "), "{line}");
}
