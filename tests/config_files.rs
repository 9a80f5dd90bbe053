//! Settings in several files, and what `fxpd -T` tells of them.

use std::{fs, path::PathBuf, process::Command};
use tempfile::TempDir;

/// A configuration file, and what may stand in its directory.
struct Files(TempDir);

impl Files {
    fn new(main: &str) -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        fs::create_dir_all(files.0.path().join("fxpd/conf.d")).unwrap();
        fs::write(files.main(), main).unwrap();
        files
    }

    fn main(&self) -> PathBuf {
        self.0.path().join("fxpd.conf")
    }

    fn more(&self, name: &str) -> PathBuf {
        self.0.path().join("fxpd/conf.d").join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.more(name), text).unwrap();
    }

    /// Exit code, standard output, standard error.
    fn runs(&self, options: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fxpd"));
        let output = command.arg("-c").arg(self.main()).args(options).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    #[track_caller]
    fn shows(&self, options: &[&str]) -> String {
        let (code, out, err) = self.runs(&[&["-T"], options].concat());
        assert_eq!((code, err.as_str()), (0, ""));
        out
    }
}

/// What it says without the comments on where it stands.
fn values(shown: &str) -> Vec<&str> {
    shown.lines().map(|line| line.rsplit_once(" # ").map_or(line, |(value, _)| value)).collect()
}

#[test]
fn files_of_the_directory_follow_in_order_and_the_last_word_counts() {
    let files = Files::new("ccc = true\nmax_sessions = 5\nmax_hashing = 1\n");
    files.put("20-b.conf", "max_sessions = 7\n");
    files.put("10-a.conf", "\nmax_sessions = 6\nmax_hashing = 2\n");
    files.put("30-c.conf.bak", "this is no TOML");
    let shown = files.shows(&["-o", "tls_min_version=1.3"]);
    for (value, origin) in [
        ("ccc = true", format!("{} line 1", files.main().display())),
        ("max_sessions = 7", format!("{} line 1", files.more("20-b.conf").display())),
        ("max_hashing = 2", format!("{} line 3", files.more("10-a.conf").display())),
        (r#"tls_min_version = "1.3""#, "-o".to_owned()),
        ("idle_timeout_s = 300", "default".to_owned()),
    ] {
        let line = format!("{value} # {origin}");
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
}

#[test]
fn hosts_and_peers_of_all_files_add_up() {
    let host = |name: &str| {
        format!("[[host]]\nnames = '{name}'\ncertificate = '/c'\nkey = '/k'\nusers = '/u'\n")
    };
    let peers = |net: &str| format!("[[peers]]\nnetworks = '{net}'\nauthorities = '/ca'\n");
    let files = Files::new(&(host("a.example") + &peers("192.0.2.0/24")));
    files.put("b.conf", &(peers("198.51.100.0/24") + &host("b.example")));
    let shown = files.shows(&[]);
    let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("no {text} in\n{shown}"));
    assert!(at("a.example") < at("b.example"));
    assert!(at("192.0.2.0/24") < at("198.51.100.0/24"));

    files.put("c.conf", &format!("# who has it?\n{}", host("A.EXAMPLE")));
    let (code, _, error) = files.runs(&["-T"]);
    let place = format!(
        "{} line 3 column 9: host.names: 'a.example' is named twice",
        files.more("c.conf").display()
    );
    assert_eq!((code, error), (78, format!("fxpd: {place}\n")));
}

#[test]
fn an_error_names_its_file_line_and_column() {
    let files = Files::new("ccc = true\n");
    files.put("b.conf", "# well\n  lisen = []\n");
    for task in ["-t", "-T"] {
        let (code, out, error) = files.runs(&[task]);
        let place = format!("{} line 2 column 3", files.more("b.conf").display());
        assert_eq!((code, out.as_str()), (78, ""));
        assert_eq!(error, format!("fxpd: {place}: unknown setting 'lisen'\n"));
    }
    fs::remove_file(files.more("b.conf")).unwrap();
    fs::create_dir(files.more("dir.conf")).unwrap();
    assert_eq!(files.runs(&["-T"]).0, 78, "what cannot be read is no settings");
}

#[test]
fn what_is_shown_says_the_same_when_it_is_read_again() {
    let files = Files::new(
        "listen = ['127.0.0.1:2121', # two\n '[::1]:2121']\numask = '027'\ngreeting = 'a \"b\" \\ # ä'\n\
         [[peers]]\nnetworks = ['192.0.2.0/24']\nauthorities = '/ca'\n\
         [[host]]\nkey = '/k'\ncertificate = '/c'\nnames = ['a', 'b']\nusers = '/u'\n",
    );
    files.put(
        "b.conf",
        "max_sessions = 0x10\nsyslog_socket = '/a\"b'\npassive_ports = '50000-50100'\n",
    );
    let first = files.shows(&["-o", "greeting=x # y", "-o", "ccc=true"]);
    assert!(first.contains("greeting = \"x # y\" # -o\n"), "{first}");
    let again = Files::new(&first).shows(&[]);
    assert_eq!(values(&again), values(&first));
    assert!(
        first.contains("umask = \"027\"") && first.contains("names = [\"a\", \"b\"]"),
        "{first}"
    );
}
