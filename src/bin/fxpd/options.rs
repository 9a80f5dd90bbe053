//! The command line: words to a [`Task`], and the text of `--help`.

use crate::{failure::Failure, pam};
use fxpd::HashKind;
use getopts::{Matches, Options};
use std::{
    ffi::OsString,
    path::{self, PathBuf},
};

/// The file that is read without `-c`.
const CONFIG_FILE: &str = "/etc/fxpd.conf";
/// The port that `--try` listens on without `--port`.
const TRY_PORT: u16 = 2121;

/// What the command line asks for.
#[derive(Debug)]
pub enum Task {
    /// Print the usage.
    Help,
    /// Print the version.
    Version,
    /// Print the table of settings.
    Settings,
    /// Read everything, start nothing.
    Check(ServerArgs),
    /// Print the settings in force.
    Effective(ServerArgs),
    /// Serve until a signal.
    Serve(ServerArgs),
    /// Serve a directory without any configuration.
    Try(TryArgs),
    /// Edit the users file.
    Passwd(PasswdArgs),
    /// Make a certificate and its key.
    Cert(CertArgs),
    /// Be one of the processes that ask PAM; only `fxpd` itself starts those.
    Pam(pam::Part),
}

/// Where the configuration comes from.
#[derive(Debug)]
pub struct ServerArgs {
    /// The file.
    pub config: PathBuf,
    /// `key=value`, in the order given; they override the file.
    pub overrides: Vec<String>,
    /// How many `-v`.
    pub verbosity: usize,
    /// Where the server runs.
    pub place: Place,
}

/// Where a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where it was started.
    Foreground,
    /// Away from there.
    Background,
}

/// What `--try` serves, and where.
#[derive(Debug)]
pub struct TryArgs {
    /// The top of the tree.
    pub directory: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// How many `-v`.
    pub verbosity: usize,
}

/// What to do with a users file.
#[derive(Debug)]
pub struct PasswdArgs {
    /// Add, change, delete, …
    pub action: PasswdAction,
    /// The users file.
    pub file: PathBuf,
    /// The top of the account's tree, when given.
    pub home: Option<String>,
    /// The user of the system that the account is, when given.
    pub uid: Option<u32>,
    /// Its group, when given.
    pub gid: Option<u32>,
    /// `key=value` options of the account.
    pub options: Vec<String>,
    /// Where a password comes from.
    pub password_from: PasswordFrom,
    /// What it is hashed as, when given.
    pub hash: Option<HashKind>,
}

/// The word behind `fxpd passwd`.
#[derive(Debug)]
pub enum PasswdAction {
    /// A new account with this name.
    Add(String),
    /// This account's password, home, ids or options.
    Set(String),
    /// This account no more.
    Delete(String),
    /// No password opens this account, until it is unlocked.
    Lock(String),
    /// Its password opens it again.
    Unlock(String),
    /// Print every account, without hashes.
    List,
    /// Whether the file is well formed.
    Check,
}

/// Where a password comes from. Never from the command line, which every user can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordFrom {
    /// Typed twice on the terminal.
    Terminal,
    /// The first line of standard input.
    Stdin,
}

/// What certificate to make.
#[derive(Debug)]
pub struct CertArgs {
    /// Where the certificate goes.
    pub certificate: PathBuf,
    /// Where the key goes.
    pub key: PathBuf,
    /// The names it is for.
    pub names: Vec<String>,
}

/// Reads the command line, without the program's name.
pub fn parse(args: &[OsString]) -> Result<Task, Failure> {
    match args.first().and_then(|word| word.to_str()) {
        Some("passwd") => parse_passwd(&args[1..]),
        Some("cert") => parse_cert(&args[1..]),
        Some(word) if let Some(part) = pam::Part::read(word, &args[1..]) => part.map(Task::Pam),
        _ => parse_server(args),
    }
}

