//! The command line. No option takes a password: the process list would show it.

use crate::{
    access::{self, Access},
    exit::Failure,
    files,
    selection::{self, Selection},
    sites::Sites,
    trust::{self, Doubt},
};
use fxpd::{Location, Place, Security, Site, Verification};
use getopts::{Matches, Options as Getopts};
use std::{ffi::OsString, path::PathBuf};

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
    /// Two directories at servers whose routes are examined.
    Doctor(Box<[Location; 2]>),
    /// A manifest, and where its files are.
    Verify(PathBuf, Place),
    /// Whom to meet.
    Trust(Vec<Site>, Doubt),
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
    /// For every server, whatever its site says.
    pub access: Access,
    pub sites: Sites,
    pub first_meeting: FirstMeeting,
    pub known_hosts: Option<PathBuf>,
    pub verification: Verification,
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

fn getopts() -> Getopts {
    let mut options = Getopts::new();
    selection::declare(&mut options);
    options.optopt("", "sites", "the servers that have short names", "FILE");
    access::declare(&mut options);
    options.optflag("", "json", "write JSON, an object a line");
    options.optflag("", "trust-new", "trust and record servers never met before");
    options.optopt("", "known-hosts", "the record of servers met before", "FILE");
    trust::declare(&mut options);
    options.optflag("", "require-verified", "copy only between servers that verify each other");
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
        \x20      fxp plan [options] SOURCE TARGET      what would be done, which way\n\
        \x20      fxp doctor [options] SOURCE TARGET    which ways there are, what hinders\n\
        \x20      fxp verify [options] MANIFEST TARGET  whether all of it is still there\n\
        \x20      fxp trust [options] SERVER...         its certificate, to record it\n\
        \n\
        Copies files straight between two FTP servers, encrypted and proved. SOURCE and\n\
        TARGET are ftps://USER@HOST[:PORT]/PATH (ftps+implicit:// for TLS at once),\n\
        SITE:PATH with a name from sites.toml, or a local path (one of them at most).\n\
        A file copied to a TARGET that ends in / keeps its name. More: man fxp.";
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
    let options = options(&matches)?;
    let command = command(&matches.free, Doubt::read(&matches), &options.sites)?;
    Ok(Asked::Do(command, Box::new(options)))
}

/// The first word may name a command. A file of such a name is written `./plan`.
fn command(words: &[String], doubt: Doubt, sites: &Sites) -> Result<Command, Failure> {
    let ends = |source: &str, target: &str| ends(source, target, sites);
    match words {
        [trust, servers @ ..] if trust == "trust" => {
            Ok(Command::Trust(trust::servers(servers, sites)?, doubt))
        }
        _ if doubt != Doubt::default() => Err(usage("--yes and --replace are for 'fxp trust'")),
        [plan, source, target] if plan == "plan" => Ok(Command::Plan(ends(source, target)?)),
        [plan, ..] if plan == "plan" => Err(usage("fxp plan needs one SOURCE and one TARGET")),
        [doctor, rest @ ..] if doctor == "doctor" => {
            Ok(Command::Doctor(Box::new(servers(rest, sites)?)))
        }
        [verify, manifest, target] if verify == "verify" => {
            Ok(Command::Verify(manifest.into(), place(target, sites)?))
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

fn ends(source: &str, target: &str, sites: &Sites) -> Result<Ends, Failure> {
    match (place(source, sites)?, place(target, sites)?) {
        (Place::Local(_), Place::Local(_)) => {
            Err(usage("SOURCE or TARGET must be on a server (ftps://…, SITE:…)"))
        }
        (source, target) => Ok(Ends { source, target }),
    }
}

fn usage(why: &str) -> Failure {
    Failure::Usage(why.to_owned())
}

fn servers(words: &[String], sites: &Sites) -> Result<[Location; 2], Failure> {
    let two = || usage("fxp doctor needs the URLs of two directories (ftps://…)");
    let [source, target] = words else { return Err(two()) };
    match (place(source, sites)?, place(target, sites)?) {
        (Place::Remote(source), Place::Remote(target)) => {
            let is_clear = |end: &Location| end.site.security == Security::Clear;
            match is_clear(&source) || is_clear(&target) {
                true => Err(usage("fxp doctor looks for secure routes, and ftp:// has none")),
                false => Ok([source, target]),
            }
        }
        _ => Err(two()),
    }
}

fn place(text: &str, sites: &Sites) -> Result<Place, Failure> {
    if text.is_empty() || text == "-" {
        return Err(Failure::Usage("standard input and output cannot be copied".to_owned()));
    }
    sites.place(text).map_err(Failure::Usage)
}

fn options(matches: &Matches) -> Result<Options, Failure> {
    Ok(Options {
        access: Access::read(matches)?,
        sites: sites(matches)?,
        first_meeting: match matches.opt_present("trust-new") {
            true => FirstMeeting::Trust,
            false => FirstMeeting::Refuse,
        },
        known_hosts: matches.opt_str("known-hosts").map(PathBuf::from),
        verification: match matches.opt_present("require-verified") {
            true => Verification::BothEnds,
            false => Verification::AsPossible,
        },
        talk: talk(matches)?,
        protocol: match matches.opt_present("log-protocol") {
            true => Protocol::Shown,
            false => Protocol::Hidden,
        },
        format: if matches.opt_present("json") { Format::Json } else { Format::Text },
        selection: Selection::parse(matches)?,
    })
}

fn sites(matches: &Matches) -> Result<Sites, Failure> {
    let asked = matches.opt_str("sites").map(PathBuf::from);
    match files::sites(asked.as_deref()) {
        Some((file, named)) => Sites::read(&file, named).map_err(Failure::Config),
        None => Ok(Sites::default()),
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
        let words = ["--sites", "/dev/null"].into_iter().chain(line.split(' '));
        parse(words.map(OsString::from))
    }

    #[test]
    fn a_command_line_is_understood() {
        let pin = format!("SHA256:{}", "ab".repeat(32));
        let line = format!("--pin {pin} -v --timeout 5 --tls12 ftps://a@h/x /tmp/");
        let Asked::Do(Command::Copy(ends), options) = parsed(&line).unwrap() else {
            panic!("a copy")
        };
        let [ends] = &ends[..] else { panic!("one source") };
        assert_eq!(options.access.pins.len(), 1);
        assert_eq!(options.talk, Talk::Verbose);
        assert_eq!(options.access.timeout, access::seconds("5"));
        assert_eq!(options.access.newest, Some(fxpd::Newest::Tls12));
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
        let doctor = parsed("doctor ftps://h/ ftps://g/").unwrap();
        assert!(matches!(doctor, Asked::Do(Command::Doctor(_), _)));
        let verify = parsed("verify m here").unwrap();
        assert!(matches!(verify, Asked::Do(Command::Verify(..), _)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "ftps://h/x",
            "a b",
            "plan ftps://h/x",
            "doctor ftps://h/ here",
            "doctor ftps://h/",
            "verify m",
            "verify m a b",
            "doctor ftps://h/ x",
            "doctor --allow-clear ftps://h/ ftp://g/",
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
            "--key k ftps://h/x b",
            "--yes ftps://h/x b",
            "trust",
            "nowhere:x ftps://h/x",
        ] {
            assert!(matches!(parsed(line), Err(Failure::Usage(_))), "{line}");
        }
        let secret = parsed("ftps://ann:hunter2@h/x b").unwrap_err();
        assert!(!secret.to_string().contains("hunter2"));
    }
}
