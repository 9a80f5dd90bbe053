//! `fxpd`: the server as a program. Each task of the command line has its own file.

mod accounts;
mod background;
mod cert;
mod cert_watch;
mod config;
mod doubts;
mod effective;
mod entrances;
mod failure;
#[cfg(test)]
mod fuzzing;
mod hook_run;
mod hooks;
mod hosts;
#[path = "../shared/located.rs"]
mod located;
mod logging;
mod lookups;
mod lossy;
mod options;
mod pam;
mod passwd;
mod peers;
mod pid_file;
mod privilege;
#[path = "../shared/prompt.rs"]
mod prompt;
mod serve;
mod service_manager;
mod settings;
mod signals;
mod sources;
mod supervise;
mod syslog;
#[path = "../shared/toml_value.rs"]
mod toml_value;
mod try_mode;
mod value;

use failure::Failure;
use options::Task;
use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

fn main() -> ExitCode {
    let _ = fxpd::spare_memory(); // with more of it the server serves as well
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match options::parse(&args).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                let _ = writeln!(io::stderr(), "fxpd: {message}"); // nowhere left to complain
            }
            failure.exit_code()
        }
    }
}

fn run(task: Task) -> Result<(), Failure> {
    match task {
        Task::Help => show(&options::usage()),
        Task::Version => show(concat!("fxpd ", env!("CARGO_PKG_VERSION"), "\n")),
        Task::Settings => show(&settings::table()),
        Task::Effective(args) => show(&serve::load(&args)?.effective.file()),
        Task::Check(args) => {
            log_to_stderr(args.verbosity);
            for doubt in serve::check(&args)? {
                let _ = writeln!(io::stderr(), "fxpd: warning: {doubt}"); // as with an error
            }
            show("fxpd: configuration is good\n")
        }
        Task::Serve(args) => serve::serve(&args),
        Task::Try(args) => {
            log_to_stderr(args.verbosity);
            try_mode::serve(&args)
        }
        Task::Passwd(args) => {
            log_to_stderr(0);
            passwd::run(&args)
        }
        Task::Cert(args) => cert::make(&args),
        Task::Pam(part) => pam::play(part),
    }
}

/// Prints to standard output. A reader that went away is an error, not a panic.
fn show(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::system(format!("cannot write to standard output: {error}")))
}

/// The log of a task that somebody looks at.
fn log_to_stderr(verbosity: usize) {
    logging::start(logging::Target::Stderr, Path::new(""), verbosity);
}
