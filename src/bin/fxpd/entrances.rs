//! Where clients come in: addresses of the settings, or sockets that somebody else has opened
//! (systemd, inetd), and how long a server lives that was started with them.

use crate::config::Config;
use fxpd::{Builder, Entrance, Handed, HandedSocket, Listen, Origin};
use std::{net::SocketAddr, time::Duration};

/// Names of handed sockets (`FileDescriptorName=` in systemd) that say when TLS begins.
const EXPLICIT_NAME: &str = "ftp";
const IMPLICIT_NAME: &str = "ftps";

/// When the server ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Never.
    UntilStopped,
    /// With its only client: inetd's `nowait`, systemd's `Accept=yes`.
    OneClient,
    /// After this time without clients: inetd's `wait`, which then watches the socket itself.
    UntilIdle(Duration),
}

/// What was handed over, understood. Nothing of it means the addresses of the settings.
pub struct Entrances {
    handed: Vec<(Handed, Entrance)>,
    life: Life,
}

impl Entrances {
    /// Of these sockets. Those without a telling name are implicit when the setting
    /// `listen_implicit` has an address of their port; balancers come where `proxy_listen` has one.
    pub fn new(sockets: Vec<HandedSocket>, config: &Config) -> Entrances {
        let life = life(&sockets, config.idle_exit);
        let understood = |HandedSocket { socket, origin }| {
            let port = port(&socket);
            let has_port = |address: &SocketAddr| Some(address.port()) == port;
            let is_balanced = config.proxy_listen.iter().any(has_port);
            (socket, entrance(listen(&origin, port, config), is_balanced))
        };
        Entrances { handed: sockets.into_iter().map(understood).collect(), life }
    }

    /// How long the server shall live.
    pub fn life(&self) -> Life {
        self.life
    }

    /// Opens them to the server.
    pub fn add_to(self, mut builder: Builder, config: &Config) -> Builder {
        if self.handed.is_empty() {
            let explicit = config.listen.iter().map(|address| (address, Listen::Explicit));
            let implicit = config.listen_implicit.iter().map(|address| (address, Listen::Implicit));
            return explicit.chain(implicit).fold(builder, |builder, (address, listen)| {
                let is_balanced = config.proxy_listen.contains(address);
                builder.listen(*address, entrance(listen, is_balanced))
            });
        }
        for (socket, entrance) in self.handed {
            builder = match socket {
                Handed::Listening(listener) => builder.listener(listener, entrance),
                Handed::Connected(connection) => builder.connection(connection, entrance),
            };
        }
        builder
    }
}

fn entrance(listen: Listen, is_balanced: bool) -> Entrance {
    if is_balanced { Entrance::balanced(listen) } else { listen.into() }
}

fn life(sockets: &[HandedSocket], idle_exit: Duration) -> Life {
    let listens = |it: &&HandedSocket| matches!(it.socket, Handed::Listening(_));
    match sockets.iter().find(listens) {
        None if sockets.is_empty() => Life::UntilStopped,
        None => Life::OneClient,
        Some(HandedSocket { origin: Origin::StandardInput, .. }) => Life::UntilIdle(idle_exit),
        Some(_) => Life::UntilStopped,
    }
}

fn listen(origin: &Origin, port: Option<u16>, config: &Config) -> Listen {
    let has_port = |address: &SocketAddr| Some(address.port()) == port;
    match origin {
        Origin::ListenFds(Some(name)) if name == EXPLICIT_NAME => Listen::Explicit,
        Origin::ListenFds(Some(name)) if name == IMPLICIT_NAME => Listen::Implicit,
        _ if config.listen_implicit.iter().any(has_port) => Listen::Implicit,
        _ => Listen::Explicit,
    }
}

fn port(socket: &Handed) -> Option<u16> {
    let address = match socket {
        Handed::Listening(listener) => listener.local_addr(),
        Handed::Connected(connection) => connection.local_addr(),
    };
    address.ok().map(|address| address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_when_tls_begins_and_otherwise_the_port_does() {
        let config =
            Config { listen_implicit: vec!["[::]:990".parse().unwrap()], ..Config::default() };
        let named = |name: &str| Origin::ListenFds(Some(name.to_owned()));
        for (origin, port, expected) in [
            (named("ftp"), Some(990), Listen::Explicit),
            (named("ftps"), Some(21), Listen::Implicit),
            (named("connection"), Some(990), Listen::Implicit),
            (named("fxpd.socket"), Some(21), Listen::Explicit),
            (Origin::StandardInput, Some(990), Listen::Implicit),
            (Origin::ListenFds(None), None, Listen::Explicit),
        ] {
            assert_eq!(listen(&origin, port, &config), expected, "{origin:?} {port:?}");
        }
    }
}