/// The text of `--help`: the options of the server and of both commands.
pub fn usage() -> String {
    let server = server_options().usage(
        "usage: fxpd [-v] [-t | -T] [-c FILE] [-o KEY=VALUE]... [--daemon] [--pid-file FILE]\n       \
         fxpd [-v] --try [--port N] [DIR]\n       \
         fxpd passwd add|set NAME -f FILE [--home DIR] [--uid N] [--gid N] [--option K=V]...\n           \
         [--hash KIND] [--stdin]\n       \
         fxpd passwd del|lock|unlock NAME -f FILE\n       \
         fxpd passwd list|check -f FILE\n       \
         fxpd cert --cert FILE --key FILE [--name HOST]...\n\n\
         An FTP-over-TLS server for secure server-to-server copies.",
    );
    let passwd = passwd_options().usage("fxpd passwd: edit the users file");
    let cert = cert_options().usage("fxpd cert: make a self-signed certificate");
    format!("{server}\n{passwd}\n{cert}")
}

fn server_options() -> Options {
    let mut options = Options::new();
    options
        .optopt("c", "config", "read FILE instead of /etc/fxpd.conf", "FILE")
        .optmulti("o", "set", "override one setting of the file", "KEY=VALUE")
        .optflag("t", "test", "check configuration, users and certificate, then exit")
        .optflag("T", "show", "print the settings in force, and where each was made, then exit")
        .optflag("", "daemon", "go to the background once the server serves")
        .optopt("", "pid-file", "write the server's process number to FILE", "FILE")
        .optflagmulti("v", "verbose", "log more; twice for everything")
        .optflag("", "settings", "print every setting: key, type, default, meaning")
        .optflag("", "try", "serve DIR (default .) on 127.0.0.1 with no configuration")
        .optopt("", "port", "port for --try (default 2121)", "N")
        .optflag("h", "help", "print this")
        .optflag("V", "version", "print the version");
    options
}

fn passwd_options() -> Options {
    let mut options = Options::new();
    options
        .optopt("f", "file", "the users file", "FILE")
        .optopt("", "home", "top of the account's tree", "DIR")
        .optopt("", "uid", "user of the system that the account is, with account_ids", "N")
        .optopt("", "gid", "its group", "N")
        .optmulti("", "option", "an option of the account, such as fxp=tls", "K=V")
        .optopt("", "hash", "hash the password as KIND (default: argon2id)", "KIND")
        .optflag("", "stdin", "read the password from standard input's first line")
        .optflag("h", "help", "print the usage");
    options
}

fn cert_options() -> Options {
    let mut options = Options::new();
    options
        .optopt("", "cert", "write the certificate to FILE", "FILE")
        .optopt("", "key", "write the key to FILE", "FILE")
        .optmulti("", "name", "a name of the server (default: this host's)", "HOST")
        .optflag("h", "help", "print the usage");
    options
}

fn parse_server(args: &[OsString]) -> Result<Task, Failure> {
    let given = matches(&server_options(), args)?;
    let verbosity = given.opt_count("v");
    if given.opt_present("h") {
        return Ok(Task::Help);
    }
    if given.opt_present("V") {
        return Ok(Task::Version);
    }
    if given.opt_present("settings") {
        no_more(&given.free)?;
        return Ok(Task::Settings);
    }
    if given.opt_present("try") {
        return parse_try(&given, verbosity);
    }
    no_more(&given.free)?;
    if given.opt_present("port") {
        return Err(Failure::usage("--port goes with --try; a server's ports are settings"));
    }
    let mut overrides = given.opt_strs("o");
    if let Some(file) = given.opt_str("pid-file") {
        overrides.push(format!("pid_file={}", absolute(&file)?.display()));
    }
    let server = ServerArgs {
        config: absolute(&given.opt_str("c").unwrap_or_else(|| CONFIG_FILE.to_owned()))?,
        overrides,
        verbosity,
        place: if given.opt_present("daemon") { Place::Background } else { Place::Foreground },
    };
    Ok(match (given.opt_present("T"), given.opt_present("t")) {
        (true, _) => Task::Effective(server),
        (false, true) => Task::Check(server),
        (false, false) => Task::Serve(server),
    })
}

