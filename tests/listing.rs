//! What clients see of a tree: `LIST`, `NLST`, `MLSD`, `MLST` and `STAT`, with the options and the
//! patterns that they send.

use crate::{ftp::Ftp, peer, site::Site};
use fxpd::ListOwner;
use std::{
    fs::{self, File, FileTimes},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

/// A tree with a bit of everything; times and sizes differ from the order of the names.
fn tree() -> Site {
    let site = Site::start();
    for (name, size, seconds) in [
        ("b.txt", 30, 1_700_000_000),
        ("a.txt", 10, 1_600_000_000),
        ("c.log", 20, 1_700_000_100),
        (".hidden", 5, 1_500_000_000),
    ] {
        site.put(name, &vec![b'x'; size]);
        stamp(&site.path(name), seconds);
    }
    fs::create_dir_all(site.path("dir/sub")).unwrap();
    fs::create_dir(site.path("dir/.git")).unwrap();
    site.put("dir/one.txt", b"1");
    site.put("dir/two.log", b"22");
    site.put("dir/sub/deep.txt", b"333");
    for (name, seconds) in [("dir", 1_400_000_000), ("dir/sub", 1_400_000_000)] {
        stamp(&site.path(name), seconds);
    }
    site
}

fn stamp(path: &Path, seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    File::open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// What a listing says, line by line.
fn lines(ftp: &mut Ftp, command: &str) -> Vec<String> {
    let text = String::from_utf8(ftp.download(command)).unwrap();
    assert!(text.is_empty() || text.ends_with("\r\n"), "{command}: {text:?}");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{command}: {text:?}");
    text.lines().map(str::to_owned).collect()
}

/// The names in a long listing: what stands behind the eighth word.
fn names(lines: &[String]) -> Vec<String> {
    let name = |line: &String| {
        let date_ends = line.match_indices(' ').find(|(at, _)| {
            let words = line[..*at].split_ascii_whitespace().count();
            words == 8 && !line[..*at].ends_with(' ')
        });
        line[date_ends.unwrap_or_else(|| panic!("no name: {line}")).0 + 1..].to_owned()
    };
    lines.iter().map(name).collect()
}

/// A listing that is answered with `code` behind its data.
fn refused(ftp: &mut Ftp, command: &str, code: u16) -> String {
    let address = ftp.epsv();
    ftp.says(command, 150);
    assert_eq!(peer::read_to_close(ftp.data(address)).unwrap(), b"", "{command}");
    ftp.hears(code)
}

#[test]
fn list_is_ls_l_in_order_of_names() {
    let site = tree();
    let mut ftp = site.login("ann");
    let listed = lines(&mut ftp, "LIST");
    assert_eq!(names(&listed), ["a.txt", "b.txt", "c.log", "dir"]);
    let words: Vec<&str> = listed[0].split_ascii_whitespace().collect();
    assert_eq!(words[0], "-rw-r--r--");
    assert_eq!((words[1], words[4], words[7]), ("1", "10", "2020"), "{}", listed[0]);
    assert!(words[2].parse::<u32>().is_ok() && words[3].parse::<u32>().is_ok());
    assert!(listed[3].starts_with("drwxr-xr-x "), "{}", listed[3]);
}

#[test]
fn options_alone_and_together_do_what_ls_does() {
    let site = tree();
    let mut ftp = site.login("ann");
    for (command, shown) in [
        ("LIST -l", &["a.txt", "b.txt", "c.log", "dir"][..]),
        ("LIST -L -h -o -n", &["a.txt", "b.txt", "c.log", "dir"]),
        ("LIST -A", &[".hidden", "a.txt", "b.txt", "c.log", "dir"]),
        ("LIST -a", &[".", "..", ".hidden", "a.txt", "b.txt", "c.log", "dir"]),
        ("LIST -al", &[".", "..", ".hidden", "a.txt", "b.txt", "c.log", "dir"]),
        ("LIST -la .", &[".", "..", ".hidden", "a.txt", "b.txt", "c.log", "dir"]),
        ("LIST -r", &["dir", "c.log", "b.txt", "a.txt"]),
        ("LIST -t", &["c.log", "b.txt", "a.txt", "dir"]),
        ("LIST -lrt", &["dir", "a.txt", "b.txt", "c.log"]),
        ("LIST -l -r -t dir", &["sub", "one.txt", "two.log"]),
        ("LIST -F", &["a.txt", "b.txt", "c.log", "dir/"]),
        ("LIST -d", &["."]),
        ("LIST -ld dir", &["dir"]),
        ("LIST -dF dir", &["dir/"]),
        ("LIST a.txt", &["a.txt"]),
        ("LIST -la dir/one.txt", &["dir/one.txt"]),
        ("LIST dir", &["one.txt", "sub", "two.log"]),
        ("LIST /dir/", &["one.txt", "sub", "two.log"]),
        ("NLST -l dir", &["one.txt", "sub", "two.log"]),
    ] {
        let mut shown: Vec<String> = shown.iter().map(|name| (*name).to_owned()).collect();
        let mut listed = names(&lines(&mut ftp, command));
        if command == "LIST -l -r -t dir" {
            // The files were made in one moment of the clock, or not.
            shown.sort();
            listed.sort();
        }
        assert_eq!(listed, shown, "{command}");
    }
    let sizes = lines(&mut ftp, "LIST -S *.*");
    assert_eq!(names(&sizes), ["b.txt", "c.log", "a.txt"]);
}

#[test]
fn names_alone_are_listed_with_their_directory() {
    let site = tree();
    fs::set_permissions(site.path("c.log"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("nowhere", site.path("dir/broken")).unwrap();
    symlink("sub", site.path("dir/link")).unwrap();
    stamp(&site.path("dir"), 1_400_000_000);
    let mut ftp = site.login("ann");
    for (command, shown) in [
        ("NLST", &["a.txt", "b.txt", "c.log", "dir"][..]),
        ("NLST -CF", &["a.txt", "b.txt", "c.log*", "dir/"]),
        ("NLST -a", &[".hidden", "a.txt", "b.txt", "c.log", "dir"]),
        ("NLST -t", &["c.log", "b.txt", "a.txt", "dir"]),
        ("NLST a.txt", &["a.txt"]),
        ("NLST -d dir", &["dir"]),
        ("NLST dir", &["dir/broken", "dir/link", "dir/one.txt", "dir/sub", "dir/two.log"]),
        ("NLST -F dir/", &["dir/broken@", "dir/link/", "dir/one.txt", "dir/sub/", "dir/two.log"]),
        ("LIST -1 dir", &["broken", "link", "one.txt", "sub", "two.log"]),
        ("LIST -1aF dir/sub", &["./", "../", "deep.txt"]),
        ("LIST -1r", &["dir", "c.log", "b.txt", "a.txt"]),
    ] {
        assert_eq!(lines(&mut ftp, command), shown, "{command}");
    }
}

#[test]
fn patterns_match_names_in_one_directory_or_several() {
    let site = tree();
    let mut ftp = site.login("ann");
    for (command, shown) in [
        ("NLST *", &["a.txt", "b.txt", "c.log", "dir"][..]),
        ("NLST *.txt", &["a.txt", "b.txt"]),
        ("NLST -r *.txt", &["b.txt", "a.txt"]),
        ("NLST [b-c]*", &["b.txt", "c.log"]),
        ("NLST ?.log", &["c.log"]),
        ("NLST .h*", &[".hidden"]),
        ("NLST -a *d*", &[".hidden", "dir"]),
        ("NLST dir/*.txt", &["dir/one.txt"]),
        ("NLST /dir/*", &["/dir/one.txt", "/dir/sub", "/dir/two.log"]),
        ("NLST ./dir/../dir/t*", &["./dir/../dir/two.log"]),
        ("NLST */*.txt", &["dir/one.txt"]),
        ("NLST d*/s*/*", &["dir/sub/deep.txt"]),
        ("NLST */sub/deep.txt", &["dir/sub/deep.txt"]),
        ("NLST -R d*", &["dir"]),
    ] {
        assert_eq!(lines(&mut ftp, command), shown, "{command}");
    }
    assert_eq!(names(&lines(&mut ftp, "LIST -l *.txt")), ["a.txt", "b.txt"]);
    assert_eq!(names(&lines(&mut ftp, "LIST -lt dir/*.*g")), ["dir/two.log"]);
    for nothing in
        ["NLST *.zip", "LIST dir/*/*/*", "NLST {a,b}.*", "LIST */a.txt", "NLST [!a-z]*", "LIST [x"]
    {
        refused(&mut ftp, nothing, 550);
    }
    for refused in ["LIST none", "NLST none/*", "LIST */../*", "NLST */*/*/*/*/*/*/*/*/*"] {
        ftp.says("EPSV", 229);
        ftp.says(refused, 550);
    }
}

#[test]
fn a_name_that_is_a_pattern_is_itself_first() {
    let site = tree();
    site.put("*.txt", b"star");
    fs::create_dir(site.path("[ab]")).unwrap();
    site.put("[ab]/in", b"");
    site.put("a\\b", b"");
    let mut ftp = site.login("ann");
    for (command, shown) in [
        ("NLST *.txt", &["*.txt"][..]),
        ("NLST [ab]", &["[ab]/in"]),
        ("NLST ?.txt", &["*.txt", "a.txt", "b.txt"]),
        ("NLST \\*.*", &["*.txt"]),
        ("NLST a\\b", &["a\\b"]),
        ("NLST [[]*", &["[ab]"]),
    ] {
        assert_eq!(lines(&mut ftp, command), shown, "{command}");
    }
}

#[test]
fn everything_below_is_listed_as_ls_does_and_links_are_not_walked() {
    let site = tree();
    symlink("..", site.path("dir/up")).unwrap();
    let mut ftp = site.login("ann");
    assert_eq!(
        lines(&mut ftp, "LIST -1R"),
        [
            ".:",
            "a.txt",
            "b.txt",
            "c.log",
            "dir",
            "",
            "./dir:",
            "one.txt",
            "sub",
            "two.log",
            "up",
            "",
            "./dir/sub:",
            "deep.txt"
        ]
    );
    assert_eq!(
        lines(&mut ftp, "NLST -R -A dir/"),
        [
            "dir:",
            ".git",
            "one.txt",
            "sub",
            "two.log",
            "up",
            "",
            "dir/.git:",
            "",
            "dir/sub:",
            "deep.txt"
        ]
    );
    assert_eq!(lines(&mut ftp, "LIST -R1 /dir/sub"), ["/dir/sub:", "deep.txt"]);
    assert_eq!(lines(&mut ftp, "LIST -1R /")[..2], ["/:", "a.txt"]);
    assert!(lines(&mut ftp, "LIST -1R /").contains(&"/dir/sub:".to_owned()));
    let long = lines(&mut ftp, "LIST -lRa dir");
    assert_eq!(names(&long[1..3]), [".", ".."]);
    assert_eq!(names(&lines(&mut ftp, "LIST -R a.txt")), ["a.txt"]);
}

#[test]
fn a_tree_that_is_too_deep_is_cut_and_not_called_whole() {
    let site = Site::start();
    let deepest = (0..70).map(|_| "d").collect::<Vec<_>>().join("/");
    fs::create_dir_all(site.path(&deepest)).unwrap();
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("LIST -R", 150);
    let listed = peer::read_to_close(ftp.data(address)).unwrap();
    assert_eq!(listed.windows(3).filter(|three| three == b":\r\n").count(), 64);
    let told = ftp.hears(550);
    assert!(told.contains("cut short: directories too deep"), "{told}");
}

#[test]
fn a_name_cannot_forge_a_line_anywhere() {
    let site = Site::start();
    let forged = "-rw-r--r--   1 0        0                   9 Jan  1  2020 forged";
    let evil = [
        format!("a\r\n{forged}"),
        "b\ntype=file;size=9; forged".to_owned(),
        "c\x1b[2J\x07\u{85}\u{2028}x".to_owned(),
        "d\r".to_owned(),
    ];
    for name in &evil {
        fs::create_dir(site.path(name)).unwrap();
        fs::write(site.path(name).join("in\r\nside"), "").unwrap();
    }
    let mut ftp = site.login("ann");
    for (command, count) in [
        ("LIST", 4),
        ("LIST -a", 6),
        ("NLST", 4),
        ("NLST -F", 4),
        ("MLSD", 4),
        ("NLST *", 4),
        ("LIST */*", 4),
        ("NLST -R", 5 + 3 * 4),
    ] {
        let text = String::from_utf8(ftp.download(command)).unwrap();
        let listed: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(listed.len(), count, "{command}: {listed:?}");
        for line in listed {
            let bad = |c: char| c.is_control() || c == '\u{2028}';
            assert!(!line.contains(bad), "{command}: {line:?}");
            assert!(!line.starts_with(forged) && !line.starts_with("type=file;size=9"), "{line}");
        }
    }
    let status = ftp.says("STAT -1", 212);
    assert_eq!(status.lines().count(), 6, "{status}");
}

#[test]
fn mlsd_and_mlst_tell_facts_and_a_missing_directory_is_550() {
    let site = tree();
    let mut ftp = site.login("ann");
    let listed = lines(&mut ftp, "MLSD");
    let a = listed.iter().find(|line| line.ends_with("; a.txt")).unwrap();
    assert!(a.starts_with("type=file;size=10;modify=20200913122640;"), "{a}");
    assert!(a.contains(";perm=adfrw;") && a.contains(";unix.mode=0644;"), "{a}");
    let created = fs::metadata(site.path("a.txt")).unwrap().created();
    assert_eq!(a.contains(";create=20"), created.is_ok(), "{a}");
    assert!(listed.iter().any(|line| line.ends_with("; .hidden")), "all names are shown");
    assert!(!a.contains("media-type"), "{a}");
    let told = ftp.says("MLST dir", 250);
    assert!(told.contains("\r\n type=dir;") && told.contains(";perm=cdeflmp;"), "{told}");
    assert!(told.contains("; /dir\r\n"), "{told}");
    assert!(ftp.says("MLST /", 250).contains(";perm=celmp;"), "the top stays");
    let facts = ftp.says("FEAT", 211);
    assert!(facts.contains("type*;size*;modify*;create*;perm*;unique*;"), "{facts}");
    ftp.says("OPTS MLST type;create;", 200);
    assert!(ftp.says("FEAT", 211).contains("type*;size;modify;create*;perm;unique;"));
    for missing in ["MLSD none", "MLST none", "MLSD none/*", "STAT none"] {
        ftp.says("EPSV", 229);
        ftp.says(missing, 550);
    }
    ftp.says("MLSD a.txt", 501);
}

#[test]
fn a_reader_is_told_that_it_may_only_read() {
    let site = tree();
    let mut ftp = site.login("reader");
    assert!(ftp.says("MLST /", 250).contains(";perm=el;"));
}

#[test]
fn stat_lists_like_list_within_bounds() {
    let site = tree();
    let mut ftp = site.login("ann");
    let told = ftp.says("STAT -l", 212);
    assert_eq!(told.lines().count(), 6, "{told}");
    assert!(told.contains(" a.txt\r\n") && told.ends_with("212 End"), "{told}");
    assert!(ftp.says("STAT -la dir", 212).contains(" .git\r\n"));
    assert!(ftp.says("STAT a.txt", 213).contains(" a.txt\r\n213 End"));
    assert!(ftp.says("STAT *.log", 212).contains(" c.log\r\n212 End"));
    ftp.says("STAT *.zip", 550);
    assert!(ftp.says("STAT -R", 212).contains("\r\n ./dir/sub:\r\n"));
    for number in 0..1200 {
        site.put(&format!("many-{number}"), b"");
    }
    let told = ftp.says("STAT .", 212);
    assert_eq!(told.lines().count(), 1002);
    assert!(told.ends_with("212 End of what is shown; LIST shows all."), "{told}");
}

#[test]
fn owners_can_be_the_account_that_looks() {
    let site = Site::with(|plan| plan.settings.list_owner = ListOwner::Account);
    site.put("a", b"");
    let mut ftp = site.login("ann");
    let listed = lines(&mut ftp, "LIST");
    assert!(listed[0].contains(" ann      ftp      "), "{}", listed[0]);
    assert!(!ftp.says("MLST a", 250).contains("unix.owner=ann"), "facts are numbers");
}

#[test]
fn names_that_are_not_utf_8_are_listed_byte_by_byte() {
    let site = Site::start();
    let name = b"caf\xe9 \xff";
    fs::write(site.path("").join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
    let mut ftp = site.login("ann");
    for command in ["NLST", "NLST caf*", "NLST caf? *"] {
        assert_eq!(ftp.download(command), b"caf\xe9 \xff\r\n", "{command}");
    }
}
