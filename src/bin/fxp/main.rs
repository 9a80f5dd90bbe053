//! `fxp`: copies a file straight between two FTP servers, encrypted and proved. See fxp(1).
#![forbid(unsafe_code)]

mod credentials;
mod exit;
mod job;
mod known_hosts;
mod netrc;
mod options;
mod policy;
mod progress;
mod prompt;
mod report;

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
                Command::Copy(ends) => job::run(&ends, &options),
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
