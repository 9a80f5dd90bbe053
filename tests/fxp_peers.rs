//! The program `fxp` between every two of the servers that it meets most, each at an address of its
//! own, as far from the broker as from each other: which way it finds, or that there is none, and
//! why. The facts behind the table are in fxp(1) and in `client/plan.rs`.

use crate::{
    fxp_pairs::{self, fxp, keeps_the_rules},
    proftpd::{Proftpd, Resumption},
    program::{Outcome, Program, sample},
    pure_ftpd::{self, Fxp},
    pyftpdlib,
    real_server::{PASSWORD, RealServer},
    site::Site,
    vsftpd,
};
use fxpd::{FxpGrant, FxpLevel};
use std::{fs, net::SocketAddr, path::PathBuf, thread};

/// What there is to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Fxpd,
    /// At its defaults, but for `AllowForeignAddress` and `TLSVerifyServer off`.
    Proftpd,
    /// With `NoSessionReuseRequired`.
    Waiving,
    /// The same with `TLSVerifyServer on`.
    Verifying,
    /// At its defaults.
    Vsftpd,
    /// With `vsftpd::OPEN`.
    Open,
    /// With `-w`.
    PureFtpd,
    /// With `permit_foreign_addresses`.
    Pyftpdlib,
}

const KINDS: [Kind; 8] = [
    Kind::Fxpd,
    Kind::Proftpd,
    Kind::Waiving,
    Kind::Verifying,
    Kind::Vsftpd,
    Kind::Open,
    Kind::PureFtpd,
    Kind::Pyftpdlib,
];

/// How a copy ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// It arrives, the target listening and being the TLS client.
    Tt,
    /// It arrives, the source listening and being the TLS client.
    Ss,
    /// Neither can be a TLS client, which is told before anything is tried.
    No,
    /// Every way was tried and none worked, for the reason that the replies give.
    Why(&'static str),
    /// proftpd 1.3.8, sending as TLS client, resets the connection over the tickets that this
    /// target sends: the end of the file is lost or is not, and never in silence.
    Tail,
}

const REUSE: End = End::Why("425 Unable to build data connection");
const PORT: End = End::Why("500 Illegal PORT command");

/// proftpd 1.3.8 ends the session whose data connection showed a certificate that it does not trust.
const VERIFY: End = End::Why("the peer closed the connection too early");

/// From the kind of the row to the kind of the column.
#[rustfmt::skip]
const TABLE: [[End; 8]; 8] = {
    use End::*;
    [
        // Fxpd Proftpd Waiving Verifying Vsftpd Open    PureFtpd Pyftpdlib
        [Tt,    Tt,     Tt,     Ss,       PORT,  Ss,     Ss,      Ss],     // Fxpd
        [Ss,    REUSE,  Tail,   Tail,     PORT,  Tail,   Ss,      Tail],   // Proftpd
        [Ss,    Tt,     Tt,     Tail,     PORT,  Tail,   Ss,      Tail],   // Waiving
        [Tt,    Tt,     Tt,     Tail,     PORT,  VERIFY, VERIFY,  VERIFY], // Verifying
        [PORT,  PORT,   PORT,   PORT,     No,    No,     No,      No],     // Vsftpd
        [Tt,    Tt,     Tt,     VERIFY,   No,    No,     No,      No],     // Open
        [Tt,    Tt,     Tt,     VERIFY,   No,    No,     No,      No],     // PureFtpd
        [Tt,    Tt,     Tt,     VERIFY,   No,    No,     No,      No],     // Pyftpdlib
    ]
};

/// A running server of some kind.
pub enum Peer {
    Site(Box<Site>),
    Proftpd(Proftpd),
    Real(RealServer),
}

impl Peer {
    pub fn start(kind: Kind, host: &str) -> Peer {
        match kind {
            Kind::Fxpd => Peer::site(Site::with(|plan| plan.host = host.parse().unwrap())),
            Kind::Proftpd => Peer::Proftpd(Proftpd::at(host, Resumption::Demanded, "")),
            Kind::Waiving => Peer::Proftpd(Proftpd::at(host, Resumption::Waived, "")),
            Kind::Verifying => {
                Peer::Proftpd(Proftpd::at(host, Resumption::Waived, "TLSVerifyServer on"))
            }
            Kind::Vsftpd => Peer::Real(vsftpd::start(host, "")),
            Kind::Open => Peer::Real(vsftpd::start(host, vsftpd::OPEN)),
            Kind::PureFtpd => Peer::Real(pure_ftpd::start(host, Fxp::Allowed)),
            Kind::Pyftpdlib => Peer::Real(pyftpdlib::start(host)),
        }
    }

    pub fn site(site: Site) -> Peer {
        Peer::Site(Box::new(site))
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Peer::Site(site) => site.address,
            Peer::Proftpd(server) => server.address(),
            Peer::Real(server) => server.address(),
        }
    }

    pub fn url(&self, path: &str) -> String {
        match self {
            Peer::Site(site) => fxp_pairs::url(site, path),
            Peer::Proftpd(server) => server.url(path),
            Peer::Real(server) => server.url(path),
        }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        match self {
            Peer::Site(site) => site.path(path),
            Peer::Proftpd(server) => server.path(path),
            Peer::Real(server) => server.path(path),
        }
    }

    /// All names in its tree, sorted.
    pub fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn password(&self) -> (String, &'static str) {
        let address = self.address();
        let password = if matches!(self, Peer::Site(_)) { "pw" } else { PASSWORD };
        let host = address.ip().to_string().replace('.', "_");
        (format!("FXP_PASSWORD_{host}_{}", address.port()), password)
    }
}

