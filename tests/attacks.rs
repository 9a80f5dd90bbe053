//! What attackers have done to FTP servers by words alone: commands from before TLS, other
//! protocols, weak ciphers, echoes. Each attack is made here.

use crate::{
    ftp::Ftp,
    other_server::{Means, OtherServer},
    peer::{self, Client},
    site::{PATIENCE, Site},
};
use fxpd::{Demand, TlsRole};
use openssl::ssl::SslVersion;
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// Where TLS is the client's choice, somebody in the middle may have chosen for it.
fn lenient() -> Site {
    Site::with(|plan| {
        plan.settings.tls = Demand::Optional;
        plan.settings.ccc = true;
    })
}

/// Logged in, all of it in clear text.
fn in_clear_text(site: &Site) -> Ftp {
    let mut ftp = site.connect();
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 230);
    ftp
}

#[test]
fn auth_takes_back_all_that_was_said_in_clear_text() {
    let site = lenient();
    site.put("a", b"0123456789");
    let mut ftp = in_clear_text(&site);
    ftp.says("MODE Z", 200);
    let port = ftp.epsv();
    ftp.says("REST 5", 350);
    ftp.secure();
    assert!(peer::is_refused(port), "the port is closed");
    ftp.says("PWD", 530);
    ftp.says("PASS pw", 503);
    ftp.log_in("ann");
    assert_eq!(ftp.download("RETR a"), b"0123456789", "neither REST nor MODE is left");

    // The same from within, by way of CCC.
    ftp.says("SSCN ON", 200);
    ftp.says("CCC", 200);
    ftp.leave_tls();
    let port = ftp.epsv();
    ftp.says("RNFR a", 350);
    ftp.secure();
    assert!(peer::is_refused(port), "the port is closed");
    ftp.says("RNTO b", 530);
    ftp.says("PROT P", 503);
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 230);
    ftp.says("RNTO b", 503);
    assert_eq!(ftp.says("SSCN", 200), "200 SSCN:SERVER METHOD");
    assert_eq!(site.names(), ["a"]);
}

#[test]
fn nothing_that_came_with_auth_is_executed_however_it_came() {
    let site = lenient();
    for behind in ["PWD\r\n", "PW", "\r", "\0"] {
        let mut ftp = site.connect();
        ftp.sends(format!("AUTH TLS\r\n{behind}").as_bytes());
        ftp.hears_the_end();
    }
    // During a transfer lines wait in a queue, and so does what stands behind them.
    let mut ftp = in_clear_text(&site);
    let mut data = TcpStream::connect(ftp.epsv()).unwrap();
    ftp.says("STOR in", 150);
    ftp.sends(b"AUTH TLS\r\nMKD injected\r\n");
    data.write_all(b"hello").unwrap();
    drop(data);
    ftp.hears(226);
    ftp.hears_the_end();
    assert_eq!(site.names(), ["in"]);
}

#[test]
fn a_browser_that_was_made_to_speak_to_us_hears_nothing() {
    let site = Site::start();
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH"] {
        let request = format!("{method} /<script>x</script> HTTP/1.1\r\n\r\nUSER ann\r\n");
        for mut ftp in [site.connect(), Ftp::implicit(site.implicit)] {
            ftp.sends(request.as_bytes());
            ftp.hears_the_end();
        }
    }
}

#[test]
fn nothing_that_is_not_understood_is_echoed() {
    const MARK: &str = "zq7<script>";
    let site = Site::start();
    let verbs = verbs_of(&mut site.connect());
    assert!(verbs.len() > 50, "{verbs:?}");
    for stage in ["before AUTH", "before the login"] {
        let connect = || {
            let mut ftp = site.connect();
            if stage != "before AUTH" {
                ftp.secure();
            }
            ftp
        };
        // A few to each connection, for refusals are counted; a name and a password end it.
        for verbs in verbs.chunks(8) {
            let mut ftp = connect();
            for verb in verbs {
                ftp.sends(format!("{verb} {MARK}\r\n").as_bytes());
                let Ok(reply) = ftp.reply() else { panic!("{verb} {stage}") };
                assert!(!reply.contains("zq7"), "{verb} {stage}: {reply}");
                if reply.starts_with("421") || reply.starts_with("234") {
                    ftp = connect();
                }
            }
        }
    }
    let mut ftp = site.login("ann");
    for (line, reply) in [
        (MARK.to_owned(), "500 Unknown command."),
        (format!("{MARK} {MARK}"), "500 Unknown command."),
        (format!("SITE {MARK}"), "504 "),
        (format!("OPTS {MARK}"), "501 "),
        (format!("RETR {MARK}"), "550 No such file or directory."),
        (format!("CWD {MARK}"), "550 No such file or directory."),
        (format!("XPEER {MARK}"), "501 "),
        (format!("HOST {MARK}"), "501 "),
    ] {
        ftp.sends(format!("{line}\r\n").as_bytes());
        let heard = ftp.reply().unwrap();
        assert!(heard.starts_with(reply) && !heard.contains("zq7"), "{line}: {heard}");
    }
}

