//! A prepared data address, and the connection that comes of it.

use crate::{
    net::{NetError, Wait},
    sys::{poll::Interest, socket},
};
use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
};

/// Where the next data connection comes from or goes to.
#[derive(Debug)]
pub enum Port {
    /// We listen (`PASV`, `EPSV`, `CPSV`).
    Passive(TcpListener),
    /// We connect (`PORT`, `EPRT`).
    Active(SocketAddr),
}

/// What is known of a data connection before it is there.
pub struct Opening<'a> {
    /// Our own address on the control connection: a data connection comes from there.
    pub source: IpAddr,
    /// Whether a host may connect to us; others are closed and the wait goes on, so that a
    /// stranger can neither steal nor kill a transfer.
    pub admits: &'a dyn Fn(IpAddr) -> bool,
}

/// After so many strangers on one listener something is wrong.
const MAX_STRANGERS: usize = 100;

impl Port {
    /// Waits for the connection, or makes it.
    pub fn open(&self, opening: &Opening<'_>, wait: &mut dyn Wait) -> Result<TcpStream, NetError> {
        match self {
            Port::Passive(listener) => accept(listener, opening, wait),
            Port::Active(target) => connect(opening.source, *target, wait),
        }
    }
}

fn accept(
    listener: &TcpListener,
    opening: &Opening<'_>,
    wait: &mut dyn Wait,
) -> Result<TcpStream, NetError> {
    let mut strangers = 0;
    while strangers < MAX_STRANGERS {
        match listener.accept() {
            Ok((stream, peer)) if (opening.admits)(peer.ip().to_canonical()) => return Ok(stream),
            Ok((_, peer)) => {
                strangers += 1;
                log::warn!("stranger at {peer} on a data port: closed, and still waiting");
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait.wait(listener.as_fd(), Interest::Read)?;
            }
            // The peer was gone before we took it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => strangers += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Err(NetError::Timeout)
}

fn connect(source: IpAddr, target: SocketAddr, wait: &mut dyn Wait) -> Result<TcpStream, NetError> {
    // A control connection over IPv4 may name an IPv6 data address; then the system chooses ours.
    let source = Some(source).filter(|source| source.is_ipv4() == target.is_ipv4());
    let stream = socket::begin_connect(source, target)?;
    wait.wait(stream.as_fd(), Interest::Write)?;
    match stream.take_error()? {
        None => Ok(stream),
        Some(error) => Err(error.into()),
    }
}
