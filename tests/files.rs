//! Files and directories: what is sent, stored, made, moved and removed, and what an account can
//! never reach.

use crate::{ftp::Ftp, peer, site::Site};
use fxpd::{LocalOptions, Representation};
use openssl::ssl::SslStream;
use rustix::fs::{CWD, Mode, inotify, mkfifoat};
use std::{
    fs::{self, File, Permissions},
    io::Write,
    mem::MaybeUninit,
    net::{Shutdown, TcpStream},
    os::unix::fs::{PermissionsExt, symlink},
    time::{Duration, UNIX_EPOCH},
};

/// Begins an upload.
fn begin(ftp: &mut Ftp, command: &str) -> SslStream<TcpStream> {
    let address = ftp.epsv();
    ftp.says(command, 150);
    ftp.data(address)
}

/// Waits until the server says that so many bytes have come.
fn wait_for_bytes(ftp: &mut Ftp, bytes: usize) {
    let text = format!("211 {bytes} bytes transferred so far.");
    assert!((0..100_000).any(|_| ftp.says("STAT", 211) == text), "{text}");
}

fn mode(site: &Site, name: &str) -> u32 {
    fs::metadata(site.path(name)).unwrap().permissions().mode() & 0o7777
}

#[test]
fn text_ends_its_lines_in_crlf_on_the_wire_and_in_lf_on_the_disk() {
    const BLOCK_BYTES: usize = 256 << 10;
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("TYPE A", 200);
    // A line's end on either side of a TLS record's border and of a block's.
    for length in [0, 1, 16382, 16383, 16384, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1] {
        let line = "x".repeat(length);
        let (text, wire) = (format!("{line}\n\ny\n"), format!("{line}\r\n\r\ny\r\n"));
        let mut data = begin(&mut ftp, "STOR a");
        for piece in wire.as_bytes().chunks(length.max(1) + 1) {
            data.write_all(piece).unwrap();
        }
        peer::finish(data);
        ftp.hears(226);
        assert!(site.file("a").unwrap() == text.as_bytes(), "{length}");
        assert!(ftp.download("RETR a") == wire.as_bytes(), "{length}");
        assert_eq!(site.record().representation, Representation::Ascii);
    }
    ftp.upload("STOR a", b"a\rb\r");
    assert_eq!(site.file("a").unwrap(), b"a\rb\r", "a CR alone stays");
    ftp.says("TYPE I", 200);
    ftp.upload("STOR a", b"a\r\nb\n");
    assert_eq!(site.file("a").unwrap(), b"a\r\nb\n");
    assert_eq!(ftp.download("RETR a"), b"a\r\nb\n");
}

#[test]
fn transfers_begin_where_rest_says() {
    let site = Site::start();
    site.put("a", b"0123456789");
    let mut ftp = site.login("ann");
    for (offset, rest) in [(0, &b"0123456789"[..]), (7, b"789"), (10, b"")] {
        ftp.says(&format!("REST {offset}"), 350);
        assert_eq!(ftp.download("RETR a"), rest);
    }
    for between in ["MODE S", "ALLO 10", "TYPE I"] {
        ftp.says("REST 4", 350);
        ftp.says(between, 200);
        assert_eq!(ftp.download("RETR a"), b"456789", "{between}");
    }
    ftp.says("REST 4", 350);
    ftp.upload("STOR a", b"wxyz");
    assert_eq!(site.file("a").unwrap(), b"0123wxyz", "what lay behind is gone");
    ftp.says("REST 2", 350);
    ftp.upload("APPE a", b"!");
    assert_eq!(site.file("a").unwrap(), b"01!");
    ftp.upload("APPE a", b"23");
    ftp.upload("APPE new", b"new");
    ftp.says("REST 0", 350);
    ftp.upload("STOR new", b"newer");
    assert_eq!(site.file("a").unwrap(), b"01!23");
    assert_eq!(site.file("new").unwrap(), b"newer");
}

