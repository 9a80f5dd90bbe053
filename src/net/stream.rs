//! One connection, in clear text or under TLS, with the same methods for both.
//!
//! It differs from `Read` and `Write` where FTP needs it to: the end of a TLS stream is its
//! close_notify and nothing else, so that a cut connection is never taken for the end of a file;
//! and every wait is the caller's (see [`Wait`]).

use crate::{
    net::{NetError, Validity, Wait, address::canonical},
    proto::Fingerprint,
    sys::{poll::Interest, socket},
};
use openssl::ssl::{self, ErrorCode, ShutdownResult, SslRef, SslStream};
use rustix::io::Errno;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
};

/// A connection, in clear text or under TLS.
#[derive(Debug)]
pub struct Stream {
    layer: Layer,
}

#[derive(Debug)]
enum Layer {
    Clear(TcpStream),
    Tls(Box<SslStream<Wire>>),
}

/// What was agreed in a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher's name in OpenSSL's words.
    pub cipher: &'static str,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The certificate that the peer showed, if any.
    pub peer: Option<Fingerprint>,
}

impl Stream {
    /// A connection in clear text.
    pub fn clear(socket: TcpStream) -> io::Result<Stream> {
        socket::tune(&socket)?;
        Ok(Stream { layer: Layer::Clear(socket) })
    }

    /// A connection whose handshake is done.
    pub(super) fn secured(stream: SslStream<Wire>) -> Stream {
        Stream { layer: Layer::Tls(Box::new(stream)) }
    }

    /// Reads what is there, waiting for at least one byte. `Ok(0)` is the proper end: close_notify
    /// under TLS, FIN in clear text. [`NetError::Truncated`] is the improper one.
    pub fn read(&mut self, buffer: &mut [u8], wait: &mut dyn Wait) -> Result<usize, NetError> {
        loop {
            match self.read_now(buffer)? {
                Ok(count) => return Ok(count),
                Err(interest) => wait.wait(self.as_fd(), interest)?,
            }
        }
    }

    /// Reads what is there without waiting; `None` when nothing is.
    pub fn try_read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, NetError> {
        Ok(self.read_now(buffer)?.ok())
    }

    /// Writes all of `bytes`.
    pub fn write_all(&mut self, mut bytes: &[u8], wait: &mut dyn Wait) -> Result<(), NetError> {
        while !bytes.is_empty() {
            match self.write_now(bytes).map_err(|error| self.last_word(error))? {
                Ok(count) => bytes = &bytes[count..],
                Err(interest) => wait.wait(self.as_fd(), interest)?,
            }
        }
        Ok(())
    }

    /// From now on the socket is read and written in large pieces: what is written may wait until
    /// much has come together, or for [`Stream::finish`]. For connections that carry files.
    pub fn move_in_bulk(&mut self) {
        if let Layer::Tls(stream) = &mut self.layer {
            stream.get_mut().is_bulk = true;
        }
    }

