//! `--daemon`: the server goes to the background, and the command ends when it serves.
//!
//! The program starts itself once more instead of forking: the child begins with one thread and
//! nothing half done. Its standard output is a pipe on which the parent waits for one word; a
//! child that ends without it has said why on the standard error that both share.

use crate::{failure::Failure, logging::Target};
use rustix::{
    process::{chdir, setsid},
    stdio::{dup2_stderr, dup2_stdout},
};
use std::{
    env,
    fs::File,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

/// Tells the child that it is one.
const MARK: &str = "FXPD_IN_BACKGROUND";

/// The child's one word.
const READY: &str = "ready\n";

/// Whether this process is the one in the background.
pub fn is_child() -> bool {
    env::var_os(MARK).is_some()
}

/// Starts the server in the background and waits until it serves, or has failed.
pub fn start() -> Result<(), Failure> {
    let cannot = |error: io::Error| Failure::system(format!("cannot start the daemon: {error}"));
    let mut words = env::args_os();
    let mut command = Command::new(env::current_exe().map_err(cannot)?);
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    command.args(words).env(MARK, "1").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(cannot)?;
    let mut word = String::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_string(&mut word).map_err(cannot)?;
    }
    if word == READY {
        return Ok(());
    }
    let status = child.wait().map_err(cannot)?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) if code != 0 => Err(Failure::told(code)),
        _ => Err(Failure::system(format!("the daemon ended before it served: {status}"))),
    }
}

/// Leaves the terminal and the directory of whoever started it.
pub fn enter() -> Result<(), Failure> {
    setsid().map_err(|error| Failure::system(format!("cannot leave the terminal: {error}")))?;
    chdir("/").map_err(|error| Failure::system(format!("cannot go to /: {error}")))
}

/// Tells the parent that it may end well, and leaves it standard error unless the log goes there.
pub fn ready(log: Target) -> Result<(), Failure> {
    let tell = || -> io::Result<()> {
        let nowhere = File::options().read(true).write(true).open("/dev/null")?;
        if log != Target::Stderr {
            dup2_stderr(&nowhere)?;
        }
        let mut out = io::stdout().lock();
        out.write_all(READY.as_bytes())?;
        out.flush()?;
        Ok(dup2_stdout(&nowhere)?)
    };
    tell().map_err(|error| Failure::system(format!("nobody waits for the daemon: {error}")))
}