#[test]
fn an_offset_behind_the_end_is_refused_and_changes_nothing() {
    let site = Site::start();
    site.put("a", b"0123456789");
    let mut ftp = site.login("ann");
    for command in ["RETR a", "STOR a", "APPE a"] {
        ftp.says("REST 11", 350);
        ftp.says("EPSV", 229);
        ftp.says(command, 554);
    }
    ftp.says("REST 1", 350);
    ftp.says("STOR missing", 550);
    for bad in ["REST", "REST -1", "REST x", "REST 9223372036854775808", "REST 1 2"] {
        ftp.says(bad, 501);
    }
    assert_eq!(site.file("a").unwrap(), b"0123456789");
    assert_eq!(site.names(), ["a"]);
    assert_eq!(ftp.download("RETR a"), b"0123456789", "the offset is forgotten");
}

#[test]
fn stou_tells_the_name_that_it_makes() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    let mut names: Vec<String> = Vec::new();
    for command in ["STOU", "STOU wish"] {
        let address = ftp.epsv();
        let reply = ftp.says(command, 150);
        let name = reply.strip_prefix("150 FILE: ").expect("RFC 1123 §4.1.2.9").to_owned();
        let mut data = ftp.data(address);
        data.write_all(b"unique").unwrap();
        peer::finish(data);
        assert_eq!(ftp.hears(226), format!("226 Transfer complete. FILE: {name}"));
        names.push(name);
    }
    names.sort();
    assert_eq!(site.names(), names);
    assert_ne!(names[0], names[1]);
    assert!(names.iter().all(|name| site.file(name).unwrap() == b"unique"));
}

#[test]
fn verbs_of_old_file_systems_are_answered() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for (command, code) in [
        ("ALLO 1000", 200),
        ("ALLO 1000 R 80", 200),
        ("ALLO x", 501),
        ("MODE S", 200),
        ("MODE B", 504),
        ("STRU F", 200),
        ("STRU R", 504),
        ("TYPE L 8", 200),
        ("TYPE E", 504),
        ("SYST", 215),
        ("NOOP", 200),
    ] {
        ftp.says(command, code);
    }
}

#[test]
fn size_and_time_are_those_of_the_file() {
    let site = Site::start();
    site.put("a", b"hello");
    fs::create_dir(site.path("d")).unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(1_577_934_245);
    File::options().write(true).open(site.path("a")).unwrap().set_modified(time).unwrap();
    let mut ftp = site.login("ann");
    for representation in ["TYPE I", "TYPE A"] {
        ftp.says(representation, 200);
        assert_eq!(ftp.says("SIZE a", 213), "213 5");
    }
    assert_eq!(ftp.says("MDTM a", 213), "213 20200102030405");
    for command in ["SIZE d", "SIZE missing", "MDTM missing"] {
        ftp.says(command, 550);
    }
}

#[test]
fn names_are_whatever_people_call_things() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for (name, shown) in [
        ("two words", "two words"),
        ("a \"quoted\" name", "a \"\"quoted\"\" name"),
        ("grüße-雪", "grüße-雪"),
        ("-rf", "-rf"),
        (" blank ", " blank "),
        ("*?[a]{b}~$HOME;|&%s", "*?[a]{b}~$HOME;|&%s"),
        ("\u{a0}...", "\u{a0}..."),
    ] {
        let created = ftp.says(&format!("MKD {name}"), 257);
        assert_eq!(created, format!("257 \"/{shown}\" created."));
        ftp.says(&format!("CWD {name}"), 250);
        let here = ftp.says("PWD", 257);
        assert_eq!(here, format!("257 \"/{shown}\" is the current directory."));
        ftp.upload(&format!("STOR {name}"), b"hello");
        assert_eq!(site.file(&format!("{name}/{name}")).unwrap(), b"hello");
        ftp.says("CDUP", 250);
        ftp.says(&format!("RNFR {name}/{name}"), 350);
        ftp.says("RNTO plain", 250);
        ftp.says("RNFR plain", 350);
        ftp.says(&format!("RNTO {name}/again"), 250);
        assert_eq!(ftp.download(&format!("RETR /{name}/again")), b"hello");
        ftp.says(&format!("DELE {name}/again"), 250);
        ftp.says(&format!("RMD {name}"), 250);
    }
    assert!(site.names().is_empty(), "{:?}", site.names());
}

#[test]
fn new_names_hold_no_control_bytes() {
    let site = Site::start();
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    for byte in ["\x01", "\t", "\x1b", "\x7f"] {
        for verb in ["MKD", "STOR", "APPE"] {
            ftp.says(&format!("{verb} x{byte}y"), 553);
        }
        ftp.says("RNFR a", 350);
        ftp.says(&format!("RNTO x{byte}y"), 553);
    }
    assert_eq!(site.names(), ["a"]);
}

