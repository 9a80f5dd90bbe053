//! curl as its users call it, against a site of ours.

use crate::{
    program::{Outcome, Program, sample},
    site::Site,
};
use fxpd::{Demand, Identity, TlsFloor, TlsRole};
use openssl::sha::sha256;
use std::{net::SocketAddr, time::Duration};

// curl's exit codes, of `man curl`.
const NO_DIRECTORY: i32 = 9;
const PARTIAL: i32 = 18;
const NOT_STORED: i32 = 25;
const TIMED_OUT: i32 = 28;
const NO_HANDSHAKE: i32 = 35;
const LOGIN_DENIED: i32 = 67;
const NO_FILE: i32 = 78;

/// A user of curl who trusts this site's certificate and nothing else.
struct Curl<'a> {
    program: Program,
    site: &'a Site,
}

impl Curl<'_> {
    fn of(site: &Site) -> Curl<'_> {
        let program = Program::new("curl", "curl");
        program.put("ca.pem", &site.identity.certificate_pem().unwrap());
        Curl { program, site }
    }

    /// Runs curl with the words of `line`, in which `@/` is the site's URL.
    #[track_caller]
    fn runs(&self, line: &str) -> Outcome {
        self.runs_at(&format!("--ssl-reqd {line}"), "ftp", self.site.address)
    }

    #[track_caller]
    fn runs_at(&self, line: &str, scheme: &str, address: SocketAddr) -> Outcome {
        let url = format!("{scheme}://{address}/");
        let words = line.split(' ').map(|word| word.replace("@/", &url));
        let usual = ["-q", "-sS", "--cacert", "ca.pem", "-u", "ann:pw", "-m", "50"];
        let words: Vec<String> = usual.map(str::to_owned).into_iter().chain(words).collect();
        self.program.runs_with(&words, &[("no_proxy", "*")])
    }
}

#[test]
fn curl_gets_and_puts_and_the_bytes_are_the_same() {
    let site = Site::start();
    let curl = Curl::of(&site);
    let bytes = sample(30_000_001);
    curl.program.put("big", &bytes);
    curl.runs("-T big @/").succeeds();
    assert_eq!(sha256(&site.file("big").unwrap()), sha256(&bytes));
    curl.runs("-o back @/big").succeeds();
    assert_eq!(sha256(&curl.program.file("back").unwrap()), sha256(&bytes));
    for _ in 0..2 {
        let record = site.record();
        assert_eq!((record.bytes, record.complete), (30_000_001, true));
        assert_eq!((record.foreign, record.role), (false, TlsRole::Accept));
        assert!(record.tls.unwrap().resumed, "curl resumes the control connection's session");
    }
    curl.program.put("empty", b"");
    curl.runs("-T empty @/none").succeeds();
    assert_eq!(site.file("none").unwrap(), b"");
    curl.runs("-o nothing @/none").succeeds();
}

#[test]
fn curl_goes_on_where_a_file_broke_off_and_appends() {
    let site = Site::start();
    let curl = Curl::of(&site);
    let bytes = sample(100_001);
    curl.program.put("a", &bytes);
    site.put("a", &bytes[..40_000]);
    curl.runs("-C - -T a @/a").succeeds();
    assert_eq!(site.file("a").unwrap(), bytes);
    assert_eq!(site.record().bytes, 60_001, "only what was missing");

    curl.program.put("b", &bytes[..70_000]);
    curl.runs("-C - -o b @/a").succeeds();
    assert_eq!(curl.program.file("b").unwrap(), bytes);
    assert_eq!(site.record().bytes, 30_001, "only what was missing");

    curl.program.put("tail", b" and more");
    site.put("c", b"something");
    curl.runs("--append -T tail @/c").succeeds();
    assert_eq!(site.file("c").unwrap(), b"something and more");
    curl.runs("-r 4-8 @/c").succeeds().says("thing");
}

#[test]
fn curl_lists_and_names_may_hold_blanks_and_umlauts() {
    let site = Site::start();
    let curl = Curl::of(&site);
    curl.program.put("a", b"hello\n");
    curl.runs("-T a @/with%20a%20blank").succeeds();
    curl.runs("-T a @/gr%C3%BC%C3%9Fe.txt").succeeds();
    curl.runs("--ftp-create-dirs -T a @/new/dir/a").succeeds();
    assert_eq!(site.names(), ["grüße.txt", "new", "with a blank"]);
    assert_eq!(site.file("new/dir/a").unwrap(), b"hello\n");
    let listed = curl.runs("@/").succeeds();
    let lines: Vec<_> = listed.out.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (mode, name) in [("-rw", " grüße.txt"), ("-rw", " with a blank"), ("drwx", " new")] {
        let listed = |line: &&str| line.starts_with(mode) && line.ends_with(name);
        assert!(lines.iter().any(listed), "{name} in {lines:?}");
    }
    let listed = curl.runs("-l @/").succeeds();
    let mut names: Vec<_> = listed.out.lines().collect();
    names.sort();
    assert_eq!(names, ["grüße.txt", "new", "with a blank"]);
    curl.runs("@/gr%C3%BC%C3%9Fe.txt").succeeds().says("hello\n");
    curl.runs("-I @/with%20a%20blank").succeeds().says("Content-Length: 6\r\n");
}

