//! `fxp verify`: whether what a manifest tells is still so.

use crate::{
    connect::Connect,
    exit::Failure,
    options::{Format, Options, Talk},
    report,
};
use fxpd::{Finding, ManifestEntry, Place};
use serde_json::json;
use std::path::Path;

/// How many files were found how.
#[derive(Default)]
struct Count {
    same: u64,
    /// No hash could be compared.
    unproved: u64,
    bad: u64,
}

/// Compares the files below `place` with a manifest.
pub fn run(manifest: &Path, place: &Place, options: &Options) -> Result<(), Failure> {
    let entries =
        fxpd::read_manifest(manifest).map_err(|error| Failure::Config(error.to_string()))?;
    let end = Connect::new(options)?.end(place)?;
    let mut count = Count::default();
    fxpd::verify(&entries, &end, |entry, finding| {
        count.add(finding);
        let line = match options.format {
            Format::Json => Some(object(entry, finding)),
            Format::Text => line(entry, finding, options.talk),
        };
        // That nobody reads it is no reason to stop.
        line.map(|line| report::say(&line)).transpose().unwrap_or_default();
    })?;
    if options.format == Format::Text && options.talk != Talk::Quiet {
        let Count { same, unproved, bad } = count;
        report::say(&format!(
            "{same} equal, {unproved} of equal size without a hash, {bad} wrong"
        ))?;
    }
    match count.bad {
        0 => Ok(()),
        bad => Err(Failure::Differs(format!(
            "{bad} of {} files are not what {} tells",
            entries.len(),
            manifest.display()
        ))),
    }
}

impl Count {
    fn add(&mut self, finding: &Finding) {
        match finding {
            Finding::Same => self.same += 1,
            Finding::SameSize | Finding::There => self.unproved += 1,
            Finding::Missing | Finding::Differs(..) => self.bad += 1,
        }
    }
}

fn line(entry: &ManifestEntry, finding: &Finding, talk: Talk) -> Option<String> {
    let name = entry.tree_path()?.to_string();
    match finding {
        Finding::Missing => Some(format!("missing {name}")),
        Finding::Differs(expected, found) => {
            Some(format!("differs {name}: {found}, not {expected}"))
        }
        Finding::Same if talk == Talk::Verbose => Some(format!("equal   {name}")),
        Finding::SameSize | Finding::There if talk == Talk::Verbose => {
            Some(format!("no hash {name}"))
        }
        _ => None,
    }
}

fn object(entry: &ManifestEntry, finding: &Finding) -> String {
    let (word, expected, found) = match finding {
        Finding::Same => ("same", None, None),
        Finding::SameSize => ("same-size", None, None),
        Finding::There => ("there", None, None),
        Finding::Missing => ("missing", None, None),
        Finding::Differs(expected, found) => ("differs", Some(expected), Some(found)),
    };
    json!({
        "path": entry.path,
        "path_hex": entry.path_hex,
        "finding": word,
        "expected": expected,
        "found": found,
    })
    .to_string()
}
