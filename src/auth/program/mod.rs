//! Accounts that a program of the operator's knows: a directory service, a database. See
//! fxpd-auth(5) for what is said to it.
//!
//! A fixed number of processes answers, one question each at a time, and each lives on to the next.
//! A session waits for a process and its answer until one deadline; sessions that ask nothing are
//! not touched by any of it.

mod process;
mod starter;

use crate::{
    auth::{Account, AuthError, Authenticator, FxpLevel, Visitor, words::Answer},
    proto::Secret,
};
use crossbeam_channel::{Receiver, Sender, bounded};
use process::Process;
use starter::Starter;
use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

/// How long a process that failed is not started again, at first; then twice as long each time.
const FIRST_REST: Duration = Duration::from_millis(250);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// What an operator may set of it.
#[derive(Clone, Debug)]
pub struct ProgramSettings {
    /// The program; it is given no arguments.
    pub path: PathBuf,
    /// Processes at a time, one at least.
    pub processes: usize,
    /// For an answer, the wait for a free process included.
    pub timeout: Duration,
    /// The level of accounts for which the program names none.
    pub default_fxp: FxpLevel,
}

/// Asks a program who may enter.
pub struct Program {
    settings: ProgramSettings,
    /// Whoever takes a place may ask, and gives it back.
    give: Sender<Place>,
    take: Receiver<Place>,
    starter: Starter,
}

/// Where a process is, or may be started.
#[derive(Default)]
struct Place {
    process: Option<Process>,
    failures: u32,
    /// Not before this is another started.
    rests_until: Option<Instant>,
}

impl Program {
    /// Asks the program of `settings`. It is started at the first question.
    pub fn new(settings: ProgramSettings) -> Program {
        let processes = settings.processes.max(1);
        let (give, take) = bounded(processes);
        for _ in 0..processes {
            let _ = give.send(Place::default()); // never full: it holds that many
        }
        let starter = Starter::new(settings.path.clone());
        Program { settings, give, take, starter }
    }

    fn ask(&self, visitor: &Visitor<'_>, password: &Secret) -> Result<Answer, Trouble> {
        let deadline = Instant::now() + self.settings.timeout;
        let mut place = self.place(deadline)?;
        let answer = place.ask(&self.starter, visitor, password, deadline);
        let _ = self.give.send(place); // never full, never closed
        answer.map_err(Trouble::Process)
    }

    /// A place with a process, or one that may start one.
    fn place(&self, deadline: Instant) -> Result<Place, Trouble> {
        let first = self.take.recv_deadline(deadline).map_err(|_| Trouble::Busy)?;
        if !first.rests() {
            return Ok(first);
        }
        // Another may be well. None that rests is waited for: its client tries again later.
        let mut resting = vec![first];
        let found = loop {
            match self.take.try_recv() {
                Ok(place) if place.rests() => resting.push(place),
                Ok(place) => break Ok(place),
                Err(_) => break Err(Trouble::Resting),
            }
        };
        for place in resting {
            let _ = self.give.send(place); // never full, never closed
        }
        found
    }
}

impl Place {
    fn rests(&self) -> bool {
        self.process.is_none() && self.rests_until.is_some_and(|until| Instant::now() < until)
    }

    fn ask(
        &mut self,
        starter: &Starter,
        visitor: &Visitor<'_>,
        password: &Secret,
        deadline: Instant,
    ) -> io::Result<Answer> {
        // One that ended while nobody asked anything is replaced at once.
        let alive = self.process.take_if(|process| process.is_alive());
        self.process = None;
        let outcome = alive.map_or_else(|| starter.start(), Ok).and_then(|mut process| {
            let answer = process.ask(visitor, password, deadline)?;
            Ok((process, answer))
        });
        match outcome {
            Ok((process, answer)) => {
                *self = Place { process: Some(process), ..Place::default() };
                Ok(answer)
            }
            Err(error) => {
                // The process is gone with the error: whatever it says later answers nothing.
                let rest = FIRST_REST * 2_u32.saturating_pow(self.failures.min(16));
                self.failures = self.failures.saturating_add(1);
                self.rests_until = Some(Instant::now() + rest.min(LONGEST_REST));
                Err(error)
            }
        }
    }
}

impl Authenticator for Program {
    fn begin(&self) -> io::Result<()> {
        self.starter.begin()
    }

    fn authenticate(&self, visitor: &Visitor<'_>, password: &Secret) -> Result<Account, AuthError> {
        let unavailable = |what: String| {
            AuthError::Unavailable(format!("{}: {what}", self.settings.path.display()).into())
        };
        let answer = self.ask(visitor, password).map_err(|it| unavailable(it.to_string()))?;
        answer.admit(visitor, self.settings.default_fxp, unavailable)
    }
}

/// Why there is no answer.
#[derive(Debug)]
enum Trouble {
    Busy,
    Resting,
    Process(io::Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Busy => f.write_str("all of its processes are busy"),
            Trouble::Resting => f.write_str("it has failed and is not started again yet"),
            Trouble::Process(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
