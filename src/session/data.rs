//! A data connection, from the verb that needs it to the first byte: who may be at its end, who
//! shakes hands how, and what is said when it does not come about.
//!
//! [`Session::open_data`] holds the only call of [`TlsRole::for_data`]: here SSCN is decided.

use crate::{
    net::{Expected, NetError, Opening, Port, Stream, TlsFacts},
    proto::{Code, Payload, Protection, Reply, TlsRole},
    session::{
        Demand, Session,
        early::{Early, Stage},
        expected::Expectations,
        foreign::Admission,
        refusal::Refusal,
        state::{Login, PreparedPort},
        watch::{Cause, Limit, Watch},
    },
    storage::Tree,
    transfer::{Direction, PeerProof},
};
use std::{cell::Cell, net::SocketAddr, time::Instant};

/// A data connection that is ready for its first byte.
pub struct Data {
    pub stream: Stream,
    pub about: About,
}

/// What is known of a data connection, also of one that failed.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// 150 was said: from then on there is a transfer, which ends in a record.
    pub is_announced: bool,
    pub peer: Option<SocketAddr>,
    pub foreign: bool,
    pub proof: PeerProof,
    pub role: TlsRole,
    pub tls: Option<TlsFacts>,
}

impl About {
    /// Who is at the other end.
    pub fn meets(&mut self, peer: Option<SocketAddr>, admission: &Admission) {
        self.peer = peer;
        self.foreign = peer.is_some_and(|peer| admission.is_foreign(peer));
    }
}

impl Session {
    /// Says 150 and brings the prepared data connection about: TCP, then TLS in the right role.
    /// What is learned on the way is left in `about`, whatever the outcome.
    pub(super) fn open_data(
        &mut self,
        payload: Payload,
        direction: Direction,
        announcement: &str,
        about: &mut About,
    ) -> Result<Data, Refusal> {
        let mut prepared = self.port.take().ok_or_else(|| {
            Refusal::from(Reply::new(Code::NO_DATA_CONNECTION, "PASV, EPSV, PORT or EPRT first."))
        })?;
        let expectations = self.expectations(payload);
        let pinned = expectations.as_ref().is_some_and(|expected| expected.pin.is_some());
        self.check_protection(pinned)?;
        let admission = self.admission(payload, direction, &prepared)?;
        about.role = self.data_role(payload, &prepared);
        let early = prepared.early.take().filter(|early| admission.admits(early.peer));
        let private = self.negotiated.protection == Protection::Private;
        let begun = early.as_ref().is_some_and(|early| early.stage.has_begun());
        if begun && !pinned && (!private || about.role == TlsRole::Connect) {
            let text = "TLS began on this port before PROT or SSCN changed: open another.";
            return Err(Reply::new(Code::NO_DATA_CONNECTION, text).into());
        }

        self.say(&Reply::new(Code::DATA_OPENING, announcement))?;
        about.is_announced = true;
        if let Some(expected) = expectations.filter(|_| pinned || private && !begun) {
            let stream = self.open_expected(&prepared, early, &admission, &expected, about)?;
            drop(prepared);
            return self.ready(stream, about);
        }
        let stage = match early {
            Some(Early { peer, stage }) => {
                about.meets(Some(peer), &admission);
                stage
            }
            None => Stage::Silent(self.connect(&prepared, &admission, about)?),
        };
        // From here on nobody listens there, and the port is free again.
        drop(prepared);
        let stage = match stage {
            Stage::Held(stream) | Stage::Silent(stream) if !private => {
                return Ok(Data { stream, about: about.clone() });
            }
            stage => stage,
        };
        let stream = self.secure(stage, payload, &Expected::default(), about)?;
        self.ready(stream, about)
    }

    fn open_expected(
        &mut self,
        prepared: &PreparedPort,
        early: Option<Early>,
        admission: &Admission,
        expectations: &Expectations,
        about: &mut About,
    ) -> Result<Stream, Refusal> {
        let target = match &prepared.port {
            Port::Passive(arrivals) => {
                return self.await_expected(arrivals, early, admission, expectations, about);
            }
            // Where we connect to there is nobody else to wait for.
            Port::Active(target) => target,
        };
        let expected = expectations.of(*target);
        let [missing, proved] = match expected.is_anyone() {
            true => [PeerProof::Unasked; 2],
            false => [PeerProof::Missing, PeerProof::Proved],
        };
        about.proof = missing;
        let stage = Stage::Silent(self.connect(prepared, admission, about)?);
        let stream = self.secure(stage, Payload::File, &expected, about)?;
        about.proof = proved;
        Ok(stream)
    }

    /// No byte goes in clear text where TLS is demanded, by the server's settings or by `XPEER`.
    fn check_protection(&self, pinned: bool) -> Result<(), Refusal> {
        let refuse = |text: &str| Err(Reply::new(Code::PROTECTION_NEEDED, text).into());
        match self.negotiated.protection {
            Protection::Private => Ok(()),
            Protection::Clear if self.services.settings.tls == Demand::Required => {
                refuse("PROT P first.")
            }
            Protection::Clear if pinned => {
                refuse("XPEER names a peer, and only under PROT P can it prove who it is.")
            }
            Protection::Clear => Ok(()),
        }
    }

    fn ready(&self, stream: Stream, about: &mut About) -> Result<Data, Refusal> {
        about.tls = stream.tls();
        self.check_resumption(about)?;
        Ok(Data { stream, about: about.clone() })
    }

