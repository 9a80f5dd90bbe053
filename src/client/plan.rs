//! The ways in which two servers can meet for a protected copy, and which to try first.
//!
//! Who listens and who is the TLS client are independent (see `proto::TlsRole`). One end of a TLS
//! connection must be the client, and a server is that only when told by `SSCN ON` or `CPSV`. Clear
//! text is a way only to or from a server that has nothing else.

use crate::client::{Connection, Extension, Features, ServerKind};
use std::{fmt, str::FromStr};

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The file comes from there.
    Source,
    /// The file goes there.
    Target,
}

impl Side {
    /// Both.
    pub const BOTH: [Side; 2] = [Side::Source, Side::Target];

    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Source => Side::Target,
            Side::Target => Side::Source,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Source => "source",
            Side::Target => "target",
        })
    }
}

/// The command that makes a server the TLS client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `SSCN ON`.
    Sscn,
    /// `CPSV`, in place of `PASV`.
    Cpsv,
    /// By nothing: there is no TLS client, for one of the two servers is spoken to without TLS.
    Clear,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Via::Sscn => "SSCN",
            Via::Cpsv => "CPSV",
            Via::Clear => "PROT C",
        })
    }
}

/// One way to run a protected copy between two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who listens; the other side opens the TCP connection.
    pub passive: Side,
    /// Who is the TLS client; the other side accepts the handshake. With [`Via::Clear`], no one.
    pub connects: Side,
    /// How the TLS client is told to be one.
    pub via: Via,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.via {
            Via::Clear => write!(f, "{} passive, IN CLEAR TEXT", self.passive),
            via => write!(f, "{} passive, {} TLS client by {via}", self.passive, self.connects),
        }
    }
}

impl FromStr for Plan {
    type Err = ();

    /// Reads what [`Plan`] shows.
    fn from_str(text: &str) -> Result<Plan, ()> {
        let sides =
            Side::BOTH.into_iter().flat_map(|passive| Side::BOTH.map(|side| (passive, side)));
        let plans = sides.flat_map(|(passive, connects)| {
            [Via::Sscn, Via::Cpsv].map(|via| Plan { passive, connects, via })
        });
        plans.chain(clear_plans()).find(|plan| plan.to_string() == text).ok_or(())
    }
}

/// Every way between two servers, surest first: a protected one, unless one of them is spoken to
/// without TLS, as the user has allowed.
pub(super) fn between(source: &Connection, target: &Connection) -> Vec<Plan> {
    match source.is_clear() || target.is_clear() {
        true => clear_plans(),
        false => plans(source.features(), target.features()),
    }
}

fn clear_plans() -> Vec<Plan> {
    let passive = [Side::Target, Side::Source];
    passive.map(|passive| Plan { passive, connects: passive, via: Via::Clear }).into()
}

/// Every protected way, surest first; none when neither server can be the TLS client.
pub fn plans(source: &Features, target: &Features) -> Vec<Plan> {
    let features = |side| match side {
        Side::Source => source,
        Side::Target => target,
    };
    let mut plans = Vec::new();
    for passive in [Side::Target, Side::Source] {
        for connects in [passive, passive.other()] {
            if features(connects).has(Extension::Sscn) {
                plans.push(Plan { passive, connects, via: Via::Sscn });
            }
        }
        if features(passive).has(Extension::Cpsv) {
            plans.push(Plan { passive, connects: passive, via: Via::Cpsv });
        }
    }
    // The sort is stable: between equals the passive target stays first, as with lftp, whose way
    // servers have been tested with most.
    plans.sort_by_key(|plan| {
        let (client, server) = (features(plan.connects), features(plan.connects.other()));
        (
            plan.is_fragile(client),
            plan.loses_the_tail(client, server),
            // Only the accepting end can demand a resumed session, and no other server has one.
            server.demands_resumption(),
            // GoFTPd apart, every server honours the command on its own listener.
            plan.passive != plan.connects,
            // CPSV knows IPv4 only, and wzdftpd forgets to take it back.
            plan.via == Via::Cpsv,
        )
    });
    plans
}

impl Plan {
    /// proftpd 1.3.8 may die (double free) when it opens the TCP connection *and* is the client of
    /// a TLS 1.3 handshake. The TLS version of the control connection does not change that.
    fn is_fragile(&self, client: &Features) -> bool {
        self.passive != self.connects && client.kind() == ServerKind::Proftpd
    }

    /// proftpd 1.3.8, sending as TLS client, never reads the tickets that a TLS 1.3 server sends;
    /// its close resets the connection, and the end of the file with it. fxpd sends none.
    fn loses_the_tail(&self, client: &Features, server: &Features) -> bool {
        self.connects == Side::Source
            && client.kind() == ServerKind::Proftpd
            && server.kind() != ServerKind::Fxpd
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::features::tests::features;
    use Side::{Source, Target};

    /// The ways in short: passive, connects, via.
    fn ways(source: (&str, &[&str]), target: (&str, &[&str])) -> Vec<String> {
        let short = |side| if side == Source { 's' } else { 't' };
        plans(&features(source.0, source.1), &features(target.0, target.1))
            .iter()
            .map(|plan| format!("{}{} {}", short(plan.passive), short(plan.connects), plan.via))
            .collect()
    }

    const PROFTPD: (&str, &[&str]) = ("ProFTPD", &["SSCN"]);
    const FXPD: (&str, &[&str]) = ("fxpd", &["SSCN", "CPSV"]);
    const VSFTPD: (&str, &[&str]) = ("(vsFTPd)", &["EPSV"]);
    const OTHER: (&str, &[&str]) = ("hello", &["SSCN"]);
    const GLFTPD: (&str, &[&str]) = ("glFTPd", &["CPSV"]);

    #[test]
    fn the_surest_way_comes_first() {
        for (source, target, expected) in [
            (OTHER, OTHER, &["tt SSCN", "ss SSCN", "ts SSCN", "st SSCN"][..]),
            // The TLS client goes where resumption is demanded.
            (OTHER, PROFTPD, &["tt SSCN", "ss SSCN", "ts SSCN", "st SSCN"]),
            (PROFTPD, FXPD, &["ss SSCN", "tt SSCN", "tt CPSV", "st SSCN", "ts SSCN"]),
            // What loses a file's end comes late, what breaks a server last.
            (PROFTPD, OTHER, &["tt SSCN", "st SSCN", "ss SSCN", "ts SSCN"]),
            (PROFTPD, PROFTPD, &["tt SSCN", "ss SSCN", "st SSCN", "ts SSCN"]),
            (FXPD, VSFTPD, &["ss SSCN", "ss CPSV", "ts SSCN"]),
            (VSFTPD, FXPD, &["tt SSCN", "tt CPSV", "st SSCN"]),
            (GLFTPD, VSFTPD, &["ss CPSV"]),
            (GLFTPD, GLFTPD, &["tt CPSV", "ss CPSV"]),
            (VSFTPD, VSFTPD, &[]),
        ] {
            assert_eq!(ways(source, target), expected, "{source:?} {target:?}");
        }
    }

    #[test]
    fn a_way_without_a_tls_client_is_never_listed() {
        for plan in plans(&features("", FXPD.1), &features("", VSFTPD.1)) {
            assert_eq!(plan.connects, Source);
        }
        for plan in plans(&features("", FXPD.1), &features("", FXPD.1)) {
            assert!(plan.via == Via::Sscn || plan.passive == plan.connects);
        }
        assert_eq!(Source.other(), Target);
    }
}
