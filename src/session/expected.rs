//! Whom a transfer expects at the other end of its data connection, and the wait for that peer on
//! a passive port, where others may be first (fxpd-fxp(7)).

use crate::{
    net::{
        Arrivals, Contest, Expected, NetError, PeerRule, Rules, Standing, Stream, Wait,
        is_same_host,
    },
    proto::{Fingerprint, Payload},
    session::{
        Services, Session,
        data::About,
        early::{Early, Stage},
        foreign::Admission,
        refusal::Refusal,
        watch::Limit,
    },
    sys::poll::Interest,
    transfer::PeerProof,
};
use std::{
    cell::Cell,
    net::{SocketAddr, TcpStream},
    os::fd::AsFd,
    sync::Arc,
    time::Instant,
};

/// Whom a transfer expects, as it depends on the host that comes.
pub struct Expectations {
    /// The one that the client has named by `XPEER`.
    pub pin: Option<Fingerprint>,
    client: SocketAddr,
    services: Arc<Services>,
}

impl Expectations {
    /// At `host`: the one that was named, and of those that the operator knows there. The rules
    /// are about servers, and not about the client's own host.
    pub fn of(&self, host: SocketAddr) -> Expected {
        let rules = &self.services.settings.peers;
        let rule = PeerRule::find(rules, host.ip());
        let rule = rule.filter(|_| !is_same_host(host, self.client));
        Expected { pin: self.pin, rule: rule.cloned() }
    }
}

impl Session {
    /// Whom a transfer expects as things stand; `None` when nobody in particular. Listings go to
    /// the client, whom its login has proved.
    pub(super) fn expectations(&self, payload: Payload) -> Option<Expectations> {
        let pin = self.negotiated.expected_peer;
        let nobody = pin.is_none() && self.services.settings.peers.is_empty();
        if payload == Payload::Listing || nobody {
            return None;
        }
        let (client, services) = (self.client, Arc::clone(&self.services));
        Some(Expectations { pin, client, services })
    }

    /// Waits at `arrivals` for one who is expected, however many others come.
    pub(super) fn await_expected(
        &mut self,
        arrivals: &Arrivals,
        early: Option<Early>,
        admission: &Admission,
        expectations: &Expectations,
        about: &mut About,
    ) -> Result<Stream, Refusal> {
        let settings = &self.services.settings;
        let (handshake_timeout, data_timeout) = (settings.handshake_timeout, settings.data_timeout);
        let (scope, role) = (self.scope.clone(), about.role);
        let rules = Rules {
            admits: &|host| admission.admits(host),
            begin: &|socket, host| scope.begin_data(socket, role, &expectations.of(host)),
            handshake_timeout,
        };
        let open_until = Instant::now() + data_timeout;
        let mut contest = Contest::new(arrivals, rules, open_until, early.and_then(untouched))
            .map_err(|error| Refusal::no_data_connection(&error.into()))?;
        let won = self.hold(&mut contest)?;
        let refused = contest.into_refused();
        let peer = won.as_ref().map_or(refused.as_ref().map(|one| one.peer), |won| Some(won.1));
        about.meets(peer, admission);
        let anyone = peer.is_some_and(|peer| expectations.of(peer).is_anyone());
        about.proof = match won {
            _ if anyone => PeerProof::Unasked,
            Ok(_) => PeerProof::Proved,
            Err(_) => PeerProof::Missing,
        };
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
