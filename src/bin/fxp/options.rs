//! The command line. No option takes a password: the process list would show it.

use crate::{
    exit::Failure,
    selection::{self, Selection},
};
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
    /// From each source to the target.
    Copy(Vec<Ends>),
    Plan(Ends),
    /// A manifest, and where its files are.
    Verify(PathBuf, Place),
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
    pub clear_text: ClearText,
    pub newest: Newest,
    pub timeout: Duration,
    pub talk: Talk,
    pub protocol: Protocol,
    pub format: Format,
    pub selection: Selection,
}

/// What to do with a server whose certificate was never seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstMeeting {
    Refuse,
    /// Trust it and record it (`--trust-new`).
    Trust,
}

/// What to do with a server that is named by `ftp://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClearText {
    Refuse,
    /// Speak to it without TLS (`--allow-clear`).
    Allow,
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

/// What standard output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// People.
    Text,
    /// Programs (`--json`).
    Json,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_TIMEOUT_S: u64 = 3600;

fn getopts() -> Getopts {
    let mut options = Getopts::new();
    selection::declare(&mut options);
    options.optflag("", "json", "write JSON, an object a line");
    options.optopt("", "cacert", "trust servers that a CA in this PEM file signed", "FILE");
    options.optmulti("", "pin", "trust these certificates only (repeatable)", "SHA256:HEX");
    options.optflag("", "trust-new", "trust and record servers never met before");
    options.optopt("", "known-hosts", "the record of servers met before", "FILE");
    options.optflag("", "allow-clear", "speak to ftp:// servers, without any TLS");
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
    let brief = "usage: fxp [options] SOURCE... TARGET\n\
        \x20      fxp plan [options] SOURCE TARGET      what would be done, and which way\n\
        \x20      fxp verify [options] MANIFEST TARGET  whether all of it is still there\n\
        \n\
        Copies files between two FTP servers, encrypted and proved. SOURCE and TARGET are\n\
        ftps://USER@HOST[:PORT]/PATH, ftps+implicit://USER@HOST[:PORT]/PATH or a local path\n\
        (one of them at most). A file copied to a TARGET that ends in / keeps its name.";
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
    match words {
        [plan, source, target] if plan == "plan" => Ok(Command::Plan(ends(source, target)?)),
        [plan, ..] if plan == "plan" => Err(usage("fxp plan needs one SOURCE and one TARGET")),
        [verify, manifest, target] if verify == "verify" => {
            Ok(Command::Verify(manifest.into(), place(target)?))
        }
        [verify, ..] if verify == "verify" => Err(usage("fxp verify needs MANIFEST and TARGET")),
        [source, target] => Ok(Command::Copy(vec![ends(source, target)?])),
        [sources @ .., target] if sources.len() > 1 => {
            let into = if target.ends_with('/') { target.clone() } else { format!("{target}/") };
            let each = sources.iter().map(|source| ends(source, &into));
            Ok(Command::Copy(each.collect::<Result<_, _>>()?))
        }
        _ => Err(usage("give a SOURCE and a TARGET")),
    }
}

fn ends(source: &str, target: &str) -> Result<Ends, Failure> {
    match (place(source)?, place(target)?) {
        (Place::Local(_), Place::Local(_)) => {
            Err(usage("SOURCE or TARGET must be a URL (ftps://…)"))
        }
        (source, target) => Ok(Ends { source, target }),
    }
}

fn usage(why: &str) -> Failure {
    Failure::Usage(why.to_owned())
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
        clear_text: match matches.opt_present("allow-clear") {
            true => ClearText::Allow,
            false => ClearText::Refuse,
        },
        newest: if matches.opt_present("tls12") { Newest::Tls12 } else { Newest::Tls13 },
        timeout: timeout(matches)?,
        talk: talk(matches)?,
        protocol: match matches.opt_present("log-protocol") {
            true => Protocol::Shown,
            false => Protocol::Hidden,
        },
        format: if matches.opt_present("json") { Format::Json } else { Format::Text },
        selection: Selection::parse(matches)?,
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
        let [ends] = &ends[..] else { panic!("one source") };
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
    fn several_sources_go_into_a_directory() {
        let Asked::Do(Command::Copy(all), _) = parsed("a b ftps://h/c").unwrap() else {
            panic!("a copy")
        };
        let shown: Vec<_> =
            all.iter().map(|ends| format!("{} {}", ends.source, ends.target)).collect();
        assert_eq!(shown, ["a ftps://h:21/c/", "b ftps://h:21/c/"]);
        let plan = parsed("plan ftps://h/x ftps://g/y").unwrap();
        assert!(matches!(plan, Asked::Do(Command::Plan(_), _)));
        let verify = parsed("verify m here").unwrap();
        assert!(matches!(verify, Asked::Do(Command::Verify(..), _)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "ftps://h/x",
            "a b",
            "plan ftps://h/x",
            "verify m",
            "verify m a b",
            "--delete ftps://h/x b",
            "--resume --checksum ftps://h/x b",
            "--journal j --no-journal ftps://h/x b",
            "-j 0 ftps://h/x b",
            "--max-depth x ftps://h/x b",
            "--exclude / ftps://h/x b",
            "ftps://h/x -",
            "sftp://h/x b",
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
