//! The dialogues of RFC 4217 (and of RFC 2228 below it), with the client's side played: how TLS
//! begins, what it protects, and how it ends. Where this server differs on purpose, the test says
//! so.

use crate::{
    ftp::Ftp,
    peer,
    rfc::{inner, plays},
    site::Site,
};
use fxpd::{Demand, Settings};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// A site with a file; TLS is demanded.
fn site() -> Site {
    site_with(|_| {})
}

fn site_with(change: impl FnOnce(&mut Settings)) -> Site {
    let site = Site::with(|plan| change(&mut plan.settings));
    site.put("a", b"hello");
    site
}

/// A site where TLS is the client's choice, as in most of the RFC's diagrams.
fn lenient() -> Site {
    site_with(|settings| settings.tls = Demand::Optional)
}

/// All that comes in clear text.
fn read_clear(mut data: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).unwrap();
    bytes
}

const LOGIN: &[(&str, u16)] = &[("USER ann", 331), ("PASS pw", 230)];

#[test]
fn section_4_1_a_client_that_wants_tls_asks_for_it_before_its_name() {
    let site = site();
    let mut ftp = site.connect();
    // A mechanism that is not known is 504, and the client may ask for another or go on without.
    plays(&mut ftp, &[("AUTH KERBEROS_V4", 504), ("AUTH", 501), ("AUTH TLS", 234)]);
    ftp.shake_hands();
    plays(&mut ftp, LOGIN);
    plays(&mut ftp, &[("PBSZ 0", 200), ("PROT P", 200), ("PWD", 257)]);
}

#[test]
fn section_4_2_a_server_that_wants_tls_refuses_a_name_in_clear_text() {
    let site = site();
    let mut ftp = site.connect();
    // 534 is RFC 2228's "Request denied for policy reasons".
    plays(&mut ftp, &[("USER ann", 534), ("PASS pw", 534), ("NOOP", 200)]);
    ftp.secure();
    plays(&mut ftp, LOGIN);
}

#[test]
fn section_4_2_where_tls_is_the_clients_choice_a_name_is_taken_in_clear_text() {
    let site = lenient();
    let mut ftp = site.connect();
    plays(&mut ftp, LOGIN);
    plays(&mut ftp, &[("MKD d", 257), ("CWD d", 250), ("TYPE I", 200)]);
    // AUTH begins anew: who was logged in is so no more (RFC 2228 §3), and what was set is not.
    ftp.secure();
    plays(&mut ftp, &[("PWD", 530), ("PASS pw", 503)]);
    plays(&mut ftp, LOGIN);
    assert!(ftp.says("PWD", 257).starts_with("257 \"/\" "));
    assert!(ftp.says("STAT", 211).contains("Type: ASCII"));
}

#[test]
fn section_4_auth_is_not_said_twice_and_needs_no_adat() {
    let site = site();
    let mut ftp = site.connect();
    ftp.says("ADAT x", 503);
    ftp.secure();
    plays(&mut ftp, &[("AUTH TLS", 503), ("ADAT x", 503), ("USER ann", 331)]);
    // RFC 2228 §3: commands within commands make no sense where TLS lies below.
    plays(&mut ftp, &[("MIC x", 537), ("CONF x", 537), ("ENC x", 537), ("PASS pw", 230)]);
}

#[test]
fn section_5_ccc_is_refused_unless_the_operator_allows_it() {
    let site = site();
    let mut ftp = site.connect();
    // The RFC has 533 for a CCC that nothing protects; we answer as to all that AUTH precedes.
    ftp.says("CCC", 503);
    ftp.secure();
    ftp.says("CCC", 530);
    ftp.log_in("ann");
    plays(&mut ftp, &[("CCC", 534), ("PWD", 257)]);
}

#[test]
fn section_6_feat_names_the_three_in_clear_text() {
    let site = site();
    let feat = site.connect().says("FEAT", 211);
    // The RFC has "AUTH TLS"; the names behind it are those of its drafts, which clients know.
    for feature in [" AUTH TLS;TLS-C;SSL;TLS-P", " PBSZ", " PROT"] {
        assert!(inner(&feat).contains(&feature), "{feature} in {feat}");
    }
}

