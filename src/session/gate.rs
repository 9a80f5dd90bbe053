//! Which lines come in, and which commands come through. Refusals have one order: unknown 500, bad
//! argument 501 (both from parsing), TLS needed 534 or 503, not logged in 530, not permitted 550.
//! What a handler refuses comes after.

use crate::{
    net::{NetError, Wait},
    proto::{
        Access, Code, Line, Reply,
        verb::{Effect, LoginNeed, Row, TlsNeed},
    },
    session::{
        Demand, Hangup, Session,
        early::Doorway,
        refusal::Refusal,
        state::{Login, Security},
    },
    sys::{
        poll::{self, Interest},
        stop::StopSignal,
    },
};
use std::{
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

impl Session {
    /// The next line to answer: one that waited for the end of a transfer, or a new one.
    pub(super) fn next_line(&mut self) -> Result<Line, Hangup> {
        let deadline = match self.login {
            Login::Member(_) => Instant::now() + self.idle_timeout,
            _ => self.login_deadline(),
        };
        let admissions = self.shakes_hands_early().then(|| self.admissions());
        let time = self.services.settings.handshake_timeout;
        let doorway = self.port.as_mut().zip(admissions);
        let doorway = doorway.map(|(port, who)| Doorway::new(port, &self.scope, time, who));
        let mut wait = Idle { stop: &self.services.stop, deadline, doorway };
        let next = match self.queue.pop_front() {
            Some(line) => Ok(Some(line)),
            // Asked here as well: a client that always has a line ready is never waited for.
            None => wait.between_blocks().and_then(|()| self.channel.read_line(&mut wait)),
        };
        if let (Ok(Some(_)), Some(doorway)) = (&next, &mut wait.doorway) {
            doorway.catch_up().map_err(|error| Hangup::Control(error.into()))?;
        }
        match next {
            Ok(Some(line)) => Ok(line),
            Ok(None) => Err(Hangup::Gone),
            Err(NetError::Timeout) => Err(Hangup::Idle),
            Err(NetError::Interrupted) => Err(Hangup::Stopping),
            Err(error) => Err(Hangup::Control(error)),
        }
    }

    /// Until when someone who is nobody yet must have logged in.
    pub(super) fn login_deadline(&self) -> Instant {
        self.nobody_since + self.services.settings.login_timeout
    }

    /// Asks of a command what its row in the verb table says.
    pub(super) fn admit(&self, row: &Row) -> Result<(), Refusal> {
        let secured = match row.login {
            // CCC takes commands out of TLS, never a name and password.
            LoginNeed::No => self.security == Security::Tls,
            LoginNeed::Yes => self.security != Security::Clear,
        };
        match row.tls {
            TlsNeed::Always if !secured => {
                return Err(Reply::new(Code::WRONG_ORDER, "AUTH comes first.").into());
            }
            TlsNeed::AsSet if !secured && self.services.settings.tls == Demand::Required => {
                let text = "This server speaks only under TLS: AUTH TLS comes first.";
                return Err(Reply::new(Code::PROTECTION_REFUSED, text).into());
            }
            _ => {}
        }
        let Login::Member(member) = &self.login else {
            return match row.login {
                LoginNeed::No => Ok(()),
                LoginNeed::Yes => Err(Refusal::not_logged_in()),
            };
        };
        if row.effect == Effect::Writes && member.account.access == Access::ReadOnly {
            return Err(Refusal::read_only());
        }
        Ok(())
    }
}

/// Whether a first line is that of an HTTP client, which a page in a browser may have been made to
/// send here, or of a balancer, of which none comes here: nothing it carries is answered.
pub(super) fn is_no_ftp(line: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] = [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"PUT ",
        b"DELETE ",
        b"OPTIONS ",
        b"CONNECT ",
        b"TRACE ",
        b"PATCH ",
    ];
    // A header of the PROXY protocol begins so in version 1, and in version 2 with an empty line.
    let is_header = line.starts_with(b"PROXY ") || line.is_empty();
    is_header || METHODS.iter().any(|method| line.starts_with(method))
}

/// Patience between commands: until the deadline, or until the server stops. Meanwhile a data
/// connection that comes before its verb is attended to.
struct Idle<'a> {
    stop: &'a StopSignal,
    deadline: Instant,
    doorway: Option<Doorway<'a>>,
}

impl Wait for Idle<'_> {
    fn wait(&mut self, socket: BorrowedFd<'_>, interest: Interest) -> Result<(), NetError> {
        loop {
            self.between_blocks()?;
            let awaited = self.doorway.as_ref().and_then(Doorway::awaits);
            let count = if awaited.is_some() { 3 } else { 2 };
            let (early, wants, until) = awaited.unwrap_or((socket, interest, None));
            let stop = (self.stop.as_fd(), Interest::Read);
            let waited = [(socket, interest), stop, (early, wants)];
            let deadline = until.map_or(self.deadline, |until| until.min(self.deadline));
            match poll::ready(&waited[..count], deadline)? {
                [true, ..] => return Ok(()),
                [_, true, _] => return Err(NetError::Interrupted),
                // It is ready, or its own deadline has passed, or ours has.
                _ => self.doorway.iter_mut().for_each(Doorway::attend),
            }
        }
    }

    fn between_blocks(&mut self) -> Result<(), NetError> {
        if self.stop.is_given() {
            return Err(NetError::Interrupted);
        }
        if Instant::now() < self.deadline { Ok(()) } else { Err(NetError::Timeout) }
    }
}

/// Patience while a reply is taken: until the deadline, and hardly longer once the server stops.
pub(super) struct Saying<'a> {
    pub stop: &'a StopSignal,
    pub deadline: Instant,
}

/// For the last words of a server that stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Wait for Saying<'_> {
    fn wait(&mut self, socket: BorrowedFd<'_>, interest: Interest) -> Result<(), NetError> {
        let mut waited = vec![(socket, interest)];
        if self.stop.is_given() {
            self.deadline = self.deadline.min(Instant::now() + LAST_WORDS);
        } else {
            waited.push((self.stop.as_fd(), Interest::Read));
        }
        match poll::ready(&waited, self.deadline)? {
            [true, ..] => Ok(()),
            [_, true, _] => self.wait(socket, interest),
            _ => Err(NetError::Timeout),
        }
    }
}
