//! `fxp plan`: what would be done and which way, before anything moves.

use crate::{
    exit::Failure,
    job,
    options::{Ends, Format, Options},
    report, show,
};
use fxpd::{ClientError, Extension, Plan, Prospect, ServerFacts, Side, Verified, Via};
use serde_json::{Value, json};

/// What is worth telling of a server, for this.
const TOLD: [(Extension, &str); 8] = [
    (Extension::Sscn, "SSCN"),
    (Extension::Cpsv, "CPSV"),
    (Extension::Xpeer, "XPEER"),
    (Extension::Epsv, "EPSV"),
    (Extension::Rest, "REST"),
    (Extension::Mlst, "MLSD"),
    (Extension::Mfmt, "MFMT"),
    (Extension::Rang, "RANG"),
];

/// Looks at both ends, and shows it.
pub fn show(ends: &Ends, options: &Options) -> Result<(), Failure> {
    let request = job::request(ends, options)?;
    let mut shown = show::begin(options);
    let prospect = request.prospect(&mut *shown)?;
    drop(shown);
    match options.format {
        Format::Json => report::say(&object(&prospect).to_string())?,
        Format::Text => text(&prospect, options)?,
    }
    match (&prospect.source, &prospect.target) {
        (Some(source), Some(target)) if prospect.routes.is_empty() => {
            let why = format!(
                "no secure way from {} to {}: neither lists SSCN or CPSV in its FEAT, so neither can \
                 be the TLS client that their data connection needs",
                source.name, target.name
            );
            Err(ClientError::NoRoute(why, Vec::new()).into())
        }
        _ => Ok(()),
    }
}

fn text(prospect: &Prospect, options: &Options) -> Result<(), Failure> {
    for (side, facts) in [("source", &prospect.source), ("target", &prospect.target)] {
        match facts {
            Some(facts) => report::say(&server(side, facts))?,
            None => report::say(&format!("{side}: the local disk"))?,
        }
    }
    match (&prospect.routes[..], &prospect.source, &prospect.target) {
        ([first, others @ ..], Some(source), Some(target)) => {
            report::say(&format!("way:    {}", way(*first, &source.name, &target.name)))?;
            for plan in others {
                report::say(&format!("  else: {plan}"))?;
            }
            if let Some(verified) = verified(prospect) {
                report::say(&format!("peers:  {verified}"))?;
            }
        }
        (_, Some(_), Some(_)) => report::say("way:    none")?,
        (_, Some(server), None) | (_, None, Some(server)) if server.fingerprint.is_none() => {
            report::say("way:    through this host, IN CLEAR TEXT")?;
        }
        _ => report::say("way:    through this host, which is the TLS client")?,
    }
    report::say(&format!("proof:  {}", proof(prospect)))?;
    report::steps(prospect, options.talk)
}

fn server(side: &str, facts: &ServerFacts) -> String {
    let ServerFacts { name, features, tls_version, fingerprint } = facts;
    let shown = fingerprint.map_or("IN CLEAR TEXT".to_owned(), |shown| shown.to_string());
    let can: Vec<_> = TOLD.iter().filter(|row| features.has(row.0)).map(|row| row.1).collect();
    let can = if can.is_empty() { "nothing of use".to_owned() } else { can.join(" ") };
    format!(
        "{side}: {name}, {:?}, {tls_version}\n        {shown}\n        can {can}",
        features.kind()
    )
}

/// In a sentence: who listens, who connects, who is the TLS client.
fn way(plan: Plan, source: &str, target: &str) -> String {
    let name = |side| if side == Side::Source { source } else { target };
    let (listens, connects) = (name(plan.passive), name(plan.passive.other()));
    let client = name(plan.connects);
    let command = match plan.via {
        Via::Sscn => "SSCN ON",
        Via::Cpsv => "CPSV",
        Via::Clear => return format!("{listens} listens, {connects} connects, IN CLEAR TEXT"),
    };
    format!(
        "{listens} listens, {connects} connects,\n        {client} is the TLS client by {command}"
    )
}

/// What copies between the two servers will be.
fn verified(prospect: &Prospect) -> Option<Verified> {
    let (source, target) = (prospect.source.as_ref()?, prospect.target.as_ref()?);
    Some(Verified::between(&source.features, &target.features))
}

fn proof(prospect: &Prospect) -> String {
    match prospect.proof {
        Some(algorithm) => format!("size and {algorithm} of each file, compared after its copy"),
        None => "size of each file, compared after its copy; no hash in common".to_owned(),
    }
}

fn object(prospect: &Prospect) -> Value {
    let server = |facts: &Option<ServerFacts>| {
        facts.as_ref().map(|facts| {
            let can: Vec<_> =
                TOLD.iter().filter(|row| facts.features.has(row.0)).map(|row| row.1).collect();
            json!({
                "name": facts.name,
                "kind": format!("{:?}", facts.features.kind()),
                "tls": facts.tls_version,
                "fingerprint": facts.fingerprint.map(|shown| shown.to_string()),
                "can": can,
            })
        })
    };
    let steps = prospect.steps.iter().map(|step| {
        json!({
            "path": step.path.to_string(),
            "act": report::verb(step.act),
            "why": match step.act {
                fxpd::Act::Skip(why) => Some(report::reason(why)),
                _ => None,
            },
            "size": step.size,
        })
    });
    let failures = prospect.stumbles.iter().map(|stumble| {
        json!({ "path": report::path(&stumble.path), "error": stumble.error.to_string() })
    });
    json!({
        "source": server(&prospect.source),
        "target": server(&prospect.target),
        "routes": prospect.routes.iter().map(Plan::to_string).collect::<Vec<_>>(),
        "verified": verified(prospect).map(Verified::word),
        "proof": prospect.proof.map(|algorithm| algorithm.to_string()),
        "steps": steps.collect::<Vec<_>>(),
        "failures": failures.collect::<Vec<_>>(),
    })
}
