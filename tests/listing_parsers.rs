//! What other people's programs make of our listings: each reads `LIST` its own way, and must find
//! what `MLSD` says.

use crate::{child::Daemon, ftp::Ftp, site::Site};
use fxpd::Demand;
use std::{
    collections::BTreeMap,
    fs::{self, File, FileTimes},
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Name to kind, size (of files), mode and time, as far as a parser tells them.
type Entries = BTreeMap<String, (char, Option<u64>, Option<String>, Option<u64>)>;

/// A server in UTC whose tree holds names that parsers have stumbled over.
fn server() -> Daemon {
    let daemon = Daemon::start(&[], &[("TZ", "UTC")]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (minute, day) = (60, 86_400);
    for (name, size, mode, seconds) in [
        ("plain.txt", 0, 0o644, 1_599_955_200),
        ("two words", 1, 0o600, (now - day) / minute * minute),
        ("three  blanks", 12, 0o755, (now - 100 * day) / minute * minute),
        ("umlaut ü 日本", 123_456, 0o640, 946_684_800),
        ("-dash", 2, 0o444, 1_599_955_200),
        ("12:30", 3, 0o644, 1_599_955_200),
        ("2024", 4, 0o644, 1_599_955_200),
        ("semi;colon=x; y", 6, 0o644, 1_599_955_200),
        ("[1]*?.log", 7, 0o644, 1_599_955_200),
        ("a'quote\"", 8, 0o644, 1_599_955_200),
    ] {
        let file = File::create(daemon.path(name)).unwrap();
        file.set_len(size).unwrap();
        file.set_permissions(fs::Permissions::from_mode(mode)).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }
    fs::create_dir(daemon.path("folder")).unwrap();
    symlink("folder", daemon.path("link")).unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(1_599_955_200);
    let folder = File::open(daemon.path("folder")).unwrap();
    folder.set_times(FileTimes::new().set_modified(time)).unwrap();
    daemon
}

/// What `MLSD` says, by a parser of a few lines: its form leaves nothing to guess.
fn facts(ftp: &mut Ftp) -> Entries {
    let listed = String::from_utf8(ftp.download("MLSD")).unwrap();
    let entry = |line: &str| {
        let (facts, name) = line.split_once(' ').unwrap();
        let fact = |key: &str| {
            let found = facts.split(';').find_map(|fact| fact.strip_prefix(key)?.strip_prefix('='));
            found.map(str::to_owned)
        };
        let kind = if fact("type").unwrap() == "dir" { 'd' } else { 'f' };
        let size = fact("size").map(|size| size.parse().unwrap());
        let mode = fact("unix.mode").unwrap()[1..].to_owned();
        let stamp = fact("modify").unwrap();
        (name.to_owned(), (kind, size, Some(mode), Some(epoch(&stamp))))
    };
    listed.lines().map(entry).collect()
}

fn epoch(stamp: &str) -> u64 {
    let date = format!("{}-{}-{}", &stamp[..4], &stamp[4..6], &stamp[6..8]);
    let time = format!("{}:{}:{}", &stamp[8..10], &stamp[10..12], &stamp[12..14]);
    let told = program("date", &["-u", "-d", &format!("{date} {time} UTC"), "+%s"], b"");
    told.trim().parse().unwrap()
}

/// Runs a program on `input`, in UTC, and returns what it prints.
fn program(name: impl AsRef<Path>, arguments: &[&str], input: &[u8]) -> String {
    let missing = |error| {
        let name = name.as_ref().display();
        panic!("cannot run {name}: {error}; `tests/tools.sh check` installs it")
    };
    let mut child = Command::new(name.as_ref())
        .args(arguments)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(missing);
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let help = "`tests/tools.sh check` installs what is missing";
    assert!(output.status.success(), "{}: {errors} ({help})", name.as_ref().display());
    String::from_utf8(output.stdout).unwrap()
}

/// Where `tests/tools.sh` puts what comes from npm and PyPI.
fn built(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("build").join(name)
}

/// Lines of kind, size, mode, time and name, separated by tabs; `-` is not told.
fn entries(printed: &str) -> Entries {
    let entry = |line: &str| {
        let mut words = line.splitn(5, '\t');
        let mut next = || words.next().unwrap_or_else(|| panic!("{line}"));
        let kind = next().chars().next().unwrap();
        let told = |word: &str| Some(word.to_owned()).filter(|word| word != "-");
        let size = told(next()).filter(|_| kind == 'f').map(|size| size.parse().unwrap());
        let (mode, time) = (told(next()), told(next()).map(|time| time.parse().unwrap()));
        (next().to_owned(), (kind, size, mode, time))
    };
    printed.lines().map(entry).collect()
}

#[track_caller]
fn assert_same(parser: &str, found: &Entries, expected: &Entries) {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>(),
        "{parser} finds other names"
    );
    for (name, (kind, size, mode, time)) in found {
        let expected = &expected[name];
        assert_eq!((kind, size), (&expected.0, &expected.1), "{parser}: {name}");
        if mode.is_some() {
            assert_eq!(mode, &expected.2, "{parser}: {name}");
        }
        if time.is_some() {
            assert_eq!(time, &expected.3, "{parser}: {name}");
        }
    }
}

#[test]
fn foreign_parsers_find_in_list_what_mlsd_tells() {
    let daemon = server();
    let mut ftp = daemon.login();
    let expected = facts(&mut ftp);
    assert_eq!(expected.len(), 12);
    for command in ["LIST", "LIST -l", "LIST -alrt"] {
        let listed = ftp.download(command);
        for (parser, program, script) in parsers() {
            let run = self::program(&program, &script, &listed);
            assert_same(&format!("{parser} on {command}"), &entries(&run), &expected);
        }
    }
}

/// Each with its program, and a script that prints what it finds as [`entries`] reads it.
fn parsers() -> [(&'static str, PathBuf, [&'static str; 2]); 3] {
    [
        ("File::Listing", "perl".into(), ["-e", PERL]),
        ("basic-ftp", "node".into(), ["-e", node_script()]),
        ("ftputil", built("venv/bin/python"), ["-c", PYTHON]),
    ]
}

