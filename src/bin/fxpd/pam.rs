//! `pam_service`: the processes that ask PAM for the server. They are this program started again, with
//! a word before their arguments that no user has a reason to type.

use crate::{config::Config, failure::Failure};
use fxpd::{Pam, PamRules, pam_helper, pam_worker};
use std::{ffi::OsString, os::unix::process::CommandExt, process::Command, time::Duration};

/// The file of this very program, also where an upgrade has put another in its place.
const ITSELF: &str = "/proc/self/exe";

const HELPER: &str = "pam-helper";
const WORKER: &str = "pam-worker";

/// Which of these processes this one is.
#[derive(Debug)]
pub enum Part {
    /// The one that stays root, and for how long its workers may work.
    Helper(PamRules, Duration),
    /// The one that asks.
    Worker(PamRules),
}

/// Starts the helper, if the settings want one. To be called first of all, see [`Pam::start`].
pub fn start(config: &Config) -> Result<Option<Pam>, Failure> {
    let Some(service) = &config.pam_service else { return Ok(None) };
    let seconds = config.pam_timeout.as_secs().to_string();
    let helper = itself(&[HELPER, service, &config.pam_min_uid.to_string(), &seconds]);
    Pam::start(helper, config.pam_timeout, config.fxp)
        .map(Some)
        .map_err(|error| Failure::system(format!("cannot start the helper for PAM: {error}")))
}

/// Plays it to its end.
pub fn play(part: Part) -> Result<(), Failure> {
    match part {
        Part::Helper(PamRules { service, min_uid }, timeout) => {
            pam_helper(|| itself(&[WORKER, &service, &min_uid.to_string()]), timeout)
        }
        Part::Worker(rules) => pam_worker(&rules),
    }
    .map_err(Failure::system)
}

fn itself(words: &[&str]) -> Command {
    let mut command = Command::new(ITSELF);
    command.arg0("fxpd").args(words);
    command
}

impl Part {
    /// The part that `word` names, if it does, with its arguments.
    pub fn read(word: &str, args: &[OsString]) -> Option<Result<Part, Failure>> {
        let args: Option<Vec<&str>> = args.iter().map(|arg| arg.to_str()).collect();
        let wrong = || Failure::usage(format!("only fxpd itself starts {word}"));
        let rules = |service: &str, min_uid: &str| {
            let min_uid = min_uid.parse().map_err(|_| wrong())?;
            Ok(PamRules { service: service.to_owned(), min_uid })
        };
        match (word, args.as_deref()) {
            (HELPER, Some([service, min_uid, seconds])) => {
                Some(rules(service, min_uid).and_then(|rules| {
                    let seconds = seconds.parse().map_err(|_| wrong())?;
                    Ok(Part::Helper(rules, Duration::from_secs(seconds)))
                }))
            }
            (WORKER, Some([service, min_uid])) => Some(rules(service, min_uid).map(Part::Worker)),
            (HELPER | WORKER, _) => Some(Err(wrong())),
            _ => None,
        }
    }
}
