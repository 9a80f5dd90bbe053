//! From what two servers said to what is wrong. The signs are those that real servers give; each row
//! has been seen, and is seen again in `tests/doctor.rs`.

use crate::client::{
    ClientError, Plan, ServerKind, Side,
    complaint::{Answer, Complaint, Ended, Step},
    doctor::Cause,
};

/// A cause, the side it lies with, and what shows it.
pub(super) type Blame = (Side, Cause, String);

/// What made `plan` end so, surest first. `kind` says what each side seems to be.
pub(super) fn of_end(plan: Plan, ended: &Ended, kind: impl Fn(Side) -> ServerKind) -> Vec<Blame> {
    let Ended::Complaints(complaints) = ended else {
        return vec![(plan.passive, Cause::Unexplained, ended.to_string())];
    };
    let blame = |complaint: &Complaint| {
        let cause = of_complaint(plan, complaint, kind(complaint.side))?;
        Some((complaint.side, cause, complaint.answer.to_string()))
    };
    let sure: Vec<Blame> = complaints.iter().filter_map(blame).collect();
    if !sure.is_empty() {
        return sure;
    }
    vec![by_elimination(plan, complaints, kind)]
}

/// What a single answer tells by itself.
fn of_complaint(plan: Plan, complaint: &Complaint, kind: ServerKind) -> Option<Cause> {
    let side = complaint.side;
    if complaint.shuts_out_strangers(kind) {
        return Some(Cause::ShutsOutStrangers);
    }
    if matches!(complaint.step, Step::Aim(_)) {
        return Some(Cause::RefusesPort);
    }
    if let (Answer::Lost(_), ServerKind::Proftpd, true) =
        (&complaint.answer, kind, plan.connects == side)
    {
        let opens = plan.passive != side;
        return Some(if opens { Cause::BreaksAsClient } else { Cause::DistrustsPeer });
    }
    let text = complaint.reply()?.text().to_lowercase();
    let says = |words: &str| text.contains(words);
    let of_proftpd = kind == ServerKind::Proftpd && plan.passive == side;
    if says("session reuse") || says("did not resume") {
        Some(Cause::DemandsResumption)
    } else if says("bad ip connecting") || (of_proftpd && says("permission denied")) {
        Some(Cause::RefusesPeer)
    } else {
        None
    }
}

/// What is left when no answer is a sign by itself: who stays silent, who fails without a reason.
fn by_elimination(
    plan: Plan,
    complaints: &[Complaint],
    kind: impl Fn(Side) -> ServerKind,
) -> Blame {
    let of = |side| complaints.iter().find(|complaint| complaint.side == side);
    let words = |side| of(side).map(|told| told.answer.to_string()).unwrap_or_default();
    let code = |side| of(side).and_then(Complaint::reply).map(|reply| reply.code().number());
    let (passive, active) = (plan.passive, plan.passive.other());
    let (client, server) = (plan.connects, plan.connects.other());
    if words(server).contains("the peer shows no certificate") {
        return (client, Cause::ShowsNoCertificate, words(server));
    }
    let handshake = words(server).to_lowercase().contains("operation not permitted");
    if kind(server) == ServerKind::Proftpd && handshake {
        return (server, Cause::DemandsResumption, words(server));
    }
    if kind(client) == ServerKind::Proftpd && client == Side::Source && code(client) == Some(226) {
        return (client, Cause::LosesTail, words(server));
    }
    let silent = of(passive).is_none_or(|told| told.answer == Answer::Silence);
    match code(active) {
        Some(425) => (passive, Cause::PassivePorts, words(active)),
        // The other side got through to it and was turned away without a word.
        Some(_) if silent => (passive, Cause::RefusesPeer, words(active)),
        _ => (passive, Cause::Unexplained, Ended::Complaints(complaints.to_vec()).to_string()),
    }
}

