//! lftp as the broker of copies between two sites, in each of its four ways. Who listens is
//! `ftp:fxp-passive-source`; who is the TLS client is `ftp:fxp-passive-sscn`. Where a way fails, lftp
//! goes over to clear text or to carrying the bytes itself without a word: both are looked for.

use crate::{
    lftp::{lftp, run},
    program::{Program, sample},
    site::Site,
};
use fxpd::{Direction, FxpGrant, FxpLevel, TlsRole, TransferRecord};
use std::fs;

/// `ssl-protect-fxp` is what keeps lftp from saying PROT C for such a copy.
const SETTINGS: &str = "set ftp:use-fxp yes\n\
    set ftp:fxp-force yes\n\
    set ftp:ssl-protect-fxp yes\n\
    set ssl:verify-certificate no\n\
    debug -o log 9\n";

/// The two settings.
#[derive(Clone, Copy, Debug)]
struct Way {
    passive_source: bool,
    passive_sscn: bool,
}

const WAYS: [Way; 4] = [
    Way { passive_source: false, passive_sscn: true },
    Way { passive_source: true, passive_sscn: true },
    Way { passive_source: false, passive_sscn: false },
    Way { passive_source: true, passive_sscn: false },
];

impl Way {
    /// Whether the source is the TLS client.
    fn source_connects(self) -> bool {
        self.passive_source == self.passive_sscn
    }

    /// Runs `command` this way and returns what lftp logged.
    #[track_caller]
    fn runs(self, lftp: &Program, command: &str) -> String {
        let _ = fs::remove_file(lftp.path("log")); // the first run has none
        let Way { passive_source, passive_sscn } = self;
        let way = format!(
            "set ftp:fxp-passive-source {passive_source}\nset ftp:fxp-passive-sscn {passive_sscn}\n"
        );
        run(lftp, &format!("{SETTINGS}{way}{command}")).succeeds();
        String::from_utf8(lftp.file("log").unwrap()).unwrap()
    }
}

fn url(site: &Site, path: &str) -> String {
    format!("ftp://ann:pw@{}/{path}", site.address)
}

/// The log of a copy that went as it should: one server was made the TLS client by the command of
/// its way, and nothing was said in the clear.
#[track_caller]
fn is_protected(way: Way, log: &str, told: usize) {
    let (command, reply) = match way.passive_sscn {
        true => ("---> CPSV", "<--- 227 "),
        false => ("---> SSCN ON", "<--- 200 SSCN:CLIENT METHOD"),
    };
    let times = |words: &str| log.lines().filter(|line| line.starts_with(words)).count();
    assert_eq!(times(command), told, "{way:?} {log}");
    assert_eq!(times("---> CPSV") + times("---> SSCN ON"), told, "{way:?} {log}");
    assert!(times(reply) >= told, "{way:?} {log}");
    for never in ["---> PROT C", "---> CCC", "<--- 4", "<--- 5"] {
        assert_eq!(times(never), 0, "{never}: {way:?} {log}");
    }
    // Each side prepares one port for a file: lftp itself opens no data connection.
    assert_eq!(times("---> PORT"), times("---> RETR"), "{way:?} {log}");
}

/// The records of the two ends of one copy.
#[track_caller]
fn is_direct(way: Way, source: &TransferRecord, target: &TransferRecord) {
    let (from, to) = match way.source_connects() {
        true => (TlsRole::Connect, TlsRole::Accept),
        false => (TlsRole::Accept, TlsRole::Connect),
    };
    assert_eq!((source.direction, source.role), (Direction::Outgoing, from), "{way:?}");
    assert_eq!((target.direction, target.role), (Direction::Incoming, to), "{way:?}");
    for record in [source, target] {
        assert!(record.complete && record.tls.is_some(), "{way:?} {record:?}");
    }
    assert_eq!(source.bytes, target.bytes);
}

#[test]
fn lftp_copies_between_two_sites_in_each_of_its_four_ways() {
    let (source, target, lftp) = (Site::start(), Site::start(), lftp());
    let bytes = sample(2_000_003);
    source.put("a", &bytes);
    for way in WAYS {
        let log = way.runs(&lftp, &format!("get {} -o {}", url(&source, "a"), url(&target, "b")));
        is_protected(way, &log, 1);
        is_direct(way, &source.record(), &target.record());
        assert_eq!(target.file("b").as_ref(), Some(&bytes), "{way:?}");
        fs::remove_file(target.path("b")).unwrap();
    }
}

#[test]
fn lftp_copies_to_a_site_elsewhere_by_the_grant_of_its_account() {
    // lftp is at 127.0.0.1, so each site sees the other as a stranger.
    let source = Site::with(|plan| plan.host = "127.0.0.3".parse().unwrap());
    let target = Site::with(|plan| plan.host = "127.0.0.2".parse().unwrap());
    let (lftp, bytes) = (lftp(), sample(700_001));
    source.put("a", &bytes);
    for way in WAYS {
        let log = way.runs(&lftp, &format!("get {} -o {}", url(&source, "a"), url(&target, "b")));
        is_protected(way, &log, 1);
        let (from, to) = (source.record(), target.record());
        is_direct(way, &from, &to);
        assert!(from.foreign && to.foreign, "{way:?}");
        assert_eq!(from.peer.unwrap().ip(), target.address.ip(), "{way:?}");
        assert_eq!(to.peer.unwrap().ip(), source.address.ip(), "{way:?}");
        assert_eq!(target.file("b").as_ref(), Some(&bytes), "{way:?}");
        fs::remove_file(target.path("b")).unwrap();
    }
}

#[test]
fn lftp_cannot_copy_where_the_account_has_no_grant() {
    let source = Site::with(|plan| plan.host = "127.0.0.3".parse().unwrap());
    let target = Site::with(|plan| {
        plan.host = "127.0.0.2".parse().unwrap();
        plan.fxp = FxpGrant::both(FxpLevel::Off);
    });
    source.put("a", b"hello\n");
    let lftp = lftp();
    let copy = format!("{SETTINGS}get {} -o {}", url(&source, "a"), url(&target, "b"));
    assert_ne!(run(&lftp, &copy).status, 0);
    assert!(target.names().is_empty());
}

#[test]
fn lftp_mirrors_many_files_from_site_to_site() {
    const FILES: u32 = 12;
    let (source, target, lftp) = (Site::start(), Site::start(), lftp());
    fs::create_dir_all(source.path("tree/deep")).unwrap();
    let name = |n| if n % 2 == 0 { format!("tree/f{n}") } else { format!("tree/deep/f{n}") };
    // No empty file: lftp 4.9.2 hangs in copying one, with any server.
    (0..FILES).for_each(|n| source.put(&name(n), &sample(30_000 * n + 1)));
    for way in WAYS {
        let mirror = format!("mirror --no-perms {} {}", url(&source, "tree"), url(&target, "tree"));
        let log = way.runs(&lftp, &mirror);
        // CPSV is said for each file; SSCN ON once for each directory, which is listed before.
        let told = if way.passive_sscn { FILES as usize } else { 2 };
        is_protected(way, &log, told);
        for n in 0..FILES {
            assert_eq!(target.file(&name(n)), source.file(&name(n)), "{way:?}");
            is_direct(way, &source.record(), &target.record());
        }
        fs::remove_dir_all(target.path("tree")).unwrap();
    }
}
