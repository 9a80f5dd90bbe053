//! A prepared data address, and the connection that comes of it.

use crate::{
    net::{
        Arrivals, NetError, Wait,
        address::{canonical, zone},
        arrivals::Came,
    },
    sys::{poll::Interest, socket},
};
use std::{
    io,
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
};

/// Where the next data connection comes from or goes to.
#[derive(Debug)]
pub enum Port {
    /// We listen (`PASV`, `EPSV`, `CPSV`).
    Passive(Arrivals),
    /// We connect (`PORT`, `EPRT`).
    Active(SocketAddr),
}

/// What is known of a data connection before it is there.
pub struct Opening<'a> {
    /// Our own address on the control connection: a data connection comes from there.
    pub source: SocketAddr,
    /// Whether a host may connect to us; others are closed and the wait goes on, so that a
    /// stranger can neither steal nor kill a transfer.
    pub admits: &'a dyn Fn(SocketAddr) -> bool,
}

impl Port {
    /// Waits for the connection, or makes it, and tells with whom.
    pub fn open(
        &self,
        opening: &Opening<'_>,
        wait: &mut dyn Wait,
    ) -> Result<(TcpStream, SocketAddr), NetError> {
        match self {
            Port::Passive(arrivals) => accept(arrivals, opening, wait),
            Port::Active(target) => {
                let socket = connect(opening.source, *target, wait)?;
                let peer = socket.peer_addr()?;
                Ok((socket, canonical(peer)))
            }
        }
    }

    /// Where connections come in, if they do.
    pub fn listener(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Port::Passive(arrivals) => Some(arrivals.as_fd()),
            Port::Active(_) => None,
        }
    }

    /// Takes one connection that has come already, without waiting, if its host is admitted;
    /// another is closed and counted among the strangers.
    pub fn take_waiting(
        &self,
        admits: &dyn Fn(SocketAddr) -> bool,
        strangers: &mut usize,
    ) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        let Port::Passive(arrivals) = self else { return Ok(None) };
        match arrivals.next(admits, strangers)? {
            Came::Admitted(stream, peer) => Ok(Some((stream, peer))),
            Came::Dismissed | Came::Nobody => Ok(None),
        }
    }
}

fn accept(
    arrivals: &Arrivals,
    opening: &Opening<'_>,
    wait: &mut dyn Wait,
) -> Result<(TcpStream, SocketAddr), NetError> {
    let mut strangers = 0;
    loop {
        match arrivals.next(opening.admits, &mut strangers)? {
            Came::Admitted(stream, peer) => return Ok((stream, peer)),
            // However many there are, the deadline is all that ends the wait.
            Came::Dismissed => wait.between_blocks()?,
            Came::Nobody => wait.wait(arrivals.as_fd(), Interest::Read)?,
        }
    }
}

fn connect(
    source: SocketAddr,
    target: SocketAddr,
    wait: &mut dyn Wait,
) -> Result<TcpStream, NetError> {
    // A control connection over IPv4 may name an IPv6 data address, and one on a link a host
    // beyond it; then the system chooses ours.
    let reaches =
        |source: &SocketAddr| source.is_ipv4() == target.is_ipv4() && zone(*source) == zone(target);
    let source = Some(source).filter(reaches);
    let stream = socket::begin_connect(source, target)?;
    wait.wait(stream.as_fd(), Interest::Write)?;
    match stream.take_error()? {
        None => Ok(stream),
        Some(error) => Err(error.into()),
    }
}
