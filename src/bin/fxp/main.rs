//! `fxp`: copies a file straight between two FTP servers, encrypted and proved. See fxp(1).
#![forbid(unsafe_code)]

mod access;
mod bytes;
mod connect;
mod credentials;
mod doctor;
mod exit;
mod files;
#[cfg(test)]
mod fuzzing;
mod job;
mod known_hosts;
#[path = "../shared/located.rs"]
mod located;
mod netrc;
mod options;
mod plan;
mod policy;
#[path = "../shared/prompt.rs"]
mod prompt;
mod report;
mod selection;
mod show;
mod sites;
mod state;
#[path = "../shared/toml_value.rs"]
mod toml_value;
mod trust;
mod verify;

use options::{Asked, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let asked = options::parse(std::env::args_os().skip(1));
    let outcome = match asked {
        Ok(Asked::Help) => report::say(&options::help()),
        Ok(Asked::Version) => report::say(concat!("fxp ", env!("CARGO_PKG_VERSION"))),
        Ok(Asked::Do(command, options)) => {
            report::start_log(options.talk);
            match command {
                Command::Copy(all) => job::run_all(&all, &options),
                Command::Doctor(ends) => doctor::run(&ends, &options),
                Command::Plan(ends) => plan::show(&ends, &options),
                Command::Trust(servers, doubt) => trust::run(&servers, doubt, &options),
                Command::Verify(manifest, place) => verify::run(&manifest, &place, &options),
            }
        }
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("fxp: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
