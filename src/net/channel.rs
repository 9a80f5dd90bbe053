//! A control connection: lines in, bytes out, and the change between clear text and TLS.

use crate::{
    net::{NetError, Stream, Wait},
    proto::{Line, LineAssembler},
    sys::{openssl as libssl, poll::Interest, socket},
};
use std::{
    io, mem,
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd},
};
use zeroize::Zeroizing;

/// A control connection, a server's or a client's.
#[derive(Debug)]
pub struct Channel {
    stream: Stream,
    assembler: LineAssembler,
    max_line_bytes: usize,
    /// Wiped like the lines in it, one of which is a password.
    buffer: Zeroizing<Vec<u8>>,
    taken: usize,
}

/// Read at a time: commands are short, and an idle session should hold little.
const READ_BYTES: usize = 2048;

impl Channel {
    /// A control connection over `stream`; longer lines than `max_line_bytes` are dropped.
    pub fn new(stream: Stream, max_line_bytes: usize) -> io::Result<Channel> {
        socket::keep_urgent_inline(stream.socket())?;
        Ok(Channel {
            stream,
            assembler: LineAssembler::new(max_line_bytes),
            max_line_bytes,
            buffer: Zeroizing::default(),
            taken: 0,
        })
    }

    /// The next line. `None` is the end of the connection; what came of a last line is dropped.
    pub fn read_line(&mut self, wait: &mut dyn Wait) -> Result<Option<Line>, NetError> {
        loop {
            match self.try_line()? {
                Next::Line(line) => return Ok(Some(line)),
                Next::End => return Ok(None),
                Next::More => wait.between_blocks()?,
                Next::NotYet => wait.wait(self.stream.as_fd(), Interest::Read)?,
            }
        }
    }

    /// The next line, if it is there without waiting. One step: it reads once at most, so that a
    /// peer whose line never ends cannot hold the caller.
    pub fn try_line(&mut self) -> Result<Next, NetError> {
        if let Some(line) = self.buffered_line() {
            return Ok(Next::Line(line));
        }
        self.buffer.resize(READ_BYTES, 0);
        self.taken = 0;
        let outcome = self.stream.try_read(&mut self.buffer);
        self.buffer.truncate(outcome.as_ref().ok().copied().flatten().unwrap_or(0));
        match outcome {
            Ok(Some(0)) | Err(NetError::Truncated) => Ok(Next::End),
            Ok(Some(_)) => Ok(self.buffered_line().map_or(Next::More, Next::Line)),
            Ok(None) => {
                self.buffer = Zeroizing::default();
                Ok(Next::NotYet)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends `bytes`.
    pub fn send(&mut self, bytes: &[u8], wait: &mut dyn Wait) -> Result<(), NetError> {
        self.stream.write_all(bytes, wait)
    }

    /// Whether bytes have come that no line has used.
    pub fn holds_unread_bytes(&self) -> bool {
        self.taken < self.buffer.len() || self.assembler.is_mid_line()
    }

    /// Takes this connection from clear text to TLS by `shake`, which gets the socket. What had
    /// come before is forgotten: bytes from before a handshake are never executed after it.
    pub fn upgrade(
        &mut self,
        shake: impl FnOnce(TcpStream) -> Result<Stream, NetError>,
    ) -> Result<(), NetError> {
        self.forget();
        self.stream = shake(self.stream.socket().try_clone()?)?;
        Ok(())
    }

    /// Takes this connection from TLS to clear text.
    pub fn downgrade(&mut self, wait: &mut dyn Wait) -> Result<(), NetError> {
        self.forget();
        let clear = Stream::clear(self.stream.socket().try_clone()?)?;
        let secure = mem::replace(&mut self.stream, clear);
        self.stream = secure.into_clear(wait)?;
        Ok(())
    }

    /// Gives the client one more TLS 1.3 ticket with the next write, for its next data connection:
    /// some use a ticket once, and two from the handshake do not last.
    pub fn send_ticket_with_next_write(&mut self) {
        if let Some(tls) = self.stream.tls_layer() {
            // TLS 1.2 has no such thing, and needs none: its session serves again and again.
            let _ = libssl::send_ticket_with_next_write(tls);
        }
    }

    /// Says goodbye on the transport: close_notify and FIN.
    pub fn finish(&mut self, wait: &mut dyn Wait) {
        // Whether it hears is the peer's affair: we are leaving.
        let _ = self.stream.finish(wait);
    }

    /// Drops what the peer still sends, until it has closed its end.
    pub fn drain(&mut self, wait: &mut dyn Wait) {
        let _ = self.stream.drain(wait); // likewise
    }

    /// The stream below.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    fn buffered_line(&mut self) -> Option<Line> {
        let mut rest = &self.buffer[self.taken..];
        let line = self.assembler.take(&mut rest);
        self.taken = self.buffer.len() - rest.len();
        line
    }

    fn forget(&mut self) {
        self.assembler = LineAssembler::new(self.max_line_bytes);
        self.buffer = Zeroizing::default();
        self.taken = 0;
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// What [`Channel::try_line`] found.
#[derive(Debug)]
pub enum Next {
    /// A line.
    Line(Line),
    /// Bytes, and no line yet: the next step may have one.
    More,
    /// Nothing to read.
    NotYet,
    /// The end of the connection.
    End,
}
