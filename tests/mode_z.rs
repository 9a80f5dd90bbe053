//! `MODE Z`: what goes over a data connection is one zlib stream.

use crate::{
    ftp::Ftp,
    lftp::{lftp, run_at},
    other_server::OtherServer,
    peer::{self, Client},
    program::sample,
    site::Site,
    stuck::waits_until_moved,
};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use fxpd::{Demand, TlsRole};
use openssl::ssl::SslVersion;
use std::{
    io::{Read, Write},
    net::Shutdown,
};

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Takes one whole stream apart, behind which nothing stands.
fn unpacked(wire: &[u8]) -> Vec<u8> {
    let (mut decoder, mut bytes) = (ZlibDecoder::new(wire), Vec::new());
    decoder.read_to_end(&mut bytes).expect("a zlib stream");
    assert_eq!(decoder.total_in(), wire.len() as u64, "nothing behind it");
    bytes
}

/// Bytes that no compression shortens.
fn noise(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    openssl::rand::rand_bytes(&mut bytes).unwrap();
    bytes
}

/// Sends `wire` for `command`, ends properly, and hears `code`.
#[track_caller]
fn sends_wire(ftp: &mut Ftp, command: &str, wire: &[u8], code: u16) -> String {
    let address = ftp.epsv();
    ftp.says(command, 150);
    let mut data = ftp.data(address);
    // A server that has given up reads no more.
    let _ = data.write_all(wire);
    peer::finish(data);
    ftp.hears(code)
}

#[test]
fn files_of_every_size_survive_both_ways_under_either_tls() {
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let site = Site::start();
        let mut ftp = Ftp::silent(site.address, Client::only(version));
        ftp.hears(220);
        ftp.secure();
        ftp.log_in("ann");
        ftp.says("MODE Z", 200);
        for bytes in [
            Vec::new(),
            vec![b'x'],
            vec![0; (64 << 10) - 1],
            noise(64 << 10),
            noise((256 << 10) + 1),
            vec![b'x'; 256 << 10],
            sample(5_000_000),
        ] {
            ftp.upload("STOR a", &packed(&bytes));
            assert_eq!(site.file("a").unwrap(), bytes);
            let record = site.record();
            assert!(record.complete);
            assert_eq!(record.bytes, bytes.len() as u64, "the file's bytes are counted");
            let wire = ftp.download("RETR a");
            assert_eq!(unpacked(&wire), bytes);
            assert_eq!(site.record().bytes, bytes.len() as u64);
        }
        ftp.says("MODE S", 200);
        assert_eq!(ftp.download("RETR a"), sample(5_000_000));
    }
}

#[test]
fn the_level_is_chosen_and_told() {
    let site = Site::start();
    site.put("a", &[b'x'; 100_000]);
    let mut ftp = site.login("ann");
    assert!(ftp.says("FEAT", 211).contains("\r\n MODE Z\r\n"));
    ftp.says("MODE Z", 200);
    assert!(ftp.says("STAT", 211).contains("mode: deflate"));
    let mut lengths = Vec::new();
    for level in ["0", "1", "9"] {
        let told = ftp.says(&format!("OPTS MODE Z LEVEL {level}"), 200);
        assert_eq!(told, format!("200 MODE Z LEVEL set to {level}."));
        let wire = ftp.download("RETR a");
        assert_eq!(unpacked(&wire), [b'x'; 100_000]);
        lengths.push(wire.len());
    }
    assert!(lengths[0] > 100_000 && lengths[1] < 2000 && lengths[2] < 2000, "{lengths:?}");
    ftp.says("OPTS MODE Z LEVEL 10", 501);
    ftp.says("OPTS MODE Z", 200);
    ftp.says("REIN", 220);
    ftp.leave_tls();
    ftp.secure();
    ftp.log_in("ann");
    assert_eq!(ftp.download("RETR a"), [b'x'; 100_000], "a new login begins in MODE S");
}

