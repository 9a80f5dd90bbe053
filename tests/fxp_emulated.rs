//! The program `fxp` between a site of ours and servers that cannot be had here, emulated in what is
//! known of their manners; and between it and servers that lie.

use crate::{
    emulator::{Emulator, Manners, PLAIN},
    ftp::port_command,
    fxp_pairs::{fxp, keeps_the_rules, url},
    peer,
    program::{Outcome, Program, sample},
    site::Site,
};
use fxpd::TlsRole;

const MISMATCH: i32 = 65;

const TARGET: &str = "target passive, target TLS client by SSCN";
const SOURCE: &str = "source passive, source TLS client by SSCN";

/// 220 where others say 200, nothing before `PROT P`, `PRET` before `PASV`, no `EPSV`.
const DRFTPD: Manners = Manners {
    greeting: "220 Welcome to DrFTPD",
    features: &["SSCN", "CPSV", "PRET", "SIZE"],
    sscn: 220,
    wants_pret: true,
    ..PLAIN
};

/// Nothing after `STOR` until the peer is there, 435 for a handshake, 226 in several lines.
const GLFTPD: Manners = Manners {
    greeting: "220 glFTPd 2.11",
    features: &["SSCN", "CPSV", "SIZE"],
    late_150: true,
    bad_handshake: 435,
    done: "226- [Ul: 0.3MB] [Speed: 9MB/s]\r\n226- [Free: 7GB]\r\n226 Transfer Complete.",
    ..PLAIN
};

/// The same before `SSCN` was built into it.
const GLFTPD_1: Manners = Manners { features: &["CPSV", "SIZE"], ..GLFTPD };

/// It forgets nothing that `CPSV` has set, and everything when asked.
const WZDFTPD: Manners = Manners {
    greeting: "220 wzdftpd server ready",
    features: &["SSCN", "CPSV", "SIZE"],
    query_resets: true,
    cpsv_stays: true,
    ..PLAIN
};

/// `SSCN` counts only where it opens the connection.
const GOFTPD: Manners = Manners { greeting: "220 GoFTPd", only_active: true, ..PLAIN };

#[track_caller]
fn copies(fxp: &Program, from: &str, to: &str) -> Outcome {
    let arguments = ["-v", "--trust-new", "--log-protocol", from, to];
    let outcome = fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")]);
    keeps_the_rules(&outcome.err);
    outcome
}

/// The client rules 1, 2 and 4 by what the server has heard, and `PRET` before each `PASV`.
#[track_caller]
fn keeps_the_rules_there(heard: &[String], manners: &Manners) {
    let at = |command: &str| heard.iter().position(|heard| heard == command);
    let times = |command: &str| heard.iter().filter(|heard| *heard == command).count();
    let has = |feature| manners.features.contains(&feature);
    assert!(has("SSCN") || !heard.iter().any(|heard| heard.starts_with("SSCN")), "C2: {heard:?}");
    if let Some(on) = at("SSCN ON") {
        assert!(at("FEAT") < Some(on) && at("PROT P") < Some(on), "C1: {heard:?}");
        let implied = if manners.cpsv_stays { times("CPSV") } else { 0 };
        assert_eq!(times("SSCN ON") + implied, times("SSCN OFF"), "C4: {heard:?}");
    }
    assert_eq!(times("SSCN"), 0, "a query may reset it: {heard:?}");
    let listens = |command: &str| matches!(command, "PASV" | "CPSV");
    for pair in heard.windows(2).filter(|pair| has("PRET") && listens(&pair[1])) {
        assert!(pair[0].starts_with("PRET "), "{heard:?}");
    }
}

#[test]
fn fxp_copies_to_and_from_servers_of_other_manners() {
    let bytes = sample(300_001);
    for (manners, to_it, from_it) in [
        (DRFTPD, TARGET, TARGET),
        (GLFTPD, TARGET, TARGET),
        (GLFTPD_1, SOURCE, TARGET),
        (WZDFTPD, TARGET, TARGET),
        (GOFTPD, SOURCE, TARGET),
    ] {
        let (fxp, site) = (fxp(), Site::with(|plan| plan.host = "127.0.5.1".parse().unwrap()));
        let other = Emulator::start("127.0.5.2", manners);
        site.put("a", &bytes);
        copies(&fxp, &url(&site, "a"), &other.url("b")).succeeds().says(to_it);
        assert_eq!(other.file("b").as_ref(), Some(&bytes), "{manners:?}");
        copies(&fxp, &other.url("b"), &url(&site, "c")).succeeds().says(from_it);
        assert_eq!(site.file("c").as_ref(), Some(&bytes), "{manners:?}");
        keeps_the_rules_there(&other.heard(), &manners);
    }
}

