//! A client's end of a control connection: commands out, replies in, a deadline for each, and
//! every line to the protocol log. It knows no verb.

use crate::{
    client::{ClientError, Site},
    net::{Channel, NetError, Next, Stream, Until, Wait},
    proto::{Reply, ReplyAssembler, line::encode},
    sys::{poll::Interest, socket},
};
use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::Duration,
};

/// Gets every line of a control connection: `host:port > RETR a.txt`. Passwords are masked.
pub type ProtocolLog = Arc<dyn Fn(&str) + Send + Sync>;

/// Longer lines of a server are dropped. Some write a whole directory's checksums in one reply,
/// none a line like this.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// What stands in the log in place of a password.
const MASK: &[u8] = b"****";

/// A client's end of a control connection.
pub(super) struct Control {
    channel: Channel,
    assembler: ReplyAssembler,
    /// `host:port`, for errors and the log.
    name: String,
    timeout: Duration,
    log: Option<ProtocolLog>,
}

impl Control {
    /// Connects to `site` in clear text. Each of its addresses may take `timeout`.
    pub fn connect(
        site: &Site,
        timeout: Duration,
        log: Option<ProtocolLog>,
    ) -> Result<Control, ClientError> {
        let name = site.to_string();
        let unreachable = |error: NetError| ClientError::Unreachable(name.clone(), error);
        let socket = connect(&site.host, site.port, timeout).map_err(unreachable)?;
        let channel = Stream::clear(socket).and_then(|stream| Channel::new(stream, MAX_LINE_BYTES));
        let channel = channel.map_err(|error| unreachable(error.into()))?;
        Ok(Control { channel, assembler: ReplyAssembler::default(), name, timeout, log })
    }

    /// Goes from clear text to TLS. What had come before is forgotten.
    pub fn upgrade(
        &mut self,
        shake: impl FnOnce(TcpStream, &mut dyn Wait) -> Result<Stream, NetError>,
    ) -> Result<(), ClientError> {
        self.assembler = ReplyAssembler::default();
        let mut until = Until::within(self.timeout);
        let outcome = self.channel.upgrade(|socket| shake(socket, &mut until));
        outcome.map_err(|error| ClientError::Unreachable(self.name.clone(), error))
    }

    /// Sends one command. Only `secret` arguments are kept out of the log.
    pub fn send(&mut self, verb: &str, argument: Argument<'_>) -> Result<(), ClientError> {
        let (bytes, shown) = match argument {
            Argument::None => (&b""[..], &b""[..]),
            Argument::Shown(bytes) => (bytes, bytes),
            Argument::Secret(bytes) => (bytes, MASK),
        };
        if bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(ClientError::BadText("what is sent to a server"));
        }
        self.record('>', &line(verb, shown));
        // One write: some servers take a line in two packets for two commands.
        let line = zeroize::Zeroizing::new(line(verb, bytes));
        let sent = self.channel.send(&encode(&line), &mut Until::within(self.timeout));
        sent.map_err(|error| self.lost(error))
    }

    /// The next reply, which may be a preliminary one.
    pub fn reply(&mut self, mut until: Until) -> Result<Reply, ClientError> {
        loop {
            if let Some(reply) = self.try_reply()? {
                return Ok(reply);
            }
            let waited = until.wait(self.channel.as_fd(), Interest::Read);
            waited.map_err(|error| self.lost(error))?;
        }
    }

    /// The next reply, if it is there without waiting.
    pub fn try_reply(&mut self) -> Result<Option<Reply>, ClientError> {
        loop {
            let line = match self.channel.try_line() {
                Ok(Next::Line(Ok(line))) => line,
                // A banner with a stray LF is no reason to leave; a reply that is lost by it ends
                // in a timeout.
                Ok(Next::Line(Err(_))) => continue,
                Ok(Next::More) => continue,
                Ok(Next::NotYet) => return Ok(None),
                Ok(Next::End) => return Err(self.lost(NetError::Truncated)),
                Err(error) => return Err(self.lost(error)),
            };
            self.record('<', &line);
            match self.assembler.line(&line) {
                Ok(Some(reply)) => return Ok(Some(reply)),
                Ok(None) => {}
                Err(why) => return Err(ClientError::Protocol(self.name.clone(), why)),
            }
        }
    }

    /// Until when a server may take to answer a command that asks for no work.
    pub fn until(&self) -> Until {
        Until::within(self.timeout)
    }

    /// Says goodbye on the transport.
    pub fn finish(&mut self) {
        self.channel.finish(&mut Until::within(self.timeout));
    }

    /// The server's address.
    pub fn peer_address(&self) -> Result<SocketAddr, ClientError> {
        self.channel.stream().peer_address().map_err(|error| self.lost(error.into()))
    }

    /// The stream below.
    pub fn stream(&self) -> &Stream {
        self.channel.stream()
    }

    /// `host:port`.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn lost(&self, error: NetError) -> ClientError {
        ClientError::Lost(self.name.clone(), error)
    }

    fn record(&self, direction: char, line: &[u8]) {
        if let Some(log) = &self.log {
            let text: String = String::from_utf8_lossy(line).chars().map(printable).collect();
            log(&format!("{} {direction} {text}", self.name));
        }
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

/// What follows a verb.
#[derive(Clone, Copy)]
pub(super) enum Argument<'a> {
    None,
    Shown(&'a [u8]),
    /// Never shown in the log.
    Secret(&'a [u8]),
}

fn line(verb: &str, argument: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(verb.len() + argument.len() + 3);
    line.extend_from_slice(verb.as_bytes());
    if !argument.is_empty() {
        line.push(b' ');
        line.extend_from_slice(argument);
    }
    line
}

/// A server must not write to the user's terminal what moves its cursor.
fn printable(c: char) -> char {
    if c.is_control() { '?' } else { c }
}

/// Connects to the first address of `host` that answers. The look-up itself has the resolver's
/// deadline, not ours: the system offers no other.
pub(super) fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, NetError> {
    let mut failure = NetError::Io(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    for address in (host, port).to_socket_addrs()?.take(MAX_ADDRESSES) {
        match connect_to(address, timeout) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Connects to one address.
pub(super) fn connect_to(address: SocketAddr, timeout: Duration) -> Result<TcpStream, NetError> {
    let socket = socket::begin_connect(None, address)?;
    Until::within(timeout).wait(socket.as_fd(), Interest::Write)?;
    match socket.take_error()? {
        None => Ok(socket),
        Some(error) => Err(error.into()),
    }
}
