//! A prepared data address, and the connection that comes of it.

use crate::{
    net::{NetError, Wait},
    sys::{poll::Interest, socket},
};
use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, BorrowedFd},
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
pub(super) const MAX_STRANGERS_LOGGED: usize = 3;

impl Port {
    /// Waits for the connection, or makes it.
    pub fn open(&self, opening: &Opening<'_>, wait: &mut dyn Wait) -> Result<TcpStream, NetError> {
        match self {
            Port::Passive(listener) => accept(listener, opening, wait),
            Port::Active(target) => connect(opening.source, *target, wait),
        }
    }

    /// Where connections come in, if they do.
    pub fn listener(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Port::Passive(listener) => Some(listener.as_fd()),
            Port::Active(_) => None,
        }
    }

    /// Takes one connection that has come already, without waiting, if its host is admitted;
    /// another is closed and counted among the strangers.
    pub fn take_waiting(
        &self,
        admits: &dyn Fn(IpAddr) -> bool,
        strangers: &mut usize,
    ) -> io::Result<Option<TcpStream>> {
        let Port::Passive(listener) = self else { return Ok(None) };
        match accept_one(listener, admits, strangers)? {
            Came::Admitted(stream) => Ok(Some(stream)),
            Came::Dismissed | Came::Nobody => Ok(None),
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
        match accept_one(listener, opening.admits, &mut strangers)? {
            Came::Admitted(stream) => return Ok(stream),
            // However many there are, the deadline is all that ends the wait.
            Came::Dismissed => wait.between_blocks()?,
            Came::Nobody => wait.wait(listener.as_fd(), Interest::Read)?,
        }
    }
}

/// Who was at the port.
pub(super) enum Came {
    Admitted(TcpStream),
    Dismissed,
    Nobody,
}

/// One try, which does not wait.
pub(super) fn accept_one(
    listener: &TcpListener,
    admits: &dyn Fn(IpAddr) -> bool,
    strangers: &mut usize,
) -> io::Result<Came> {
    match listener.accept() {
        Ok((stream, peer)) if admits(peer.ip().to_canonical()) => Ok(Came::Admitted(stream)),
        Ok((_, peer)) => {
            *strangers += 1;
            if *strangers <= MAX_STRANGERS_LOGGED {
                log::warn!("stranger at {peer} on a data port: closed, and still waiting");
            }
            Ok(Came::Dismissed)
        }
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock => Ok(Came::Nobody),
            // The peer was gone before we took it.
            io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => Ok(Came::Dismissed),
            _ => Err(error),
        },
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