    /// Whether TLS on the prepared port can only go one way, whatever the verb: with the peer as
    /// its client. Then it need not wait for the verb.
    pub(super) fn shakes_hands_early(&self) -> bool {
        let accepts = |prepared: &PreparedPort| {
            [Payload::File, Payload::Listing]
                .iter()
                .all(|payload| self.data_role(*payload, prepared) == TlsRole::Accept)
        };
        let private = self.negotiated.protection == Protection::Private;
        // A pin is asked for in the handshake: it must stand before that begins, and the verb may
        // still be preceded by another.
        let pinned = self.negotiated.expected_peer.is_some();
        private && !pinned && self.port.as_ref().is_some_and(accepts)
    }

    fn data_role(&self, payload: Payload, prepared: &PreparedPort) -> TlsRole {
        TlsRole::for_data(payload, prepared.role.unwrap_or(self.negotiated.role_wish))
    }

    fn connect(
        &mut self,
        prepared: &PreparedPort,
        admission: &Admission,
        about: &mut About,
    ) -> Result<Stream, Refusal> {
        let deadline = Instant::now() + self.services.settings.data_timeout;
        let admits = |host| admission.admits(host);
        let opening = Opening { source: self.local, admits: &admits };
        let opened = self.watched(Limit::Until(deadline), &Cell::new(0), |watch| {
            let (socket, peer) = prepared.port.open(&opening, watch)?;
            Ok((Stream::clear(socket)?, peer))
        })?;
        let (stream, peer) = opened.map_err(|error| Refusal::no_data_connection(&error))?;
        about.meets(Some(peer), admission);
        Ok(stream)
    }

    fn secure(
        &mut self,
        stage: Stage,
        payload: Payload,
        expected: &Expected,
        about: &About,
    ) -> Result<Stream, Refusal> {
        let fresh = Instant::now() + self.services.settings.handshake_timeout;
        let role = about.role;
        let (deadline, pending) = match stage {
            Stage::Held(stream) | Stage::Silent(stream) => {
                let socket = stream.into_socket().map_err(NetError::from);
                (fresh, socket.and_then(|socket| self.scope.begin_data(socket, role, expected)))
            }
            Stage::Shaking(pending, _, deadline) => (deadline, Ok(pending)),
            Stage::Ready(pending) => (fresh, Ok(pending)),
            Stage::Failed(error) => (fresh, Err(error)),
        };
        let secured = self.watched(Limit::Until(deadline), &Cell::new(0), |watch| {
            pending.and_then(|pending| pending.finish(watch))
        })?;
        secured.map_err(|error| {
            log::info!("{}: data handshake as {role:?} failed: {error}", self.client);
            Refusal::negotiation_failed(payload, &error)
        })
    }

    /// Where it is demanded, a data connection resumes a session of this control connection (no
    /// other can be resumed: see [`crate::net::TlsScope`]). Only the accepting end can demand it,
    /// and a permitted foreign peer has no session to resume, nor one that has proved by its
    /// certificate who it is, which is more.
    fn check_resumption(&self, about: &About) -> Result<(), Refusal> {
        let proved = about.proof == PeerProof::Proved;
        let waived = about.foreign || proved || about.role == TlsRole::Connect;
        let resumed = about.tls.as_ref().is_some_and(|facts| facts.resumed);
        let demanded = self.services.settings.data_tls_reuse == Demand::Required;
        if !demanded || waived || resumed {
            return Ok(());
        }
        let text = "The data connection must resume the TLS session of this connection.";
        Err(Reply::new(Code::NEGOTIATION_FAILED, text).into())
    }

    /// Does `work` while the control connection is listened to. The outer error is why the session
    /// itself is over.
    pub(super) fn watched<T>(
        &mut self,
        limit: Limit,
        moved: &Cell<u64>,
        work: impl FnOnce(&mut Watch<'_>) -> T,
    ) -> Result<T, Refusal> {
        let (channel, queue) = (&mut self.channel, &mut self.queue);
        let grace = self.services.settings.shutdown_grace;
        let mut watch = Watch::new(channel, queue, &self.services.stop, grace, moved, limit);
        let done = work(&mut watch);
        let end = watch.end();
        self.heed(end).map(|()| done)
    }

    /// The same, with the tree of whoever is logged in.
    pub(super) fn watched_in_tree<T>(
        &mut self,
        limit: Limit,
        moved: &Cell<u64>,
        work: impl FnOnce(&dyn Tree, &mut Watch<'_>) -> T,
    ) -> Result<T, Refusal> {
        let Login::Member(member) = &self.login else { return Err(Refusal::not_logged_in()) };
        let (channel, queue) = (&mut self.channel, &mut self.queue);
        let grace = self.services.settings.shutdown_grace;
        let mut watch = Watch::new(channel, queue, &self.services.stop, grace, moved, limit);
        let done = work(&*member.tree, &mut watch);
        let end = watch.end();
        self.heed(end).map(|()| done)
    }

    fn heed(&mut self, end: Option<Cause>) -> Result<(), Refusal> {
        match end {
            None => Ok(()),
            Some(Cause::Abort) => {
                self.aborted = true;
                Ok(())
            }
            Some(Cause::Hangup(hangup)) => Err(hangup.into()),
        }
    }
}
