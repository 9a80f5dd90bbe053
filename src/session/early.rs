//! A data connection that comes before its verb. Some clients (aioftp, old ones in Go) shake hands
//! on the passive port and only then say what they want; a server that waits for the verb and one
//! of these wait for each other for ever.
//!
//! Between commands the port is therefore looked at where TLS can only go one way, with us as its
//! server: the client's own connection is taken, and once it speaks it is answered, step by step,
//! beside the control connection. What came before a command is answered before that command is:
//! Node's basic-ftp begins its handshake, says STOR, and takes 150 for the handshake's end. Another
//! host's is taken and left alone until a verb says whether
//! it is wanted; one that no verb could want is closed. How a handshake ended is told at the verb.
//! Nothing here decides who plays which role: `data.rs` does.

use crate::{
    net::{Expected, NetError, Pending, Stream, TlsScope},
    proto::TlsRole,
    session::{foreign::Admission, state::PreparedPort},
    sys::poll::{self, Interest},
};
use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

/// A connection taken from a passive port before the verb. There is one at most: the next waits
/// in the kernel, as all do once the verb has come.
pub struct Early {
    pub peer: SocketAddr,
    pub stage: Stage,
}

/// How far it has come.
pub enum Stage {
    /// Another host's: nothing is read or said.
    Held(Stream),
    /// The client's, from which nothing has come: it may still go any way.
    Silent(Stream),
    /// Shaking hands, with us as the TLS server, waiting for this and until then.
    Shaking(Pending, Interest, Instant),
    /// The handshake is done.
    Ready(Pending),
    /// It failed, and the connection is closed.
    Failed(NetError),
}

impl Stage {
    /// Whether anything was read from it: then it can go no other way.
    pub fn has_begun(&self) -> bool {
        !matches!(self, Stage::Held(_) | Stage::Silent(_))
    }

    fn go_on(self, scope: &TlsScope, time: Duration) -> Stage {
        let now = Instant::now();
        let (mut pending, deadline) = match self {
            // The time runs from the first byte: most clients connect, and say the verb first.
            Stage::Silent(stream) => match begin(stream, scope) {
                Ok(pending) => (pending, now + time),
                Err(error) => return Stage::Failed(error),
            },
            Stage::Shaking(_, _, deadline) if now >= deadline => {
                return Stage::Failed(NetError::Timeout);
            }
            Stage::Shaking(pending, _, deadline) => (pending, deadline),
            other => return other,
        };
        match pending.step() {
            Ok(None) => Stage::Ready(pending),
            Ok(Some(interest)) => Stage::Shaking(pending, interest, deadline),
            Err(error) => Stage::Failed(error),
        }
    }
}

fn begin(stream: Stream, scope: &TlsScope) -> Result<Pending, NetError> {
    // No verb that could come expects anyone in particular: see `shakes_hands_early`.
    scope.begin_data(stream.into_socket()?, TlsRole::Accept, &Expected::default())
}

/// What one wait for a command looks at besides: the passive port, or what came of it.
pub struct Doorway<'a> {
    prepared: &'a mut PreparedPort,
    scope: &'a TlsScope,
    handshake_timeout: Duration,
    /// Of all transfers that a verb could begin.
    admissions: Vec<Admission>,
    strangers: usize,
    /// The system gave no connection: it is asked again at the verb.
    is_shut: bool,
}

/// Steps between a command and its answer: enough for one connection and its handshake, and too
/// few for many strangers to hold the command up.
const MAX_STEPS_BEFORE_AN_ANSWER: u32 = 8;

impl<'a> Doorway<'a> {
    pub fn new(
        prepared: &'a mut PreparedPort,
        scope: &'a TlsScope,
        handshake_timeout: Duration,
        admissions: Vec<Admission>,
    ) -> Doorway<'a> {
        let (strangers, is_shut) = (0, false);
        Doorway { prepared, scope, handshake_timeout, admissions, strangers, is_shut }
    }

    /// What to wait for, and until when; [`Doorway::attend`] then.
    pub fn awaits(&self) -> Option<(BorrowedFd<'_>, Interest, Option<Instant>)> {
        let Some(early) = &self.prepared.early else {
            let listener = self.prepared.port.listener().filter(|_| !self.is_shut)?;
            return Some((listener, Interest::Read, None));
        };
        match &early.stage {
            Stage::Silent(stream) => Some((stream.as_fd(), Interest::Read, None)),
            Stage::Shaking(pending, interest, deadline) => {
                Some((pending.as_fd(), *interest, Some(*deadline)))
            }
            Stage::Held(_) | Stage::Ready(_) | Stage::Failed(_) => None,
        }
    }

    /// Attends to what has come by now, without waiting for more.
    pub fn catch_up(&mut self) -> io::Result<()> {
        for _ in 0..MAX_STEPS_BEFORE_AN_ANSWER {
            let Some((early, wants, _)) = self.awaits() else { break };
            if !poll::ready(&[(early, wants)], Instant::now())?[0] {
                break;
            }
            self.attend();
        }
        Ok(())
    }

    /// One step, which does not wait.
    pub fn attend(&mut self) {
        match self.prepared.early.take() {
            None => self.take(),
            Some(Early { peer, stage }) => {
                let stage = stage.go_on(self.scope, self.handshake_timeout);
                if let Stage::Failed(error) = &stage {
                    log::info!("{peer}: data handshake before the verb failed: {error}");
                }
                self.prepared.early = Some(Early { peer, stage });
            }
        }
    }

    fn take(&mut self) {
        let admits = |host| self.admissions.iter().any(|admission| admission.admits(host));
        let taken = match self.prepared.port.take_waiting(&admits, &mut self.strangers) {
            Ok(taken) => taken,
            Err(error) => {
                log::warn!("a data port gives no connection: {error}");
                self.is_shut = true;
                return;
            }
        };
        // One that is gone already makes room for the next.
        let Some((socket, peer)) = taken else { return };
        let Ok(stream) = Stream::clear(socket) else { return };
        let is_foreign = self.admissions.iter().any(|admission| admission.is_foreign(peer));
        let stage = if is_foreign { Stage::Held(stream) } else { Stage::Silent(stream) };
        self.prepared.early = Some(Early { peer, stage });
    }
}