#[test]
fn curl_works_with_each_kind_of_passive_port_and_over_ipv6() {
    let site = Site::start();
    site.put("a", b"hello\n");
    let curl = Curl::of(&site);
    for option in ["--disable-epsv", "--ftp-pasv", "--ftp-skip-pasv-ip"] {
        curl.runs(&format!("{option} @/a")).succeeds().says("hello\n");
        assert!(site.record().complete);
    }
    let site = Site::with(|plan| {
        plan.host = "::1".parse().unwrap();
        plan.identity = Identity::self_signed(&["::1"]).unwrap();
    });
    site.put("a", b"hello\n");
    let curl = Curl::of(&site);
    curl.runs("@/a").succeeds().says("hello\n");
    curl.runs("-T ca.pem @/b").succeeds();
    assert_eq!(site.file("b"), curl.program.file("ca.pem"));
    assert!(site.record().peer.unwrap().is_ipv6());
}

#[test]
fn curl_speaks_tls_1_2_and_1_3_explicit_and_implicit() {
    let site = Site::start();
    site.put("a", b"hello\n");
    let curl = Curl::of(&site);
    for (option, version) in
        [("--tls-max 1.2", "TLSv1.2"), ("--tlsv1.3", "TLSv1.3"), ("--no-alpn", "TLSv1.3")]
    {
        curl.runs(&format!("{option} @/a")).succeeds().says("hello\n");
        curl.runs(&format!("{option} -T ca.pem @/b")).succeeds();
        for record in [site.record(), site.record()] {
            assert_eq!(record.tls.unwrap().version, version);
        }
        curl.runs_at(&format!("{option} @/a"), "ftps", site.implicit).succeeds().says("hello\n");
        assert_eq!(site.record().tls.unwrap().version, version);
    }
    curl.runs("--tls-max 1.1 @/a").fails(NO_HANDSHAKE, "");
    let strict = Site::with(|plan| plan.floor = TlsFloor::Tls13);
    Curl::of(&strict).runs("--tls-max 1.2 @/").fails(NO_HANDSHAKE, "");
    Curl::of(&strict).runs("--tlsv1.3 @/").succeeds();
}

#[test]
fn curl_is_told_when_a_password_is_wrong_and_when_a_file_is_not_there() {
    let site = Site::start();
    let curl = Curl::of(&site);
    curl.runs("-u ann:no @/").fails(LOGIN_DENIED, "530");
    curl.runs("-u nobody:pw @/").fails(LOGIN_DENIED, "530");
    curl.runs("@/missing").fails(NO_FILE, "");
    curl.runs("@/missing/").fails(NO_DIRECTORY, "");
    curl.runs("-T ca.pem @/missing/a").fails(NO_DIRECTORY, "");
    curl.runs("-u reader:pw -T ca.pem @/a").fails(NOT_STORED, "550");
    assert!(site.names().is_empty());
}

/// Debian's curl 7.88 says PROT P and then speaks clear text on an active data connection.
#[test]
fn active_curl_sends_clear_text_and_nothing_of_it_is_stored() {
    let site = Site::with(|plan| plan.settings.handshake_timeout = Duration::from_secs(1));
    site.put("a", b"hello\n");
    let curl = Curl::of(&site);
    for option in ["--eprt", "--disable-eprt"] {
        let refused = curl.runs(&format!("-v -P - {option} -T ca.pem @/b"));
        refused.fails(TIMED_OUT, "< 421 Connection closed (SSL/TLS negotiation failed");
        assert!(!site.record().complete);
    }
    assert_eq!(site.names(), ["a"]);
    // It waits for text, we for its handshake: the deadline ends it.
    let refused = curl.runs("-v -P - @/").fails(PARTIAL, "< 522 Connection closed");
    assert_eq!(refused.out, "");
}

#[test]
fn active_curl_works_where_data_may_go_in_clear_text() {
    let site = Site::with(|plan| plan.settings.tls = Demand::Optional);
    site.put("a", b"hello\n");
    let curl = Curl::of(&site);
    for option in ["--eprt", "--disable-eprt"] {
        let active = |line: &str| curl.runs_at(line, "ftp", site.address);
        active(&format!("--ftp-ssl-control {option} -P - -T ca.pem @/b")).succeeds();
        assert_eq!(site.file("b"), curl.program.file("ca.pem"));
        active(&format!("--ftp-ssl-control {option} -P - @/a")).succeeds().says("hello\n");
        active(&format!("--ftp-ssl-control {option} -P - @/")).succeeds().says(" a\n");
        assert!(site.record().tls.is_none() && site.record().tls.is_none());
    }
}

#[test]
fn every_file_of_a_run_resumes_where_that_is_required() {
    let site = Site::with(|plan| plan.settings.data_tls_reuse = Demand::Required);
    let curl = Curl::of(&site);
    for n in 0..4 {
        curl.program.put(&format!("up{n}"), &sample(10_000 + n));
    }
    // Under TLS 1.2 curl takes no tickets and resumes by the session's id.
    for option in ["--tls-max 1.2", "--tlsv1.3"] {
        curl.runs(&format!("{option} -T up[0-3] @/")).succeeds();
        curl.runs(&format!("{option} -o back#1 @/up[0-3]")).succeeds();
        for n in 0..4 {
            assert_eq!(curl.program.file(&format!("back{n}")).unwrap(), sample(10_000 + n));
        }
        for _ in 0..8 {
            let record = site.record();
            assert!(record.complete && record.tls.unwrap().resumed, "{option}");
        }
    }
    curl.runs("--no-sessionid @/up0").fails(PARTIAL, "");
    assert!(!site.record().complete);
}
