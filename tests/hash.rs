//! Hashes of files and ranges of files: what they are, and how long they may take.

use crate::{
    ftp::Ftp,
    peer,
    site::{PATIENCE, Site},
};
use openssl::hash::{MessageDigest, hash};
use std::{
    fs::{self, File},
    io::Write,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Each function, its verbs, and what OpenSSL makes of `bytes`.
fn functions(bytes: &[u8]) -> Vec<(&'static str, &'static [&'static str], String)> {
    let hex = |digest| {
        let bytes = hash(digest, bytes).unwrap();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    vec![
        ("SHA-256", &["XSHA256"], hex(MessageDigest::sha256())),
        ("SHA-512", &["XSHA512"], hex(MessageDigest::sha512())),
        ("SHA-1", &["XSHA1", "XSHA"], hex(MessageDigest::sha1())),
        ("MD5", &["XMD5"], hex(MessageDigest::md5())),
        ("CRC32", &["XCRC"], format!("{:08x}", crc32(bytes))),
    ]
}

/// As ISO 3309 defines it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

pub fn sha256(bytes: &[u8]) -> String {
    functions(bytes).remove(0).2
}

/// Bytes that no block size divides.
pub fn sample() -> Vec<u8> {
    (0..700_001_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn every_function_hashes_as_openssl_does() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for (name, bytes) in [("a b", sample()), ("empty", Vec::new())] {
        site.put(name, &bytes);
        for (function, verbs, hash) in functions(&bytes) {
            let lower = function.to_lowercase();
            assert_eq!(ftp.says(&format!("OPTS HASH {lower}"), 200), format!("200 {function}"));
            let told = ftp.says(&format!("HASH {name}"), 213);
            assert_eq!(told, format!("213 {function} 0-{} {hash} {name}", bytes.len()));
            for verb in verbs {
                let expected = format!("250 {}", hash.to_uppercase());
                assert_eq!(ftp.says(&format!("{verb} {name}"), 250), expected);
                assert_eq!(ftp.says(&format!("{verb} \"{name}\""), 250), expected);
            }
        }
    }
}

#[test]
fn the_choice_of_a_function_is_told_and_lasts_until_rein() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    assert_eq!(ftp.says("OPTS HASH", 200), "200 SHA-256");
    ftp.says("OPTS HASH MD5", 200);
    ftp.says("OPTS HASH CRC-37", 501);
    assert_eq!(ftp.says("OPTS HASH", 200), "200 MD5");
    let feat = ftp.says("FEAT", 211);
    assert!(feat.contains("\r\n HASH SHA-256;SHA-512;SHA-1;MD5*;CRC32\r\n"), "{feat}");
    for line in ["RANG STREAM", "XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512"] {
        assert!(feat.contains(&format!("\r\n {line}\r\n")), "{line}: {feat}");
    }
    ftp.says("REIN", 220);
    ftp.leave_tls();
    assert_eq!(ftp.says("OPTS HASH", 200), "200 SHA-256");
}

#[test]
fn a_range_counts_for_the_next_command_and_includes_its_last_octet() {
    let site = Site::start();
    site.put("a", b"0123456789");
    let mut ftp = site.login("ann");
    let hashed = |from: usize, last: usize| {
        let hash = sha256(&b"0123456789"[from..=last]);
        format!("213 SHA-256 {from}-{last} {hash} a")
    };
    let whole = format!("213 SHA-256 0-10 {} a", sha256(b"0123456789"));
    ftp.says("RANG 2 5", 350);
    assert_eq!(ftp.says("HASH a", 213), hashed(2, 5));
    assert_eq!(ftp.says("HASH a", 213), whole, "the range was used");
    for (range, expected) in [("0 0", hashed(0, 0)), ("7 99", hashed(7, 9)), ("1 0", whole.clone())]
    {
        ftp.says(&format!("RANG {range}"), 350);
        assert_eq!(ftp.says("HASH a", 213), expected, "{range}");
    }
    for forgotten in [("NOOP", 200), ("RANG 5 3", 501), ("RANG x", 501), ("RANG 1 0", 350)] {
        ftp.says("RANG 2 5", 350);
        ftp.says(forgotten.0, forgotten.1);
        assert_eq!(ftp.says("HASH a", 213), whole, "{forgotten:?}");
    }
    ftp.says("RANG 10 12", 350);
    ftp.says("HASH a", 554);
    let crc = |bytes: &[u8]| format!("250 {:08X}", crc32(bytes));
    assert_eq!(ftp.says("XCRC \"a\" 2 5", 250), crc(b"234"), "here the end is not included");
    assert_eq!(ftp.says("XCRC \"a\" 0 10", 250), crc(b"0123456789"));
    for bad in ["XCRC \"a\" 0 11", "XCRC \"a\" 5 5", "XCRC \"a\" 5", "XCRC"] {
        ftp.says(bad, 501);
    }
    ftp.says("XCRC a 2 5", 550);
}

#[test]
fn a_range_is_sent_and_received() {
    let site = Site::start();
    site.put("a", b"0123456789");
    let mut ftp = site.login("ann");
    for (range, bytes) in [("2 5", "2345"), ("8 99", "89"), ("10 10", ""), ("99 99", "")] {
        ftp.says(&format!("RANG {range}"), 350);
        assert_eq!(ftp.download("RETR a"), bytes.as_bytes(), "{range}");
    }
    assert_eq!(ftp.download("RETR a"), b"0123456789");
    for (range, command, bytes, after) in [
        ("2 4", "STOR a", "abc", "01abc56789"),
        ("8 11", "APPE a", "wxyz", "01abc567wxyz"),
        ("12 12", "STOR a", "!", "01abc567wxyz!"),
    ] {
        ftp.says(&format!("RANG {range}"), 350);
        ftp.upload(command, bytes.as_bytes());
        assert_eq!(site.file("a").unwrap(), after.as_bytes(), "{range}");
    }
    ftp.says("RANG 0 1", 350);
    ftp.upload("STOR new", b"ab");
    assert_eq!(site.file("new").unwrap(), b"ab");
    ftp.says("REST 1", 350);
    ftp.upload("APPE new", b"cd");
    assert_eq!(site.file("new").unwrap(), b"acd", "REST and APPE");
    ftp.says("RANG 14 15", 350);
    ftp.epsv();
    ftp.says("STOR a", 554);
    ftp.says("TYPE A", 200);
    ftp.says("RANG 0 1", 350);
    ftp.says("RETR a", 551);
}

#[test]
fn a_range_must_be_filled_and_nothing_behind_it_is_touched() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for (bytes, after) in [(&b"abcdef"[..], &b"01abc56789"[..]), (b"a", b"01a3456789")] {
        site.put("a", b"0123456789");
        ftp.says("RANG 2 4", 350);
        let address = ftp.epsv();
        ftp.says("STOR a", 150);
        let mut data = ftp.data(address);
        data.write_all(bytes).unwrap();
        peer::finish(data);
        ftp.hears(554);
        assert_eq!(site.file("a").unwrap(), after);
    }
}

#[test]
fn what_has_no_hash_is_refused() {
    let site = Site::start();
    fs::create_dir(site.path("d")).unwrap();
    let made = Command::new("mkfifo").arg(site.path("fifo")).status().unwrap();
    assert!(made.success());
    let mut ftp = site.connect();
    ftp.secure();
    for command in ["HASH a", "XCRC a", "RANG 0 1"] {
        ftp.says(command, 530);
    }
    ftp.log_in("ann");
    for (command, code) in [
        ("HASH none", 550),
        ("XMD5 none", 550),
        ("HASH d", 553),
        ("XMD5 d", 550),
        ("HASH fifo", 553),
        ("XMD5 fifo", 550),
        ("HASH", 501),
    ] {
        ftp.says(command, code);
    }
}

#[test]
fn a_reader_may_hash_and_not_store_a_range() {
    let site = Site::start();
    let home = site.path("..").join("reader");
    fs::write(home.join("a"), b"hello").unwrap();
    let mut ftp = site.login("reader");
    assert!(ftp.says("HASH a", 213).contains(&sha256(b"hello")));
    ftp.says("RANG 0 1", 350);
    ftp.says("STOR a", 550);
}

/// A session that hashes a file of a tebibyte, and has begun to read it.
fn hashes_for_ever(site: &Site) -> Ftp {
    let big = File::options().create(true).write(true).truncate(false).open(site.path("big"));
    big.unwrap().set_len(1 << 40).unwrap();
    let mut ftp = site.login("ann");
    ftp.sends(b"HASH big\r\n");
    while ftp.says("STAT", 211).contains(" 0 bytes") {}
    ftp
}

fn aborts(ftp: &mut Ftp) {
    ftp.sends(b"ABOR\r\n");
    ftp.hears(426);
    ftp.hears(226);
    ftp.says("NOOP", 200);
}

#[test]
fn a_hash_is_aborted_and_never_idle() {
    let site = Site::with(|plan| plan.settings.idle_timeout = Duration::from_secs(1));
    let mut ftp = hashes_for_ever(&site);
    let begun = Instant::now();
    while begun.elapsed().as_millis() < 1200 {
        ftp.says("STAT", 211);
    }
    aborts(&mut ftp);
}

#[test]
fn who_waits_for_a_turn_is_heard_and_gets_it() {
    let site = Site::with(|plan| plan.settings.max_hashing = 1);
    site.put("a", b"hello");
    let mut first = hashes_for_ever(&site);
    let (mut second, mut third) = (site.login("ann"), site.login("ann"));
    for waiting in [&mut second, &mut third] {
        waiting.sends(b"HASH a\r\n");
        assert!(waiting.says("STAT", 211).contains(" 0 bytes"));
    }
    aborts(&mut second);
    let mut fourth = site.login("ann");
    fourth.sends(b"XMD5 a\r\n");
    fourth.says("STAT", 211);
    drop(fourth);
    aborts(&mut first);
    assert!(third.hears(213).contains(&sha256(b"hello")));
    // Nobody has kept a turn.
    second.says("XMD5 a", 250);
}

#[test]
fn a_hash_ends_with_its_client_and_with_the_server() {
    let mut site = Site::with(|plan| {
        plan.settings.shutdown_grace = Duration::ZERO;
        plan.settings.max_hashing = 1;
    });
    drop(hashes_for_ever(&site));
    let mut ftp = hashes_for_ever(&site); // which takes the turn of the one that is gone
    let handle = site.handle.take().unwrap();
    let begun = Instant::now();
    let stopping = thread::Builder::new().spawn(move || handle.shutdown()).unwrap();
    ftp.hears(421);
    stopping.join().unwrap();
    assert!(begun.elapsed() < PATIENCE);
}
