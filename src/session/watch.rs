//! What a session does while a transfer occupies its thread: it goes on listening. `ABOR` ends the
//! transfer, `STAT` is answered, other lines wait; the client's leaving and the server's stopping
//! end it too.

use crate::{
    net::{Channel, NetError, Next, Until, Wait},
    proto::{
        Code, Line, Reply,
        verb::{self, Verb},
    },
    session::Hangup,
    sys::{
        poll::{self, Interest},
        stop::StopSignal,
    },
};
use std::{
    cell::Cell,
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd},
    thread,
    time::{Duration, Instant},
};

/// The patience of a session in a transfer.
pub struct Watch<'a> {
    channel: &'a mut Channel,
    queue: &'a mut VecDeque<Line>,
    stop: &'a StopSignal,
    moved: &'a Cell<u64>,
    limit: Limit,
    grace: Duration,
    stop_at: Option<Instant>,
    /// When the control connection was last looked at, if it was.
    looked: Option<Instant>,
    end: Option<Cause>,
}

/// How long the next wait may take.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// Until a moment, however many waits there are.
    Until(Instant),
    /// So long for each wait: the peer shall not stall.
    Each(Duration),
}

/// Why a watch ended a transfer.
#[derive(Debug)]
pub enum Cause {
    /// `ABOR`, which stands in the queue to be answered.
    Abort,
    /// There is nobody left to answer, or the control connection failed.
    Hangup(Hangup),
}

/// Lines held during one transfer. When there are more, nobody reads until it ends.
const MAX_QUEUED: usize = 64;

/// The transfer waits while a `STAT` is answered: not for long.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);

/// A transfer that never waits looks at its control connection this often.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl<'a> Watch<'a> {
    /// Listens to `channel`, keeping in `queue` what has to wait.
    pub fn new(
        channel: &'a mut Channel,
        queue: &'a mut VecDeque<Line>,
        stop: &'a StopSignal,
        grace: Duration,
        moved: &'a Cell<u64>,
        limit: Limit,
    ) -> Watch<'a> {
        Watch { channel, queue, stop, moved, limit, grace, stop_at: None, looked: None, end: None }
    }

    /// Why it ended the transfer, if it did.
    pub fn end(self) -> Option<Cause> {
        self.end
    }

    /// Takes what the control connection holds.
    fn look(&mut self) -> Result<(), NetError> {
        // An `ABOR` may have come before the transfer that it ends had begun.
        let first = self.looked.replace(Instant::now()).is_none();
        if first && self.queue.iter().any(|line| answered_at_once(line) == Some(Verb::Abor)) {
            return self.give_up(Cause::Abort);
        }
        // Bounded, for a peer may send faster than it is worth to listen.
        for _ in 0..MAX_QUEUED {
            if self.queue.len() >= MAX_QUEUED {
                break;
            }
            match self.channel.try_line() {
                Ok(Next::More) => {}
                Ok(Next::NotYet) => break,
                Ok(Next::Line(line)) => self.take(line)?,
                Ok(Next::End) => return self.give_up(Cause::Hangup(Hangup::Gone)),
                Err(error) => return self.give_up(Cause::Hangup(Hangup::Control(error))),
            }
        }
        Ok(())
    }

    /// Replies keep the order of the commands: `STAT` is answered at once only if nothing waits
    /// before it, and `ABOR` gets its own reply from the queue, behind the transfer's.
    fn take(&mut self, line: Line) -> Result<(), NetError> {
        let verb = answered_at_once(&line);
        if verb == Some(Verb::Stat) && self.queue.is_empty() {
            let text = format!("{} bytes transferred so far.", self.moved.get());
            let reply = Reply::new(Code::SYSTEM_STATUS, text).encode();
            let sent = self.channel.send(&reply, &mut Until::within(STATUS_TIMEOUT));
            return match sent {
                Ok(()) => Ok(()),
                // Half a reply may be out: nothing can follow it.
                Err(error) => self.give_up(Cause::Hangup(Hangup::Control(error))),
            };
        }
        self.queue.push_back(line);
        if verb == Some(Verb::Abor) { self.give_up(Cause::Abort) } else { Ok(()) }
    }

    /// Whether there is room for another line.
    fn listens(&self) -> bool {
        self.queue.len() < MAX_QUEUED
    }

    fn give_up(&mut self, cause: Cause) -> Result<(), NetError> {
        self.end = Some(cause);
        Err(NetError::Interrupted)
    }

    /// The server stops: the transfer has its grace from now on.
    fn heed_stop(&mut self) {
        if self.stop_at.is_none() {
            self.stop_at = Some(Instant::now() + self.grace);
        }
    }
}

