//! A passive port and who comes there: the peers themselves, or balancers that say for whom they
//! come. No call here waits; whoever does waits for the descriptor to be readable.

use crate::{
    net::{
        address::canonical,
        proxy::{Behalf, Preface},
    },
    sys::{crowd::Crowd, poll::Interest},
};
use ipnet::IpNet;
use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, BorrowedFd},
};

/// Strangers on one listener that are worth a line in the log.
pub(super) const MAX_STRANGERS_LOGGED: usize = 3;

/// Balancers' connections that may be silent at a time. The next displaces the first.
const MAX_SILENT: usize = 16;

/// A passive port.
#[derive(Debug)]
pub struct Arrivals {
    listener: TcpListener,
    balanced: Option<Balanced>,
}

/// What a port needs that is reached through balancers.
#[derive(Debug)]
struct Balanced {
    balancers: Vec<IpNet>,
    /// The listener and all who are silent.
    crowd: Crowd,
    silent: RefCell<VecDeque<Silent>>,
}

/// A balancer's connection whose header is not whole.
#[derive(Debug)]
struct Silent {
    socket: TcpStream,
    balancer: SocketAddr,
    preface: Preface,
}

/// Who was at the port.
pub(super) enum Came {
    /// A peer, and from where.
    Admitted(TcpStream, SocketAddr),
    /// Somebody, and there may be more.
    Dismissed,
    /// Nobody any more.
    Nobody,
}

impl Arrivals {
    /// A port where peers come themselves.
    pub fn new(listener: TcpListener) -> Arrivals {
        Arrivals { listener, balanced: None }
    }

    /// One where those from the networks of `balancers` come for others, and say so.
    pub fn through(balancers: Vec<IpNet>, listener: TcpListener) -> io::Result<Arrivals> {
        let crowd = Crowd::new()?;
        crowd.add(listener.as_fd(), Interest::Read)?;
        let silent = RefCell::default();
        Ok(Arrivals { listener, balanced: Some(Balanced { balancers, crowd, silent }) })
    }

    /// One try, which does not wait. Who is not admitted is closed and counted among `strangers`.
    pub(super) fn next(
        &self,
        admits: &dyn Fn(SocketAddr) -> bool,
        strangers: &mut usize,
    ) -> io::Result<Came> {
        let spoken = match &self.balanced {
            Some(balanced) => balanced.who_has_spoken()?,
            None => None,
        };
        if let Some((socket, peer)) = spoken {
            return Ok(judge(socket, peer, admits, strangers));
        }
        match self.listener.accept() {
            Ok((socket, peer)) => {
                let peer = canonical(peer);
                match &self.balanced {
                    Some(balanced) if balanced.has(peer.ip()) => {
                        balanced.hear(socket, peer)?;
                        Ok(Came::Dismissed)
                    }
                    _ => Ok(judge(socket, peer, admits, strangers)),
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(Came::Nobody),
                // The peer was gone before we took it.
                io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {
                    Ok(Came::Dismissed)
                }
                _ => Err(error),
            },
        }
    }
}

impl AsFd for Arrivals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.balanced {
            Some(balanced) => balanced.crowd.as_fd(),
            None => self.listener.as_fd(),
        }
    }
}

impl Balanced {
    fn has(&self, host: IpAddr) -> bool {
        self.balancers.iter().any(|network| network.contains(&host))
    }

    fn hear(&self, socket: TcpStream, balancer: SocketAddr) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        self.crowd.add(socket.as_fd(), Interest::Read)?;
        let mut silent = self.silent.borrow_mut();
        if silent.len() == MAX_SILENT {
            silent.pop_front();
        }
        silent.push_back(Silent { socket, balancer, preface: Preface::default() });
        Ok(())
    }

    /// The next connection whose header is whole. Those with none are closed.
    fn who_has_spoken(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        let mut silent = self.silent.borrow_mut();
        for _ in 0..silent.len() {
            let Some(mut one) = silent.pop_front() else { break };
            match one.preface.step(&one.socket) {
                Ok(None) => silent.push_back(one),
                Ok(Some(behalf)) => {
                    self.crowd.remove(one.socket.as_fd())?;
                    let peer = match behalf {
                        Behalf::Of(peer, _) => peer,
                        Behalf::Itself => one.balancer,
                    };
                    return Ok(Some((one.socket, peer)));
                }
                Err(error) => log::warn!("balancer {} on a data port: {error}", one.balancer),
            }
        }
        Ok(None)
    }
}

fn judge(
    socket: TcpStream,
    peer: SocketAddr,
    admits: &dyn Fn(SocketAddr) -> bool,
    strangers: &mut usize,
) -> Came {
    if admits(peer) {
        return Came::Admitted(socket, peer);
    }
    *strangers += 1;
    if *strangers <= MAX_STRANGERS_LOGGED {
        log::warn!("stranger at {peer} on a data port: closed, and still waiting");
    }
    Came::Dismissed
}
