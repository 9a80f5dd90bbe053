//! The dialogues of RFC 3659: times, sizes, restarts, and the facts of files, with the client's
//! side played. Where this server differs on purpose, the test says so.

use crate::{
    ftp::Ftp,
    rfc::{inner, plays},
    site::Site,
};
use std::{fs, fs::File, time::Duration, time::UNIX_EPOCH};

/// Gives a file a time, in seconds and milliseconds since 1970.
fn set_time(site: &Site, name: &str, millis: u64) {
    let time = UNIX_EPOCH + Duration::from_millis(millis);
    File::options().write(true).open(site.path(name)).unwrap().set_modified(time).unwrap();
}

/// The lines of `MLSD`, sorted.
fn mlsd(ftp: &mut Ftp, line: &str) -> Vec<String> {
    let text = String::from_utf8(ftp.download(line)).unwrap();
    let mut lines: Vec<String> = text.split_terminator("\r\n").map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn section_3_4_times_of_modification() {
    let site = Site::start();
    for name in ["B", "C", "file6", "19990929043300 File6"] {
        site.put(name, b"x");
    }
    fs::create_dir(site.path("D")).unwrap();
    set_time(&site, "B", 897_904_845_014);
    set_time(&site, "C", 899_645_536_000);
    set_time(&site, "file6", 938_576_035_000);
    set_time(&site, "19990929043300 File6", 1_033_853_462_000);
    let mut ftp = site.login("ann");
    assert_eq!(ftp.says("MDTM B", 213), "213 19980615100045.014");
    assert_eq!(ftp.says("MDTM C", 213), "213 19980705133216");
    assert_eq!(ftp.says("MDTM file6", 213), "213 19990929033355");
    // What looks like a time is a part of the name; nothing is set by MDTM.
    assert_eq!(ftp.says("MDTM 19990929043300 File6", 213), "213 20021005213102");
    ftp.says("MDTM 19990929043300 file6", 550);
    ftp.says("MdTm E", 550);
    ftp.says("MDTM", 501);
    // The RFC's server refuses a directory; its time is known all the same, and mirrors ask.
    ftp.says("MDTM D", 213);
}

#[test]
fn section_4_sizes() {
    let site = Site::start();
    site.put("A", b"one\ntwo\n");
    fs::create_dir(site.path("D")).unwrap();
    let mut ftp = site.login("ann");
    plays(&mut ftp, &[("SIZE D", 550), ("SIZE E", 550), ("SIZE", 501), ("TYPE I", 200)]);
    assert_eq!(ftp.says("SIZE A", 213), "213 8");
    // The RFC counts what TYPE A would send, which is 10. Reading each file for that would be a way
    // to keep a server busy, and clients that forget TYPE I mean the bytes on disk.
    ftp.says("TYPE A", 200);
    assert_eq!(ftp.says("SIZE A", 213), "213 8");
    assert_eq!(ftp.download("RETR A").len(), 10);
    ftp.says("TYPE E", 504);
}

#[test]
fn section_5_5_transfers_go_on_where_they_broke() {
    let site = Site::start();
    site.put("cap60.pl198.tar", b"0123456789");
    let mut ftp = site.login("ann");
    ftp.says("TYPE I", 200);
    // The marker stands in the text, as the RFC's example has it.
    assert!(ftp.says("REST 4", 350).contains("Restarting at 4"));
    assert_eq!(ftp.download("RETR cap60.pl198.tar"), b"456789");
    ftp.says("REST 4", 350);
    ftp.upload("STOR cap60.pl198.tar", b"wxyz");
    assert_eq!(site.file("cap60.pl198.tar").unwrap(), b"0123wxyz");
    // REST counts for the command behind it alone.
    plays(&mut ftp, &[("REST 4", 350), ("NOOP", 200)]);
    assert_eq!(ftp.download("RETR cap60.pl198.tar"), b"0123wxyz");
    plays(&mut ftp, &[("REST", 501), ("REST 4 5", 501), ("REST *", 501), ("REST 0", 350)]);
    let feat = ftp.says("FEAT", 211);
    assert!(inner(&feat).contains(&" REST STREAM"), "§5.4: {feat}");
}

#[test]
fn section_6_names_form_a_tree() {
    let site = Site::start();
    fs::create_dir_all(site.path("a/b/c")).unwrap();
    site.put("a/b/c/f", b"hello");
    let mut ftp = site.login("ann");
    assert!(inner(&ftp.says("FEAT", 211)).contains(&" TVFS"));
    for (directory, name) in [
        ("/", "a/b/c/f"),
        ("/a", "b/c/f"),
        ("b/c", "f"),
        ("..", "c/f"),
        (".", "./c/../c/f"),
        ("/a/b/c", "/a/b/c/f"),
        ("../../..", "/../a//b/c/f"),
    ] {
        ftp.says(&format!("CWD {directory}"), 250);
        assert_eq!(ftp.download(&format!("RETR {name}")), b"hello", "{directory} {name}");
    }
    assert!(ftp.says("PWD", 257).starts_with("257 \"/\" "));
}

#[test]
fn section_7_7_1_mlst_of_a_file() {
    let site = Site::start();
    site.put("file1", b"x");
    set_time(&site, "file1", 938_576_035_237);
    let mut ftp = site.login("ann");
    ftp.says("OPTS MLST Type;Modify;", 200);
    let reply = ftp.says("MLst file1", 250);
    let lines: Vec<&str> = reply.split("\r\n").collect();
    let [first, facts, last] = lines[..] else { panic!("{reply}") };
    assert!(first.starts_with("250-") && last.starts_with("250 "), "{reply}");
    // The name is the whole path, which §7.3.1 recommends.
    assert_eq!(facts, " type=file;modify=19990929033355.237; /file1");
    plays(&mut ftp, &[("MLST E", 550), ("MLST file1/x", 550)]);
}

#[test]
fn section_7_7_2_mlst_of_a_directory() {
    let site = Site::start();
    fs::create_dir(site.path("dir1")).unwrap();
    let mut ftp = site.login("ann");
    ftp.says("OPTS MLST type;perm;", 200);
    // Nobody moves or removes the root.
    for (line, shown) in [
        ("MLST dir1", " type=dir;perm=cdeflmp; /dir1"),
        ("MLST", " type=dir;perm=celmp; /"),
        ("MLST /dir1/..", " type=dir;perm=celmp; /"),
    ] {
        assert_eq!(inner(&ftp.says(line, 250)), [shown], "{line}");
    }
}

#[test]
fn section_7_7_3_and_4_mlsd_lists_a_directory_and_nothing_else() {
    let site = Site::start();
    fs::create_dir_all(site.path("tmp/sub")).unwrap();
    site.put("tmp/bench", b"hello");
    let mut ftp = site.login("ann");
    ftp.says("OPTS MLST type;size;", 200);
    // The RFC's server shows cdir and pdir too; both are optional (§7.5.1.2 and §7.5.1.4).
    let lines = ["type=dir; sub", "type=file;size=5; bench"];
    assert_eq!(mlsd(&mut ftp, "MLSD tmp"), lines);
    ftp.says("CWD tmp", 250);
    assert_eq!(mlsd(&mut ftp, "MLSD"), lines);
    assert_eq!(mlsd(&mut ftp, "MLSD sub"), [""; 0]);
    // TYPE changes nothing: lines end in CRLF (§7.2), and names are UTF-8 (§7.3).
    ftp.says("TYPE A", 200);
    assert_eq!(mlsd(&mut ftp, "MLSD"), lines);
    plays(&mut ftp, &[("EPSV", 229), ("MLSD bench", 501), ("MLSD E", 550)]);
}

#[test]
fn section_7_5_5_permissions_are_those_of_the_account() {
    let site = Site::start();
    fs::create_dir(site.path("../reader/d")).unwrap();
    fs::write(site.path("../reader/f"), "").unwrap();
    let mut ftp = site.login("reader");
    ftp.says("OPTS MLST perm;", 200);
    assert_eq!(mlsd(&mut ftp, "MLSD"), ["perm=el; d", "perm=r; f"]);
    site.put("f", b"");
    let mut ftp = site.login("ann");
    ftp.says("OPTS MLST perm;", 200);
    assert_eq!(mlsd(&mut ftp, "MLSD"), ["perm=adfrw; f"]);
}

#[test]
fn section_7_3_a_name_may_be_in_any_language_and_hold_blanks() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("OPTS MLST", 200);
    for name in ["tmp file", "Männer; Frauen", "файл", "一"] {
        ftp.upload(&format!("STOR {name}"), b"");
        assert_eq!(inner(&ftp.says(&format!("MLST {name}"), 250)), [format!("  /{name}")]);
        assert_eq!(mlsd(&mut ftp, "MLSD"), [format!(" {name}")]);
        ftp.says(&format!("DELE {name}"), 250);
    }
}

