//! Where clients come in, and balancers, who say for whom they come before anything else.

use crate::{
    net::{Behalf, NetError, Preface},
    server::registry::Guest,
    session::{Balanced, Listen, Services},
    sys::poll::{self, Interest},
};
use std::{
    net::{IpAddr, TcpStream},
    os::fd::AsFd,
    time::Instant,
};

/// When TLS begins at an address, and whether balancers come there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrance {
    pub(super) listen: Listen,
    is_balanced: bool,
}

impl From<Listen> for Entrance {
    /// Where clients come themselves.
    fn from(listen: Listen) -> Entrance {
        Entrance { listen, is_balanced: false }
    }
}

impl Entrance {
    /// Where those of [`crate::Settings::balancers`] come for clients, with a header of the PROXY
    /// protocol before anything else. Others may come for themselves.
    pub fn balanced(listen: Listen) -> Entrance {
        Entrance { listen, is_balanced: true }
    }

    /// Whether a connection from `host` has to say for whom it comes.
    pub(super) fn expects_header(&self, host: IpAddr, services: &Services) -> bool {
        let mut balancers = services.settings.balancers.iter();
        self.is_balanced && balancers.any(|network| network.contains(&host))
    }
}

/// Hears for whom a balancer comes, and counts its client instead of it. `None` when nobody is to
/// be served.
pub(super) fn introduce(
    guest: Guest,
    socket: &TcpStream,
    services: &Services,
) -> Option<(Guest, Option<Balanced>)> {
    let balancer = guest.client();
    let balanced = match hear(socket, services) {
        Ok(Behalf::Of(client, reached)) => Some(Balanced { client, reached }),
        Ok(Behalf::Itself) => None,
        Err(error) => {
            log::warn!("balancer {balancer}: refused: {error}");
            return None;
        }
    };
    let client = balanced.map_or(balancer, |balanced| balanced.client.ip());
    match guest.becomes(client, socket) {
        Ok(guest) => Some((guest, balanced)),
        Err(full) => {
            log::info!("{client}: refused: {full}");
            None
        }
    }
}

fn hear(socket: &TcpStream, services: &Services) -> Result<Behalf, NetError> {
    let deadline = Instant::now() + services.settings.handshake_timeout;
    socket.set_nonblocking(true)?;
    let mut preface = Preface::default();
    loop {
        if let Some(behalf) = preface.step(socket)? {
            return Ok(behalf);
        }
        let waited = [(socket.as_fd(), Interest::Read), (services.stop.as_fd(), Interest::Read)];
        match poll::ready(&waited, deadline)? {
            [_, true, _] => return Err(NetError::Interrupted),
            [false, ..] => return Err(NetError::Timeout),
            _ => {}
        }
    }
}
