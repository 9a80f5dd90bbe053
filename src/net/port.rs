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

/// Strangers on one listener that are worth a line in the log.
const MAX_STRANGERS_LOGGED: usize = 3;

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
    loop {
        match listener.accept() {
            Ok((stream, peer)) if (opening.admits)(peer.ip().to_canonical()) => return Ok(stream),
            Ok((_, peer)) => {
                strangers += 1;
                if strangers <= MAX_STRANGERS_LOGGED {
                    log::warn!("stranger at {peer} on a data port: closed, and still waiting");
                }
                // However many there are, the deadline is all that ends the wait.
                wait.between_blocks()?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait.wait(listener.as_fd(), Interest::Read)?;
            }
            // The peer was gone before we took it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error.into()),
        }
    }
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
