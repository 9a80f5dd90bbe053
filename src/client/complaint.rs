//! How a plan ended in vain: what each server said, at which step. Who only wants to read it prints
//! it; who looks for the cause has it in parts.

use crate::{
    client::{ServerKind, Side},
    proto::Reply,
};
use std::{fmt, net::SocketAddr};

/// How a plan ended in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By what the servers said.
    Complaints(Vec<Complaint>),
    /// A control connection broke between the steps.
    Broken(String),
}

/// What one server said when it could or would not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub side: Side,
    pub step: Step,
    pub answer: Answer,
}

/// What it was told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Expect the other server's certificate (`XPEER`).
    Expect,
    /// Be the TLS client, or not (`SSCN`).
    Role,
    /// Protect its data connections, or not (`PROT`).
    Protect,
    /// Listen.
    Listen,
    /// Connect there.
    Aim(SocketAddr),
    /// Send or store.
    Transfer,
    /// Stop that, because the other side has failed.
    BreakOff,
}

/// What came of it. At [`Step::Transfer`] it may be success, where the other side has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Reply(Reply),
    /// Its control connection broke.
    Lost(String),
    /// Nothing came in time.
    Silence,
    /// It was not told at all, for it could not have done it.
    Unfit(String),
}

impl Ended {
    /// Adds what was learnt afterwards.
    pub fn add(&mut self, complaint: Complaint) {
        if let Ended::Complaints(complaints) = self {
            complaints.push(complaint);
        }
    }

    /// Whether a control connection broke: by chance, or by the plan, since some servers die of a
    /// handshake.
    pub fn is_loss(&self) -> bool {
        match self {
            Ended::Broken(_) => true,
            Ended::Complaints(told) => {
                told.iter().any(|told| matches!(told.answer, Answer::Lost(_)))
            }
        }
    }

    /// The side that has said by it that it takes part in no copy between servers; `kind` says what
    /// each seems to be.
    pub fn shut_out_by(&self, kind: impl Fn(Side) -> ServerKind) -> Option<Side> {
        let Ended::Complaints(complaints) = self else { return None };
        let shutting = complaints.iter().find(|told| told.shuts_out_strangers(kind(told.side)));
        shutting.map(|told| told.side)
    }
}

impl Complaint {
    /// Ends a plan by itself.
    pub fn alone(side: Side, step: Step, answer: Answer) -> Ended {
        Ended::Complaints(vec![Complaint { side, step, answer }])
    }

    /// The reply, if there was one.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.answer {
            Answer::Reply(reply) => Some(reply),
            _ => None,
        }
    }

    /// Whether the server, being of this kind, has said by it that it exchanges files with no host
    /// but its client's: then no other plan can do, for each has this server's data connection go
    /// to or come from the other server.
    ///
    /// vsftpd says no such thing: it decides about `PASV` and about `PORT` one by one.
    pub fn shuts_out_strangers(&self, kind: ServerKind) -> bool {
        let (Step::Aim(_), Some(reply)) = (self.step, self.reply()) else { return false };
        let text = reply.text().to_lowercase();
        SHUTTING_OUT.iter().any(|row| row.0 == kind && text.contains(row.1))
    }
}

/// Words of a refused `PORT`, in lower case, behind which stands one rule for both directions.
const SHUTTING_OUT: [(ServerKind, &str); 3] = [
    (ServerKind::Fxpd, "account may not copy to or from other servers"),
    // AllowForeignAddress. Nothing else is wrong with an address that a server has told.
    (ServerKind::Proftpd, "illegal"),
    // Without -w.
    (ServerKind::PureFtpd, "won't open a connection"),
];

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Broken(why) => f.write_str(why),
            Ended::Complaints(complaints) => {
                for (number, complaint) in complaints.iter().enumerate() {
                    f.write_str(if number == 0 { "" } else { "; " })?;
                    write!(f, "{complaint}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Complaint { side, step, answer } = self;
        match step {
            Step::Expect => write!(f, "{side} refused XPEER: {answer}"),
            Step::Role => write!(f, "{side} refused SSCN: {answer}"),
            Step::Protect => write!(f, "{side} refused PROT: {answer}"),
            Step::Listen => write!(f, "{side} refused to listen: {answer}"),
            Step::Aim(address) => write!(f, "{side} refused {address}: {answer}"),
            Step::Transfer => write!(f, "{side}: {answer}"),
            Step::BreakOff => write!(f, "{side}, broken off: {answer}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Reply(reply) => write!(f, "{reply}"),
            Answer::Lost(why) | Answer::Unfit(why) => f.write_str(why),
            Answer::Silence => f.write_str("no final reply in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Code;

    #[test]
    fn only_a_refusal_that_covers_both_directions_shuts_strangers_out() {
        let aim = Step::Aim("192.0.2.1:4000".parse().unwrap());
        let pure = "I won't open a connection to 192.0.2.1 (only to 192.0.2.9)";
        for (kind, step, text, expected) in [
            (ServerKind::Fxpd, aim, "This account may not copy to or from other servers.", true),
            (ServerKind::Fxpd, aim, "That is this server.", false),
            (ServerKind::Proftpd, aim, "Illegal PORT command", true),
            (ServerKind::Vsftpd, aim, "Illegal PORT command.", false),
            (ServerKind::Unknown, aim, "Illegal PORT command.", false),
            (ServerKind::PureFtpd, aim, pure, true),
            (ServerKind::PureFtpd, Step::Transfer, pure, false),
        ] {
            let answer = Answer::Reply(Reply::new(Code::UNKNOWN_COMMAND, text));
            let complaint = Complaint { side: Side::Source, step, answer };
            assert_eq!(complaint.shuts_out_strangers(kind), expected, "{kind:?} {text}");
        }
    }
}
