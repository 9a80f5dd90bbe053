//! How far a copy between two servers is, of which not a byte passes here. fxpd tells it by `STAT` in
//! the middle of a transfer; of other targets the file's size is asked over a connection of its own.

use crate::{
    client::{ClientError, Connection, RemotePath, ServerKind, Side, exchange::Pair},
    net::Until,
    proto::{Code, Reply},
};
use std::time::{Duration, Instant};

/// How often a server is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// A copy that is over sooner is not worth a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// For a server's answer that has nothing to do with the copy.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks one of two servers how far it is.
pub(super) struct Gauge {
    asks: Ask,
    next: Instant,
}

enum Ask {
    /// This one, by `STAT`; whether its answer is still to come.
    Status(Side, bool),
    /// The target, for the size of its file.
    Size,
}

impl Gauge {
    /// For a copy that begins now.
    pub(super) fn begin(pair: &Pair<'_>) -> Gauge {
        let tells = |connection: &Connection| connection.features().kind() == ServerKind::Fxpd;
        let (asks, patience) = match () {
            () if tells(pair.target) => (Ask::Status(Side::Target, false), INTERVAL),
            () if tells(pair.source) => (Ask::Status(Side::Source, false), INTERVAL),
            () => (Ask::Size, PATIENCE),
        };
        Gauge { asks, next: Instant::now() + patience }
    }

    /// Asks, when it is time to. How many bytes of the file the target has, if that is known already.
    pub(super) fn ask(
        &mut self,
        pair: &mut Pair<'_>,
        to: &RemotePath,
        is_running: impl Fn(Side) -> bool,
    ) -> Result<Option<u64>, ClientError> {
        if Instant::now() < self.next {
            return Ok(None);
        }
        self.next = Instant::now() + INTERVAL;
        match &mut self.asks {
            Ask::Status(side, asked) if *asked || !is_running(*side) => Ok(None),
            Ask::Status(side, asked) => {
                *asked = true;
                let side = *side;
                pair.side(side).begin_bare("STAT")?;
                Ok(None)
            }
            Ask::Size => Ok(pair.watch.size(pair.target, to)),
        }
    }

    /// Whether a reply is the answer, and how many bytes it tells that the transfer has moved.
    pub(super) fn hears(&mut self, side: Side, reply: &Reply) -> Option<Option<u64>> {
        match &mut self.asks {
            Ask::Status(asks, asked @ true)
                if *asks == side && reply.code() == Code::SYSTEM_STATUS =>
            {
                *asked = false;
                Some(moved(reply))
            }
            _ => None,
        }
    }

    /// Takes the answer that came too late. One that does not come leaves the connection unsettled.
    pub(super) fn end(&mut self, pair: &mut Pair<'_>) -> Result<(), ClientError> {
        let Ask::Status(side, asked @ true) = &mut self.asks else { return Ok(()) };
        *asked = false;
        let until = Until::within(TIMEOUT);
        match pair.side(*side).control().reply(until)?.code() {
            Code::SYSTEM_STATUS => Ok(()),
            _ => pair.side(*side).revive(),
        }
    }
}

/// `1234 bytes transferred so far.`
fn moved(reply: &Reply) -> Option<u64> {
    let text = reply.text();
    let (number, rest) = text.trim_start().split_once(' ')?;
    number.parse().ok().filter(|_| rest.starts_with("bytes"))
}

/// A connection that only looks.
#[derive(Default)]
pub(super) enum Watch {
    #[default]
    NotYet,
    Open(Box<Connection>),
    /// It was not to be had, or broke; the copy goes on unseen.
    Gone,
}

impl Watch {
    fn size(&mut self, target: &Connection, path: &RemotePath) -> Option<u64> {
        if matches!(self, Watch::NotYet) {
            *self = match target.another(TIMEOUT) {
                Ok(connection) => Watch::Open(Box::new(connection)),
                Err(error) => {
                    log::info!("{}: no second connection to look with: {error}", target.site());
                    Watch::Gone
                }
            };
        }
        let Watch::Open(connection) = self else { return None };
        match connection.size(path) {
            Ok(size) => size,
            // It may have a hidden name until it is whole.
            Err(ClientError::Refused(..)) => None,
            Err(_) => {
                *self = Watch::Gone;
                None
            }
        }
    }

    /// Says goodbye.
    pub(super) fn close(self) {
        if let Watch::Open(connection) = self {
            connection.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_status_are_found() {
        let reply = |text: &str| Reply::new(Code::SYSTEM_STATUS, text);
        assert_eq!(moved(&reply("1234 bytes transferred so far.")), Some(1234));
        for text in ["Status of the server", "x bytes", "12", "", "7 files"] {
            assert_eq!(moved(&reply(text)), None, "{text}");
        }
    }
}
