//! How a data connection ends, well and badly: what counts as the whole file, what is kept of a cut
//! one, and which deadline ends a peer that does not.

use crate::{
    ftp::Ftp,
    other_server::connect_from,
    peer::{self, Client},
    site::Site,
};
use fxpd::{Demand, TlsRole};
use openssl::{
    hash::MessageDigest,
    ssl::{SslContext, SslStream, SslVerifyMode, SslVersion},
};
use socket2::SockRef;
use std::{
    fs::File,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

const RECORD_BYTES: usize = 16384;
const VERSIONS: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

/// Bytes that repeat nowhere near each other.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..count).map(next).collect()
}

fn login_with(site: &Site, client: Client) -> Ftp {
    let mut ftp = Ftp::silent(site.address, client);
    ftp.hears(220);
    ftp.secure();
    ftp.log_in("ann");
    ftp
}

/// Begins a transfer with the ordinary roles.
fn begin(ftp: &mut Ftp, command: &str) -> SslStream<TcpStream> {
    let address = ftp.epsv();
    ftp.says(command, 150);
    ftp.data(address)
}

/// Begins a transfer in which the server is the TLS client.
fn begin_as_server(ftp: &mut Ftp, command: &str, tls: &SslContext) -> SslStream<TcpStream> {
    let address = ftp.epsv();
    ftp.says(command, 150);
    peer::accept_tls(tls, peer::connect(address)).unwrap()
}

/// FIN without close_notify.
fn cut(data: &SslStream<TcpStream>) {
    data.get_ref().shutdown(Shutdown::Write).unwrap();
}

#[test]
fn an_upload_cut_at_a_record_border_is_not_whole_and_can_be_resumed() {
    let whole = noise(5 * RECORD_BYTES);
    let (first, rest) = whole.split_at(2 * RECORD_BYTES);
    for version in VERSIONS {
        let site = Site::start();
        site.put("old", b"the old file");
        let mut ftp = login_with(&site, Client::only(version));
        for name in ["old", "rest", "appe"] {
            let mut data = begin(&mut ftp, &format!("STOR {name}"));
            data.write_all(first).unwrap();
            cut(&data);
            assert!(ftp.hears(426).contains("close_notify"), "{version:?}");
            let record = site.record();
            assert!(!record.complete && record.bytes == first.len() as u64, "{record:?}");
        }
        assert_eq!(site.file("old").unwrap(), b"the old file");
        assert_eq!(site.names(), ["appe", "old", "rest"], "and nothing hidden");
        assert_eq!(site.file("rest").unwrap(), first);
        assert!(ftp.says("SIZE rest", 213).ends_with(&first.len().to_string()));
        ftp.says(&format!("REST {}", first.len()), 350);
        ftp.upload("STOR rest", rest);
        ftp.upload("APPE appe", rest);
        assert!(site.file("rest").unwrap() == whole && site.file("appe").unwrap() == whole);
        assert!(site.record().complete);
    }
}

#[test]
fn a_cut_before_the_first_byte_leaves_no_name() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for command in ["STOR a", "APPE a", "STOU"] {
        cut(&begin(&mut ftp, command));
        ftp.hears(426);
    }
    assert!(site.names().is_empty(), "{:?}", site.names());
}

#[test]
fn a_reset_after_the_last_record_is_not_the_end_of_the_file() {
    let site = Site::start();
    let whole = noise(4 * RECORD_BYTES);
    site.put("old", b"the old file");
    let mut ftp = site.login("ann");
    for name in ["old", "new"] {
        let mut data = begin(&mut ftp, &format!("STOR {name}"));
        data.write_all(&whole).unwrap();
        SockRef::from(data.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
        drop(data);
        ftp.hears(426);
    }
    assert_eq!(site.file("old").unwrap(), b"the old file");
    assert!(whole.starts_with(&site.file("new").unwrap_or_default()), "what came is kept");
    ftp.says("NOOP", 200);
}

#[test]
fn close_notify_ends_an_upload_though_tcp_stays_open() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    let mut data = begin(&mut ftp, "STOR a");
    data.write_all(b"hello").unwrap();
    data.shutdown().unwrap();
    let asked = Instant::now();
    ftp.hears(226);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(data.read(&mut [0]).unwrap(), 0, "the server's close_notify");
    assert_eq!(site.file("a").unwrap(), b"hello");
}

#[test]
fn close_notify_ends_a_download_though_tcp_stays_open() {
    let site = Site::start();
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    let mut data = begin(&mut ftp, "RETR a");
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).unwrap();
    let asked = Instant::now();
    data.shutdown().unwrap();
    ftp.hears(226);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(bytes, b"hello");
}

