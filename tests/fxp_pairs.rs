//! The program `fxp` between sites of ours, and between a site and the disk. Pairs with proftpd are
//! in `fxp_proftpd.rs`.

use crate::{
    ftp::port_command,
    peer,
    program::{Outcome, Program, sample},
    site::Site,
};
use fxpd::{Demand, FxpGrant, FxpLevel, Identity, TlsFloor, TlsRole};
use std::{
    fs,
    io::{self, Read},
    net::{Shutdown, SocketAddr, TcpListener},
    thread::Builder,
};

const NO_SECURE_ROUTE: i32 = 76;
const REFUSED: i32 = 77;
const CANNOT_CREATE: i32 = 73;

pub fn fxp() -> Program {
    Program::new(env!("CARGO_BIN_EXE_fxp"), "none: cargo builds it")
}

/// Runs `fxp` as one who knows the password of every site and trusts it at first sight.
#[track_caller]
pub fn copies(fxp: &Program, arguments: &[&str]) -> Outcome {
    let arguments = [&["--trust-new", "--log-protocol"], arguments].concat();
    let outcome = fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")]);
    assert!(!outcome.err.contains("PASS pw"), "{}", outcome.err);
    keeps_the_rules(&outcome.err);
    outcome
}

pub fn url(site: &Site, path: &str) -> String {
    format!("ftps://ann@{}/{path}", site.address)
}

fn implicit_url(site: &Site, path: &str) -> String {
    format!("ftps+implicit://ann@{}/{path}", site.implicit)
}

/// What was said to the server at `address`, in order.
pub fn said(log: &str, address: SocketAddr) -> Vec<&str> {
    let said = format!("{address} > ");
    log.lines().filter_map(|line| line.strip_prefix(&said)).collect()
}

/// The client rules C1, C4 and C5, and that nothing is ever asked for in clear text, on each
/// connection of a run. `FEAT` is asked once on each.
#[track_caller]
pub fn keeps_the_rules(log: &str) {
    let mut servers: Vec<_> = log.lines().filter_map(|line| line.split_once(" > ")).collect();
    servers.sort();
    servers.dedup_by_key(|line| line.0);
    for (server, _) in servers {
        let address = format!("{server} > ");
        let said: Vec<_> = log.lines().filter_map(|line| line.strip_prefix(&address)).collect();
        let (mut asked, mut on) = (false, false);
        for command in said {
            match command {
                "AUTH TLS" => (asked, on) = (false, false),
                "FEAT" => asked = true,
                "SSCN ON" => {
                    assert!(asked, "C1: {log}");
                    assert!(!on, "C4: {log}");
                    on = true;
                }
                "SSCN OFF" => {
                    assert!(asked, "C1: {log}");
                    assert!(on, "C4: {log}");
                    on = false;
                }
                "CPSV" => assert!(asked && !on, "{log}"),
                "PROT C" | "CCC" | "REIN" => panic!("{command}: {log}"),
                _ => {}
            }
        }
        assert!(!on, "C4, the end of the run: {log}");
    }
}

/// What a copy from site to site leaves behind: one end was the TLS client.
#[track_caller]
fn arrives(source: &Site, target: &Site, bytes: &[u8]) {
    let (from, to) = (source.record(), target.record());
    assert!(from.complete && to.complete, "{from:?} {to:?}");
    assert_eq!((from.role, to.role), (TlsRole::Accept, TlsRole::Connect));
    assert_eq!(to.tls.unwrap().peer, Some(source.identity.fingerprint()));
    assert_eq!(target.file("b").as_deref(), Some(bytes));
}

#[test]
fn fxp_copies_from_site_to_site_explicit_and_implicit() {
    let (source, target, fxp) = (Site::start(), Site::start(), fxp());
    let bytes = sample(3_000_001);
    source.put("a", &bytes);
    for (from, to) in [
        (url(&source, "a"), url(&target, "b")),
        (implicit_url(&source, "a"), url(&target, "b")),
        (url(&source, "a"), implicit_url(&target, "b")),
    ] {
        let copied = copies(&fxp, &[&from, &to]).succeeds().says("3000001 bytes");
        copied.says("target passive, target TLS client by SSCN").says("size ");
        arrives(&source, &target, &bytes);
    }
}