/// Runs `fxp` as one who knows both passwords.
#[track_caller]
pub fn runs(fxp: &Program, arguments: &[&str], peers: [&Peer; 2]) -> Outcome {
    let arguments = [&["--trust-new", "--log-protocol"], arguments].concat();
    let [(one, its), (other, others)] = peers.map(Peer::password);
    let outcome = fxp.runs_with(&arguments, &[(&one, its), (&other, others)]);
    keeps_the_rules(&outcome.err);
    outcome
}

/// A server of each kind, at addresses that begin like this.
fn one_of_each(network: &str) -> Vec<Peer> {
    thread::scope(|scope| {
        let start =
            |(kind, number)| scope.spawn(move || Peer::start(kind, &format!("{network}.{number}")));
        let starting: Vec<_> = KINDS.into_iter().zip(1..).map(start).collect();
        starting.into_iter().map(|starting| starting.join().unwrap()).collect()
    })
}

#[test]
fn every_two_servers_meet_in_the_way_that_both_can_go_or_hear_why_they_cannot() {
    let (sources, targets) = (one_of_each("127.0.1"), one_of_each("127.0.2"));
    let bytes = sample(300_001);
    thread::scope(|scope| {
        for ((source, from), row) in sources.iter().zip(KINDS).zip(TABLE) {
            fs::write(source.path("a"), &bytes).unwrap();
            let (targets, bytes) = (&targets, &bytes);
            scope.spawn(move || {
                let fxp = fxp();
                for ((target, to), end) in targets.iter().zip(KINDS).zip(row) {
                    let name = format!("from-{from:?}");
                    let peers = [source, target];
                    let (a, b) = (source.url("a"), target.url(&name));
                    let outcome = runs(&fxp, &["--retries", "0", &a, &b], peers);
                    let arrived = fs::read(target.path(&name)).ok();
                    let whole = arrived.as_ref() == Some(bytes);
                    ends(outcome, end, whole, &format!("{from:?} -> {to:?}"));
                }
            });
        }
    });
}

/// Compares what came of a copy with what the table says. `whole`: every byte is there.
fn ends(outcome: Outcome, end: End, whole: bool, pair: &str) {
    let (status, log) = (outcome.status, format!("{pair}: {}{}", outcome.out, outcome.err));
    let way = match end {
        End::Tt => "target passive, target TLS client",
        End::Ss => "source passive, source TLS client",
        End::No => {
            assert!(status == 76 && log.contains("neither lists SSCN or CPSV"), "{log}");
            return assert!(!log.contains("> PASV") && !log.contains("> STOR"), "{log}");
        }
        End::Why(why) => return assert!(status == 76 && log.contains(why), "{log}"),
        End::Tail => {
            return match status {
                0 => assert!(whole, "{log}"),
                65 | 76 => assert!(log.contains("source TLS client by SSCN: "), "{log}"),
                75 => assert!(log.contains("the copy was interrupted: source: 226"), "{log}"),
                _ => panic!("{log}"),
            };
        }
    };
    assert!(status == 0 && whole && outcome.out.contains(way), "{log}");
}

#[test]
fn a_server_that_keeps_to_its_client_is_told_of_as_soon_as_it_has_said_so() {
    let pure = "500 I won't open a connection to 127.0.3.1 (only to 127.0.0.1)";
    let off = "550 This account may not copy to or from other servers.";
    let ours = |level| {
        Peer::site(Site::with(move |plan| {
            plan.host = "127.0.3.2".parse().unwrap();
            plan.fxp = FxpGrant::both(level);
        }))
    };
    let waived = |more| Proftpd::at("127.0.3.3", Resumption::Waived, more);
    let (fxp, open) = (fxp(), Peer::start(Kind::Fxpd, "127.0.3.1"));
    fs::write(open.path("a"), b"hello\n").unwrap();
    for (peer, words) in [
        (ours(FxpLevel::Off), off),
        (Peer::Proftpd(waived("AllowForeignAddress off")), "500 Illegal PORT command"),
        (Peer::Real(pure_ftpd::start("127.0.3.4", Fxp::Refused)), pure),
    ] {
        fs::write(peer.path("a"), b"hello\n").unwrap();
        for ends in [[&peer, &open], [&open, &peer]] {
            let [source, target] = ends;
            let refused = runs(&fxp, &[&source.url("a"), &target.url("b")], ends);
            let side = if target.address() == peer.address() { "target" } else { "source" };
            let why = format!("the {side} exchanges files with no other server");
            assert!(refused.err.contains(words), "{}", refused.err);
            let refused = refused.fails(76, &why);
            // The refusal comes when that server is to connect: first or second of five or six ways.
            let tried = refused.err.matches(" TLS client by ").count();
            assert!(tried <= 2, "{}", refused.err);
        }
        assert_eq!(open.names(), ["a"]);
    }
}