#[test]
fn listings_are_packed_too() {
    let site = Site::start();
    for n in 0..1000 {
        site.put(&format!("file-{n:04}"), b"");
    }
    let mut ftp = site.login("ann");
    for command in ["NLST", "LIST", "MLSD"] {
        ftp.says("MODE S", 200);
        let plain = ftp.download(command);
        ftp.says("MODE Z", 200);
        let wire = ftp.download(command);
        assert!(wire.len() < plain.len() / 4, "{command}: {}", wire.len());
        assert_eq!(unpacked(&wire), plain, "{command}");
    }
    ftp.says("MKD empty", 257);
    assert_eq!(unpacked(&ftp.download("LIST empty")), b"");
}

#[test]
fn text_and_restarts_keep_their_meaning() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("MODE Z", 200);
    ftp.says("TYPE A", 200);
    ftp.upload("STOR a", &packed(b"one\r\ntwo\r\n"));
    assert_eq!(site.file("a").unwrap(), b"one\ntwo\n");
    assert_eq!(unpacked(&ftp.download("RETR a")), b"one\r\ntwo\r\n");
    ftp.says("TYPE I", 200);
    ftp.says("REST 4", 350);
    assert_eq!(unpacked(&ftp.download("RETR a")), b"two\n");
    ftp.says("REST 4", 350);
    ftp.upload("STOR a", &packed(b"TWO\nTHREE\n"));
    assert_eq!(site.file("a").unwrap(), b"one\nTWO\nTHREE\n");
    ftp.upload("APPE a", &packed(b"four\n"));
    assert_eq!(site.file("a").unwrap(), b"one\nTWO\nTHREE\nfour\n");
    ftp.upload("STOU", &packed(b"unique"));
    assert!(site.names().iter().any(|name| name.starts_with("stou.")));
}

#[test]
fn clear_data_connections_carry_it_as_well() {
    let site = Site::with(|plan| plan.settings.tls = Demand::Optional);
    let mut ftp = site.login("ann");
    ftp.says("PROT C", 200);
    ftp.says("MODE Z", 200);
    let address = ftp.epsv();
    ftp.says("STOR a", 150);
    let mut data = peer::connect(address);
    data.write_all(&packed(&sample(300_000))).unwrap();
    data.shutdown(Shutdown::Write).unwrap();
    ftp.hears(226);
    assert_eq!(site.file("a").unwrap(), sample(300_000));
    let address = ftp.epsv();
    ftp.says("RETR a", 150);
    let (mut data, mut wire) = (peer::connect(address), Vec::new());
    data.read_to_end(&mut wire).unwrap();
    drop(data);
    ftp.hears(226);
    assert_eq!(unpacked(&wire), sample(300_000));
}

#[test]
fn a_tls_client_by_sscn_sends_it_as_well() {
    let site = Site::start();
    site.put("a", &sample(300_000));
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.login("ann");
    ftp.says("MODE Z", 200);
    ftp.says("SSCN ON", 200);
    let address = ftp.epsv();
    ftp.says("RETR a", 150);
    let data = other.shake(peer::connect(address), TlsRole::Accept).unwrap();
    assert_eq!(unpacked(&peer::read_to_close(data).unwrap()), sample(300_000));
    ftp.hears(226);
}

#[test]
fn a_stream_without_its_end_is_cut_however_properly_the_connection_ends() {
    let lax = |plan: &mut crate::site::Plan| {
        plan.settings.data_close_notify = Demand::Optional;
    };
    for site in [Site::start(), Site::with(lax)] {
        let mut ftp = site.login("ann");
        ftp.says("MODE Z", 200);
        let bytes = noise(300_000);
        let wire = packed(&bytes);
        let told = sends_wire(&mut ftp, "STOR a", &wire[..wire.len() - 2], 426);
        assert_eq!(told, "426 MODE Z: the zlib stream was cut before its end.");
        assert_eq!(site.file("a").unwrap(), bytes, "what came is kept, to go on with");
        assert!(!site.record().complete);
        sends_wire(&mut ftp, "STOR b", b"", 426);
        site.record();
        // Without close_notify, too.
        let address = ftp.epsv();
        ftp.says("STOR c", 150);
        let mut data = ftp.data(address);
        data.write_all(&wire[..200_000]).unwrap();
        data.get_ref().shutdown(Shutdown::Write).unwrap();
        ftp.hears(426);
        let kept = site.file("c").unwrap();
        assert!(kept.len() > 190_000 && bytes.starts_with(&kept));
        ftp.says("NOOP", 200);
    }
}

