//! Who of those that come to a passive port is the one expected. SSCN alone gives a file to
//! whoever is first there; with an expectation, the first is only the first to be asked.
//!
//! All of them shake hands at the same time: one that is silent keeps nobody waiting. It is a
//! machine in steps that never wait, for its owner has a control connection to listen to as well.

use crate::{
    net::{
        Arrivals, NetError, Pending, Stream,
        arrivals::{Came, MAX_STRANGERS_LOGGED},
    },
    sys::{crowd::Crowd, poll::Interest},
};
use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

/// Handshakes at a time. The next who comes displaces the one who came first of them: a silent
/// crowd of any size cannot keep the expected peer out.
const MAX_CONTENDERS: usize = 16;

/// Connections that are looked at in one step.
const MAX_TAKEN_PER_STEP: usize = MAX_CONTENDERS;

/// What a contest goes by.
pub struct Rules<'a> {
    /// Whether a host may take part at all.
    pub admits: &'a dyn Fn(SocketAddr) -> bool,
    /// Begins to shake hands with a host, demanding the proof that is expected of it.
    pub begin: &'a dyn Fn(TcpStream, SocketAddr) -> Result<Pending, NetError>,
    /// For one handshake.
    pub handshake_timeout: Duration,
}

/// A passive port, and those who have come there.
pub struct Contest<'a> {
    arrivals: &'a Arrivals,
    rules: Rules<'a>,
    /// Until then someone may come.
    open_until: Instant,
    is_open: bool,
    contenders: VecDeque<Contender>,
    crowd: Crowd,
    strangers: usize,
    refused: Option<Refused>,
}

/// Someone who shakes hands.
struct Contender {
    pending: Pending,
    peer: SocketAddr,
    interest: Interest,
    deadline: Instant,
}

/// Someone who is not the one expected, or did not prove it.
#[derive(Debug)]
pub struct Refused {
    /// Who.
    pub peer: SocketAddr,
    /// Why.
    pub reason: NetError,
}

/// How a step went.
pub enum Standing {
    /// It is this one.
    Won(Stream, SocketAddr),
    /// Nobody yet: wait for the contest to be readable, until this moment at most.
    Open(Instant),
    /// Time is up.
    Over,
}

impl<'a> Contest<'a> {
    /// Begins with whoever was taken from the port before, if anyone was.
    pub fn new(
        arrivals: &'a Arrivals,
        rules: Rules<'a>,
        open_until: Instant,
        first: Option<(TcpStream, SocketAddr)>,
    ) -> io::Result<Contest<'a>> {
        let crowd = Crowd::new()?;
        crowd.add(arrivals.as_fd(), Interest::Read)?;
        let contenders = VecDeque::new();
        let (is_open, strangers, refused) = (true, 0, None);
        let mut contest =
            Contest { arrivals, rules, open_until, is_open, contenders, crowd, strangers, refused };
        if let Some((socket, peer)) = first {
            contest.enter(socket, peer);
        }
        Ok(contest)
    }

    /// Goes as far as that needs no waiting.
    pub fn step(&mut self) -> Result<Standing, NetError> {
        self.take_who_came()?;
        let now = Instant::now();
        for _ in 0..self.contenders.len() {
            // One after another leaves the queue's head and, unless it is out, enters its tail.
            let Some(mut contender) = self.contenders.pop_front() else { break };
            let Contender { peer, deadline, .. } = contender;
            match contender.pending.step() {
                Ok(None) => match contender.pending.done() {
                    Ok(stream) => return Ok(Standing::Won(stream, peer)),
                    Err(reason) => self.refuse(peer, reason),
                },
                Err(reason) => {
                    self.refuse(peer, reason);
                    // Who need not prove anything was the one, and has failed.
                    if !contender.pending.is_asked() {
                        return Ok(Standing::Over);
                    }
                }
                Ok(Some(_)) if now >= deadline => self.refuse(peer, NetError::Timeout),
                Ok(Some(interest)) => {
                    if interest != contender.interest {
                        self.crowd.change(contender.pending.as_fd(), interest)?;
                        contender.interest = interest;
                    }
                    self.contenders.push_back(contender);
                }
            }
        }
        Ok(match self.next_moment() {
            Some(moment) => Standing::Open(moment),
            None => Standing::Over,
        })
    }

    /// The last who was refused.
    pub fn into_refused(self) -> Option<Refused> {
        self.refused
    }

    fn take_who_came(&mut self) -> Result<(), NetError> {
        if !self.is_open {
            return Ok(());
        }
        if Instant::now() >= self.open_until {
            self.crowd.remove(self.arrivals.as_fd())?;
            self.is_open = false;
            return Ok(());
        }
        for _ in 0..MAX_TAKEN_PER_STEP {
            match self.arrivals.next(self.rules.admits, &mut self.strangers)? {
                Came::Admitted(socket, peer) => self.enter(socket, peer),
                Came::Dismissed => {}
                Came::Nobody => break,
            }
        }
        Ok(())
    }

    fn enter(&mut self, socket: TcpStream, peer: SocketAddr) {
        if self.contenders.len() == MAX_CONTENDERS {
            let oldest = self.contenders.pop_front();
            log::warn!("too many at a data port: {:?} must go", oldest.map(|one| one.peer));
        }
        let interest = Interest::Read;
        let entered = (self.rules.begin)(socket, peer).and_then(|pending| {
            self.crowd.add(pending.as_fd(), interest)?;
            Ok(pending)
        });
        match entered {
            Ok(pending) => {
                let deadline = Instant::now() + self.rules.handshake_timeout;
                self.contenders.push_back(Contender { pending, peer, interest, deadline });
            }
            Err(reason) => self.refuse(peer, reason),
        }
    }

    fn refuse(&mut self, peer: SocketAddr, reason: NetError) {
        self.strangers += 1;
        if self.strangers <= MAX_STRANGERS_LOGGED {
            log::warn!("{peer} at a data port is not the one expected: {reason}");
        }
        self.refused = Some(Refused { peer, reason });
    }

    /// When something is to be done though nothing comes; `None` when nothing is.
    fn next_moment(&self) -> Option<Instant> {
        let deadlines = self.contenders.iter().map(|contender| contender.deadline);
        let port = self.is_open.then_some(self.open_until);
        deadlines.chain(port).min()
    }
}

impl AsFd for Contest<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.crowd.as_fd()
    }
}
