//! The program `fxpd` as a user meets it: options, exit codes, `passwd` and `cert`.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// A directory with a certificate, an account and a configuration that names them.
struct Site {
    directory: TempDir,
}

impl Site {
    fn new() -> Site {
        let site = Site { directory: tempfile::tempdir().unwrap() };
        let made = site.fxpd(&["cert", "--cert", "{cert.pem}", "--key", "{key.pem}"]);
        assert!(made.status.success(), "{}", errors(&made));
        let added = site.passwd(&["add", "ann", "--home", "/srv/ann"], "sesame\n");
        assert!(added.status.success(), "{}", errors(&added));
        let config = format!(
            "listen = ['127.0.0.1:0']\ncertificate = '{}'\nkey = '{}'\nusers = '{}'\n",
            site.path("cert.pem").display(),
            site.path("key.pem").display(),
            site.path("passwd").display(),
        );
        fs::write(site.path("fxpd.conf"), config).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs the program. A word in braces is a file of this site.
    fn fxpd(&self, words: &[&str]) -> Output {
        self.command(words).stdin(Stdio::null()).output().unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fxpd"));
        for word in words {
            match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
                Some(name) => command.arg(self.path(name)),
                None => command.arg(word),
            };
        }
        command
    }

    /// Runs `fxpd passwd` on this site's users with a password on standard input.
    fn passwd(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(&["passwd", "-f", "{passwd}", "--stdin"]);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A refusal may come before the password is read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn check(&self, words: &[&str]) -> Output {
        self.fxpd(&[&["-t", "-c", "{fxpd.conf}"], words].concat())
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn answer(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn fails(output: &Output, code: i32, what: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", errors(output));
    assert!(errors(output).contains(what), "{}", errors(output));
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn help_and_version_go_to_standard_output() {
    let site = Site { directory: tempfile::tempdir().unwrap() };
    for words in [&["--help"][..], &["-h"], &["passwd", "--help"], &["cert", "-h"]] {
        let help = site.fxpd(words);
        assert!(help.status.success() && answer(&help).starts_with("usage: fxpd"));
    }
    let version = site.fxpd(&["--version"]);
    assert_eq!(answer(&version), format!("fxpd {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_exit_64() {
    let site = Site { directory: tempfile::tempdir().unwrap() };
    for (words, what) in [
        (&["--frobnicate"][..], "frobnicate"),
        (&["-c"], "'c'"),
        (&["start"], "unexpected argument 'start'"),
        (&["--port", "21"], "--port goes with --try"),
        (&["--try", "-t"], "--try takes no configuration"),
        (&["--try", "--port", "x"], "'x' is not a port"),
        (&["--try", "{missing}"], "no directory"),
        (&["passwd", "frob", "-f", "x"], "passwd takes add"),
        (&["passwd", "list"], "passwd needs --file"),
        (&["passwd", "add", "ann", "-f", "x"], "passwd add needs --home"),
        (&["passwd", "del", "ann", "-f", "x", "--stdin"], "--stdin goes with add and set"),
        (&["passwd", "lock", "ann", "-f", "x", "--hash", "bcrypt"], "--hash goes with add and set"),
        (&["passwd", "list", "-f", "x", "--gid", "7"], "--gid goes with add and set"),
        (&["passwd", "set", "ann", "-f", "x", "--uid", "ann"], "--uid: 'ann' is not an id"),
        (&["passwd", "set", "ann", "-f", "x", "--gid", "4294967295"], "'4294967295' is not an id"),
        (&["passwd", "add", "ann", "-f", "x", "--hash", "md5"], "'md5' is no kind of hash"),
        (&["cert", "--cert", "x"], "cert needs --key"),
    ] {
        fails(&site.fxpd(words), 64, what);
    }
}

#[test]
fn a_good_configuration_is_called_good() {
    let site = Site::new();
    let check = site.check(&[]);
    assert!(check.status.success(), "{}", errors(&check));
    assert_eq!(answer(&check), "fxpd: configuration is good\n");
}

#[test]
fn an_account_is_locked_and_unlocked_with_its_password_kept_and_hashed_as_asked() {
    let site = Site::new();
    let hash = |site: &Site| site.read("passwd").split(':').nth(1).unwrap().to_owned();
    let lock = |word: &str| site.fxpd(&["passwd", word, "ann", "-f", "{passwd}"]);
    let starts = [
        ("argon2id", "$argon2id$"),
        ("yescrypt", "$y$"),
        ("bcrypt", "$2b$12$"),
        ("sha512", "$6$rounds="),
        ("sha256", "$5$rounds="),
    ];
    for (kind, start) in starts {
        assert!(site.passwd(&["set", "ann", "--hash", kind], "open\n").status.success());
        assert!(hash(&site).starts_with(start), "{kind}: {}", hash(&site));
    }
    let before = hash(&site);
    assert!(lock("lock").status.success() && lock("lock").status.success());
    assert_eq!(hash(&site), format!("!{before}"));
    let list = site.fxpd(&["passwd", "list", "-f", "{passwd}"]);
    assert_eq!(answer(&list), "ann\tlocked\t/srv/ann\t\n");
    assert!(lock("unlock").status.success());
    assert_eq!(hash(&site), before);
    fs::write(site.path("passwd"), "ann:!:0:0::/srv:\n").unwrap();
    fails(&lock("unlock"), 65, "'ann' has no password: set one");
    let long = "x".repeat(72) + "\n";
    fails(&site.passwd(&["set", "ann", "--hash", "bcrypt"], &long), 65, "71 bytes at most");
}

#[test]
fn errors_of_the_configuration_are_exit_78_with_line_and_column() {
    let site = Site::new();
    let good = site.read("fxpd.conf");
    for (line, what) in [
        ("  lisen = []", "fxpd.conf line 5 column 3: unknown setting 'lisen'"),
        ("ccc = 'yes'", "fxpd.conf line 5 column 7: ccc: expected true or false"),
        ("passive_ports = '9-8'", "fxpd.conf line 5 column 17: passive_ports"),
        ("ccc = ", "fxpd.conf line 5 column"),
        ("[tls]", "fxpd.conf line 5 column"),
    ] {
        fs::write(site.path("fxpd.conf"), format!("{good}{line}\n")).unwrap();
        fails(&site.check(&[]), 78, what);
    }
    fails(&site.fxpd(&["-t", "-c", "{missing}"]), 78, "cannot read");
}

#[test]
fn overrides_are_read_like_the_file() {
    let site = Site::new();
    let check = site.check(&["-o", "idle_timeout_s=5", "-o", "tls=optional", "-o", "umask=027"]);
    assert!(check.status.success(), "{}", errors(&check));
    fails(&site.check(&["-o", "lisen=[]"]), 78, "-o lisen=[]: unknown setting");
    fails(&site.check(&["-o", "idle_timeout_s=0"]), 78, "0 is not within");
    fails(&site.check(&["-o", "idle_timeout_s"]), 78, "expected key=value");
    fails(&site.check(&["-o", "listen=[]"]), 78, "both empty");
    fails(&site.check(&["-o", "user=no such user"]), 78, "there is no 'no such user'");
}

#[test]
fn files_that_the_configuration_names_are_checked() {
    let site = Site::new();
    let other = site.fxpd(&["cert", "--cert", "{other.pem}", "--key", "{other.key}"]);
    assert!(other.status.success());
    let key = format!("key={}", site.path("other.key").display());
    assert_eq!(site.check(&["-o", &key]).status.code(), Some(78), "the key of another certificate");
    fails(&site.check(&["-o", "certificate=/missing.pem"]), 78, "/missing.pem");
    fs::write(site.path("passwd"), "ann:!:0:0::/srv:\n\nbob\n").unwrap();
    fails(&site.check(&[]), 78, "passwd line 3: 1 fields");
}

#[test]
fn accounts_are_added_changed_listed_and_deleted() {
    let site = Site::new();
    let users = site.path("passwd");
    assert_eq!(mode(&users), 0o600);
    assert!(site.read("passwd").starts_with("ann:$argon2id$"));
    assert!(!site.read("passwd").contains("sesame"));
    fs::write(&users, format!("# staff\n{}", site.read("passwd"))).unwrap();

    let before = site.read("passwd");
    assert!(site.passwd(&["set", "ann"], "open\n").status.success());
    assert_ne!(site.read("passwd"), before, "a new password is a new hash");
    let options = ["--home", "/srv/a", "--option", "fxp=tls", "--option", "access=ro"];
    let set = site.command(&["passwd", "set", "ann", "-f", "{passwd}"]).args(options).output();
    assert!(set.unwrap().status.success(), "no password is asked for");
    let list = site.fxpd(&["passwd", "list", "-f", "{passwd}"]);
    assert_eq!(answer(&list), "ann\topen\t/srv/a\taccess=ro fxp=tls\n");

    let hash = |site: &Site| site.read("passwd").split(':').nth(1).unwrap().to_owned();
    let before = hash(&site);
    assert!(site.passwd(&["set", "ann", "--home", "/srv/b"], "other\n").status.success());
    assert_ne!(hash(&site), before, "with --stdin there is a password besides");
    assert!(answer(&site.fxpd(&["passwd", "list", "-f", "{passwd}"])).contains("\t/srv/b\t"));

    assert!(site.passwd(&["add", "bob", "--home", "/srv/bob"], "bob\n").status.success());
    let check = site.fxpd(&["passwd", "check", "-f", "{passwd}"]);
    assert!(answer(&check).contains("2 accounts"), "{}", answer(&check));
    assert!(site.fxpd(&["passwd", "del", "bob", "-f", "{passwd}"]).status.success());
    assert!(site.fxpd(&["passwd", "del", "ann", "-f", "{passwd}"]).status.success());
    assert_eq!(site.read("passwd"), "# staff\n");
}

#[test]
fn accounts_that_make_no_sense_are_refused() {
    let site = Site::new();
    let before = site.read("passwd");
    let home = ["--home", "/srv"];
    fails(&site.passwd(&["set", "bob"], "x\n"), 65, "there is no account 'bob'");
    fails(&site.passwd(&["add", "ann", home[0], home[1]], "x\n"), 65, "exists already");
    fails(&site.passwd(&["add", "bob", "--home", "srv"], "x\n"), 65, "not an absolute path");
    fails(&site.passwd(&["add", "b:b", home[0], home[1]], "x\n"), 65, "holds a colon");
    fails(&site.passwd(&["add", "bob", home[0], home[1]], "\n"), 65, "the password is empty");
    let long = "x".repeat(513);
    fails(&site.passwd(&["add", "bob", home[0], home[1]], &long), 65, "longer than 512 bytes");
    let option = ["add", "bob", home[0], home[1], "--option", "fxp=on"];
    fails(&site.passwd(&option, "x\n"), 64, "'on' is no FXP level");
    fails(&site.fxpd(&["passwd", "del", "bob", "-f", "{passwd}"]), 65, "there is no account");
    // Who is nobody is told before a password is asked for.
    fails(&site.passwd(&["set", "bob"], ""), 65, "there is no account 'bob'");
    assert_eq!(site.read("passwd"), before);
}

#[test]
fn a_users_file_that_cannot_be_replaced_stays_as_it_was() {
    let site = Site::new();
    let before = site.read("passwd");
    let beside = || fs::read_dir(site.directory.path()).unwrap().count();
    let files = beside();
    // A file that something is mounted at cannot go.
    let mut mounted = Command::new("unshare");
    mounted.args(["--mount", "sh", "-c", "mount --bind \"$0\" \"$0\" && exec \"$@\""]);
    mounted.arg(site.path("passwd")).arg(env!("CARGO_BIN_EXE_fxpd"));
    mounted.args(["passwd", "del", "ann", "-f"]).arg(site.path("passwd"));
    fails(&mounted.output().unwrap(), 73, "passwd");
    assert_eq!((site.read("passwd"), beside()), (before, files));
}

#[test]
fn whoever_edits_a_users_file_leaves_it_to_its_owner() {
    let site = Site::new();
    let users = site.path("passwd");
    chown(&users, Some(7), Some(8)).unwrap();
    fs::set_permissions(&users, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(site.passwd(&["set", "ann"], "open\n").status.success());
    let about = fs::metadata(&users).unwrap();
    assert_eq!((about.uid(), about.gid(), mode(&users)), (7, 8, 0o640));
}

#[test]
fn a_certificate_is_made_once() {
    let site = Site::new();
    assert_eq!(mode(&site.path("key.pem")), 0o600);
    let (certificate, key) = (site.read("cert.pem"), site.read("key.pem"));
    let again = site.fxpd(&["cert", "--cert", "{cert.pem}", "--key", "{new.key}"]);
    fails(&again, 73, "cert.pem");
    assert!(!site.path("new.key").exists(), "a key without certificate is not left behind");
    fails(&site.fxpd(&["cert", "--cert", "{new.pem}", "--key", "{key.pem}"]), 73, "key.pem");
    assert!(!site.path("new.pem").exists());
    assert_eq!((site.read("cert.pem"), site.read("key.pem")), (certificate, key));
}

#[test]
fn a_certificate_prints_its_fingerprint() {
    let site = Site { directory: tempfile::tempdir().unwrap() };
    let files = ["cert", "--cert", "{c.pem}", "--key", "{k.pem}"];
    let made =
        site.fxpd(&[&files[..], &["--name", "ftp.example.org", "--name", "192.0.2.1"]].concat());
    let printed = answer(&made);
    let hex = printed.strip_prefix("SHA256:").and_then(|rest| rest.strip_suffix('\n')).unwrap();
    assert!(hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{printed}");
}

#[test]
fn a_server_serves_until_it_is_told_to_stop() {
    let site = Site::new();
    let mut server = site.command(&["-c", "{fxpd.conf}"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
    let mut wait_for = |what: &str| {
        let found = log.find(|line| line.as_ref().is_ok_and(|line| line.contains(what)));
        assert!(found.is_some(), "the log ended before '{what}'");
    };
    wait_for("listening on 127.0.0.1:");
    wait_for("serving");
    let signal = |name: &str| {
        let sent = Command::new("kill").args(["-s", name, &server.id().to_string()]).status();
        assert!(sent.unwrap().success());
    };
    signal("HUP");
    wait_for("reloaded");
    fs::write(site.path("fxpd.conf"), "nonsense").unwrap();
    signal("HUP");
    wait_for("nothing reloaded: ");
    signal("TERM");
    wait_for("stopped");
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn trying_out_takes_no_configuration() {
    let site = Site { directory: tempfile::tempdir().unwrap() };
    let mut server = site
        .command(&["--try", "--port", "0"])
        .arg(site.directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("Ctrl-C")).collect();
    for start in ["serving ", "account      demo", "password ", "certificate  SHA256:", "curl "] {
        assert!(said.iter().any(|line| line.starts_with(start)), "{start}: {said:?}");
    }
    let _ = Command::new("kill").arg(server.id().to_string()).status().unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_dir(site.directory.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn passwd_sets_the_ids_of_an_account_and_leaves_its_password() {
    let site = Site::new();
    let fields = || {
        let file = site.read("passwd");
        let line: Vec<_> = file.trim_end().split(':').map(str::to_owned).collect();
        (line[1].clone(), line[2..4].join(":"))
    };
    let set = |words: &[&str]| {
        let set = site.fxpd(&[&["passwd", "set", "ann", "-f", "{passwd}"][..], words].concat());
        assert!(set.status.success(), "{set:?}");
    };
    let (hash, ids) = fields();
    assert_eq!(ids, "65534:65534");
    set(&["--uid", "1000"]);
    assert_eq!(fields(), (hash.clone(), "1000:65534".to_owned()));
    set(&["--gid=100", "--option", "access=ro"]);
    set(&["--option", "fxp=tls"]);
    set(&["--home", "/srv/elsewhere"]);
    assert_eq!(fields(), (hash, "1000:100".to_owned()));
    assert!(site.read("passwd").ends_with(":/srv/elsewhere:/bin/false:access=ro fxp=tls\n"));
    let words = ["add", "bob", "--home", "/srv/bob", "--uid", "7", "--gid", "8"];
    assert!(site.passwd(&words, "open\n").status.success());
    assert!(site.read("passwd").lines().nth(1).unwrap().contains(":7:8::/srv/bob:"));
}
