//! The command line. No option takes a password: the process list would show it.

use crate::exit::Failure;
use fxpd::{Fingerprint, Newest, Place};
use getopts::{Matches, Options as Getopts};
use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    Help,
    Version,
    Do(Command, Box<Options>),
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Copy(Ends),
}

/// From where to where; one of them at most is here.
#[derive(Debug, PartialEq, Eq)]
pub struct Ends {
    pub source: Place,
    pub target: Place,
}

/// How to do it.
#[derive(Debug)]
pub struct Options {
    pub authorities: Option<PathBuf>,
    pub pins: Vec<Fingerprint>,
    pub first_meeting: FirstMeeting,
    pub known_hosts: Option<PathBuf>,
    pub newest: Newest,
    pub timeout: Duration,
    pub talk: Talk,
    pub protocol: Protocol,
}

/// What to do with a server whose certificate was never seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstMeeting {
    Refuse,
    /// Trust it and record it (`--trust-new`).
    Trust,
}

/// How much to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// Errors only (`-q`).
    Quiet,
    Normal,
    /// With notes on the way (`-v`).
    Verbose,
}

/// Whether the control connections are shown (`--log-protocol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Hidden,
    Shown,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_TIMEOUT_S: u64 = 3600;

fn getopts() -> Getopts {
    let mut options = Getopts::new();
    options.optopt("", "cacert", "trust servers that a CA in this PEM file signed", "FILE");
    options.optmulti("", "pin", "trust these certificates only (repeatable)", "SHA256:HEX");
    options.optflag("", "trust-new", "trust and record servers never met before");
    options.optopt("", "known-hosts", "the record of servers met before", "FILE");
    options.optflag("", "tls12", "speak TLS 1.2 at most");
    options.optopt("", "timeout", "patience for a connection, a reply, a stall (60)", "SECONDS");
    options.optflag("q", "quiet", "say nothing but errors");
    options.optflag("v", "verbose", "say what is tried and why");
    options.optflag("", "log-protocol", "show the control connections, without passwords");
    options.optflag("h", "help", "show this help");
    options.optflag("V", "version", "show the version");
    options
}

/// The text of `--help`.
pub fn help() -> String {
    let brief = "usage: fxp [options] SOURCE TARGET\n\
        \n\
        Copies a file between two FTP servers, encrypted and proved. SOURCE and TARGET are\n\
        ftps://USER@HOST[:PORT]/PATH, ftps+implicit://USER@HOST[:PORT]/PATH or a local path\n\
        (one of them at most). A TARGET that ends in / keeps the source's name.";
    getopts().usage(brief).trim_end().to_owned()
}

/// Understands the arguments, without the program's name.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Asked, Failure> {
    let parsed = getopts().parse(arguments);
    let matches = parsed.map_err(|fault| Failure::Usage(fault.to_string().to_lowercase()))?;
    if matches.opt_present("help") {
        return Ok(Asked::Help);
    }
    if matches.opt_present("version") {
        return Ok(Asked::Version);
    }
    let command = command(&matches.free)?;
    Ok(Asked::Do(command, Box::new(options(&matches)?)))
}

/// The first word may name a command. A file of such a name is written `./plan`.
fn command(words: &[String]) -> Result<Command, Failure> {
    Ok(Command::Copy(ends(words)?))
}

fn ends(words: &[String]) -> Result<Ends, Failure> {
    let [source, target] = words else {
        return Err(Failure::Usage("give one SOURCE and one TARGET".to_owned()));
    };
    match (place(source)?, place(target)?) {
        (Place::Local(_), Place::Local(_)) => {
            Err(Failure::Usage("SOURCE or TARGET must be a URL (ftps://…)".to_owned()))
        }
        (source, target) => Ok(Ends { source, target }),
    }
}

fn place(text: &str) -> Result<Place, Failure> {
    if text.is_empty() || text == "-" {
        return Err(Failure::Usage("standard input and output cannot be copied".to_owned()));
    }
    // The text is not repeated: it may hold a password.
    Place::parse(OsStr::new(text)).map_err(|fault| Failure::Usage(fault.to_string()))
}

fn options(matches: &Matches) -> Result<Options, Failure> {
    Ok(Options {
        authorities: matches.opt_str("cacert").map(PathBuf::from),
        pins: pins(matches)?,
        first_meeting: match matches.opt_present("trust-new") {
            true => FirstMeeting::Trust,
            false => FirstMeeting::Refuse,
        },
        known_hosts: matches.opt_str("known-hosts").map(PathBuf::from),
        newest: if matches.opt_present("tls12") { Newest::Tls12 } else { Newest::Tls13 },
        timeout: timeout(matches)?,
        talk: talk(matches)?,
        protocol: match matches.opt_present("log-protocol") {
            true => Protocol::Shown,
            false => Protocol::Hidden,
        },
    })
}

fn pins(matches: &Matches) -> Result<Vec<Fingerprint>, Failure> {
    matches.opt_strs("pin").iter().map(|pin| pin.parse().map_err(Failure::Usage)).collect()
}

fn timeout(matches: &Matches) -> Result<Duration, Failure> {
    let Some(text) = matches.opt_str("timeout") else { return Ok(DEFAULT_TIMEOUT) };
    match text.parse() {
        Ok(seconds @ 1..=MAX_TIMEOUT_S) => Ok(Duration::from_secs(seconds)),
        _ => Err(Failure::Usage(format!("--timeout is from 1 to {MAX_TIMEOUT_S} seconds"))),
    }
}

fn talk(matches: &Matches) -> Result<Talk, Failure> {
    match (matches.opt_present("quiet"), matches.opt_present("verbose")) {
        (true, true) => Err(Failure::Usage("-q and -v contradict each other".to_owned())),
        (true, false) => Ok(Talk::Quiet),
        (false, true) => Ok(Talk::Verbose),
        (false, false) => Ok(Talk::Normal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Asked, Failure> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn a_command_line_is_understood() {
        let pin = format!("SHA256:{}", "ab".repeat(32));
        let line = format!("--pin {pin} -v --timeout 5 --tls12 ftps://a@h/x /tmp/");
        let Asked::Do(Command::Copy(ends), options) = parsed(&line).unwrap() else {
            panic!("a copy")
        };
        assert_eq!(options.pins.len(), 1);
        assert_eq!(options.talk, Talk::Verbose);
        assert_eq!(options.timeout, Duration::from_secs(5));
        assert_eq!(options.newest, Newest::Tls12);
        assert_eq!(ends.source, Place::Remote("ftps://a@h/x".parse().unwrap()));
        assert_eq!(ends.target, Place::Local("/tmp/".into()));
        assert!(matches!(parsed("--help"), Ok(Asked::Help)));
        assert!(matches!(parsed("-V x"), Ok(Asked::Version)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "ftps://h/x",
            "a b",
            "ftps://h/x -",
            "ftps://h/x b c",
            "ftp://h/x b",
            "--pin zz ftps://h/x b",
            "--timeout 0 ftps://h/x b",
            "-q -v ftps://h/x b",
            "--password x ftps://h/x b",
        ] {
            assert!(matches!(parsed(line), Err(Failure::Usage(_))), "{line}");
        }
        let secret = parsed("ftps://ann:hunter2@h/x b").unwrap_err();
        assert!(!secret.to_string().contains("hunter2"));
    }
}