#[test]
fn section_7_5_2_a_unique_fact_is_the_same_for_the_same_file() {
    let site = Site::start();
    site.put("a", b"");
    site.put("b", b"");
    fs::hard_link(site.path("a"), site.path("c")).unwrap();
    let mut ftp = site.login("ann");
    ftp.says("OPTS MLST unique;", 200);
    let mut fact = |name: &str| {
        let reply = ftp.says(&format!("MLST {name}"), 250);
        inner(&reply)[0].split_once(';').unwrap().0.to_owned()
    };
    assert_eq!(fact("a"), fact("c"));
    assert_ne!(fact("a"), fact("b"));
}

#[test]
fn section_7_9_opts_mlst_answers_with_what_it_has_chosen() {
    let site = Site::start();
    site.put("f", b"hello");
    let mut ftp = site.login("ann");
    for (line, reply) in [
        ("OPTS MLST Type;UNIX.mode;", "200 MLST OPTS type;unix.mode;"),
        ("OptS MLsT size", "200 MLST OPTS size;"),
        ("OPTS MLST lang;type;charset;create", "200 MLST OPTS type;create;"),
        ("OPTS mlst ;", "200 MLST OPTS"),
        ("OPTS MLST nothing;known;", "200 MLST OPTS"),
        ("OPTS MLST", "200 MLST OPTS"),
        ("OPTS MLST size;type;", "200 MLST OPTS type;size;"),
    ] {
        assert_eq!(ftp.says(line, 200), reply, "{line}");
    }
    assert_eq!(inner(&ftp.says("MLST f", 250)), [" type=file;size=5; /f"]);
    let feat = ftp.says("FEAT", 211);
    let line = inner(&feat).into_iter().find(|line| line.starts_with(" MLST ")).unwrap();
    assert!(line.starts_with(" MLST type*;size*;modify;"), "§7.8: {line}");
}