#[test]
fn section_8_tls_p_and_ssl_protect_data_as_well() {
    let site = site();
    for (name, protects) in [("TLS", false), ("TLS-C", false), ("TLS-P", true), ("SSL", true)] {
        let mut ftp = site.connect();
        ftp.says(&format!("AUTH {name}"), 234);
        ftp.shake_hands();
        plays(&mut ftp, LOGIN);
        ftp.says("TYPE I", 200);
        if protects {
            assert_eq!(ftp.download("RETR a"), b"hello", "{name}");
        } else {
            plays(&mut ftp, &[("EPSV", 229), ("RETR a", 521)]);
        }
    }
}

#[test]
fn section_9_pbsz_is_zero_and_comes_before_prot() {
    let site = site();
    let mut ftp = site.connect();
    plays(&mut ftp, &[("PBSZ 0", 503), ("PROT P", 503)]);
    ftp.secure();
    ftp.says("PROT P", 503);
    assert_eq!(ftp.says("PBSZ 0", 200), "200 PBSZ=0");
    // A larger one is answered with the size that is enough (RFC 2228 §3).
    assert!(ftp.says("PBSZ 65536", 200).starts_with("200 PBSZ=0"));
    plays(&mut ftp, &[("PBSZ x", 501), ("PBSZ 4294967296", 501), ("PROT P", 200)]);
    plays(&mut ftp, &[("PROT S", 536), ("PROT E", 536), ("PROT X", 504)]);
    // The RFC would take C; a server that demands TLS does not.
    ftp.says("PROT C", 534);
    let site = lenient();
    let mut ftp = site.connect();
    ftp.secure();
    plays(&mut ftp, &[("PBSZ 0", 200), ("PROT C", 200), ("PROT P", 200)]);
}

#[test]
fn section_10_2_data_that_is_not_protected_is_521_where_it_must_be() {
    let site = site();
    let mut ftp = site.connect();
    ftp.secure();
    plays(&mut ftp, LOGIN);
    for line in ["RETR a", "STOR b", "LIST"] {
        plays(&mut ftp, &[("EPSV", 229), (line, 521)]);
    }
    plays(&mut ftp, &[("PBSZ 0", 200), ("PROT P", 200), ("TYPE I", 200)]);
    assert_eq!(ftp.download("RETR a"), b"hello");
}

#[test]
fn section_10_2_a_listing_whose_handshake_fails_is_522() {
    let site = site();
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("LIST", 150);
    (&peer::connect(address)).write_all(b"this is no ClientHello\r\n").unwrap();
    ftp.hears(522);
    // For a file the RFC has 522 too. Here it is 421 without an end: the peer may be a server, and
    // lftp tries the other role only after a 4xx.
    let address = ftp.epsv();
    ftp.says("RETR a", 150);
    (&peer::connect(address)).write_all(b"this is no ClientHello\r\n").unwrap();
    ftp.hears(421);
    ftp.says("NOOP", 200);
}

#[test]
fn section_12_1_a_protected_session_is_established() {
    let site = site();
    let mut ftp = site.connect();
    ftp.secure();
    plays(&mut ftp, &[("PBSZ 0", 200), ("PROT P", 200)]);
    // In §12.2 a certificate logs in and USER is 232; here USER asks for the password of everybody.
    plays(&mut ftp, LOGIN);
    ftp.says("TYPE I", 200);
    assert_eq!(ftp.download("RETR a"), b"hello");
}

#[test]
fn section_12_3_after_ccc_the_control_connection_is_clear_and_the_data_is_not() {
    let site = site_with(|settings| settings.ccc = true);
    let mut ftp = site.connect();
    ftp.secure();
    plays(&mut ftp, &[("PBSZ 0", 200), ("PROT P", 200)]);
    plays(&mut ftp, LOGIN);
    plays(&mut ftp, &[("TYPE I", 200), ("CCC", 200)]);
    ftp.leave_tls();
    // What protects data is settled by now (§5).
    plays(&mut ftp, &[("PBSZ 0", 503), ("PROT C", 503), ("PROT P", 503)]);
    assert_eq!(ftp.download("RETR a"), b"hello");
    ftp.upload("STOR b", b"world");
    plays(&mut ftp, &[("CCC", 503), ("QUIT", 221)]);
    ftp.hears_the_end();
    assert_eq!(site.file("b").unwrap(), b"world");
}