#[test]
fn garbage_and_bytes_behind_the_end_are_refused() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("MODE Z", 200);
    let told = sends_wire(&mut ftp, "STOR a", b"hello, I am no zlib stream", 426);
    assert_eq!(told, "426 MODE Z: what came is no zlib stream.");
    assert_eq!(site.file("a"), None, "nothing came");
    let mut damaged = packed(b"hello hello hello");
    *damaged.last_mut().unwrap() ^= 1;
    sends_wire(&mut ftp, "STOR b", &damaged, 426);
    let behind = [packed(b"hello"), packed(b"again")].concat();
    let told = sends_wire(&mut ftp, "STOR c", &behind, 426);
    assert_eq!(told, "426 MODE Z: bytes came behind the end of the zlib stream.");
    assert_eq!(sends_wire(&mut ftp, "STOR c", &packed(b"hello"), 226), "226 Transfer complete.");
    assert_eq!(site.file("c").unwrap(), b"hello");
}

/// The most memory that this process had at once, in KiB.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_unpacks_to_very_much_is_unpacked_piece_by_piece() {
    const UNPACKED_BYTES: usize = 256 << 20;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(9));
    let zeros = vec![0; 1 << 20];
    for _ in 0..UNPACKED_BYTES / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("MODE Z", 200);
    let before = peak_memory_kib();
    ftp.upload("STOR a", &bomb);
    let grown = peak_memory_kib() - before;
    assert_eq!(site.path("a").metadata().unwrap().len(), UNPACKED_BYTES as u64);
    // Other tests run in this process meanwhile.
    assert!(grown < (UNPACKED_BYTES as u64 >> 10) / 2, "{grown} KiB");
}

#[test]
fn a_transfer_under_way_is_told_of_and_ended() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("MODE Z", 200);
    let address = ftp.epsv();
    ftp.says("STOR a", 150);
    let mut data = ftp.data(address);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(&[b'x'; 10_000]).unwrap();
    encoder.flush().unwrap();
    data.write_all(encoder.get_ref()).unwrap();
    waits_until_moved(&mut ftp, 10_000);
    ftp.says("ABOR", 426);
    ftp.hears(226);
    assert_eq!(site.file("a").unwrap().len(), 10_000);
}

#[test]
fn lftp_packs_files_and_listings() {
    let (site, lftp) = (Site::start(), lftp());
    let text = b"the same again and again\n".repeat(20_000);
    lftp.put("up", &text);
    lftp.put("none", b"");
    let script = "set ftp:use-mode-z yes\nset ftp:mode-z-level 9\ndebug -o log 9\n\
        put up\nput none\nget up -o back\nget none -o none-back\ncls -1\nls\n";
    run_at(&site, &lftp, script).succeeds().says("up\n");
    assert_eq!(site.file("up").unwrap(), text);
    assert_eq!(lftp.file("back").unwrap(), text);
    assert_eq!(site.file("none").unwrap(), b"");
    assert_eq!(lftp.file("none-back").unwrap(), b"");
    let log = String::from_utf8(lftp.file("log").unwrap()).unwrap();
    assert!(log.contains("---> MODE Z\n<--- 200 Mode is deflate."), "{log}");
    for _ in 0..4 {
        assert!(site.record().complete);
    }
}