/// All verbs, as `HELP` lists them, but for the one that ends the session.
fn verbs_of(ftp: &mut Ftp) -> Vec<String> {
    let help = ftp.says("HELP", 214);
    let inner = help.split("\r\n").filter(|line| line.starts_with(' '));
    let words = inner.flat_map(str::split_ascii_whitespace).filter(|verb| *verb != "QUIT");
    words.map(str::to_owned).collect()
}

/// A TLS 1.2 client or server with CBC ciphers, which padding oracles have read, and no others.
const OLD_CIPHERS: &str = "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0";

#[test]
fn ciphers_without_authentication_of_the_data_are_refused_in_both_roles() {
    let site = Site::start();
    site.put("out", b"hello");
    let old = Client::built(|builder| {
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        builder.set_cipher_list(OLD_CIPHERS).unwrap();
    });
    let mut ftp = site.connect();
    ftp.says("AUTH TLS", 234);
    let refused = old.connect(ftp.into_socket(), None).unwrap_err();
    assert!(refused.contains("handshake failure"), "{refused}");

    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("RETR out", 150);
    old.connect(peer::connect(address), None).unwrap_err();
    ftp.hears(421);
    // As TLS client it offers no such cipher either.
    let old = peer::server(&site.identity, |builder| {
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        builder.set_cipher_list(OLD_CIPHERS).unwrap();
    });
    ftp.says("SSCN ON", 200);
    let route = Means::Eprt.prepare(&mut ftp);
    ftp.says("RETR out", 150);
    let refused = peer::accept_tls(&old, route.open()).unwrap_err();
    assert!(refused.contains("no shared cipher"), "{refused}");
    ftp.hears(421);
    let route = Means::Eprt.prepare(&mut ftp);
    ftp.says("RETR out", 150);
    let other = OtherServer::only(SslVersion::TLS1_2, &site.identity);
    let data = other.shake(route.open(), TlsRole::Accept).unwrap();
    assert_eq!(peer::read_to_close(data).unwrap(), b"hello", "it was the cipher");
    ftp.hears(226);
}

#[test]
fn a_handshake_is_not_made_again_within_a_connection() {
    let site = Site::start();
    let mut ftp = site.connect();
    ftp.says("AUTH TLS", 234);
    let client = Client::only(SslVersion::TLS1_2);
    let mut control = client.connect(ftp.into_socket(), None).unwrap();
    let refused = peer::renegotiate(&mut control).unwrap_err();
    assert!(refused.contains("no renegotiation"), "{refused}");
}

#[test]
fn no_ticket_allows_data_before_the_handshake() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for _ in 0..4 {
        ftp.epsv();
        let session = ftp.session().expect("a ticket");
        assert_eq!(session.max_early_data(), 0, "what is sent early can be sent again by others");
    }
}

#[test]
fn a_handshake_and_a_line_have_their_time_in_all_and_not_a_byte() {
    let site = Site::with(|plan| {
        plan.settings.handshake_timeout = Duration::from_secs(1);
        plan.settings.idle_timeout = Duration::from_secs(1);
    });
    let hello = Client::any().hello();
    let mut explicit = site.connect();
    explicit.says("AUTH TLS", 234);
    let implicit = TcpStream::connect(site.implicit).unwrap();
    for socket in [explicit.into_socket(), implicit] {
        assert!(drips(&socket, &hello), "a handshake byte by byte ends");
    }
    let site = Site::with(|plan| {
        plan.settings.tls = Demand::Optional;
        plan.settings.idle_timeout = Duration::from_secs(1);
    });
    let ftp = in_clear_text(&site);
    assert!(drips(&ftp.into_socket(), &[b'x'; 100]), "a line byte by byte ends");
}

/// Sends a byte each tenth of a second, and tells whether the server has had enough before long.
fn drips(mut socket: &TcpStream, bytes: &[u8]) -> bool {
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let ended = bytes.iter().take(50).any(|byte| {
        let heard = socket.write_all(&[*byte]).and_then(|()| socket.read(&mut [0; 512]));
        // Nothing is heard but the end, or what is said before it.
        heard.map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |_| true)
    });
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    ended
}
