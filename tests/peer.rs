//! The other end of a data connection, made of OpenSSL and nothing of ours: TLS client or server,
//! on connections made or accepted, well behaved or not.

#![allow(unsafe_code)] // `set_session`, `SSL_renegotiate`

use crate::site::PATIENCE;
use foreign_types::ForeignTypeRef;
use fxpd::Identity;
use openssl::{
    hash::MessageDigest,
    pkey::PKey,
    ssl::{
        ErrorCode, HandshakeError, MidHandshakeSslStream, Ssl, SslContext, SslContextBuilder,
        SslMethod, SslSession, SslSessionCacheMode, SslStream, SslVersion,
    },
    x509::X509,
};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// A TLS client that remembers the sessions it is given.
#[derive(Clone)]
pub struct Client {
    context: SslContext,
    sessions: Arc<Mutex<Vec<SslSession>>>,
    server_name: Option<String>,
}

impl Client {
    /// TLS 1.2 and 1.3, no certificate of its own, trusting everyone.
    pub fn any() -> Client {
        Client::built(|_| {})
    }

    /// One version only.
    pub fn only(version: SslVersion) -> Client {
        Client::built(|builder| {
            builder.set_min_proto_version(Some(version)).unwrap();
            builder.set_max_proto_version(Some(version)).unwrap();
        })
    }

    /// One version only, showing `identity` where it is asked for.
    pub fn proving(version: SslVersion, identity: &Identity) -> Client {
        Client::built(|builder| {
            builder.set_min_proto_version(Some(version)).unwrap();
            builder.set_max_proto_version(Some(version)).unwrap();
            show(builder, identity);
        })
    }

    /// Any version, showing `identity` where it is asked for.
    pub fn showing(identity: &Identity) -> Client {
        Client::built(|builder| show(builder, identity))
    }

    /// After `change`.
    pub fn built(change: impl FnOnce(&mut SslContextBuilder)) -> Client {
        let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
        builder.set_session_cache_mode(
            SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL_STORE,
        );
        let sessions = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&sessions);
        builder.set_new_session_callback(move |_, session| kept.lock().unwrap().push(session));
        change(&mut builder);
        Client { context: builder.build(), sessions, server_name: None }
    }

    /// The same, asking for the host `name` (SNI).
    pub fn at(self, name: &str) -> Client {
        Client { server_name: Some(name.to_owned()), ..self }
    }

    /// Shakes hands, offering `session`.
    pub fn connect(
        &self,
        socket: TcpStream,
        session: Option<&SslSession>,
    ) -> Result<SslStream<TcpStream>, String> {
        let mut ssl = Ssl::new(&self.context).unwrap();
        if let Some(session) = session {
            // SAFETY: the session comes from this very context's callback.
            unsafe { ssl.set_session(session) }.unwrap();
        }
        if let Some(name) = &self.server_name {
            ssl.set_hostname(name).unwrap();
        }
        ssl.connect(socket).map_err(describe)
    }

    /// The bytes of a ClientHello.
    pub fn hello(&self) -> Vec<u8> {
        match Ssl::new(&self.context).unwrap().connect(Recorder::default()) {
            Err(HandshakeError::WouldBlock(begun)) => begun.get_ref().0.clone(),
            _ => panic!("a handshake with nobody"),
        }
    }

    /// Sends a ClientHello, and goes on only as far as that needs no waiting.
    pub fn begin(&self, socket: TcpStream) -> Begun {
        socket.set_nonblocking(true).unwrap();
        match Ssl::new(&self.context).unwrap().connect(socket) {
            Err(HandshakeError::WouldBlock(begun)) => {
                begun.get_ref().set_nonblocking(false).unwrap();
                Begun::Waiting(begun)
            }
            Ok(stream) => {
                stream.get_ref().set_nonblocking(false).unwrap();
                Begun::Done(stream)
            }
            other => panic!("a handshake that has begun was awaited, not {other:?}"),
        }
    }

    /// How many sessions it was given and keeps.
    pub fn tickets(&self) -> usize {
        self.sessions.lock().unwrap().len()
    }

    /// The newest session that was given, which is forgotten: TLS 1.3 tickets serve once. The last
    /// one stays, as under TLS 1.2 there is only one.
    pub fn session(&self) -> Option<SslSession> {
        let mut sessions = self.sessions.lock().unwrap();
        if sessions.len() > 1 { sessions.pop() } else { sessions.last().cloned() }
    }
}