#[test]
fn fxp_copies_over_ipv6_tls_1_2_and_where_reuse_is_required() {
    let bytes = sample(500_001);
    let ipv6 = || {
        Site::with(|plan| {
            plan.host = "::1".parse().unwrap();
            plan.identity = Identity::self_signed(&["::1"]).unwrap();
        })
    };
    let strict = || Site::with(|plan| plan.settings.data_tls_reuse = Demand::Required);
    let tls13 = || Site::with(|plan| plan.floor = TlsFloor::Tls13);
    let fxp = fxp();
    for (what, source, target, option) in [
        ("IPv6", ipv6(), ipv6(), "-v"),
        ("TLS 1.2", Site::start(), Site::start(), "--tls12"),
        ("TLS 1.3", tls13(), tls13(), "-v"),
    ] {
        source.put("a", &bytes);
        let copied = copies(&fxp, &[option, &url(&source, "a"), &url(&target, "b")]).succeeds();
        arrives(&source, &target, &bytes);
        let version = if option == "--tls12" { "control TLSv1.2" } else { "control TLSv1.3" };
        let copied = copied.says(version);
        let eprt =
            said(&copied.err, source.address).iter().any(|said| said.starts_with("EPRT |2|"));
        assert_eq!(eprt, what == "IPv6", "{}", copied.err);
    }
    // A target that demands resumption is the one that connects, and so cannot miss it.
    let (source, target) = (Site::start(), strict());
    source.put("a", &bytes);
    copies(&fxp, &[&url(&source, "a"), &url(&target, "b")]).succeeds();
    arrives(&source, &target, &bytes);
}

#[test]
fn fxp_uploads_and_downloads_and_says_nothing_of_sscn() {
    let (site, fxp) = (Site::start(), fxp());
    let bytes = sample(3_000_001);
    fxp.put("a", &bytes);
    for option in ["--tls12", "-v"] {
        let up = copies(&fxp, &[option, "a", &url(&site, "b")]).succeeds();
        assert_eq!(site.file("b").as_ref(), Some(&bytes));
        let down = copies(&fxp, &[option, &url(&site, "b"), "./"]).succeeds();
        assert_eq!(fxp.file("b").as_ref(), Some(&bytes));
        let version = if option == "--tls12" { "TLSv1.2" } else { "TLSv1.3" };
        for outcome in [up, down] {
            let outcome = outcome.says(version).says("3000001 bytes");
            let never = |command: &&str| command.starts_with("SSCN") || *command == "CPSV";
            assert!(!said(&outcome.err, site.address).iter().any(never), "{}", outcome.err);
            let record = site.record();
            assert!(record.complete && record.role == TlsRole::Accept);
            assert!(record.tls.unwrap().resumed, "fxp resumes its control connection's session");
        }
        fs::remove_file(fxp.path("b")).unwrap();
    }
    let strict = Site::with(|plan| plan.settings.data_tls_reuse = Demand::Required);
    copies(&fxp, &["a", &implicit_url(&strict, "b")]).succeeds();
    assert_eq!(strict.file("b"), Some(bytes));
}

#[test]
fn fxp_says_sscn_once_for_a_copy_and_takes_it_back() {
    let (source, target, fxp) = (Site::start(), Site::start(), fxp());
    source.put("a", b"hello\n");
    let log = copies(&fxp, &[&url(&source, "a"), &url(&target, "b")]).succeeds().err;
    let to_target = said(&log, target.address);
    let at = |command: &str| to_target.iter().position(|said| *said == command);
    assert!(at("FEAT") < at("SSCN ON") && at("PROT P") < at("SSCN ON"), "{log}");
    assert!(at("SSCN ON") < at("STOR b") && at("STOR b") < at("SSCN OFF"), "{log}");
    for command in ["SSCN ON", "SSCN OFF", "PASV", "STOR b"] {
        let times = to_target.iter().filter(|said| **said == command).count();
        assert_eq!(times, 1, "{command}: {log}");
    }
    let to_source = said(&log, source.address);
    assert!(to_source.contains(&"RETR a"), "{log}");
    assert!(!to_source.iter().any(|said| said.starts_with("SSCN")), "{log}");
    for site in [&source, &target] {
        let masked = said(&log, site.address).iter().filter(|said| **said == "PASS ****").count();
        assert_eq!(masked, 1, "{log}");
    }
}

/// A site at an address that is not the broker's.
fn elsewhere(host: &str, level: FxpLevel) -> Site {
    Site::with(|plan| {
        plan.host = host.parse().unwrap();
        plan.fxp = FxpGrant::both(level);
    })
}

#[test]
fn fxp_copies_between_strangers_by_the_grants_of_both_accounts() {
    let fxp = fxp();
    for host in ["127.0.0.1", "127.0.0.3"] {
        let (source, target) =
            (elsewhere(host, FxpLevel::Tls), elsewhere("127.0.0.2", FxpLevel::Tls));
        source.put("a", b"hello\n");
        copies(&fxp, &[&url(&source, "a"), &url(&target, "b")]).succeeds();
        let (from, to) = (source.record(), target.record());
        assert_eq!((from.foreign, to.foreign), (true, host == "127.0.0.3"));
        assert_eq!(from.peer.unwrap().ip(), target.address.ip());
        assert_eq!(to.peer.unwrap().ip(), source.address.ip());
        assert_eq!(target.file("b").unwrap(), b"hello\n");
    }
}

