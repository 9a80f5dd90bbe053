//! A server that runs, in the hands of whoever started it.

use crate::{
    net::{Identity, Tls, TlsFloor},
    server::{
        builder::ServerError,
        pulse::Pulse,
        registry::Registry,
        transfer_log::Writer,
        virtual_host::{self, VirtualHost},
    },
    session::{Hosts, Services, Settings},
    sys::stop::StopSource,
};
use std::{
    net::SocketAddr,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// After the grace for transfers, sessions get this long to say goodbye.
const GOODBYE: Duration = Duration::from_secs(8);

/// A running server. Dropping it stops the server as [`Handle::shutdown`] does.
pub struct Handle {
    addresses: Vec<SocketAddr>,
    registry: Arc<Registry>,
    acceptors: Acceptors,
    writer: Option<Writer>,
    stop: Option<StopSource>,
}

/// The threads that accept, each with its pulse.
pub struct Acceptors {
    /// They accept as long as it is there.
    pub accepting: Option<StopSource>,
    pub all: Vec<(JoinHandle<()>, Arc<Pulse>)>,
}

impl Handle {
    pub(super) fn new(
        addresses: Vec<SocketAddr>,
        registry: Arc<Registry>,
        acceptors: Acceptors,
        writer: Writer,
        stop: StopSource,
    ) -> Handle {
        Handle { addresses, registry, acceptors, writer: Some(writer), stop: Some(stop) }
    }

    /// Where it listens, in the order of [`crate::Builder::listen`], and then of
    /// [`crate::Builder::listener`].
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// How many clients are connected.
    pub fn sessions(&self) -> usize {
        self.registry.sessions()
    }

    /// How long ago the acceptor that was silent longest has shown that it lives. Soon after the
    /// time given to [`crate::Builder::heartbeat`] something is wrong with it. Zero when there is
    /// none.
    pub fn oldest_heartbeat(&self) -> Duration {
        self.acceptors.all.iter().map(|(_, pulse)| pulse.age()).max().unwrap_or_default()
    }

    /// Accepts nobody any more, and closes the listeners. Sessions go on.
    pub fn stop_accepting(&mut self) {
        self.acceptors.accepting = None;
        for (acceptor, _) in self.acceptors.all.drain(..) {
            let _ = acceptor.join(); // a panic there has been reported there
        }
    }

    /// Gives sessions that begin from now on other settings, another certificate and other virtual
    /// hosts, which replace those there were. Those that run keep theirs to their end. The default
    /// host keeps its authenticator and its storage.
    pub fn reload(
        &self,
        settings: Settings,
        identity: Identity,
        floor: TlsFloor,
        virtual_hosts: Vec<VirtualHost>,
    ) -> Result<(), ServerError> {
        let now = self.registry.services();
        let (tls, hosts) = virtual_host::assemble(
            &identity,
            floor,
            Arc::clone(&now.hosts.default),
            virtual_hosts,
        )?;
        self.serve_with(&now, settings, tls, hosts);
        Ok(())
    }

    /// Has sessions that begin from now on seal their TLS tickets with other keys. Those that run
    /// keep theirs to their end, and then nobody has them any more, to open what was recorded of
    /// TLS 1.2.
    pub fn renew_ticket_keys(&self) -> Result<(), ServerError> {
        let now = self.registry.services();
        let tls = now.tls.with_other_ticket_keys()?;
        self.serve_with(&now, now.settings.clone(), tls, now.hosts.clone());
        Ok(())
    }

    fn serve_with(&self, now: &Services, settings: Settings, tls: Tls, hosts: Hosts) {
        self.registry.replace_services(Services {
            turns: now.turns.resized(settings.max_hashing),
            settings,
            confinement: now.confinement.clone(),
            tls,
            hosts,
            on_transfer: Arc::clone(&now.on_transfer),
            listening: now.listening.clone(),
            stop: now.stop.clone(),
        });
    }

    /// Opens the transfer log by its name again: it was rotated.
    pub fn reopen_log(&self) {
        if let Some(writer) = &self.writer {
            writer.reopen();
        }
    }

    /// Stops accepting at once, tells idle sessions 421, gives transfers the grace of the settings,
    /// writes the transfer log to its end, and returns.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        if self.stop.take().is_none() {
            return;
        }
        self.stop_accepting();
        let grace = self.registry.services().settings.shutdown_grace;
        let left = self.registry.wait_until_empty(Instant::now() + grace + GOODBYE);
        if left > 0 {
            log::error!("{left} sessions did not end in time");
        }
        if let Some(writer) = self.writer.take() {
            writer.finish();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}