#[test]
fn what_cannot_be_is_refused_and_left_as_it_is() {
    let site = Site::start();
    site.put("a", b"hello");
    fs::create_dir_all(site.path("d/e")).unwrap();
    let mut ftp = site.login("ann");
    for command in [
        "STOR d",
        "APPE d",
        "STOR missing/a",
        "STOR a/b",
        "RETR d",
        "RETR missing",
        "DELE d",
        "DELE missing",
        "RMD d",
        "RMD a",
        "RMD missing",
        "MKD d",
        "MKD a",
        "MKD missing/x",
        "CWD a",
        "CWD missing",
        "RNFR missing",
    ] {
        ftp.says(command, 550);
    }
    for command in ["STOR /", "MKD /", "RMD /", "DELE ..", "RMD ."] {
        let reply = ftp.says(command, 55);
        assert!(reply.starts_with("550") || reply.starts_with("553"), "{command}: {reply}");
    }
    for (from, to) in [("a", "d"), ("d", "a"), ("d", "d/e/f"), ("a", "missing/a")] {
        ftp.says(&format!("RNFR {from}"), 350);
        ftp.says(&format!("RNTO {to}"), 55);
    }
    assert_eq!(site.names(), ["a", "d"]);
    assert_eq!(site.file("a").unwrap(), b"hello");
    site.put("b", b"other");
    ftp.says("RNFR a", 350);
    ftp.says("RNTO b", 250);
    assert_eq!(site.file("b").unwrap(), b"hello", "a file in the way is replaced");
}

#[test]
fn an_account_that_only_reads_changes_nothing() {
    let site = Site::start();
    fs::write(site.path("../reader/a"), "hello").unwrap();
    fs::create_dir(site.path("../reader/d")).unwrap();
    let mut ftp = site.login("reader");
    ftp.says("EPSV", 229);
    for command in [
        "STOR b", "APPE a", "STOU", "MKD x", "RMD d", "DELE a", "RNFR a", "RNTO b", "XMKD x",
        "XRMD d",
    ] {
        assert_eq!(ftp.says(command, 550), "550 This account may only read.");
    }
    assert_eq!(ftp.download("RETR a"), b"hello");
    assert!(ftp.says("MLST a", 250).contains(";perm=r;"));
    assert!(ftp.says("MLST d", 250).contains(";perm=el;"));
}

#[test]
fn no_path_and_no_link_leads_out_of_the_tree() {
    let site = Site::start();
    fs::write(site.path("../bob/secret"), "secret").unwrap();
    let secret = fs::canonicalize(site.path("../bob/secret")).unwrap();
    symlink(&secret, site.path("absolute")).unwrap();
    symlink("../bob/secret", site.path("relative")).unwrap();
    symlink("/etc/passwd", site.path("passwd")).unwrap();
    symlink("/etc", site.path("etc")).unwrap();
    symlink("../../../../..", site.path("up")).unwrap();
    symlink("/proc/self/root", site.path("magic")).unwrap();
    let names = [
        "absolute",
        "relative",
        "passwd",
        "etc/passwd",
        "up/etc/passwd",
        "up/bob/secret",
        "../bob/secret",
        "../../../../../../etc/passwd",
        "/etc/passwd",
        "magic/etc/passwd",
    ];
    for name in names {
        // A session of its own: too many refusals would end it.
        let mut ftp = site.login("ann");
        for verb in ["RETR", "SIZE", "MDTM", "MLST", "STAT", "RNFR"] {
            if verb != "RNFR" || name.contains('/') {
                ftp.says(&format!("{verb} {name}"), 550);
            }
        }
        ftp.says("EPSV", 229);
        ftp.says(&format!("APPE {name}"), 550);
    }
    let mut ftp = site.login("ann");
    for command in ["CWD etc", "CWD magic", "MKD etc/x", "STOR etc/x", "LIST etc", "NLST magic"] {
        ftp.says(command, 550);
    }
    // `..` at the top stays there.
    ftp.says("CWD up", 250);
    ftp.upload("STOR /../../mine", b"mine");
    assert_eq!(ftp.download("RETR mine"), b"mine");
    ftp.says("CWD ../../..", 250);
    assert_eq!(ftp.says("PWD", 257), "257 \"/\" is the current directory.");
    assert_eq!(site.file("mine").unwrap(), b"mine");
    assert_eq!(fs::read(secret).unwrap(), b"secret");
}

