//! The options that say which files are copied, and how many at once.

use crate::exit::Failure;
use fxpd::{Amount, Filter, OnExisting, Request, Verdict};
use getopts::{Matches, Options as Getopts};
use std::path::PathBuf;

/// Which files, and how.
#[derive(Debug)]
pub struct Selection {
    recursive: bool,
    max_depth: Option<usize>,
    filter: Filter,
    on_existing: OnExisting,
    delete: bool,
    preserve: bool,
    lanes: usize,
    max_rate: Option<u64>,
    retries: u32,
    manifest: Option<PathBuf>,
    pub journal: Journaling,
    pub mode: Mode,
}

/// Where it is written down what is done.
#[derive(Debug, PartialEq, Eq)]
pub enum Journaling {
    /// In a file of the user's state directory, one for each pair of source and target.
    Usual,
    File(PathBuf),
    Off,
}

/// Whether anything is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Copy,
    /// It is only shown (`--dry-run`).
    Rehearse,
}

/// Slower ones run into the deadlines of servers.
const LEAST_RATE: u64 = 1024;
const MAX_LANES: usize = 64;
const MAX_RETRIES: u32 = 100;
const MAX_DEPTH: usize = 1000;

/// Declares the options.
pub fn declare(options: &mut Getopts) {
    options.optflag("r", "recursive", "copy directories with what is in them");
    options.optflag("", "mirror", "copy what differs by size or time, with times (implies -r -p)");
    options.optflag("", "checksum", "what differs by size or hash is copied, whatever its time");
    options.optflag("", "delete", "delete what the target has and the source has not");
    options.optmulti("", "include", "copy what matches (repeatable; first match wins)", "GLOB");
    options.optmulti("", "exclude", "leave out what matches (repeatable)", "GLOB");
    options.optopt("", "max-depth", "do not go deeper than this", "N");
    options.optflag("", "newer-only", "copy only what is newer than the target's");
    options.optflag("", "skip-existing", "leave alone what the target has");
    options.optflag("", "overwrite", "replace what the target has (as without any of these)");
    options.optflag("", "resume", "continue what the target has a part of, skip what is equal");
    options.optflag("p", "preserve", "carry over times and permissions");
    options.optopt("j", "jobs", "copy so many files at once (1)", "N");
    options.optopt("", "limit-rate", "move so many bytes a second at most (500K, 2M)", "BYTES");
    options.optopt("", "retries", "try a file so often again (4)", "N");
    options.optopt("", "manifest", "write what arrived, and how it was proved, into FILE", "FILE");
    options.optopt("", "journal", "keep the record for continuing in FILE", "FILE");
    options.optflag("", "no-journal", "keep no record for continuing");
    options.optflag("n", "dry-run", "only show what would be done");
}

impl Selection {
    /// Understands them.
    pub fn parse(matches: &Matches) -> Result<Selection, Failure> {
        let has = |name: &str| matches.opt_present(name);
        let mirror = has("mirror");
        let recursive = mirror || has("recursive");
        if has("delete") && !recursive {
            return Err(usage("--delete is for trees: give -r or --mirror too"));
        }
        Ok(Selection {
            recursive,
            max_depth: number(matches, "max-depth", 1, MAX_DEPTH)?,
            filter: filter(matches)?,
            on_existing: on_existing(matches, mirror)?,
            delete: has("delete"),
            preserve: mirror || has("preserve"),
            lanes: number(matches, "jobs", 1, MAX_LANES)?.unwrap_or(1),
            max_rate: max_rate(matches)?,
            retries: number(matches, "retries", 0, MAX_RETRIES)?.unwrap_or(4),
            manifest: matches.opt_str("manifest").map(PathBuf::from),
            journal: match (matches.opt_str("journal"), has("no-journal")) {
                (Some(_), true) => {
                    return Err(usage("--journal and --no-journal contradict each other"));
                }
                (Some(file), false) => Journaling::File(file.into()),
                (None, true) => Journaling::Off,
                (None, false) => Journaling::Usual,
            },
            mode: if has("dry-run") { Mode::Rehearse } else { Mode::Copy },
        })
    }

    /// Makes the request what was asked for.
    pub fn apply(&self, request: Request) -> Request {
        Request {
            recursive: self.recursive,
            max_depth: self.max_depth,
            filter: self.filter.clone(),
            on_existing: self.on_existing,
            delete: self.delete,
            preserve: self.preserve,
            lanes: self.lanes,
            max_rate: self.max_rate,
            retries: self.retries,
            manifest: self.manifest.clone(),
            ..request
        }
    }
}

/// The rules in the order of the command line: the first that matches decides.
fn filter(matches: &Matches) -> Result<Filter, Failure> {
    let of = |name: &str, verdict: Verdict| {
        let rules = matches.opt_strs_pos(name).into_iter();
        rules.map(move |(position, pattern)| (position, verdict, pattern))
    };
    let mut rules: Vec<_> =
        of("include", Verdict::Include).chain(of("exclude", Verdict::Exclude)).collect();
    rules.sort_by_key(|rule| rule.0);
    let mut filter = Filter::default();
    for (_, verdict, pattern) in rules {
        filter.add(verdict, pattern.as_bytes()).map_err(|bad| usage(&bad.to_string()))?;
    }
    Ok(filter)
}

const RULES: [(&str, OnExisting); 5] = [
    ("newer-only", OnExisting::IfNewer),
    ("skip-existing", OnExisting::Skip),
    ("overwrite", OnExisting::Overwrite),
    ("resume", OnExisting::Resume),
    ("checksum", OnExisting::IfHashDiffers),
];

fn on_existing(matches: &Matches, mirror: bool) -> Result<OnExisting, Failure> {
    let mut given = RULES.into_iter().filter(|(name, _)| matches.opt_present(name));
    match (given.next(), given.next()) {
        (Some((one, _)), Some((other, _))) => {
            Err(usage(&format!("--{one} and --{other} contradict each other")))
        }
        (Some((_, rule)), None) => Ok(rule),
        (None, _) if mirror => Ok(OnExisting::IfDifferent),
        (None, _) => Ok(OnExisting::Overwrite),
    }
}

fn max_rate(matches: &Matches) -> Result<Option<u64>, Failure> {
    let Some(text) = matches.opt_str("limit-rate") else { return Ok(None) };
    match text.to_ascii_uppercase().parse() {
        Ok(Amount(rate)) if rate >= LEAST_RATE => Ok(Some(rate)),
        _ => Err(usage(&format!(
            "--limit-rate is a number of bytes, such as 500K or 2M, from {LEAST_RATE}"
        ))),
    }
}

fn number<N: std::str::FromStr + PartialOrd + std::fmt::Display>(
    matches: &Matches,
    name: &str,
    least: N,
    most: N,
) -> Result<Option<N>, Failure> {
    let Some(text) = matches.opt_str(name) else { return Ok(None) };
    match text.parse() {
        Ok(number) if number >= least && number <= most => Ok(Some(number)),
        _ => Err(usage(&format!("--{name} is a number from {least} to {most}"))),
    }
}

fn usage(why: &str) -> Failure {
    Failure::Usage(why.to_owned())
}
