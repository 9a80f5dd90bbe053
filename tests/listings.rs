//! What is there: the shapes of `LIST`, `NLST`, `MLSD`, `MLST` and `STAT`, and what none of them
//! ever shows.

use crate::{ftp::Ftp, peer, site::Site};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File},
    io::Write,
    os::unix::{ffi::OsStrExt, fs::symlink},
    time::{Duration, UNIX_EPOCH},
};

/// A listing's lines; each must end in CRLF.
fn lines(ftp: &mut Ftp, command: &str) -> Vec<String> {
    let text = String::from_utf8(ftp.download(command)).unwrap();
    assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
    let mut lines: Vec<String> = text.split_terminator("\r\n").map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The lines within a reply of several.
fn inner(reply: &str) -> Vec<&str> {
    let lines: Vec<&str> = reply.split("\r\n").collect();
    lines[1..lines.len() - 1].to_vec()
}

/// A site with a file of a known time, a directory that holds one, and a hidden file.
fn site() -> Site {
    let site = Site::start();
    fs::create_dir(site.path("d")).unwrap();
    for name in ["a file", ".hidden", "d/inner"] {
        site.put(name, b"hello");
        let time = UNIX_EPOCH + Duration::from_secs(1_577_934_245);
        File::options().write(true).open(site.path(name)).unwrap().set_modified(time).unwrap();
    }
    site
}

#[test]
fn list_looks_like_ls() {
    let site = site();
    let mut ftp = site.login("ann");
    let shown = lines(&mut ftp, "LIST");
    let [file, directory] = &shown[..] else { panic!("{shown:?}") };
    assert!(directory.starts_with("drwxr-xr-x   2 ") && directory.ends_with(" d"), "{directory}");
    assert!(file.starts_with("-rw-r--r--   1 "), "{file}");
    let words: Vec<&str> = file.split_ascii_whitespace().collect();
    assert_eq!(words[4..], ["5", "Jan", "2", "2020", "a", "file"]);
    assert_eq!(lines(&mut ftp, "LIST -lA").len(), 3, "hidden names on demand");
    assert_eq!(lines(&mut ftp, "LIST -la").len(), 5, "and . and .. with them");
    assert_eq!(lines(&mut ftp, "LIST -l d").len(), 1);
    assert!(lines(&mut ftp, "LIST a file")[0].ends_with(" a file"));
    assert!(lines(&mut ftp, "LIST /d/inner")[0].ends_with(" /d/inner"));
}

#[test]
fn nlst_gives_names_that_can_be_sent_back() {
    let site = site();
    let mut ftp = site.login("ann");
    assert_eq!(lines(&mut ftp, "NLST"), ["a file", "d"]);
    assert_eq!(lines(&mut ftp, "NLST -a"), [".hidden", "a file", "d"]);
    assert_eq!(lines(&mut ftp, "NLST d"), ["d/inner"]);
    assert_eq!(lines(&mut ftp, "NLST /d/"), ["/d/inner"]);
    assert_eq!(lines(&mut ftp, "NLST d/inner"), ["d/inner"]);
    for name in lines(&mut ftp, "NLST /d") {
        assert_eq!(ftp.download(&format!("RETR {name}")), b"hello");
    }
    fs::create_dir(site.path("empty")).unwrap();
    assert!(lines(&mut ftp, "NLST empty").is_empty());
}

#[test]
fn mlsd_shows_facts_of_everything() {
    let site = site();
    let mut ftp = site.login("ann");
    let shown = lines(&mut ftp, "MLSD");
    let names: Vec<&str> = shown.iter().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(BTreeSet::from_iter(names), BTreeSet::from(["a file", ".hidden", "d"]));
    let file = shown.iter().find(|line| line.ends_with(" a file")).unwrap();
    assert!(
        file.starts_with("type=file;size=5;modify=20200102030405;")
            && file.contains(";perm=adfrw;unique="),
        "{file}"
    );
    assert!(file.contains(";unix.mode=0644;"), "{file}");
    let directory = shown.iter().find(|line| line.ends_with(" d")).unwrap();
    assert!(directory.starts_with("type=dir;modify="), "{directory}");
    assert!(directory.contains(";perm=cdeflmp;"), "{directory}");
    ftp.says("EPSV", 229);
    ftp.says("MLSD a file", 501);
    assert_eq!(lines(&mut ftp, "MLSD d").len(), 1);
}

#[test]
fn mlst_shows_one_entry_with_its_whole_path() {
    let site = site();
    let mut ftp = site.login("ann");
    ftp.says("CWD d", 250);
    let reply = ftp.says("MLST inner", 250);
    assert!(reply.starts_with("250-") && reply.contains("\r\n250 "), "{reply}");
    let [line] = inner(&reply)[..] else { panic!("{reply}") };
    assert!(line.starts_with(" type=file;size=5;") && line.ends_with("; /d/inner"), "{line}");
    let reply = ftp.says("MLST", 250);
    assert!(inner(&reply)[0].starts_with(" type=dir;") && inner(&reply)[0].ends_with("; /d"));
    assert!(inner(&ftp.says("MLST /", 250))[0].ends_with("; /"));
}

#[test]
fn opts_mlst_chooses_facts_and_feat_marks_them() {
    const ALL: &str =
        " MLST type*;size*;modify*;create*;perm*;unique*;unix.mode*;unix.owner*;unix.group*;";
    let site = site();
    let mut ftp = site.login("ann");
    assert!(inner(&ftp.says("FEAT", 211)).contains(&ALL));
    let chosen = ftp.says("OPTS MLST size;Type;colour;", 200);
    assert_eq!(chosen, "200 MLST OPTS type;size;");
    let feat = ftp.says("FEAT", 211);
    let marked = " MLST type*;size*;modify;create;perm;unique;unix.mode;unix.owner;unix.group;";
    assert!(inner(&feat).contains(&marked), "{feat}");
    assert_eq!(inner(&ftp.says("MLST a file", 250)), [" type=file;size=5; /a file"]);
    assert_eq!(lines(&mut ftp, "MLSD d"), ["type=file;size=5; inner"]);
    assert_eq!(ftp.says("OPTS MLST", 200), "200 MLST OPTS");
    assert_eq!(lines(&mut ftp, "MLSD d"), [" inner"]);
}

#[test]
fn stat_lists_without_a_data_connection() {
    let site = site();
    let mut ftp = site.login("ann");
    let directory = ftp.says("STAT d", 212);
    assert!(inner(&directory)[0].ends_with(" inner"), "{directory}");
    let file = ftp.says("STAT a file", 213);
    assert!(inner(&file)[0].ends_with(" a file"), "{file}");
    assert!(ftp.says("STAT", 211).contains("\r\n Logged in as ann\r\n"));
}

#[test]
fn what_is_not_there_is_550_and_the_session_goes_on() {
    let site = site();
    let mut ftp = site.login("ann");
    for verb in ["LIST", "NLST", "MLSD", "MLST", "STAT"] {
        ftp.says("EPSV", 229);
        ftp.says(&format!("{verb} missing"), 550);
        ftp.says(&format!("{verb} a file/below"), 550);
    }
    assert_eq!(lines(&mut ftp, "NLST d"), ["d/inner"]);
}

#[test]
fn an_upload_on_its_way_is_nowhere_to_be_seen() {
    let site = site();
    let (mut writer, mut ftp) = (site.login("ann"), site.login("ann"));
    let address = writer.epsv();
    writer.says("STOR d/new", 150);
    let mut data = writer.data(address);
    data.write_all(b"half").unwrap();
    // On some file systems it has a name, and another server may be writing it.
    let hidden = ".fxpd.0123456789abcdef.part";
    let other = File::create(site.path("d").join(hidden)).unwrap();
    other.lock().unwrap();
    assert_eq!(lines(&mut ftp, "NLST -a d"), ["d/inner"]);
    assert_eq!(lines(&mut ftp, "LIST -A d").len(), 1);
    assert_eq!(lines(&mut ftp, "MLSD d").len(), 1);
    assert_eq!(inner(&ftp.says("STAT d", 212)).len(), 1);
    for verb in ["LIST", "NLST", "MLST", "STAT", "SIZE", "RETR", "DELE", "RNFR"] {
        ftp.says(&format!("{verb} d/{hidden}"), 550);
    }
    ftp.says("RMD d", 550);
    peer::finish(data);
    writer.hears(226);
    assert_eq!(lines(&mut ftp, "NLST -a d"), ["d/inner", "d/new"]);
    assert!(site.path("d").join(hidden).exists());
}

#[test]
fn links_are_shown_as_what_they_lead_to_within_the_tree() {
    let site = site();
    symlink("d", site.path("inside")).unwrap();
    symlink("/etc", site.path("outside")).unwrap();
    let mut ftp = site.login("ann");
    let shown = lines(&mut ftp, "MLSD");
    let line = |name: &str| shown.iter().find(|line| line.ends_with(name)).unwrap();
    assert!(line(" inside").starts_with("type=dir;"), "{}", line(" inside"));
    assert!(line(" outside").starts_with("type=OS.unix=symlink;"), "{}", line(" outside"));
}

#[test]
fn a_name_of_the_hosts_making_forges_no_line() {
    let site = Site::start();
    site.put("a\r\n-rw-r--r-- 1 0 0 0 Jan 1 2020 forged\x1b[2J", b"");
    fs::write(site.path("").join(OsStr::from_bytes(b"caf\xe9")), "").unwrap();
    let mut ftp = site.login("ann");
    for command in ["LIST", "NLST", "MLSD"] {
        let bytes = ftp.download(command);
        let ends = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
        let controls = bytes.iter().filter(|byte| byte.is_ascii_control()).count();
        assert_eq!((ends, controls), (2, 4), "{}", bytes.escape_ascii());
        assert!(bytes.windows(4).any(|name| name == b"caf\xe9"), "{}", bytes.escape_ascii());
    }
    assert_eq!(inner(&ftp.says("STAT .", 212)).len(), 2);
}

#[test]
fn a_directory_of_five_hundred_is_listed_whole() {
    let site = Site::start();
    let names: Vec<String> = (0..500).map(|number| format!("file-{number:03}")).collect();
    names.iter().for_each(|name| site.put(name, b""));
    let mut ftp = site.login("ann");
    assert_eq!(lines(&mut ftp, "NLST"), names);
    assert_eq!(lines(&mut ftp, "LIST").len(), 500);
    assert_eq!(lines(&mut ftp, "MLSD").len(), 500);
    assert_eq!(inner(&ftp.says("STAT .", 212)).len(), 500);
}