#[test]
fn a_fifo_holds_nobody_up() {
    let site = Site::start();
    mkfifoat(CWD, site.path("fifo"), Mode::from_raw_mode(0o666)).unwrap();
    let mut ftp = site.login("ann");
    for command in ["RETR fifo", "STOR fifo", "APPE fifo", "SIZE fifo", "CWD fifo"] {
        assert!(ftp.says(command, 550).starts_with("550 Not a "), "{command}");
    }
    // What is recorded of it can be changed, and nobody waits for its other end meanwhile.
    ftp.says("SITE CHMOD 600 fifo", 200);
    ftp.says("MFMT 20200102030405 fifo", 213);
    assert_eq!(mode(&site, "fifo"), 0o600);
    assert_eq!(site.names(), ["fifo"]);
}

#[test]
fn what_is_recorded_of_an_entry_is_changed_without_opening_it() {
    let site = Site::start();
    mkfifoat(CWD, site.path("fifo"), Mode::from_raw_mode(0o666)).unwrap();
    site.put("file", b"hello");
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    for name in ["fifo", "file"] {
        inotify::add_watch(&watch, site.path(name), inotify::WatchFlags::OPEN).unwrap();
    }
    let was_opened = || {
        let mut space = [MaybeUninit::uninit(); 512];
        inotify::Reader::new(&watch, &mut space).next().is_ok()
    };
    let mut ftp = site.login("ann");
    for name in ["fifo", "file"] {
        for (command, code) in [
            ("SITE CHMOD 600", 200),
            ("MFMT 20200102030405", 213),
            ("MFF Modify=20200102030406;UNIX.mode=640;", 213),
            ("SITE UTIME 20200102030407", 200),
        ] {
            ftp.says(&format!("{command} {name}"), code);
            assert!(!was_opened(), "{command} {name}");
        }
        assert_eq!(mode(&site, name), 0o640);
    }
    assert!(ftp.says("MDTM file", 213).ends_with("20200102030407"));
    ftp.download("RETR file");
    assert!(was_opened(), "then the test sees nothing");
}

#[test]
fn a_file_stays_whole_while_its_successor_comes() {
    let site = Site::start();
    site.put("a", b"the old file");
    let (mut writer, mut reader) = (site.login("ann"), site.login("ann"));
    let mut data = begin(&mut writer, "STOR a");
    data.write_all(&[b'n'; 300_000]).unwrap();
    wait_for_bytes(&mut writer, 300_000);
    assert_eq!(reader.download("RETR a"), b"the old file");
    data.get_ref().shutdown(Shutdown::Write).unwrap();
    writer.hears(426);
    assert_eq!(reader.download("RETR a"), b"the old file");

    let mut data = begin(&mut writer, "STOR a");
    data.write_all(b"the new file").unwrap();
    wait_for_bytes(&mut writer, 12);
    let address = reader.epsv();
    reader.says("RETR a", 150);
    peer::finish(data);
    writer.hears(226);
    let data = reader.data(address);
    assert_eq!(peer::read_to_close(data).unwrap(), b"the old file", "as it was when opened");
    reader.hears(226);
    assert_eq!(reader.download("RETR a"), b"the new file");
    assert_eq!(site.names(), ["a"]);
}

#[test]
fn new_files_get_the_umask_and_replaced_ones_keep_their_mode() {
    for (umask_octal, file, directory) in [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)] {
        let site = Site::with(|plan| {
            plan.storage = LocalOptions { umask_octal, ..LocalOptions::default() };
        });
        site.put("old", b"");
        fs::set_permissions(site.path("old"), Permissions::from_mode(0o4751)).unwrap();
        let mut ftp = site.login("ann");
        for command in ["STOR old", "STOR stor", "APPE appe"] {
            ftp.upload(command, b"hello");
        }
        ftp.says("MKD d", 257);
        assert_eq!(mode(&site, "old"), 0o751, "and no set-user-ID bit");
        for name in ["stor", "appe"] {
            assert_eq!(mode(&site, name), file, "{name}");
        }
        assert_eq!(mode(&site, "d"), directory);
    }
}