#[test]
fn fxp_copies_by_cpsv_where_there_is_nothing_else() {
    let (fxp, bytes) = (fxp(), sample(300_001));
    let passive = Manners { features: &["SIZE"], ..PLAIN };
    for manners in [GLFTPD_1, Manners { features: &["CPSV", "PRET", "SIZE"], ..DRFTPD }] {
        let (one, two) =
            (Emulator::start("127.0.5.3", manners), Emulator::start("127.0.5.4", passive));
        one.put("a", &bytes);
        let copied = copies(&fxp, &one.url("a"), &two.url("b")).succeeds();
        copied.says("source passive, source TLS client by CPSV");
        assert_eq!(two.file("b").as_ref(), Some(&bytes));
        let copied = copies(&fxp, &two.url("b"), &one.url("c")).succeeds();
        copied.says("target passive, target TLS client by CPSV");
        assert_eq!(one.file("c").as_ref(), Some(&bytes));
        for (server, manners) in [(&one, &manners), (&two, &passive)] {
            keeps_the_rules_there(&server.heard(), manners);
        }
    }
}

#[test]
fn a_server_that_says_226_of_what_it_has_not_kept_is_found_out() {
    let (fxp, bytes) = (fxp(), sample(300_001));
    let site = Site::with(|plan| plan.host = "127.0.5.5".parse().unwrap());
    site.put("a", &bytes);
    let altered: fn(Vec<u8>) -> Vec<u8> = |mut bytes| {
        bytes[150_000] ^= 1;
        bytes
    };
    for (keeps, words) in [
        ((|_| Vec::new()) as fn(Vec<u8>) -> Vec<u8>, "0 bytes at one end"),
        (|bytes| bytes[..150_000].to_vec(), "150000 bytes at one end"),
        (altered, "SHA-256"),
    ] {
        let liar = Emulator::start("127.0.5.6", Manners { keeps, ..PLAIN });
        let refused = copies(&fxp, &url(&site, "a"), &liar.url("b"));
        assert!(refused.err.contains(words), "no '{words}' in: {}", refused.err);
        refused.fails(MISMATCH, "did not arrive whole");
        assert_eq!(liar.file("b"), None, "what is wrong is removed");
    }
}

#[test]
fn doctor_finds_every_route_to_wzdftpd_and_what_hinders_others() {
    let (fxp, site) = (fxp(), Site::with(|plan| plan.host = "127.0.5.7".parse().unwrap()));
    let examined = |manners: Manners| {
        let other = Emulator::start("127.0.5.8", manners);
        let urls = [url(&site, ""), other.url("")];
        let arguments = ["doctor", "--trust-new", "--log-protocol", &urls[0], &urls[1]];
        let outcome = fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")]);
        keeps_the_rules(&outcome.err);
        keeps_the_rules_there(&other.heard(), &manners);
        assert!(site.names().is_empty() && other.names().is_empty(), "{}", outcome.err);
        outcome.succeeds()
    };
    let out = examined(WZDFTPD).out;
    assert!(out.matches("works: ").count() == 12 && !out.contains("fails"), "{out}");

    let out = examined(Manners { anonymous: true, ..PLAIN }).out;
    let said = out.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let why = "(an unknown server) shows no certificate as TLS client (421";
    assert!(said.contains(why) && said.contains("works: "), "{said}");

    let out = examined(Manners { closed_ports: true, ..PLAIN }).out;
    let said = out.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let why = "(an unknown server) is not reached at its passive ports";
    assert!(said.contains(&format!("{why} (425")), "{said}");
    assert!(said.contains(&format!("{why} (cannot reach")), "by our own upload: {said}");
    assert!(said.contains("works: source listens and is the TLS client, by SSCN"), "{said}");
}

/// cbftp has the passive source be the TLS client, wants exactly 200 from what prepares a transfer,
/// the address in the reply to `EPSV`, and rids itself of a listener by asking for another one.
#[test]
fn a_broker_as_strict_as_cbftp_is_content_with_our_replies() {
    let (source, target) = (Site::start(), Site::start());
    let bytes = sample(300_001);
    source.put("a", &bytes);
    for how in ["CPSV", "SSCN"] {
        let (mut from, mut to) = (source.login("ann"), target.login("ann"));
        assert!(from.says("CEPR ON", 200).starts_with("200"));
        assert!(from.says("EPSV", 229).contains("(|1|127.0.0.1|"));
        let pending = from.pasv("PASV");
        let listening = if how == "CPSV" {
            from.pasv("CPSV")
        } else {
            from.says("SSCN ON", 200);
            from.pasv("PASV")
        };
        assert!(peer::is_refused(pending), "the older listener is gone");
        to.says(&port_command(listening), 200);
        to.sends(b"STOR b\r\n");
        from.sends(b"RETR a\r\n");
        for ftp in [&mut to, &mut from] {
            ftp.hears(150);
            ftp.hears(226);
        }
        assert_eq!(target.file("b").as_ref(), Some(&bytes), "{how}");
        assert_eq!(source.record().role, TlsRole::Connect);
        assert_eq!(target.record().role, TlsRole::Accept);
    }
}