#[test]
fn a_peer_that_reads_late_loses_nothing() {
    let site = Site::start();
    let whole = noise(12 << 20);
    site.put("a", &whole);
    let mut ftp = site.login("ann");
    let data = begin(&mut ftp, "RETR a");
    // The server is stuck when it says the same twice.
    let mut said = String::new();
    let stuck = (0..10_000).any(|_| {
        let now = ftp.says("STAT", 211);
        std::mem::replace(&mut said, now.clone()) == now
    });
    assert!(stuck && !said.contains(&whole.len().to_string()), "{said}");
    assert!(peer::read_to_close(data).unwrap() == whole);
    ftp.hears(226);
}

#[test]
fn tickets_that_a_tls_server_writes_cost_no_byte() {
    let site = Site::start();
    let whole = noise(4 << 20);
    site.put("a", &whole);
    let mut ftp = site.login("ann");
    ftp.says("SSCN ON", 200);
    let tls = peer::server(&site.identity, |builder| {
        builder.set_min_proto_version(Some(SslVersion::TLS1_3)).unwrap();
        builder.set_num_tickets(8).unwrap();
    });
    for round in 0..40 {
        let data = begin_as_server(&mut ftp, "RETR a", &tls);
        let got = peer::read_to_close(data);
        assert!(got.as_ref().is_ok_and(|got| *got == whole), "{round}: {:?}", got.err());
        ftp.hears(226);
        let mut data = begin_as_server(&mut ftp, "STOR b", &tls);
        data.write_all(&whole).unwrap();
        peer::finish(data);
        ftp.hears(226);
        assert!(site.file("b").unwrap() == whole, "{round}");
    }
}

#[test]
fn every_size_arrives_in_both_roles() {
    let site = Site::start();
    let tls = peer::server(&site.identity, |_| {});
    let mut ftp = site.login("ann");
    for size in [0, 1, RECORD_BYTES, RECORD_BYTES + 1, (256 << 10) + 1] {
        let whole = noise(size);
        ftp.says("SSCN OFF", 200);
        ftp.upload("STOR a", &whole);
        assert!(ftp.download("RETR a") == whole, "{size}");
        ftp.says("SSCN ON", 200);
        let mut data = begin_as_server(&mut ftp, "STOR b", &tls);
        data.write_all(&whole).unwrap();
        peer::finish(data);
        ftp.hears(226);
        assert!(site.file("b").unwrap() == whole, "{size}");
        let data = begin_as_server(&mut ftp, "RETR b", &tls);
        assert!(peer::read_to_close(data).unwrap() == whole, "{size}");
        ftp.hears(226);
    }
}

#[test]
fn offsets_beyond_four_gibibytes_count() {
    const BORDER: u64 = 1 << 32;
    let site = Site::start();
    let sparse = File::create_new(site.path("a")).unwrap();
    sparse.write_all_at(b"before|after", BORDER - 7).unwrap();
    let mut ftp = site.login("ann");
    assert_eq!(ftp.says("SIZE a", 213), format!("213 {}", BORDER + 5));
    for (offset, rest) in [(BORDER - 1, &b"|after"[..]), (BORDER, b"after"), (BORDER + 5, b"")] {
        ftp.says(&format!("REST {offset}"), 350);
        assert_eq!(ftp.download("RETR a"), rest, "{offset}");
    }
    ftp.says(&format!("REST {}", BORDER + 2), 350);
    ftp.upload("STOR a", b"XY");
    ftp.upload("APPE a", b"Z");
    let mut bytes = [0; 12];
    let sparse = File::open(site.path("a")).unwrap();
    sparse.read_exact_at(&mut bytes, BORDER - 7).unwrap();
    assert_eq!(&bytes, b"before|afXYZ");
    assert_eq!(sparse.metadata().unwrap().len(), BORDER + 5);
}

#[test]
fn asked_for_a_certificate_the_connecting_end_shows_its_own() {
    let site = Site::start();
    site.put("a", b"hello");
    for version in VERSIONS {
        let mut ftp = site.login("ann");
        ftp.says("SSCN ON", 200);
        let tls = peer::server(&Site::start().identity, |builder| {
            builder.set_max_proto_version(Some(version)).unwrap();
            let demand = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
            builder.set_verify_callback(demand, |_, _| true);
        });
        let data = begin_as_server(&mut ftp, "RETR a", &tls);
        let shown = data.ssl().peer_certificate().expect("a certificate");
        let digest = shown.digest(MessageDigest::sha256()).unwrap();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(format!("SHA256:{hex}"), site.identity.fingerprint().to_string());
        assert_eq!(peer::read_to_close(data).unwrap(), b"hello");
        ftp.hears(226);
        assert_eq!(site.record().role, TlsRole::Connect);
    }
}

