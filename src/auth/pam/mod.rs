//! Accounts of the system, asked of PAM (pam(7)).
//!
//! Modules of PAM are foreign code that may fork, block, crash and change what belongs to the whole
//! process, and most of them need root. So three kinds of process take part:
//!
//! - the *server* ([`Pam`]) has a question: it makes a pair of sockets, hands one of them to the
//!   helper, writes the question into the other and waits for the answer, until a deadline;
//! - the *helper* ([`pam_helper`]) was started before the server had a thread or gave up root. It
//!   never reads a question: it starts a worker for each socket, and ends those that are late;
//! - a *worker* ([`pam_worker`]) loads the modules for one question, answers, and ends.
//!
//! The words are those of `auth::words`, as for any other program that knows accounts.

mod helper;
mod stack;
mod worker;

pub use helper::pam_helper;
pub use worker::{PamRules, pam_worker};

use crate::{
    auth::{
        Account, AuthError, Authenticator, FxpLevel, Visitor, lines,
        words::{self, Answer, Verdict},
    },
    proto::Secret,
    sys::handoff,
};
use crossbeam_channel::{Receiver, bounded};
use std::{
    io::{self, ErrorKind},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::{Child, Command, Stdio},
    thread::Builder,
    time::{Duration, Instant},
};

/// Bytes that a name may have: the system has none that is longer (`LOGIN_NAME_MAX`).
const MAX_NAME_BYTES: usize = 256;

/// A password that nobody has: control characters cannot be typed into one.
const NEVER_RIGHT: &[u8] = b"\x08\n\r\x7fINCORRECT";

/// Why nobody of the system can log in any more.
const NO_HELPER: &str = "the helper for PAM has ended; only a restart brings another";

/// What modules and their programs find of an environment.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Asks PAM who may enter.
///
/// Accounts have the user's uid, gid and groups, its home for their directory, and no options.
#[derive(Debug)]
pub struct Pam {
    helper: OwnedFd,
    timeout: Duration,
    default_fxp: FxpLevel,
    /// The helper's process, until somebody watches it.
    unwatched: Receiver<Child>,
}

impl Pam {
    /// Whether this library was built with PAM. Without it every question ends in an error.
    pub const IS_BUILT_IN: bool = cfg!(feature = "pam");

    /// Starts `helper`, a command that calls [`pam_helper`]; it ends with this value. To be called
    /// while the process is root still, before it has a second thread or gives up anything: the
    /// helper keeps what the process has at this moment, and none can be started later.
    ///
    /// A question waits for its answer for `timeout`. Accounts have `default_fxp` for their level.
    pub fn start(mut helper: Command, timeout: Duration, default_fxp: FxpLevel) -> io::Result<Pam> {
        let (ours, theirs) = handoff::pair()?;
        apart(&mut helper, theirs);
        let (give, unwatched) = bounded(1);
        let _ = give.send(helper.spawn()?); // it has room for one
        Ok(Pam { helper: ours, timeout, default_fxp, unwatched })
    }

    fn ask(&self, visitor: &Visitor<'_>, password: &Secret) -> io::Result<Answer> {
        let deadline = Instant::now() + self.timeout;
        let (mut ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let sent = handoff::send(self.helper.as_fd(), theirs.as_fd(), deadline);
        sent.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => io::Error::other(NO_HELPER),
            _ => error,
        })?;
        drop(theirs);
        let number = 1; // each has a worker of its own
        lines::say(&mut ours, &words::question(number, visitor, password), deadline)?;
        Answer::read(&lines::hear(&mut ours, deadline)?, number)
    }
}

impl Authenticator for Pam {
    /// Watches the helper, so that its end is in the log before the next client wonders.
    fn begin(&self) -> io::Result<()> {
        let Ok(mut child) = self.unwatched.try_recv() else { return Ok(()) };
        Builder::new().name("pam-helper".to_owned()).spawn(move || match child.wait() {
            Ok(status) if status.success() => {} // it was told to
            Ok(status) => log::error!("{NO_HELPER} ({status})"),
            Err(error) => log::error!("the helper for PAM cannot be watched: {error}"),
        })?;
        Ok(())
    }

    fn authenticate(&self, visitor: &Visitor<'_>, password: &Secret) -> Result<Account, AuthError> {
        if !is_askable(visitor.name) {
            return Err(AuthError::Unknown);
        }
        let unavailable = |what: String| AuthError::Unavailable(format!("PAM: {what}").into());
        let answer = self.ask(visitor, password).map_err(|error| unavailable(error.to_string()))?;
        if let (Verdict::Deny | Verdict::Unknown, Some(reason)) = (answer.result, &answer.reason) {
            let (name, peer) = (visitor.name.escape_debug(), visitor.peer);
            log::info!("PAM refuses {name} at {peer}: {reason}");
        }
        answer.admit(visitor, self.default_fxp, unavailable)
    }

    fn refuse(&self, visitor: &Visitor<'_>) {
        if is_askable(visitor.name) {
            let _ = self.ask(visitor, &Secret::new(NEVER_RIGHT)); // only the time counts
        }
    }
}

/// What no user is called does not get as far as to code in C.
fn is_askable(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// Makes `command` start with `input` for its standard input, and nothing else of this process but
/// its privilege: no other descriptor, no variable, no directory.
fn apart(command: &mut Command, input: OwnedFd) {
    command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
    command.env_clear().env("PATH", PATH).current_dir("/");
}

#[cfg(test)]
mod tests;