#[test]
fn section_12_4_data_goes_without_protection_to_the_clients_port() {
    let site = lenient();
    let mut ftp = site.connect();
    ftp.secure();
    plays(&mut ftp, LOGIN);
    plays(&mut ftp, &[("TYPE I", 200), ("PBSZ 0", 200), ("PROT C", 200)]);
    let listener = ftp.port();
    ftp.says("STOR b", 150);
    let mut data = peer::accept(&listener);
    data.write_all(b"world").unwrap();
    drop(data);
    ftp.hears(226);
    assert_eq!(site.file("b").unwrap(), b"world");
    let listener = ftp.port();
    ftp.says("RETR b", 150);
    assert_eq!(read_clear(peer::accept(&listener)), b"world");
    ftp.hears(226);
}

#[test]
fn section_12_5_data_goes_without_protection_through_the_servers_port() {
    let site = lenient();
    let mut ftp = site.connect();
    ftp.secure();
    plays(&mut ftp, LOGIN);
    // C is the default and need not be said (§9).
    ftp.says("TYPE I", 200);
    let address = ftp.pasv("PASV");
    ftp.says("STOR b", 150);
    let mut data = peer::connect(address);
    data.write_all(b"hello").unwrap();
    drop(data);
    ftp.hears(226);
    assert_eq!(site.file("b").unwrap(), b"hello");
}

#[test]
fn section_12_6_protected_data_goes_to_the_clients_port_and_the_client_is_the_tls_client() {
    let site = site();
    let mut ftp = site.login("ann");
    let listener = ftp.port();
    ftp.says("STOR b", 150);
    let socket = peer::accept(&listener);
    let session = ftp.session();
    let mut data = ftp.tls.connect(socket, session.as_ref()).unwrap();
    data.write_all(b"world").unwrap();
    peer::finish(data);
    ftp.hears(226);
    assert_eq!(site.file("b").unwrap(), b"world");
    let listener = ftp.port();
    ftp.says("RETR b", 150);
    let socket = peer::accept(&listener);
    let session = ftp.session();
    let data = ftp.tls.connect(socket, session.as_ref()).unwrap();
    assert_eq!(peer::read_to_close(data).unwrap(), b"world");
    ftp.hears(226);
}

#[test]
fn section_12_7_protected_data_goes_through_the_servers_port() {
    let site = site();
    let mut ftp = site.login("ann");
    let address = ftp.pasv("PASV");
    ftp.says("STOR b", 150);
    let mut data = ftp.data(address);
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    ftp.hears(226);
    assert_eq!(site.file("b").unwrap(), b"hello");
}

#[test]
fn section_13_rein_ends_tls_and_the_session_begins_anew() {
    let site = lenient();
    let mut ftp = site.login("ann");
    ftp.says("REIN", 220);
    ftp.leave_tls();
    // Nothing is left of what was agreed on: not the login, not PBSZ, not PROT, not TYPE.
    plays(&mut ftp, &[("PWD", 530), ("PROT P", 503)]);
    plays(&mut ftp, LOGIN);
    assert!(ftp.says("STAT", 211).contains("Data connections: clear text\r\n"));
    assert!(ftp.says("STAT", 211).contains("Type: ASCII"));
    ftp.secure();
    ftp.log_in("ann");
    assert_eq!(ftp.download("RETR a"), b"hello");
}

#[test]
fn section_13_after_rein_a_server_that_wants_tls_wants_it_again() {
    let site = site();
    let mut ftp = site.login("ann");
    ftp.says("REIN", 220);
    ftp.leave_tls();
    plays(&mut ftp, &[("USER ann", 534), ("FEAT", 211)]);
    ftp.secure();
    ftp.log_in("ann");
    assert_eq!(ftp.download("RETR a"), b"hello");
}

/// The RFC has these come as urgent data, which TLS does not know: they come in their place.
#[test]
fn section_14_stat_and_abor_are_heard_during_a_protected_transfer() {
    let site = site();
    let mut ftp = site.login("ann");
    let mut data = begin(&mut ftp);
    assert!(ftp.says("STAT", 211).ends_with(" bytes transferred so far."));
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    ftp.hears(226);
    let data = begin(&mut ftp);
    ftp.says("ABOR", 426);
    ftp.hears(226);
    drop(data);
    assert_eq!(site.file("b").unwrap(), b"hello", "what was whole stays");
    assert_eq!(ftp.download("RETR a"), b"hello");
}

fn begin(ftp: &mut Ftp) -> openssl::ssl::SslStream<TcpStream> {
    let address = ftp.epsv();
    ftp.says("STOR b", 150);
    ftp.data(address)
}