#[test]
fn fxp_names_the_reply_of_a_site_whose_account_has_no_grant() {
    let fxp = fxp();
    let open = elsewhere("127.0.0.3", FxpLevel::Tls);
    open.put("a", b"hello\n");
    let off = elsewhere("127.0.0.2", FxpLevel::Off);
    let words = "550 This account may not copy to or from other servers";
    copies(&fxp, &[&url(&open, "a"), &url(&off, "b")]).fails(NO_SECURE_ROUTE, words);
    assert!(off.names().is_empty());

    off.put("a", b"hello\n");
    copies(&fxp, &[&url(&off, "a"), &url(&open, "b")]).fails(NO_SECURE_ROUTE, words);
    assert_eq!(open.names(), ["a"]);
}

#[test]
fn fxp_ends_with_the_code_that_its_man_page_promises() {
    let (source, target, fxp) = (Site::start(), Site::start(), fxp());
    source.put("a", b"hello\n");
    let (a, b) = (url(&source, "a"), url(&target, "b"));
    let wrong =
        fxp.runs_with(&["--trust-new", "--log-protocol", &a, &b], &[("FXP_PASSWORD", "hunter2")]);
    let wrong = wrong.fails(REFUSED, "refused the login: 530");
    assert!(!wrong.err.contains("hunter2") && !wrong.out.contains("hunter2"));
    copies(&fxp, &[&url(&source, "no"), &b]).fails(REFUSED, "does not exist");
    copies(&fxp, &[&url(&source, "no"), "no"]).fails(REFUSED, "does not exist");
    copies(&fxp, &["no", &b]).fails(REFUSED, "no: ");
    copies(&fxp, &[&a, &url(&target, "no/b")]).fails(CANNOT_CREATE, "no/b on");
    fxp.put("here", b"hello\n");
    copies(&fxp, &["here", &url(&target, "no/b")]).fails(CANNOT_CREATE, "no/b on");
    copies(&fxp, &[&a, "no/b"]).fails(CANNOT_CREATE, "no/b");
    let reader = b.replace("ann@", "reader@");
    copies(&fxp, &[&a, &reader]).fails(CANNOT_CREATE, "550");
    assert!(target.names().is_empty(), "{:?}", target.names());
    assert_eq!(fxp.names(), ["here"]);
}

/// A way through this host that lets `limit` bytes pass towards `to` and then cuts both connections.
fn cutting(to: SocketAddr, limit: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let relay = move || {
        let (active, passive) = (peer::accept(&listener), peer::connect(to));
        let (mut back, mut answers) = (active.try_clone().unwrap(), passive.try_clone().unwrap());
        let answer = Builder::new().spawn(move || io::copy(&mut answers, &mut back)).unwrap();
        let _ = io::copy(&mut (&active).take(limit), &mut &passive); // the end is the point
        let _ = (active.shutdown(Shutdown::Both), passive.shutdown(Shutdown::Both));
        let _ = answer.join();
    };
    Builder::new().spawn(relay).unwrap();
    here
}

#[test]
fn a_copy_that_is_cut_on_its_way_is_not_complete_and_goes_on_where_it_broke_off() {
    let (source, target) = (Site::start(), Site::start());
    let bytes = sample(3_000_001);
    source.put("a", &bytes);
    // The wire carries more than the file: the last limit cuts behind most of it.
    for limit in [1_000_000, 3_000_001] {
        let (mut from, mut to) = (source.login("ann"), target.login("ann"));
        to.says("SSCN ON", 200);
        let listening = to.pasv("PASV");
        from.says(&port_command(cutting(listening, limit)), 200);
        from.says("RETR a", 150);
        to.says("STOR b", 150);
        to.hears(426);
        assert!(from.reply().is_ok());
        assert!(!target.record().complete);
        let part = target.file("b").unwrap();
        assert!(part.len() < bytes.len() && bytes.starts_with(&part), "{}", part.len());

        let rest = format!("REST {}", part.len());
        let listening = to.pasv("PASV");
        from.says(&port_command(cutting(listening, u64::MAX)), 200);
        from.says(&rest, 350);
        to.says(&rest, 350);
        from.says("RETR a", 150);
        to.says("STOR b", 150);
        to.hears(226);
        from.hears(226);
        assert_eq!(target.record().bytes, (bytes.len() - part.len()) as u64);
        assert_eq!(target.file("b").as_ref(), Some(&bytes));
        fs::remove_file(target.path("b")).unwrap();
    }
}