/// What an error tells that no other plan can change.
pub(super) fn of_error(
    error: &ClientError,
    plan: Plan,
    kind: impl Fn(Side) -> ServerKind,
) -> Blame {
    let (side, words) = match error {
        ClientError::NotCreated(_, why) | ClientError::NoSpace(_, why) => {
            (Side::Target, why.clone())
        }
        ClientError::Refused(_, command, reply) if command.starts_with("STOR") => {
            (Side::Target, reply.to_string())
        }
        ClientError::Refused(_, _, reply) => (Side::Source, reply.to_string()),
        ClientError::Mismatch(why, _) => {
            let source = plan.connects == Side::Source && kind(Side::Source) == ServerKind::Proftpd;
            return match source {
                true => (Side::Source, Cause::LosesTail, why.clone()),
                false => (Side::Target, Cause::Altered, why.clone()),
            };
        }
        error => return (plan.passive, Cause::Unexplained, error.to_string()),
    };
    let says = |text: &str| words.contains(text);
    let cause = match side {
        _ if says("none that this account may copy with") => Cause::OtherNetworks,
        Side::Source if says("may not copy to or from") => Cause::SendsNothing,
        Side::Target if says("may not copy to or from") => Cause::TakesNothing,
        Side::Source => Cause::Unexplained,
        Side::Target => Cause::NotWritable,
    };
    (side, cause, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::Via,
        proto::{Code, Reply},
    };
    use ServerKind::{Fxpd, Glftpd, Proftpd, Vsftpd};
    use Side::{Source, Target};

    fn plan(passive: Side, connects: Side) -> Plan {
        Plan { passive, connects, via: Via::Sscn }
    }

    fn answer(text: &str) -> Answer {
        match text.split_once(' ') {
            _ if text.is_empty() => Answer::Silence,
            Some((code, words)) if code.len() == 3 => {
                let code = match code {
                    "226" => Code::TRANSFER_DONE,
                    "421" => Code::CLOSING,
                    "425" => Code::NO_DATA_CONNECTION,
                    _ => Code::TRANSFER_ABORTED,
                };
                Answer::Reply(Reply::new(code, words))
            }
            _ => Answer::Lost(text.to_owned()),
        }
    }

    #[test]
    fn what_two_servers_say_together_has_one_cause() {
        let unable = "425 Unable to build data connection: Operation not permitted";
        let cut = "421 Connection closed (the peer closed the connection).";
        for (plan, kinds, answers, expected) in [
            (
                plan(Target, Target),
                [Proftpd, Fxpd],
                [unable, "226 ok"],
                (Source, Cause::DemandsResumption),
            ),
            // Its client was turned away by the other side, which says so.
            (
                plan(Target, Source),
                [Proftpd, Vsftpd],
                [unable, "425 Security: Bad IP connecting."],
                (Target, Cause::RefusesPeer),
            ),
            (plan(Target, Source), [Fxpd, Fxpd], [cut, ""], (Target, Cause::RefusesPeer)),
            (
                plan(Target, Source),
                [Fxpd, Glftpd],
                ["425 No way there", ""],
                (Target, Cause::PassivePorts),
            ),
            (
                plan(Source, Source),
                [Proftpd, Vsftpd],
                ["226 ok", "426 cut"],
                (Source, Cause::LosesTail),
            ),
            (plan(Source, Source), [Proftpd, Fxpd], ["gone", cut], (Source, Cause::DistrustsPeer)),
            (plan(Target, Source), [Proftpd, Fxpd], ["gone", cut], (Source, Cause::BreaksAsClient)),
            (
                plan(Target, Source),
                [Fxpd, Fxpd],
                ["226 ok", "426 cut"],
                (Target, Cause::Unexplained),
            ),
        ] {
            let told = Side::BOTH.into_iter().zip(answers).map(|(side, text)| Complaint {
                side,
                step: Step::Transfer,
                answer: answer(text),
            });
            let blames =
                of_end(plan, &Ended::Complaints(told.collect()), |side| kinds[side as usize]);
            let found = blames.first().map(|(side, cause, _)| (*side, *cause));
            assert_eq!(found, Some(expected), "{plan}: {answers:?}");
        }
    }

    #[test]
    fn an_error_that_ends_all_has_one_too() {
        let reply = |text: &str| Reply::new(Code::UNAVAILABLE, text);
        let off = "This account may not copy to or from other servers.";
        let retr = |text| ClientError::Refused("h:21".into(), "RETR a".into(), reply(text));
        let stor = |text: &str| ClientError::NotCreated("a".into(), text.to_owned());
        let other = || ClientError::Mismatch("0 bytes at one end".into(), Vec::new());
        for (error, connects, expected) in [
            (retr(off), Target, (Source, Cause::SendsNothing)),
            (stor(off), Target, (Target, Cause::TakesNothing)),
            (retr("gone"), Target, (Source, Cause::Unexplained)),
            (stor("no right"), Target, (Target, Cause::NotWritable)),
            (other(), Target, (Target, Cause::Altered)),
            (other(), Source, (Source, Cause::LosesTail)),
        ] {
            let (side, cause, _) = of_error(&error, plan(Target, connects), |_| Proftpd);
            assert_eq!((side, cause), expected, "{error}");
        }
    }
}