fn parse_try(given: &Matches, verbosity: usize) -> Result<Task, Failure> {
    if ["c", "o", "t", "T", "daemon", "pid-file"].iter().any(|option| given.opt_present(option)) {
        return Err(Failure::usage("--try takes no configuration"));
    }
    let (directory, rest) = match given.free.split_first() {
        Some((directory, rest)) => (directory.as_str(), rest),
        None => (".", &[][..]),
    };
    no_more(rest)?;
    let port = match given.opt_str("port") {
        Some(text) => {
            text.parse().map_err(|_| Failure::usage(format!("'{text}' is not a port")))?
        }
        None => TRY_PORT,
    };
    Ok(Task::Try(TryArgs { directory: directory.into(), port, verbosity }))
}

fn parse_passwd(args: &[OsString]) -> Result<Task, Failure> {
    let given = matches(&passwd_options(), args)?;
    if given.opt_present("h") {
        return Ok(Task::Help);
    }
    let words: Vec<&str> = given.free.iter().map(String::as_str).collect();
    let action = match words.as_slice() {
        ["add", name] => PasswdAction::Add((*name).to_owned()),
        ["set", name] => PasswdAction::Set((*name).to_owned()),
        ["del", name] => PasswdAction::Delete((*name).to_owned()),
        ["lock", name] => PasswdAction::Lock((*name).to_owned()),
        ["unlock", name] => PasswdAction::Unlock((*name).to_owned()),
        ["list"] => PasswdAction::List,
        ["check"] => PasswdAction::Check,
        _ => {
            let known = "passwd takes add, set, del, lock or unlock with a name, list, or check";
            return Err(Failure::usage(known));
        }
    };
    let password_from =
        if given.opt_present("stdin") { PasswordFrom::Stdin } else { PasswordFrom::Terminal };
    let home = given.opt_str("home");
    let (uid, gid) = (id(&given, "uid")?, id(&given, "gid")?);
    let options = given.opt_strs("option");
    let hash =
        given.opt_str("hash").map(|word| word.parse().map_err(Failure::usage)).transpose()?;
    let edits = matches!(action, PasswdAction::Add(_) | PasswdAction::Set(_));
    let of_edits = ["home", "uid", "gid", "option", "hash", "stdin"];
    if let Some(option) = of_edits.iter().find(|option| !edits && given.opt_present(option)) {
        return Err(Failure::usage(format!("--{option} goes with add and set")));
    }
    let file = required(&given, "file", "passwd")?.into();
    Ok(Task::Passwd(PasswdArgs { action, file, home, uid, gid, options, password_from, hash }))
}

fn parse_cert(args: &[OsString]) -> Result<Task, Failure> {
    let given = matches(&cert_options(), args)?;
    if given.opt_present("h") {
        return Ok(Task::Help);
    }
    no_more(&given.free)?;
    Ok(Task::Cert(CertArgs {
        certificate: required(&given, "cert", "cert")?.into(),
        key: required(&given, "key", "cert")?.into(),
        names: given.opt_strs("name"),
    }))
}

fn matches(options: &Options, args: &[OsString]) -> Result<Matches, Failure> {
    options.parse(args).map_err(Failure::usage)
}

/// A daemon goes elsewhere, and finds its files all the same.
fn absolute(file: &str) -> Result<PathBuf, Failure> {
    path::absolute(file).map_err(|error| Failure::usage(format!("'{file}': {error}")))
}

/// A user's or a group's number. The greatest one stands for none to the system.
fn id(given: &Matches, option: &str) -> Result<Option<u32>, Failure> {
    let number = |text: String| {
        let id = text.parse().ok().filter(|id| *id != u32::MAX);
        id.ok_or_else(|| Failure::usage(format!("--{option}: '{text}' is not an id")))
    };
    given.opt_str(option).map(number).transpose()
}

fn required(given: &Matches, option: &str, command: &str) -> Result<String, Failure> {
    given.opt_str(option).ok_or_else(|| Failure::usage(format!("{command} needs --{option} FILE")))
}

fn no_more(free: &[String]) -> Result<(), Failure> {
    match free.first() {
        Some(word) => Err(Failure::usage(format!("unexpected argument '{word}'"))),
        None => Ok(()),
    }
}
