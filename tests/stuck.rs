//! A server that waits: in each phase of a data connection, for as long as the test likes.

use crate::{
    ftp::Ftp,
    other_server::{Means, OtherServer},
    peer::{self, Client},
    site::{PATIENCE, Site},
};
use fxpd::TlsRole;
use openssl::ssl::{ErrorCode, SslStream};
use socket2::{Domain, Socket, Type};
use std::{
    fs::File,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

/// What a server may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// For the peer to connect.
    Accepting,
    /// For the peer to take our connection.
    Connecting,
    /// For the peer's part of a handshake, as TLS server or as TLS client.
    ShakingHands(TlsRole),
    /// For more to store.
    Receiving,
    /// For the peer to read.
    Sending,
    /// For the peer to close, when all is sent.
    Draining,
}

impl Phase {
    pub const ALL: [Phase; 7] = [
        Phase::Accepting,
        Phase::Connecting,
        Phase::ShakingHands(TlsRole::Accept),
        Phase::ShakingHands(TlsRole::Connect),
        Phase::Receiving,
        Phase::Sending,
        Phase::Draining,
    ];
}

/// What keeps a server waiting.
pub enum Stuck {
    /// It listens there.
    At(SocketAddr),
    /// A listener that is full, and what fills it.
    Full(#[expect(dead_code, reason = "they are held, not used")] Vec<Socket>),
    Silent(TcpStream),
    Open(SslStream<TcpStream>),
}

/// What [`Phase::Receiving`] has received.
pub const RECEIVED: usize = 1000;

/// Brings the server at the other end of `ftp`, with files `out` and `big` in its tree, into
/// `phase`; 150 is heard and the final reply is not.
pub fn stick(ftp: &mut Ftp, phase: Phase) -> Stuck {
    let other = OtherServer::new(&fxpd::Identity::self_signed(&["other"]).unwrap());
    if phase == Phase::Connecting {
        let (address, fillers) = full_listener();
        ftp.says(&Means::Port.naming(address), 200);
        ftp.says("RETR out", 150);
        return Stuck::Full(fillers);
    }
    let address = ftp.epsv();
    let verb = match phase {
        Phase::Receiving => "STOR in",
        Phase::Sending => "RETR big",
        _ => "RETR out",
    };
    if phase == Phase::ShakingHands(TlsRole::Connect) {
        ftp.says("SSCN ON", 200);
    }
    ftp.says(verb, 150);
    if phase == Phase::Accepting {
        return Stuck::At(address);
    }
    let socket = peer::connect(address);
    match phase {
        Phase::ShakingHands(TlsRole::Accept) => {
            (&socket).write_all(&Client::any().hello()).unwrap();
            peer::hears_something(&socket);
            return Stuck::Silent(socket);
        }
        Phase::ShakingHands(TlsRole::Connect) => {
            peer::hears_something(&socket);
            return Stuck::Silent(socket);
        }
        _ => {}
    }
    let mut data = other.shake(socket, TlsRole::Connect).unwrap();
    match phase {
        Phase::Receiving => {
            data.write_all(&[b'x'; RECEIVED]).unwrap();
            waits_until_moved(ftp, RECEIVED);
        }
        Phase::Sending => data.read_exact(&mut [0]).unwrap(),
        _ => while data.ssl_read(&mut [0; 4096]).is_ok() {},
    }
    Stuck::Open(data)
}

/// Asks by `STAT` until the server has moved `count` bytes.
pub fn waits_until_moved(ftp: &mut Ftp, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while !ftp.says("STAT", 211).contains(&format!("211 {count} bytes")) {
        assert!(Instant::now() < deadline, "{count} bytes do not arrive");
    }
}

/// A site with the files that [`stick`] needs.
pub fn site(change: impl FnOnce(&mut crate::site::Plan)) -> Site {
    let site = Site::with(|plan| {
        // Where no other test listens: a port that was freed here is taken by nobody.
        plan.host = "127.0.0.7".parse().unwrap();
        change(plan);
    });
    site.put("out", b"hello");
    // Larger than what can be sent before the server looks at its control connection.
    File::create(site.path("big")).unwrap().set_len(1 << 30).unwrap();
    site
}

impl Stuck {
    /// Whether the server lets go: its listener is closed, or the connection is, and not in the
    /// way that says that a file is whole.
    pub fn is_freed(&mut self, phase: Phase) -> bool {
        match self {
            Stuck::At(address) => peer::is_refused(*address),
            Stuck::Full(_) => true,
            Stuck::Silent(socket) => end(|block| socket.read(block)).is_some(),
            Stuck::Open(data) => match end(|block| read_strictly(data, block)) {
                Some(end) => end == End::Cut || phase == Phase::Draining,
                None => false,
            },
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Proper,
    Cut,
}

/// How reading comes to an end; `None` when it does not.
fn end(mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> Option<End> {
    let mut block = [0; 4096];
    loop {
        match read(&mut block) {
            Ok(0) => return Some(End::Proper),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(_) => return Some(End::Cut),
        }
    }
}

/// As `read`, but the end without close_notify is an error.
fn read_strictly(data: &mut SslStream<TcpStream>, block: &mut [u8]) -> io::Result<usize> {
    match data.ssl_read(block) {
        Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(0),
        Err(error) if error.code() == ErrorCode::WANT_READ => Err(io::ErrorKind::WouldBlock.into()),
        outcome => outcome.map_err(io::Error::other),
    }
}

/// A listener that takes no more connections: who connects to it waits.
fn full_listener() -> (SocketAddr, Vec<Socket>) {
    let new = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let listener = new();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut sockets = vec![listener];
    for _ in 0..3 {
        let filler = new();
        filler.set_nonblocking(true).unwrap();
        let _ = filler.connect(&address); // in progress, perhaps for ever
        sockets.push(filler);
    }
    (address.as_socket().unwrap(), sockets)
}
