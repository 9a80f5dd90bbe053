//! The program `fxp` against real servers and scripted ones.

use crate::{
    proftpd::{Proftpd, Resumption},
    real_server::PASSWORD,
    scripted_server::{Data, ScriptedServer},
};
use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output},
};
use tempfile::TempDir;

const MISMATCH: i32 = 65;
const USAGE: i32 = 64;
const UNREACHABLE: i32 = 69;
const CANNOT_CREATE: i32 = 73;
const TRY_AGAIN: i32 = 75;
const NO_SECURE_ROUTE: i32 = 76;
const REFUSED: i32 = 77;
const CONFIG: i32 = 78;

/// A user of `fxp`, with a home of his own.
struct User {
    home: TempDir,
}

struct Outcome {
    status: i32,
    out: String,
    err: String,
}

impl User {
    fn new() -> User {
        User { home: tempfile::tempdir().unwrap() }
    }

    /// Runs `fxp` as one who knows the password and trusts servers at first sight.
    fn copies(&self, source: &str, target: &str) -> Outcome {
        self.runs(&["--trust-new", source, target])
    }

    /// Runs `fxp` as one who knows the password.
    fn runs(&self, arguments: &[&str]) -> Outcome {
        outcome(self.command(arguments).env("FXP_PASSWORD", PASSWORD).output().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fxp"));
        command.env_clear().env("HOME", self.home.path()).args(arguments);
        command.current_dir(self.home.path());
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn known_hosts(&self) -> PathBuf {
        self.path(".config/fxp/known_hosts")
    }
}

fn outcome(output: Output) -> Outcome {
    Outcome {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Outcome {
    #[track_caller]
    fn succeeds(self) -> Outcome {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn fails(self, status: i32, words: &str) -> Outcome {
        assert_eq!(self.status, status, "{}{}", self.out, self.err);
        assert!(self.err.contains(words), "no '{words}' in: {}", self.err);
        self
    }

    #[track_caller]
    fn says(self, words: &str) -> Outcome {
        assert!(self.out.contains(words), "no '{words}' in: {}", self.out);
        self
    }
}

/// Bytes that no block size divides.
fn sample() -> Vec<u8> {
    (0..3_000_001_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn a_file_goes_from_proftpd_to_proftpd_and_is_proved_by_its_hash() {
    let (source, target) = (Proftpd::start(Resumption::Waived), Proftpd::start(Resumption::Waived));
    fs::write(source.path("big"), sample()).unwrap();
    fs::write(source.path("empty"), "").unwrap();
    let user = User::new();
    user.copies(&source.url("big"), &target.url(""))
        .succeeds()
        .says("3000001 bytes")
        .says("size and SHA-256 equal")
        .says("target passive, target TLS client by SSCN");
    assert_eq!(fs::read(target.path("big")).unwrap(), sample());
    user.copies(&source.url("empty"), &target.url("other")).succeeds().says("0 bytes");
    assert_eq!(fs::read(target.path("other")).unwrap(), b"");
}

#[test]
fn the_tls_client_is_the_proftpd_that_demands_resumption() {
    let (source, target) =
        (Proftpd::start(Resumption::Waived), Proftpd::start(Resumption::Demanded));
    fs::write(source.path("a"), sample()).unwrap();
    let user = User::new();
    user.copies(&source.url("a"), &target.url("a")).succeeds().says("target TLS client");
    assert_eq!(fs::read(target.path("a")).unwrap(), sample());
}

#[test]
fn two_proftpds_at_their_defaults_have_no_secure_way_and_fxp_tells_what_it_tried() {
    let (source, target) =
        (Proftpd::start(Resumption::Demanded), Proftpd::start(Resumption::Demanded));
    fs::write(source.path("a"), sample()).unwrap();
    let refused = User::new()
        .runs(&["--trust-new", "--log-protocol", &source.url("a"), &target.url("a")])
        .fails(NO_SECURE_ROUTE, "no secure way");
    for plan in ["target passive, target TLS client by SSCN: source: 425", "source passive, source"]
    {
        assert!(refused.err.contains(plan), "no '{plan}' in: {}", refused.err);
    }
    for never in ["> PROT C", "> CCC"] {
        assert!(!refused.err.contains(never), "{never}: {}", refused.err);
    }
}

#[test]
fn a_file_goes_up_and_comes_down_where_resumption_is_demanded() {
    let server = Proftpd::start(Resumption::Demanded);
    let user = User::new();
    fs::write(user.path("a"), sample()).unwrap();
    user.copies("a", &server.url("b")).succeeds().says("size and SHA-256 equal");
    assert_eq!(fs::read(server.path("b")).unwrap(), sample());
    user.copies(&server.url("b"), "./").succeeds().says("TLSv1.3");
    assert_eq!(fs::read(user.path("b")).unwrap(), sample());
    user.runs(&["--tls12", &server.url("b"), "c"]).succeeds().says("TLSv1.2");
    assert_eq!(fs::read(user.path("c")).unwrap(), sample());
}

#[test]
fn an_unknown_certificate_is_refused_until_the_user_says_otherwise() {
    let server = Proftpd::start(Resumption::Demanded);
    fs::write(server.path("a"), "hello\n").unwrap();
    let (user, url) = (User::new(), server.url("a"));
    let refused = user.runs(&[&url, "a"]).fails(REFUSED, "never seen before");
    let at = refused.err.find("--pin SHA256:").unwrap() + "--pin ".len();
    let pin = refused.err[at..at + 71].to_owned();

    user.runs(&["--pin", &pin, &url, "a"]).succeeds();
    user.runs(&[&url, "a"]).fails(REFUSED, "never seen before");
    let certificate = server.certificate();
    user.runs(&["--cacert", certificate.to_str().unwrap(), &url, "a"]).succeeds();
    user.runs(&["--trust-new", &url, "a"]).succeeds();
    user.runs(&[&url, "a"]).succeeds();

    let other = format!("SHA256:{}", "ab".repeat(32));
    user.runs(&["--pin", &other, &url, "a"]).fails(REFUSED, "no pin names");
    fs::write(user.known_hosts(), format!("{} {other}\n", server.name())).unwrap();
    user.runs(&["--trust-new", &url, "a"]).fails(REFUSED, "CERTIFICATE HAS CHANGED");
    fs::write(user.known_hosts(), "nonsense\n").unwrap();
    user.runs(&[&url, "a"]).fails(CONFIG, "known_hosts:1");
}

#[test]
fn an_untrusted_server_hears_nothing_but_auth_tls() {
    let server = ScriptedServer::start(&[]);
    User::new().runs(&[&server.url("a"), "a"]).fails(REFUSED, "never seen before");
    assert_eq!(server.heard(), ["AUTH TLS"]);
}

#[test]
fn servers_without_sscn_are_never_asked_for_it_and_never_paired() {
    let (source, target) = (ScriptedServer::start(&[]), ScriptedServer::start(&[]));
    User::new()
        .copies(&source.url("a"), &target.url("a"))
        .fails(NO_SECURE_ROUTE, "neither lists SSCN or CPSV");
    let heard = [source.heard(), target.heard()].concat();
    assert!(heard.contains(&"PROT P".to_owned()), "{heard:?}");
    for verb in ["SSCN", "CPSV", "PASV", "RETR", "STOR"] {
        assert!(!heard.iter().any(|command| command.starts_with(verb)), "{verb}: {heard:?}");
    }
}

#[test]
fn a_target_that_shows_another_size_is_a_mismatch() {
    const SIZED: &str = "211-Features:\r\n SSCN\r\n SIZE\r\n211 End";
    const PASSIVE: &str = "227 here (127,0,0,1,200,1)";
    let script = &[("FEAT", SIZED), ("PASV", PASSIVE), ("RETR", "226 done"), ("STOR", "226 done")];
    let source = ScriptedServer::start(script);
    let target = ScriptedServer::start(&[
        ("FEAT", SIZED),
        ("PASV", PASSIVE),
        ("STOR", "226 done"),
        ("RETR", "226 done"),
        ("SIZE", "213 5"),
    ]);
    User::new()
        .copies(&source.url("a"), &target.url("a"))
        .fails(MISMATCH, "5 bytes at one end, 6 at the other");
    let heard = target.heard();
    let on = heard.iter().filter(|command| *command == "SSCN ON").count();
    assert_eq!(on, 2, "once for each plan in which it is the client: {heard:?}");
}

#[test]
fn what_is_missing_or_not_allowed_is_named() {
    let (source, target) = (Proftpd::start(Resumption::Waived), Proftpd::start(Resumption::Waived));
    fs::write(source.path("a"), "hello\n").unwrap();
    let user = User::new();
    user.copies(&source.url("no"), "no").fails(REFUSED, "does not exist");
    user.copies(&source.url("no"), &target.url("no")).fails(REFUSED, "does not exist");
    assert!(!target.path("no").exists(), "a missing source creates nothing");
    user.copies("no", &target.url("")).fails(REFUSED, "no: ");
    user.copies(&source.url("a"), "no/such").fails(CANNOT_CREATE, "no/such");
    user.copies(&source.url("a"), &target.url("no/such")).fails(CANNOT_CREATE, "no/such on");
    let left = fs::read_dir(user.home.path()).unwrap().count();
    assert_eq!(left, 2, "nothing but .config and .local");
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("ftps://ann@127.0.0.1:{port}/a");
    User::new().copies(&url, "a").fails(UNREACHABLE, "cannot reach");
}

#[test]
fn a_server_that_says_nothing_is_left_after_the_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ftps://ann@{}/a", silent.local_addr().unwrap());
    User::new().runs(&["--timeout", "1", &url, "a"]).fails(UNREACHABLE, "does not greet");
}

#[test]
fn a_download_counts_only_when_its_data_connection_is_whole_and_the_servers_own() {
    let user = User::new();
    let server = ScriptedServer::with_data(&[], Data::Whole);
    user.copies(&server.url("whole"), "./").succeeds().says("size equal, no hash in common");
    assert_eq!(fs::read(user.path("whole")).unwrap(), b"hello\n");
    let server = ScriptedServer::with_data(&[], Data::Cut);
    user.copies(&server.url("cut"), "./").fails(TRY_AGAIN, "too early");
    let server = ScriptedServer::with_data(&[], Data::OtherCertificate);
    user.copies(&server.url("other"), "./").fails(NO_SECURE_ROUTE, "another certificate");
    assert!(user.path(".cut.fxp-part").exists(), "what arrived can be continued");
    let left = fs::read_dir(user.home.path()).unwrap().count();
    assert_eq!(
        left, 4,
        "nothing but .config, .local, the whole file and the beginning of a cut one"
    );
}

#[test]
fn passwords_come_from_anywhere_but_the_command_line_and_are_never_shown() {
    let server = Proftpd::start(Resumption::Demanded);
    fs::write(server.path("a"), "hello\n").unwrap();
    let (user, url) = (User::new(), server.url("a"));
    let in_url = url.replace("ann@", "ann:secret@");
    let refused = user.copies(&in_url, "a").fails(USAGE, "must not hold a password");
    assert!(!refused.err.contains("secret"));

    let shown = user.runs(&["--trust-new", "--log-protocol", &url, "a"]).succeeds();
    assert!(shown.err.contains("> PASS ****") && !shown.err.contains(PASSWORD));

    let with = |variable: &str, value: &str| {
        let port = url.split([':', '/']).nth(4).unwrap();
        let mut command = user.command(&[&url, "a"]);
        command.env("FXP_PASSWORD", "wrong").env(variable.replace("PORT", port), value);
        outcome(command.output().unwrap())
    };
    with("FXP_PASSWORD_127_0_0_1_PORT", PASSWORD).succeeds();
    with("FXP_PASSWORD_127_0_0_1", PASSWORD).succeeds();
    with("FXP_PASSWORD", "wrong").fails(REFUSED, "530");

    fs::write(user.path(".netrc"), "machine 127.0.0.1 login ann password secret\n").unwrap();
    let netrc = || outcome(user.command(&[&url, "a"]).output().unwrap());
    netrc().fails(CONFIG, "chmod 600");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(user.path(".netrc"), mode).unwrap();
    netrc().succeeds();
    fs::rename(user.path(".netrc"), user.path("netrc")).unwrap();
    let elsewhere = || user.command(&[&url, "a"]).env("FXP_NETRC", "netrc").output().unwrap();
    outcome(elsewhere()).succeeds();
    let text =
        "macdef init\nmachine 127.0.0.1 password no\n\ndefault login ann password \"sec\\ret\"";
    fs::write(user.path("netrc"), text).unwrap();
    outcome(elsewhere()).succeeds();
}
