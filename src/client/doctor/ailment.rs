//! What was found wrong, at which server, in a sentence that says what to change.

use crate::client::{ServerKind, Side, doctor::remedy};
use std::fmt;

/// Something that hinders copies between two servers, or soon will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ailment {
    /// The server that it is about, as the caller called them; `None` when it is about both.
    pub at: Option<Side>,
    /// That server as `host:port`; empty when it is about both.
    pub server: String,
    /// What that server seems to be.
    pub kind: ServerKind,
    /// What is wrong.
    pub cause: Cause,
    /// The reply, the address or the difference that shows it.
    pub seen: String,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Neither server can be the TLS client of a data connection.
    NoTlsClient,
    /// The server exchanges files with nobody but its client.
    ShutsOutStrangers,
    /// It refuses addresses in `PORT` that are not its client's.
    RefusesPort,
    /// It turns away whoever comes to its passive port and is not its client.
    RefusesPeer,
    /// As accepting TLS end it wants a session resumed that only its client has.
    DemandsResumption,
    /// As TLS client it does not trust the certificate of the other server.
    DistrustsPeer,
    /// It ends its session as TLS client of a connection that it opened.
    BreaksAsClient,
    /// It sends as TLS client, and resets the connection under the last bytes.
    LosesTail,
    /// As TLS client it shows no certificate, and the other server was told to expect its own.
    ShowsNoCertificate,
    /// Its account may send nothing to other servers.
    SendsNothing,
    /// Its account may take nothing from other servers.
    TakesNothing,
    /// The other server is in none of the networks that its account may copy with.
    OtherNetworks,
    /// It names an address for its data where nobody reaches it.
    PassiveAddress,
    /// Nobody reaches its passive ports.
    PassivePorts,
    /// What arrived is not what was sent.
    Altered,
    /// It takes no scratch file.
    NotWritable,
    /// Its certificate is no longer valid.
    Expired,
    /// Its certificate is not valid yet.
    NotYetValid,
    /// Its clock, or its time zone, is wrong.
    ClockOff,
    /// None of the above explains it.
    Unexplained,
}

impl Cause {
    /// A word for programs, and the predicate of a sentence about the server.
    const TEXTS: [(Cause, &'static str, &'static str); 20] = [
        (Cause::NoTlsClient, "no-tls-client", "neither server can be the TLS client"),
        (Cause::ShutsOutStrangers, "shuts-out-strangers", "copies with no other server"),
        (Cause::RefusesPort, "refuses-port", "takes only its client's address in PORT"),
        (Cause::RefusesPeer, "refuses-peer", "lets only its client reach its passive ports"),
        (Cause::DemandsResumption, "demands-resumption", "wants a resumed TLS session for data"),
        (Cause::DistrustsPeer, "distrusts-peer", "does not trust the other's certificate"),
        (Cause::BreaksAsClient, "breaks-as-client", "breaks as TLS client where it connects"),
        (Cause::LosesTail, "loses-tail", "loses the end of what it sends as TLS client"),
        (Cause::ShowsNoCertificate, "shows-no-certificate", "shows no certificate as TLS client"),
        (Cause::SendsNothing, "sends-nothing", "lets this account send to no other server"),
        (Cause::TakesNothing, "takes-nothing", "lets this account take from no other server"),
        (Cause::OtherNetworks, "other-networks", "lets this account copy with other networks"),
        (Cause::PassiveAddress, "passive-address", "names an address where it is not reached"),
        (Cause::PassivePorts, "passive-ports", "is not reached at its passive ports"),
        (Cause::Altered, "altered", "has stored something else than was sent"),
        (Cause::NotWritable, "not-writable", "takes no scratch file"),
        (Cause::Expired, "expired", "shows a certificate that is no longer valid"),
        (Cause::NotYetValid, "not-yet-valid", "shows a certificate that is not valid yet"),
        (Cause::ClockOff, "clock-off", "tells another time than this host"),
        (Cause::Unexplained, "unexplained", "failed for a reason unknown"),
    ];

    /// A word for programs.
    pub fn word(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (Cause, &'static str, &'static str) {
        let found = Self::TEXTS.iter().find(|row| row.0 == self);
        *found.unwrap_or(&Self::TEXTS[Self::TEXTS.len() - 1])
    }
}

impl Ailment {
    /// What to change, in the words of that server's own configuration; `None` where nothing is
    /// known.
    pub fn remedy(&self) -> Option<&'static str> {
        remedy::of(self.cause, self.kind)
    }
}

impl fmt::Display for Ailment {
    /// One sentence, without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.is_some() {
            write!(f, "{} ({}) ", self.server, self.kind)?;
        }
        f.write_str(self.cause.texts().2)?;
        if !self.seen.is_empty() {
            write!(f, " ({})", self.seen)?;
        }
        match self.remedy() {
            Some(remedy) => write!(f, ": {remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_texts() {
        for (row, (cause, word, _)) in Cause::TEXTS.iter().enumerate() {
            assert_eq!(cause.word(), *word);
            assert!(!Cause::TEXTS[..row].iter().any(|other| other.1 == *word), "{word} twice");
        }
    }

    #[test]
    fn an_ailment_is_a_sentence_that_says_what_to_change() {
        let ailment = Ailment {
            at: Some(Side::Target),
            server: "h:21".to_owned(),
            kind: ServerKind::Vsftpd,
            cause: Cause::RefusesPort,
            seen: "500 Illegal PORT command.".to_owned(),
        };
        let sentence = "h:21 (vsftpd) takes only its client's address in PORT \
                        (500 Illegal PORT command.): port_promiscuous=YES";
        assert_eq!(ailment.to_string(), sentence);
    }
}
