//! A connection of the client's, in clear text or under TLS: with OpenSSL alone, so that the server's
//! own code is not tested by itself.

use super::house::{IDENTITY, PATIENCE};
use openssl::{
    pkey::PKey,
    ssl::{ErrorCode, SslAcceptor, SslConnector, SslMethod, SslStream, SslVerifyMode},
    x509::X509,
};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    sync::LazyLock,
    time::Duration,
};

/// One end of a connection.
pub enum Wire {
    Clear(Socket),
    Tls(SslStream<Socket>),
    /// The other end is gone in the middle of a handshake.
    Cut,
}

/// A socket whose waits go on behind a signal: the fuzzer's alarm is one, every few seconds.
pub struct Socket(TcpStream);

fn undisturbed<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

impl Read for Socket {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        undisturbed(|| self.0.read(block))
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        undisturbed(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static CONNECTOR: LazyLock<SslConnector> = LazyLock::new(|| {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.build()
});

static ACCEPTOR: LazyLock<SslAcceptor> = LazyLock::new(|| {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    let certificate = X509::from_pem(&IDENTITY.certificate_pem().unwrap()).unwrap();
    let key = PKey::private_key_from_pem(&IDENTITY.key_pem().unwrap()).unwrap();
    builder.set_certificate(&certificate).unwrap();
    builder.set_private_key(&key).unwrap();
    builder.build()
});

impl Wire {
    /// A new connection that waits for nothing for ever, and leaves no port in TIME_WAIT.
    pub fn new(socket: TcpStream) -> Wire {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        Wire::Clear(Socket(socket))
    }

    /// Sends what the other end may no longer want to hear.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = match self {
            Wire::Clear(socket) => socket.write_all(bytes),
            Wire::Tls(stream) => stream.write_all(bytes),
            Wire::Cut => Ok(()),
        };
    }

    /// Says that no more is sent.
    pub fn finish(&mut self) {
        let _ = match self {
            Wire::Clear(socket) => socket.0.shutdown(Shutdown::Write),
            Wire::Tls(stream) => {
                let _ = stream.shutdown();
                stream.get_ref().0.shutdown(Shutdown::Write)
            }
            Wire::Cut => Ok(()),
        };
    }

    /// Receives what is there; 0 at the proper end, `None` at any other. Waits for [`PATIENCE`] at most.
    pub fn receive(&mut self, block: &mut [u8]) -> Option<usize> {
        let received = match self {
            Wire::Clear(socket) => socket.read(block),
            Wire::Tls(stream) => match stream.ssl_read(block) {
                Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(0),
                // What has no cause is a TCP connection that ended, or failed before.
                read => read.map_err(|error| {
                    error.into_io_error().unwrap_or_else(|_| ErrorKind::ConnectionReset.into())
                }),
            },
            Wire::Cut => return None,
        };
        match received {
            Ok(count) => Some(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the server hangs")
            }
            Err(_) => None,
        }
    }

    /// Becomes a TLS connection as its client, or as its server.
    fn secured(self, shake: impl FnOnce(Socket) -> Option<SslStream<Socket>>) -> Wire {
        match self {
            Wire::Clear(socket) => shake(socket).map_or(Wire::Cut, Wire::Tls),
            _ => panic!("a handshake within TLS"),
        }
    }

    /// As the TLS client.
    pub fn into_client(self) -> Wire {
        self.secured(|socket| CONNECTOR.connect("localhost", socket).ok())
    }

    /// As the TLS server.
    pub fn into_server(self) -> Wire {
        self.secured(|socket| ACCEPTOR.accept(socket).ok())
    }

    /// Ends TLS on both sides, if there is any, and goes on in clear text.
    pub fn leave_tls(&mut self) {
        if let Wire::Tls(stream) = self {
            let _ = stream.shutdown();
            let _ = stream.shutdown(); // the second waits for the other end's
            *self = Wire::Clear(Socket(stream.get_ref().0.try_clone().unwrap()));
        }
    }

    /// As [`Wire::into_client`], in place.
    pub fn shake_hands(&mut self) {
        *self = std::mem::replace(self, Wire::Cut).into_client();
        assert!(!matches!(self, Wire::Cut), "the handshake failed");
    }
}