const PERL: &str = r#"
use File::Listing;
for (parse_dir(join("", <STDIN>), "+0000", "unix", "die")) {
    my ($name, $type, $size, $time, $mode) = @$_;
    printf "%s\t%s\t%03o\t%d\t%s\n", $type, $size || 0, $mode & 0777, $time, $name;
}"#;

/// It gives no times: there is no year in some of them, it says.
fn node_script() -> &'static str {
    concat!(
        r#"const {parseList} = require(""#,
        env!("CARGO_MANIFEST_DIR"),
        r#"/build/node/node_modules/basic-ftp");
        for (const f of parseList(require("fs").readFileSync(0, "utf8"))) {
            if (f.name === "." || f.name === "..") continue;
            const p = f.permissions, mode = "" + p.user + p.group + p.world;
            console.log([f.isDirectory ? "d" : "f", f.size, mode, "-", f.name].join("\t"));
        }"#
    )
}

const PYTHON: &str = r#"
import stat, sys, ftputil.stat
parser = ftputil.stat.UnixParser()
for line in sys.stdin.buffer.read().decode().split("\r\n"):
    if not line or parser.ignores_line(line):
        continue
    found = parser.parse_line(line)
    if found._st_name in (".", ".."):
        continue
    kind = "d" if stat.S_ISDIR(found.st_mode) else "f"
    mode = "%03o" % (found.st_mode & 0o777)
    print(kind, found.st_size, mode, int(found.st_mtime), found._st_name, sep="\t")
"#;

#[test]
fn lftp_reads_the_same_from_list_and_from_mlsd() {
    let daemon = server();
    let expected = facts(&mut daemon.login());
    for mlsd in ["yes", "no"] {
        let script = format!(
            "set cmd:fail-exit yes; set ssl:verify-certificate no; set ftp:use-mlsd {mlsd}; \
             set ftp:sync-mode no; set net:max-retries 1; set net:timeout 10; \
             open -u ann,pw 127.0.0.1:{}; \
             cls -1 --size --filesize --block-size=1 --date --time-style=%Y%m%d",
            daemon.address.port()
        );
        let printed = program("lftp", &["--norc", "-c", &script], b"");
        let line = |line: &str| {
            // Size (of files), day and name.
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let day = words.iter().find(|word| word.len() == 8 && word.parse::<u32>().is_ok());
            let day = day.unwrap_or_else(|| panic!("{line}"));
            let name =
                line.split_once(*day).unwrap().1[1..].trim_end_matches(['/', '@']).to_owned();
            let size = words[0].parse::<u64>().ok().filter(|_| words[0] != *day);
            (name, (size, (*day).to_owned()))
        };
        let found: BTreeMap<_, _> = printed.lines().map(line).collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, (size, _)) in &found {
            assert_eq!(*size, expected[name].1, "{name}, use-mlsd {mlsd}:\n{printed}");
        }
        assert_eq!(found["plain.txt"].1, "20200913", "{printed}");
    }
}

#[test]
fn ncftp_lists_by_nlst_with_its_options() {
    // It knows no TLS, and sends `NLST -CF` for its plain listing.
    let site = Site::with(|plan| plan.settings.tls = Demand::Optional);
    site.put("one.txt", b"1");
    fs::create_dir(site.path("folder")).unwrap();
    let url = format!("ftp://127.0.0.1:{}/", site.address.port());
    let plain = program("ncftpls", &["-u", "ann", "-p", "pw", "-F", &url], b"");
    assert!(plain.contains("one.txt") && plain.contains("folder"), "{plain}");
    let long = program("ncftpls", &["-u", "ann", "-p", "pw", "-l", &url], b"");
    assert!(long.lines().any(|line| line.starts_with('d') && line.ends_with("folder")), "{long}");
}
