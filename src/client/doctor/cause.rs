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
        ClientError::NotCreated(_, why) => (Side::Target, why.clone()),
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
