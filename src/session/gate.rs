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
    time::Instant,
};

impl Session {
    /// The next line to answer: one that waited for the end of a transfer, or a new one.
    pub(super) fn next_line(&mut self) -> Result<Line, Hangup> {
        if let Some(line) = self.queue.pop_front() {
            return Ok(line);
        }
        let now = Instant::now();
        let settings = &self.services.settings;
        let deadline = match self.login {
            Login::Member(_) => now + self.idle_timeout,
            _ => self.began + settings.login_timeout,
        };
        // A reload may have taken the services this session began with out of use, not its stop.
        let mut wait = Idle { stop: &self.services.stop, deadline };
        if self.services.stop.is_given() {
            return Err(Hangup::Stopping);
        }
        match self.channel.read_line(&mut wait) {
            Ok(Some(line)) => Ok(line),
            Ok(None) => Err(Hangup::Gone),
            Err(NetError::Timeout) => Err(Hangup::Idle),
            Err(NetError::Interrupted) => Err(Hangup::Stopping),
            Err(error) => Err(Hangup::Control(error)),
        }
    }

    /// Asks of a command what its row in the verb table says.
    pub(super) fn admit(&self, row: &Row) -> Result<(), Refusal> {
        let secured = self.security != Security::Clear;
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
/// send here: nothing it carries is answered.
pub(super) fn is_http(line: &[u8]) -> bool {
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
    METHODS.iter().any(|method| line.starts_with(method))
}

/// Patience between commands: until the deadline, or until the server stops.
struct Idle<'a> {
    stop: &'a StopSignal,
    deadline: Instant,
}

impl Wait for Idle<'_> {
    fn wait(&mut self, socket: BorrowedFd<'_>, interest: Interest) -> Result<(), NetError> {
        let waited = [(socket, interest), (self.stop.as_fd(), Interest::Read)];
        match poll::ready(&waited, self.deadline)? {
            [true, ..] => Ok(()),
            [_, true, _] => Err(NetError::Interrupted),
            _ => Err(NetError::Timeout),
        }
    }
}