    /// Sends up to `count` bytes of `file` without copying them through this process. `None` when
    /// that cannot be: under TLS. `Some(0)` is the end of the file.
    pub fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        count: usize,
        wait: &mut dyn Wait,
    ) -> Result<Option<usize>, NetError> {
        let Layer::Clear(socket) = &self.layer else { return Ok(None) };
        loop {
            match rustix::fs::sendfile(socket, file, None, count) {
                Ok(sent) => return Ok(Some(sent)),
                Err(Errno::AGAIN) => wait.wait(socket.as_fd(), Interest::Write)?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(NetError::Io(error.into())),
            }
        }
    }

    /// Lets no more than about `bytes` wait to be read from now on. Only a hint.
    pub fn hold_back(&self, bytes: usize) {
        let _ = socket::hold_back(self.socket(), bytes); // the sender is then slowed down late
    }

    /// Hands what was gathered in bulk to the system.
    pub fn flush(&mut self, wait: &mut dyn Wait) -> Result<(), NetError> {
        let Layer::Tls(stream) = &mut self.layer else { return Ok(()) };
        let wire = stream.get_mut();
        while let Err(error) = wire.hand_over() {
            match error.kind() {
                io::ErrorKind::WouldBlock => wait.wait(wire.as_fd(), Interest::Write)?,
                io::ErrorKind::Interrupted => {}
                _ => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Says that no more bytes follow: close_notify under TLS, then FIN. The peer may go on.
    pub fn finish(&mut self, wait: &mut dyn Wait) -> Result<(), NetError> {
        self.say_end(wait).map_err(|error| self.last_word(error))
    }

    /// Reads and discards what the peer still sends, until its end. A socket closed with unread
    /// bytes resets the connection, and the peer may lose what it has not read yet (a TLS 1.3
    /// server's tickets are such bytes; OpenSSL issue 7948).
    ///
    /// [`NetError::Tls`] when the peer's last word is an alert: under TLS 1.3 it judges our
    /// certificate after our own handshake is done, and what it refused it has not taken. A
    /// silence or a cut is no such sign.
    pub fn drain(&mut self, wait: &mut dyn Wait) -> Result<(), NetError> {
        let mut scrap = vec![0; 4096];
        loop {
            match self.read(&mut scrap, wait) {
                Ok(1..) if wait.between_blocks().is_ok() => {}
                Err(refused @ NetError::Tls(_)) => return Err(refused),
                Ok(_) | Err(_) => return Ok(()),
            }
        }
    }

    /// Ends TLS on both sides and goes on in clear text (RFC 4217 §13 for `REIN`, RFC 2228 §3 for
    /// `CCC`).
    pub fn into_clear(mut self, wait: &mut dyn Wait) -> Result<Stream, NetError> {
        if let Layer::Tls(stream) = &mut self.layer {
            say_close(stream, wait)?;
            loop {
                match stream.shutdown() {
                    Ok(ShutdownResult::Received) => break,
                    Ok(ShutdownResult::Sent) => {
                        wait.wait(stream.get_ref().as_fd(), Interest::Read)?
                    }
                    Err(error) => match wanted(&error) {
                        Some(interest) => wait.wait(stream.get_ref().as_fd(), interest)?,
                        None => return Err(NetError::from_ssl(error)),
                    },
                }
            }
        }
        Ok(Stream::clear(self.socket().try_clone()?)?)
    }

    /// The socket below, for a handshake: the stream must be in clear text.
    pub fn into_socket(self) -> io::Result<TcpStream> {
        match self.layer {
            Layer::Clear(socket) => Ok(socket),
            Layer::Tls(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// What was agreed, if this is TLS.
    pub fn tls(&self) -> Option<TlsFacts> {
        let ssl = self.ssl()?;
        Some(TlsFacts {
            version: ssl.version_str(),
            cipher: ssl.current_cipher().map_or("none", |cipher| cipher.name()),
            resumed: ssl.session_reused(),
            peer: ssl.peer_certificate().and_then(|leaf| Fingerprint::of(&leaf)),
        })
    }

    /// From when to when the certificate that the peer showed is valid.
    pub fn peer_validity(&self) -> Option<Validity> {
        Validity::of(&*self.ssl()?.peer_certificate()?)
    }

    /// Whether this is TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.layer, Layer::Tls(_))
    }

    /// The TLS end, for those who ask more of it.
    pub(super) fn ssl(&self) -> Option<&SslRef> {
        match &self.layer {
            Layer::Clear(_) => None,
            Layer::Tls(stream) => Some(stream.ssl()),
        }
    }

    /// The same with what it stands on, for those who have it do more.
    pub(super) fn tls_layer(&mut self) -> Option<&mut SslStream<Wire>> {
        match &mut self.layer {
            Layer::Clear(_) => None,
            Layer::Tls(stream) => Some(stream),
        }
    }

    /// The socket below.
    pub fn socket(&self) -> &TcpStream {
        match &self.layer {
            Layer::Clear(socket) => socket,
            Layer::Tls(stream) => &stream.get_ref().socket,
        }
    }

    /// The peer's address; an IPv4 one is never shown as IPv6.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr().map(canonical)
    }

    /// Our own address; an IPv4 one is never shown as IPv6.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr().map(canonical)
    }

    /// One try: the count, or what to wait for.
    fn read_now(&mut self, buffer: &mut [u8]) -> Result<Result<usize, Interest>, NetError> {
        match &mut self.layer {
            Layer::Clear(socket) => clear_outcome(socket.read(buffer), Interest::Read),
            Layer::Tls(stream) => match stream.ssl_read(buffer) {
                Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(Ok(0)),
                outcome => tls_outcome(outcome),
            },
        }
    }

    fn say_end(&mut self, wait: &mut dyn Wait) -> Result<(), NetError> {
        if let Layer::Tls(stream) = &mut self.layer {
            say_close(stream, wait)?;
        }
        self.flush(wait)?;
        match self.socket().shutdown(Shutdown::Write) {
            // Our close_notify is out, and the peer that has read it need not wait for the FIN:
            // lftp closes at once, and then there is no connection to shut down.
            Err(error) if self.is_tls() && error.kind() == io::ErrorKind::NotConnected => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    /// Why writing failed: a peer that refuses us sends an alert and closes, so that our next byte
    /// meets a reset, and the alert stands unread before it.
    fn last_word(&mut self, error: NetError) -> NetError {
        match (&error, &self.layer) {
            (NetError::Io(_), Layer::Tls(_)) => match self.try_read(&mut [0; 1024]) {
                Err(alert @ NetError::Tls(_)) => alert,
                _ => error,
            },
            _ => error,
        }
    }

    fn write_now(&mut self, bytes: &[u8]) -> Result<Result<usize, Interest>, NetError> {
        match &mut self.layer {
            Layer::Clear(socket) => clear_outcome(socket.write(bytes), Interest::Write),
            Layer::Tls(stream) => tls_outcome(stream.ssl_write(bytes)),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

fn clear_outcome(
    outcome: io::Result<usize>,
    interest: Interest,
) -> Result<Result<usize, Interest>, NetError> {
    match outcome {
        Ok(count) => Ok(Ok(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Err(interest)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Err(interest)),
        Err(error) => Err(NetError::Io(error)),
    }
}

fn tls_outcome(outcome: Result<usize, ssl::Error>) -> Result<Result<usize, Interest>, NetError> {
    match outcome {
        Ok(count) => Ok(Ok(count)),
        Err(error) => match wanted(&error) {
            Some(interest) => Ok(Err(interest)),
            None => Err(NetError::from_ssl(error)),
        },
    }
}

/// What OpenSSL waits for, if it waits.
pub(super) fn wanted(error: &ssl::Error) -> Option<Interest> {
    match error.code() {
        ErrorCode::WANT_READ => Some(Interest::Read),
        ErrorCode::WANT_WRITE => Some(Interest::Write),
        _ => None,
    }
}

fn say_close(stream: &mut SslStream<Wire>, wait: &mut dyn Wait) -> Result<(), NetError> {
    loop {
        match stream.shutdown() {
            Ok(_) => return Ok(()),
            Err(error) => match wanted(&error) {
                Some(Interest::Write) => wait.wait(stream.get_ref().as_fd(), Interest::Write)?,
                // Ours is out; the peer's is not in yet, which is for `drain`.
                Some(_) => return Ok(()),
                None => return Err(NetError::from_ssl(error)),
            },
        }
    }
}

/// What OpenSSL reads from and writes to. OpenSSL writes a record at a time, 16 KiB, and reads its
/// head and its body apart; in bulk, this costs a system call for many records instead.
#[derive(Debug)]
pub(super) struct Wire {
    socket: TcpStream,
    is_bulk: bool,
    /// Written by OpenSSL; sent up to `sent`.
    gathered: Vec<u8>,
    sent: usize,
    /// Read from the socket, as far as `read`; taken by OpenSSL up to `taken`.
    ahead: Vec<u8>,
    read: usize,
    taken: usize,
}

/// Read or written at a time in bulk.
const BULK_BYTES: usize = 128 << 10;

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Wire {
        let (gathered, ahead) = (Vec::new(), Vec::new());
        Wire { socket, is_bulk: false, gathered, sent: 0, ahead, read: 0, taken: 0 }
    }

    /// Hands what is gathered to the socket; `WouldBlock` while something is left.
    fn hand_over(&mut self) -> io::Result<()> {
        while self.sent < self.gathered.len() {
            self.sent += self.socket.write(&self.gathered[self.sent..])?;
        }
        self.gathered.clear();
        self.sent = 0;
        Ok(())
    }

    /// Reads what the socket has, as far as there is room for it.
    fn read_ahead(&mut self) -> io::Result<()> {
        self.ahead.resize(BULK_BYTES, 0); // once: it keeps that size
        (self.read, self.taken) = (0, 0);
        self.read = self.socket.read(&mut self.ahead)?;
        Ok(())
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.read {
            if !self.is_bulk {
                return self.socket.read(buffer);
            }
            self.read_ahead()?;
        }
        let count = buffer.len().min(self.read - self.taken);
        buffer[..count].copy_from_slice(&self.ahead[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_bulk && self.gathered.is_empty() {
            return self.socket.write(bytes);
        }
        if self.gathered.len() + bytes.len() > BULK_BYTES {
            self.hand_over()?;
        }
        self.gathered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// OpenSSL flushes after a handshake's flights only, where nothing is gathered.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