/// A handshake whose ClientHello is sent.
pub enum Begun {
    Waiting(MidHandshakeSslStream<TcpStream>),
    /// The server was quick.
    Done(SslStream<TcpStream>),
}

impl Begun {
    /// Ends the handshake.
    pub fn go_on(self) -> Result<SslStream<TcpStream>, String> {
        match self {
            Begun::Waiting(begun) => begun.handshake().map_err(describe),
            Begun::Done(stream) => Ok(stream),
        }
    }

    /// Whether the server's answer is here by now.
    pub fn is_answered(&self) -> bool {
        let Begun::Waiting(begun) = self else { return true };
        let socket = begun.get_ref();
        socket.set_nonblocking(true).unwrap();
        let peeked = socket.peek(&mut [0]);
        socket.set_nonblocking(false).unwrap();
        matches!(peeked, Ok(1))
    }
}

/// Keeps what is written, and has nothing to read.
#[derive(Debug, Default)]
struct Recorder(Vec<u8>);

impl Read for Recorder {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A TLS server that shows `identity`, after `change`.
pub fn server(identity: &Identity, change: impl FnOnce(&mut SslContextBuilder)) -> SslContext {
    let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
    show(&mut builder, identity);
    change(&mut builder);
    builder.build()
}

fn show(builder: &mut SslContextBuilder, identity: &Identity) {
    let certificate = X509::from_pem(&identity.certificate_pem().unwrap()).unwrap();
    builder.set_certificate(&certificate).unwrap();
    let key = PKey::private_key_from_pem(&identity.key_pem().unwrap()).unwrap();
    builder.set_private_key(&key).unwrap();
}

/// Shakes hands as TLS server.
pub fn accept_tls(context: &SslContext, socket: TcpStream) -> Result<SslStream<TcpStream>, String> {
    Ssl::new(context).unwrap().accept(socket).map_err(describe)
}

/// The certificate that the other side has shown, as [`fxpd::Fingerprint`] writes it.
pub fn shown(stream: &SslStream<TcpStream>) -> String {
    let leaf = stream.ssl().peer_certificate().expect("a certificate");
    let digest = leaf.digest(MessageDigest::sha256()).unwrap();
    digest.iter().fold("SHA256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Asks for another handshake within this connection, as TLS 1.2 can, and shakes hands again.
pub fn renegotiate(stream: &mut SslStream<TcpStream>) -> Result<(), String> {
    // SAFETY: the SSL lives for the whole call.
    let begun = unsafe { SSL_renegotiate(stream.ssl().as_ptr()) };
    assert_eq!(begun, 1, "TLS 1.2 can be asked");
    stream.do_handshake().map_err(|error| error.to_string())
}

// Public API of libssl (ssl.h) and missing from openssl-sys.
unsafe extern "C" {
    fn SSL_renegotiate(ssl: *mut openssl_sys::SSL) -> std::ffi::c_int;
}

/// Connects to a data port, with a deadline on every read.
pub fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Takes one connection, with a deadline on every read.
pub fn accept(listener: &TcpListener) -> TcpStream {
    let (socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Ends what we send, properly, and closes when the other side has.
pub fn finish(mut data: SslStream<TcpStream>) {
    let _ = data.shutdown();
    let _ = data.get_ref().shutdown(Shutdown::Write);
    let _ = data.read(&mut [0; 64]);
}

/// Reads up to close_notify; any other end is an error.
pub fn read_to_close(mut data: SslStream<TcpStream>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match data.ssl_read(&mut block) {
            Ok(count) => bytes.extend_from_slice(&block[..count]),
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => break,
            Err(error) => return Err(format!("{error} after {} bytes", bytes.len())),
        }
    }
    let _ = data.shutdown();
    Ok(bytes)
}

/// Waits for the other side's first byte, and does not take it.
pub fn hears_something(socket: &TcpStream) {
    assert_eq!(socket.peek(&mut [0]).unwrap(), 1, "a byte");
}

/// Whether nobody listens there; who gets in while a listener is being closed is thrown out with it.
pub fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).map_or(true, |socket| {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        is_closed(&socket)
    })
}

/// Whether the other side has closed this connection.
pub fn is_closed(mut socket: &TcpStream) -> bool {
    match socket.read(&mut [0; 64]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

fn describe(error: HandshakeError<TcpStream>) -> String {
    error.to_string()
}
