//! The other server of a copy, played by a test: it listens or connects, from any address of this
//! host, and is TLS client or TLS server. And the broker's words that bring it about.

use crate::{
    ftp::Ftp,
    peer::{self, Client},
    site::{PATIENCE, Site},
};
use fxpd::{Identity, TlsRole};
use openssl::ssl::{SslContext, SslStream, SslVersion};
use socket2::{Domain, SockRef, Socket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
};

/// The command that prepares the data connection, with its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    Pasv,
    Cpsv,
    Epsv,
    Port,
    Eprt,
}

/// Where the data connection is to be had.
pub enum Route {
    To(SocketAddr),
    From(TcpListener),
}

impl Means {
    /// Says it on `ftp`, a listener at `host` standing ready where one is needed.
    pub fn prepare_at(self, ftp: &mut Ftp, host: IpAddr) -> Route {
        match self {
            Means::Pasv => Route::To(ftp.pasv("PASV")),
            Means::Cpsv => Route::To(ftp.pasv("CPSV")),
            Means::Epsv => Route::To(ftp.epsv()),
            Means::Port | Means::Eprt => {
                let listener = listen(host);
                ftp.says(&self.naming(listener.local_addr().unwrap()), 200);
                Route::From(listener)
            }
        }
    }

    /// The same at the client's own address.
    pub fn prepare(self, ftp: &mut Ftp) -> Route {
        let host = ftp.own_ip();
        self.prepare_at(ftp, host)
    }

    /// `PORT` or `EPRT` with this address.
    pub fn naming(self, address: SocketAddr) -> String {
        match (self, address.ip()) {
            (Means::Port, IpAddr::V4(host)) => {
                let host = host.to_string().replace('.', ",");
                format!("PORT {host},{},{}", address.port() / 256, address.port() % 256)
            }
            (_, host) => {
                let family = if host.is_ipv4() { 1 } else { 2 };
                format!("EPRT |{family}|{host}|{}|", address.port())
            }
        }
    }
}

impl Route {
    /// Connects, or is connected to.
    pub fn open(self) -> TcpStream {
        match self {
            Route::To(address) => peer::connect(address),
            Route::From(listener) => peer::accept(&listener),
        }
    }

    /// Where we shall connect to.
    pub fn address(&self) -> SocketAddr {
        match self {
            Route::To(address) => *address,
            Route::From(_) => panic!("the server connects to us"),
        }
    }
}

/// Listens at `host`; accepting has a deadline.
pub fn listen(host: IpAddr) -> TcpListener {
    let listener = TcpListener::bind(SocketAddr::new(host, 0)).unwrap();
    SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).unwrap();
    listener
}

/// Connects to `address` from `source`.
pub fn connect_from(source: &str, address: SocketAddr) -> TcpStream {
    try_connect_from(source, address).unwrap()
}

/// As [`connect_from`], where nobody may listen any more.
pub fn try_connect_from(source: &str, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(source.parse().unwrap(), 0).into())?;
    socket.connect(&address.into())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

/// The TLS of the other server.
pub struct OtherServer {
    client: Client,
    server: SslContext,
}

impl OtherServer {
    /// Any version of TLS.
    pub fn new(identity: &Identity) -> OtherServer {
        OtherServer { client: Client::any(), server: peer::server(identity, |_| {}) }
    }

    /// One version of TLS only.
    pub fn only(version: SslVersion, identity: &Identity) -> OtherServer {
        let server = peer::server(identity, |builder| {
            builder.set_min_proto_version(Some(version)).unwrap();
            builder.set_max_proto_version(Some(version)).unwrap();
        });
        OtherServer { client: Client::only(version), server }
    }

    /// The same, showing `identity` as TLS client too.
    pub fn proving(version: SslVersion, identity: &Identity) -> OtherServer {
        OtherServer {
            client: Client::proving(version, identity),
            ..OtherServer::only(version, identity)
        }
    }

    /// Shakes hands in `role`, which is this end's.
    pub fn shake(&self, socket: TcpStream, role: TlsRole) -> Result<SslStream<TcpStream>, String> {
        match role {
            TlsRole::Connect => self.client.connect(socket, None),
            TlsRole::Accept => peer::accept_tls(&self.server, socket),
        }
    }
}

/// The role of who stands opposite to `role`.
pub fn opposite(role: TlsRole) -> TlsRole {
    match role {
        TlsRole::Accept => TlsRole::Connect,
        TlsRole::Connect => TlsRole::Accept,
    }
}

/// A site at an address of its own, to be one of two.
pub fn site_at(host: &str) -> Site {
    Site::with(|plan| plan.host = host.parse().unwrap())
}

/// Tells `active` where `passive` listens by `PASV` or `CPSV`.
pub fn introduce(passive: &mut Ftp, verb: &str, active: &mut Ftp) {
    let address = passive.pasv(verb);
    active.says(&Means::Port.naming(address), 200);
}
