//! `fxp doctor A B`: which routes two servers have, both ways, and what to change where one fails.

use crate::{
    connect::Connect,
    exit::Failure,
    options::{Format, Options},
    report,
};
use fxpd::{
    Ailment, ClientError, Connection, Diagnosis, Location, Route, RouteOutcome, Side, diagnose,
};
use serde_json::{Value, json};
use std::{
    env,
    io::{self, IsTerminal},
};

/// Lines are no longer than this.
const COLUMNS: usize = 80;

/// Examines the two directories' servers, and says how it went. A failure when nothing can be copied
/// from the first to the second.
pub fn run(ends: &[Location; 2], options: &Options) -> Result<(), Failure> {
    let connect = Connect::new(options)?;
    let [source, target] = ends;
    let (mut from, mut to) = (connect.open(source)?, connect.open(target)?);
    let diagnosis = diagnose(&mut from, &source.path, &mut to, &target.path)?;
    let text = match options.format {
        Format::Json => object(&diagnosis, [&from, &to]).to_string(),
        Format::Text => text(&diagnosis, [&from, &to], Marks::of_terminal()),
    };
    from.close();
    to.close();
    report::say(&text)?;
    match diagnosis.has_route() {
        true => Ok(()),
        false => {
            let why = format!("no secure way from {} to {}", source.site, target.site);
            Err(ClientError::NoRoute(why, Vec::new()).into())
        }
    }
}

/// What stands before a route.
#[derive(Clone, Copy, Debug)]
struct Marks {
    works: &'static str,
    fails: &'static str,
    untried: &'static str,
}

const SIGNS: Marks = Marks { works: "✓ ", fails: "✗ ", untried: "· " };
const WORDS: Marks = Marks { works: "works: ", fails: "fails: ", untried: "untried: " };

impl Marks {
    /// Signs on a terminal that speaks UTF-8, words elsewhere.
    fn of_terminal() -> Marks {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let utf8 = locale.to_ascii_lowercase().replace('-', "").contains("utf8");
        if utf8 && io::stdout().is_terminal() { SIGNS } else { WORDS }
    }
}

fn text(diagnosis: &Diagnosis, servers: [&Connection; 2], marks: Marks) -> String {
    let mut lines = Vec::new();
    for (name, server) in ["source", "target"].into_iter().zip(servers) {
        let (kind, version) = (server.features().kind(), server.tls_version());
        lines.push(format!("{name}: {}, {kind}, {version}", server.site()));
    }
    for (heading, routes, way) in [
        ("From source to target:", &diagnosis.there, Way::There),
        ("From target to source:", &diagnosis.back, Way::Back),
    ] {
        lines.extend([String::new(), heading.to_owned()]);
        if routes.is_empty() {
            lines.push("  no route".to_owned());
        }
        routes.iter().for_each(|route| lines.extend(of_route(route, way, marks)));
    }
    if !diagnosis.ailments.is_empty() {
        lines.extend([String::new(), "Besides:".to_owned()]);
        let ailments = diagnosis.ailments.iter();
        ailments.for_each(|ailment| lines.extend(wrapped(&ailment.to_string(), "  ", "    ")));
    }
    lines.join("\n")
}

/// From source to target, or the other way round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Way {
    /// A side of a plan as the user called it.
    fn of(self, side: Side) -> Side {
        if self == Way::Back { side.other() } else { side }
    }
}

fn of_route(route: &Route, way: Way, marks: Marks) -> Vec<String> {
    let plan = &route.plan;
    let (passive, connects) = (way.of(plan.passive), way.of(plan.connects));
    let meeting = match passive == connects {
        true => format!("{passive} listens and is the TLS client, by {}", plan.via),
        false => format!("{passive} listens, {connects} is the TLS client, by {}", plan.via),
    };
    let (mark, ailments) = match &route.outcome {
        RouteOutcome::Works(_) => (marks.works, &[][..]),
        RouteOutcome::Fails(ailments) => (marks.fails, &ailments[..]),
        RouteOutcome::Untried => (marks.untried, &[][..]),
    };
    let mut lines = wrapped(&meeting, &format!("  {mark}"), "    ");
    for ailment in ailments {
        lines.extend(wrapped(&ailment.to_string(), "      ", "        "));
    }
    lines
}

/// Breaks a sentence at its blanks. A word that is longer than a line stays whole.
fn wrapped(text: &str, first: &str, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            is_empty = true;
        }
        line.push_str(if is_empty { "" } else { " " });
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines
}

fn object(diagnosis: &Diagnosis, servers: [&Connection; 2]) -> Value {
    let server = |side: Side| {
        let server = servers[side as usize];
        json!({
            "server": server.site().to_string(),
            "kind": server.features().kind().to_string(),
            "tls": server.tls_version(),
            "certificate": server.fingerprint().map(|print| print.to_string()),
            "clock_ahead_s": diagnosis.clocks_ahead_s[side as usize],
        })
    };
    let routes = |routes: &[Route], way| -> Value {
        routes.iter().map(|route| route_object(route, way)).collect()
    };
    json!({
        "secure": diagnosis.has_route(),
        "source": server(Side::Source),
        "target": server(Side::Target),
        "there": routes(&diagnosis.there, Way::There),
        "back": routes(&diagnosis.back, Way::Back),
        "ailments": diagnosis.ailments.iter().map(ailment_object).collect::<Value>(),
    })
}

fn route_object(route: &Route, way: Way) -> Value {
    let (outcome, ailments) = match &route.outcome {
        RouteOutcome::Works(_) => ("works", &[][..]),
        RouteOutcome::Fails(ailments) => ("fails", &ailments[..]),
        RouteOutcome::Untried => ("untried", &[][..]),
    };
    json!({
        "passive": way.of(route.plan.passive).to_string(),
        "tls_client": way.of(route.plan.connects).to_string(),
        "via": route.plan.via.to_string(),
        "outcome": outcome,
        "ailments": ailments.iter().map(ailment_object).collect::<Value>(),
    })
}

fn ailment_object(ailment: &Ailment) -> Value {
    json!({
        "at": ailment.at.map(|side| side.to_string()),
        "cause": ailment.cause.word(),
        "seen": ailment.seen,
        "change": ailment.remedy(),
        "sentence": ailment.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_80_columns() {
        let text = "word ".repeat(40);
        let lines = wrapped(text.trim(), "  fails: ", "    ");
        assert!(lines.len() > 2 && lines.iter().all(|line| line.chars().count() <= COLUMNS));
        assert_eq!(lines[0], format!("  fails: {}", "word ".repeat(14).trim()));
        assert!(lines[1].starts_with("    word"));
        let long = "x".repeat(100);
        assert_eq!(wrapped(&long, "- ", "  "), [format!("- {long}")]);
    }
}