#[test]
fn the_reason_of_a_peers_alert_is_told() {
    let site = Site::start();
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    let strict = Client::built(|builder| builder.set_verify(SslVerifyMode::PEER));
    for command in ["RETR a", "STOR b"] {
        let address = ftp.epsv();
        ftp.says(command, 150);
        strict.connect(peer::connect(address), None).unwrap_err();
        assert!(ftp.hears(421).contains("alert unknown ca"), "{command}");
        ftp.says("NOOP", 200);
    }
    ftp.says("SSCN ON", 200);
    let other = peer::server(&site.identity, |builder| {
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        builder.set_cipher_list("AES128-SHA256").unwrap();
    });
    for command in ["RETR a", "STOR b"] {
        let address = ftp.epsv();
        ftp.says(command, 150);
        peer::accept_tls(&other, peer::connect(address)).unwrap_err();
        assert!(ftp.hears(421).contains("alert handshake failure"), "{command}");
        ftp.says("NOOP", 200);
    }
    assert_eq!(site.names(), ["a"]);
}

#[test]
fn a_peer_that_refuses_us_after_our_handshake_got_no_file() {
    let site = Site::start();
    site.put("a", b"hello");
    site.put("big", &noise(4 << 20));
    let mut ftp = site.login("ann");
    ftp.says("SSCN ON", 200);
    // Under TLS 1.3 the connecting end has finished before its certificate is judged.
    let strict = peer::server(&site.identity, |builder| {
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    });
    for command in ["RETR a", "RETR big", "STOR b"] {
        let address = ftp.epsv();
        ftp.says(command, 150);
        peer::accept_tls(&strict, peer::connect(address)).unwrap_err();
        assert!(ftp.hears(426).contains("alert unknown ca"), "{command}");
        assert!(!site.record().complete, "{command}");
    }
    assert_eq!(site.names(), ["a", "big"]);
}

#[test]
fn a_peer_in_clear_text_is_refused_and_nothing_is_stored() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for command in ["STOR a", "APPE a", "STOU"] {
        let listener = ftp.port();
        ftp.says(command, 150);
        peer::accept(&listener).write_all(b"hello in clear text\n").unwrap();
        ftp.hears(421);
        let address = ftp.pasv("PASV");
        ftp.says(command, 150);
        peer::connect(address).write_all(b"hello in clear text\n").unwrap();
        ftp.hears(421);
    }
    assert!(site.names().is_empty(), "{:?}", site.names());
}

#[test]
fn a_handshake_byte_by_byte_ends_at_the_total_deadline() {
    let site = Site::with(|plan| plan.settings.handshake_timeout = Duration::from_secs(1));
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("STOR a", 150);
    let began = Instant::now();
    let mut slow = peer::connect(address);
    slow.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    // The beginning of a ClientHello of 512 bytes, and the pause of a fruitless read between any two.
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &[7; 20]].concat();
    for byte in hello {
        if slow.write_all(&[byte]).is_err() || peer::is_closed(&slow) {
            break;
        }
    }
    assert!(ftp.hears(421).contains("timed out"));
    let took = began.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(3)).contains(&took), "{took:?}");
    assert!(site.names().is_empty());
}

#[test]
fn a_peer_that_stalls_is_given_up() {
    let site = Site::with(|plan| plan.settings.stall_timeout = Duration::from_secs(1));
    site.put("old", &noise(12 << 20));
    let mut ftp = site.login("ann");
    let mut silent = begin(&mut ftp, "STOR a");
    silent.write_all(b"hello").unwrap();
    assert!(ftp.hears(426).contains("stalled"));
    assert_eq!(site.file("a").unwrap(), b"hello", "to be resumed");
    let unread = begin(&mut ftp, "RETR old");
    assert!(ftp.hears(426).contains("stalled"));
    assert!(peer::read_to_close(unread).is_err(), "no close_notify behind half a file");
    ftp.says("NOOP", 200);
}

#[test]
fn a_missing_close_notify_can_be_forgiven_to_our_own_clients_only() {
    let site = Site::with(|plan| plan.settings.data_close_notify = Demand::Optional);
    let mut ftp = site.login("ann");
    for (source, name, code) in [("127.0.0.1", "own", 226), ("127.0.0.2", "foreign", 426)] {
        let address = ftp.epsv();
        ftp.says(&format!("STOR {name}"), 150);
        let mut data = Client::any().connect(connect_from(source, address), None).unwrap();
        data.write_all(b"hello").unwrap();
        cut(&data);
        ftp.hears(code);
        let record = site.record();
        assert_eq!((record.complete, record.foreign), (code == 226, name == "foreign"));
        assert_eq!(site.file(name).unwrap(), b"hello");
    }
}
