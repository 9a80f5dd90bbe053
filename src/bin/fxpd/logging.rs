//! Where the program's own log goes: standard error, the journal behind it, or syslog.

use crate::{
    lossy::{Drain, Lossy, StandardError},
    syslog::Syslog,
};
use env_logger::{Builder, Env};
use log::{Level, Record};
use rustix::fs::fstat;
use std::{
    env, fmt, io,
    io::{IsTerminal, Write},
    os::fd::AsFd,
    path::Path,
};

/// The setting `log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Syslog where standard error is nobody's: in the background, and behind inetd.
    Auto,
    /// Standard error, with the priorities of sd-daemon(3) where that is the journal.
    Stderr,
    /// Syslog.
    Syslog,
}

/// Whether there is somebody at standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever started the program.
    Stderr,
    /// Nobody.
    Nobody,
}

/// Where the log goes after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Stderr,
    Syslog,
}

impl LogTo {
    /// What it comes to.
    pub fn target(self, audience: Audience) -> Target {
        match (self, audience) {
            (LogTo::Stderr, _) | (LogTo::Auto, Audience::Stderr) => Target::Stderr,
            (LogTo::Syslog, _) | (LogTo::Auto, Audience::Nobody) => Target::Syslog,
        }
    }
}

/// Starts the log. `RUST_LOG` decides what is in it where it is set, the number of `-v` otherwise.
/// To be called once.
pub fn start(target: Target, syslog_socket: &Path, verbosity: usize) {
    let level = match verbosity {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let mut builder = Builder::from_env(Env::default().default_filter_or(level));
    match target {
        Target::Syslog => {
            builder.target(piped(Syslog::new(syslog_socket)));
            builder.format(|line, record| {
                write!(line, "{}", Syslog::message(severity(record.level()), &one_line(record)))
            });
        }
        Target::Stderr if stderr_is_journal() => {
            let form = |severity, text: &str| format!("<{severity}>{text}\n");
            builder.target(piped(StandardError::new(form)));
            builder.format(move |line, record| {
                write!(line, "{}", form(severity(record.level()), &one_line(record)))
            });
        }
        // Whoever looks at a terminal sees colours, and may stop it to read.
        Target::Stderr if io::stderr().is_terminal() => {}
        Target::Stderr => {
            let form = |_, text: &str| format!("{text}\n");
            builder.target(piped(StandardError::new(form)));
        }
    }
    builder.init();
}

fn piped(drain: impl Drain + 'static) -> env_logger::Target {
    env_logger::Target::Pipe(Box::new(Lossy::new(drain)))
}

/// The severity of syslog(3).
fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// A message in which nothing begins another one.
fn one_line(record: &Record<'_>) -> String {
    let mut text = String::new();
    let _ = fmt::write(&mut text, *record.args()); // writing to a String does not fail
    printable(&text)
}

/// A text in which no character moves a terminal, or ends a line.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// Whether `JOURNAL_STREAM` names what standard error is: whoever redirects it wants plain lines.
fn stderr_is_journal() -> bool {
    let told = env::var("JOURNAL_STREAM").ok();
    let stderr = fstat(io::stderr().as_fd()).ok();
    stderr.zip(told).is_some_and(|(is, told)| told == format!("{}:{}", is.st_dev, is.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_begins_another_line_or_talks_to_a_terminal() {
        let line = |args| one_line(&Record::builder().args(args).build());
        assert_eq!(line(format_args!("a\n<3>b\r\x1b[2J\u{9b}ä")), r"a\n<3>b\r\u{1b}[2J\u{9b}ä");
    }
}
