//! Anonymous clients: who is let in by which name, and what they may do, with clients that people
//! use for it.

use crate::{child::Daemon, ftp::Ftp, lftp, program::Program, started::wait_until};
use std::fs;
use tempfile::TempDir;

/// A server for anonymous clients, whose tree has a file to read and a directory for gifts.
struct Public {
    daemon: Daemon,
    home: TempDir,
}

impl Public {
    fn start(settings: &[&str]) -> Public {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("incoming")).unwrap();
        fs::write(home.path().join("hello"), "hello\n").unwrap();
        fs::write(home.path().join("incoming/there"), "secret\n").unwrap();
        let anonymous = format!("anonymous={}", home.path().display());
        let daemon = Daemon::start(&[&[anonymous.as_str()], settings].concat(), &[]);
        Public { daemon, home }
    }

    fn enter(&self, name: &str, password: &str) -> Ftp {
        let mut ftp = Ftp::connect(self.daemon.address);
        ftp.secure();
        ftp.says(&format!("USER {name}"), 331);
        ftp.says(&format!("PASS {password}"), 230);
        ftp.says("PBSZ 0", 200);
        ftp.says("PROT P", 200);
        ftp.says("TYPE I", 200);
        ftp
    }

    fn url(&self, path: &str) -> String {
        format!("ftp://{}/{path}", self.daemon.address)
    }

    fn received(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.home.path().join("incoming").join(name)).ok()
    }
}

#[test]
fn nobody_is_anonymous_unless_it_is_set() {
    let daemon = Daemon::start(&[], &[]);
    for name in ["anonymous", "ftp"] {
        let mut ftp = Ftp::connect(daemon.address);
        ftp.secure();
        ftp.says(&format!("USER {name}"), 331);
        ftp.says("PASS me@example.org", 530);
    }
}

#[test]
fn anonymous_clients_read_and_change_nothing_and_others_have_their_accounts() {
    let public = Public::start(&[]);
    for name in ["anonymous", "FTP", "Anonymous"] {
        let mut ftp = public.enter(name, "me@example.org");
        assert_eq!(ftp.download("RETR hello"), b"hello\n");
        for change in
            ["STOR x", "STOR incoming/x", "APPE hello", "DELE hello", "MKD d", "RNFR hello"]
        {
            ftp.says(change, 550);
        }
        ftp.says("SITE CHMOD 777 hello", 550);
        // Nobody is known by name, so nobody may have the server connect elsewhere.
        ftp.says("EPRT |1|192.0.2.1|4000|", 550);
    }
    public.daemon.login().says("MKD d", 257);
}

#[test]
fn gifts_are_taken_and_shown_to_nobody() {
    let public = Public::start(&["anonymous_access=incoming"]);
    let mut ftp = public.enter("anonymous", "");
    ftp.upload("STOR incoming/new", b"new");
    assert_eq!(public.received("new").as_deref(), Some("new"));
    ftp.says("STOR incoming/new", 550);
    ftp.says("STOR incoming/there", 550);
    for look in ["RETR", "SIZE", "MDTM", "HASH", "MLST", "DELE", "RNFR"] {
        ftp.says(&format!("{look} incoming/there"), 550);
        ftp.says(&format!("{look} incoming/none"), 550);
    }
    ftp.says("CWD incoming", 250);
    for list in ["MLSD", "NLST", "LIST -A"] {
        assert_eq!(ftp.download(list), b"", "{list}");
    }
    ftp.says("MKD d", 550);
    ftp.says("STOR ../x", 550);
    ftp.says("REST 1", 350);
    ftp.says("STOR there", 550);
    assert_eq!(ftp.download("RETR /hello"), b"hello\n");
    assert_eq!(public.received("there").as_deref(), Some("secret\n"));
}

#[test]
fn curl_lftp_and_ncftp_enter_without_a_name_and_leave_a_file() {
    let public = Public::start(&["anonymous_access=incoming", "tls=optional"]);
    let curl = Program::new("curl", "curl");
    curl.put("gift", b"curl");
    let usual = ["-q", "-sS", "-k", "--ssl-reqd", "-m", "50"];
    let hello = curl.runs(&[&usual[..], &[&public.url("hello")]].concat()).succeeds();
    assert_eq!(hello.out, "hello\n");
    curl.runs(&[&usual[..], &["-T", "gift", &public.url("incoming/curl")]].concat()).succeeds();
    assert_eq!(public.received("curl").as_deref(), Some("curl"));

    let lftp = lftp::lftp();
    lftp.put("gift", b"lftp");
    let script = format!(
        "set ssl:verify-certificate no\nopen {}\nget hello\nput gift -o incoming/lftp\n",
        public.url("")
    );
    lftp::run(&lftp, &script).succeeds();
    assert_eq!(lftp.file("hello").as_deref(), Some(&b"hello\n"[..]));
    assert_eq!(public.received("lftp").as_deref(), Some("lftp"));

    let ncftp = Program::new("ncftp", "ncftp");
    ncftp.put("gift", b"ncftp");
    let port = public.daemon.address.port().to_string();
    let script = "get hello\ncd incoming\nput gift\nquit\n";
    ncftp.runs_on(&["-P", &port, "127.0.0.1"], script).succeeds();
    assert_eq!(ncftp.file("hello").as_deref(), Some(&b"hello\n"[..]));
    assert_eq!(public.received("gift").as_deref(), Some("ncftp"));
}

#[test]
fn the_transfer_log_marks_them_and_tells_the_address_that_they_gave_but_no_password() {
    let log = tempfile::tempdir().unwrap();
    let log = log.path().join("xferlog");
    let public = Public::start(&[&format!("transfer_log={}", log.display())]);
    for password in ["me@example.org", "P@ssw0rd"] {
        public.enter("ftp", password).download("RETR hello");
    }
    public.daemon.login().upload("STOR x", b"x");
    let records = || fs::read_to_string(&log).unwrap_or_default();
    wait_until("three records", || records().lines().count() == 3);
    let whom: Vec<String> = records()
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            assert_eq!(fields.len(), 18, "{line}");
            fields[12..14].join(" ")
        })
        .collect();
    assert_eq!(whom, ["a me@example.org", "a anonymous", "r ann"]);
}