/// The verb of a line that does without an argument and does not wait for a transfer's end.
fn answered_at_once(line: &Line) -> Option<Verb> {
    let row = verb::find(line.as_ref().ok()?.trim_ascii_end())?;
    (row.during == verb::DuringTransfer::Answered).then_some(row.verb)
}

impl Wait for Watch<'_> {
    fn wait(&mut self, socket: BorrowedFd<'_>, interest: Interest) -> Result<(), NetError> {
        // What came together with the verb is here already, and does not wake a poll.
        if self.looked.is_none() {
            self.look()?;
        }
        let limit = match self.limit {
            // A peer that always has something ready does not put it off.
            Limit::Until(moment) if Instant::now() >= moment => return Err(NetError::Timeout),
            Limit::Until(moment) => moment,
            Limit::Each(time) => Instant::now() + time,
        };
        loop {
            let deadline = self.stop_at.map_or(limit, |stop_at| stop_at.min(limit));
            let listens = self.listens();
            // Who is not listened to is replaced by one who is, so that places stay fixed.
            let control = if listens { self.channel.as_fd() } else { socket };
            let control_interest = if listens { Interest::Read } else { interest };
            let waited = [
                (socket, interest),
                (control, control_interest),
                (self.stop.as_fd(), Interest::Read),
            ];
            let count = if self.stop_at.is_some() { 2 } else { 3 };
            let [data, control, stop] = poll::ready(&waited[..count], deadline)?;
            if control && listens {
                self.look()?;
            }
            if stop {
                self.heed_stop();
            }
            if data {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let stopped = self.stop_at.is_some_and(|stop_at| stop_at <= limit);
                let stopping = Cause::Hangup(Hangup::Stopping);
                return if stopped { self.give_up(stopping) } else { Err(NetError::Timeout) };
            }
        }
    }

    /// As `wait`, without the data connection: our own slowness is no stall of the peer's.
    fn pause(&mut self, until: Instant) -> Result<(), NetError> {
        self.between_blocks()?;
        while Instant::now() < until {
            let deadline = self.stop_at.map_or(until, |stop_at| stop_at.min(until));
            let control = self.listens().then(|| (self.channel.as_fd(), Interest::Read));
            let stop = self.stop_at.is_none().then(|| (self.stop.as_fd(), Interest::Read));
            let (listens, heeds) = (control.is_some(), stop.is_some());
            let waited: Vec<_> = control.into_iter().chain(stop).collect();
            if waited.is_empty() {
                thread::sleep(deadline.saturating_duration_since(Instant::now()));
            } else {
                let ready = poll::ready(&waited, deadline)?;
                if heeds && ready[waited.len() - 1] {
                    self.heed_stop();
                }
                if listens && ready[0] {
                    self.look()?;
                }
            }
            if self.stop_at.is_some_and(|stop_at| Instant::now() >= stop_at) {
                return self.give_up(Cause::Hangup(Hangup::Stopping));
            }
        }
        Ok(())
    }

    fn between_blocks(&mut self) -> Result<(), NetError> {
        if let Limit::Until(moment) = self.limit
            && Instant::now() >= moment
        {
            return Err(NetError::Timeout);
        }
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        self.look()?;
        if self.stop_at.is_none() && self.stop.is_given() {
            self.heed_stop();
        }
        match self.stop_at {
            Some(stop_at) if Instant::now() >= stop_at => {
                self.give_up(Cause::Hangup(Hangup::Stopping))
            }
            _ => Ok(()),
        }
    }
}
