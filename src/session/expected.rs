//! Whom a transfer expects at the other end of its data connection, and the wait for that peer on
//! a passive port, where others may be first (fxpd-fxp(7)).

use crate::{
    net::{Contest, Expected, NetError, Rules, Standing, Stream, TlsScope, Wait},
    proto::{Payload, TlsRole},
    session::{
        Session,
        data::About,
        early::{Early, Stage},
        foreign::Admission,
        refusal::Refusal,
        watch::Limit,
    },
    sys::poll::Interest,
};
use std::{
    cell::Cell,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    time::Instant,
};

impl Session {
    /// Whom a transfer expects as things stand. Listings go to the client, whom its login has
    /// proved.
    pub(super) fn expected(&self, payload: Payload) -> Expected {
        match payload {
            Payload::Listing => Expected::default(),
            Payload::File => Expected { pin: self.negotiated.expected_peer },
        }
    }

    /// Waits at `listener` for the one who is `expected`, however many others come.
    pub(super) fn await_expected(
        &mut self,
        listener: &TcpListener,
        early: Option<Early>,
        admission: &Admission,
        expected: &Expected,
        about: &mut About,
    ) -> Result<Stream, Refusal> {
        let settings = &self.services.settings;
        let (handshake_timeout, data_timeout) = (settings.handshake_timeout, settings.data_timeout);
        let (scope, role): (TlsScope, TlsRole) = (self.scope.clone(), about.role);
        let rules = Rules {
            admits: &|host| admission.admits(host),
            begin: &|socket| scope.begin_data(socket, role, expected),
            handshake_timeout,
        };
        let open_until = Instant::now() + data_timeout;
        let mut contest = Contest::new(listener, rules, open_until, early.and_then(untouched))
            .map_err(|error| Refusal::no_data_connection(&error.into()))?;
        let won = self.hold(&mut contest)?;
        let refused = contest.into_refused();
        let peer = won.as_ref().map_or(refused.as_ref().map(|one| one.peer), |won| Some(won.1));
        about.peer = peer;
        about.foreign = peer.is_some_and(|peer| admission.is_foreign(peer.ip()));
        match (won, refused) {
            (Ok((stream, _)), _) => Ok(stream),
            (Err(NetError::Interrupted), Some(last)) => Err(Refusal::aborted_after(&last.reason)),
            (Err(_), Some(last)) => Err(Refusal::negotiation_failed(Payload::File, &last.reason)),
            (Err(error), None) => Err(Refusal::no_data_connection(&error)),
        }
    }

    /// Until somebody has won or time is up. The outer error is why the session itself is over.
    fn hold(
        &mut self,
        contest: &mut Contest<'_>,
    ) -> Result<Result<(Stream, SocketAddr), NetError>, Refusal> {
        loop {
            let moment = match contest.step() {
                Ok(Standing::Won(stream, peer)) => return Ok(Ok((stream, peer))),
                Ok(Standing::Open(moment)) => moment,
                Ok(Standing::Over) => return Ok(Err(NetError::Timeout)),
                Err(error) => return Ok(Err(error)),
            };
            let waited = self.watched(Limit::Until(moment), &Cell::new(0), |watch| {
                watch.wait(contest.as_fd(), Interest::Read)
            })?;
            match waited {
                Ok(()) | Err(NetError::Timeout) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}

/// Who came before the verb, if nothing was said to them yet: a handshake that has begun asked for
/// no proof, and cannot any more. Its owner may come again.
fn untouched(early: Early) -> Option<(TcpStream, SocketAddr)> {
    match early.stage {
        Stage::Held(stream) | Stage::Silent(stream) => {
            Some((stream.into_socket().ok()?, early.peer))
        }
        Stage::Shaking(..) | Stage::Ready(_) | Stage::Failed(_) => None,
    }
}
