//! TLS as a server of files does it: what is allowed, and who shakes hands how.
//!
//! One context serves both roles, for with SSCN a server is a TLS client on some of its data
//! connections, and shows the same certificate there. Each virtual host has a context for its
//! certificate, which a handshake is taken to (see `server_name`). [`Pending`] holds the only
//! `match` on the role.

use crate::{
    net::{
        ClientCertificates, Expected, HostId, Identity, Names, NetError, Stream, TlsError, Wait,
        expected::Proof,
        server_name::{self, Certificates, Naming},
        stream::{self, Wire},
    },
    proto::{ClientCertificate, TlsRole},
    sys::{
        openssl::{self as libssl, SESSION_ID_CONTEXT_BYTES},
        poll::Interest,
        socket,
    },
};
use openssl::ssl::{
    self, AlpnError, Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions,
    SslSessionCacheMode, SslStream, SslVerifyMode, SslVersion,
};
use std::{
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

/// TLS 1.2 suites with ECDHE and AEAD; those of TLS 1.3 are all so.
const TLS12_CIPHERS: &str = "ECDHE+AESGCM:ECDHE+CHACHA20";
const GROUPS: &str = "X25519:P-256:P-384";

/// The protocols a client may name in ALPN; any other is a sign of another protocol's client
/// (ALPACA). A client need not name any.
const ALPN_NAMES: [&[u8]; 2] = [b"ftp", b"ftp-data"];

/// Sessions of TLS 1.2 clients without tickets; beyond them the oldest is forgotten.
const MAX_KEPT_SESSIONS: i32 = 4096;

/// How long a session can be resumed: a day, which RFC 5246 F.1.4 suggests as the most. After
/// OpenSSL's two hours, TLS 1.2 would not resume for the data connections of a client that is still
/// there; TLS 1.3 clients get new tickets meanwhile.
const SESSION_LASTS_S: u32 = 24 * 60 * 60;

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsFloor {
    /// TLS 1.2 and later.
    #[default]
    Tls12,
    /// TLS 1.3 and later.
    Tls13,
}

/// A server's TLS, shared by all its connections.
#[derive(Clone)]
pub struct Tls {
    /// Of the default host. Every handshake begins with it.
    context: SslContext,
    certificates: Arc<Certificates>,
    recipe: Arc<Recipe>,
}

/// What contexts are made from.
struct Recipe {
    /// Of the default host, and of the virtual hosts in their order.
    identity: Identity,
    virtual_hosts: Vec<Identity>,
    floor: TlsFloor,
}

impl Tls {
    /// TLS that shows `identity`, and those of `virtual_hosts` where `names` leads to them.
    pub fn new(
        identity: &Identity,
        virtual_hosts: &[Identity],
        names: Names,
        floor: TlsFloor,
    ) -> Result<Tls, TlsError> {
        let (identity, virtual_hosts) = (identity.clone(), virtual_hosts.to_vec());
        Tls::made_from(Arc::new(Recipe { identity, virtual_hosts, floor }), names)
    }

    /// The same with other keys for its tickets. OpenSSL makes them with a context, and has no others
    /// for it.
    pub fn with_other_ticket_keys(&self) -> Result<Tls, TlsError> {
        Tls::made_from(Arc::clone(&self.recipe), self.names().clone())
    }

    fn made_from(recipe: Arc<Recipe>, names: Names) -> Result<Tls, TlsError> {
        let host = |identity| showing(identity, recipe.floor).map(SslContextBuilder::build);
        let contexts = recipe.virtual_hosts.iter().map(host).collect::<Result<_, _>>()?;
        let certificates = Arc::new(Certificates { names, contexts });
        let mut builder = showing(&recipe.identity, recipe.floor)?;
        server_name::follow(&mut builder, Arc::clone(&certificates));
        Ok(Tls { context: builder.build(), certificates, recipe })
    }

    /// TLS for one control connection and its data connections.
    pub fn scope(&self) -> TlsScope {
        TlsScope { tls: self.clone(), id: [0; SESSION_ID_CONTEXT_BYTES], named: None, client: None }
    }

    /// Which host answers to which name.
    pub fn names(&self) -> &Names {
        &self.certificates.names
    }
}

/// A server's context that shows `identity`.
fn showing(identity: &Identity, floor: TlsFloor) -> Result<SslContextBuilder, TlsError> {
    let mut builder = builder(floor)?;
    show(&mut builder, identity)?;
    // Sessions are resumed by tickets, which their owners keep; only those of TLS 1.2 clients
    // that take no tickets (curl) stand here, and are resumed by their ids.
    builder.set_session_cache_mode(SslSessionCacheMode::SERVER);
    builder.set_session_cache_size(MAX_KEPT_SESSIONS);
    libssl::set_session_timeout(&mut builder, SESSION_LASTS_S);
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_alpn_select_callback(|_, offered| {
        let named = |name: &&&[u8]| names(offered).any(|offer| offer == **name);
        ALPN_NAMES.iter().find(named).copied().ok_or(AlpnError::ALERT_FATAL)
    });
    Ok(builder)
}

/// Makes handshakes show `identity`.
pub(super) fn show(builder: &mut SslContextBuilder, identity: &Identity) -> Result<(), TlsError> {
    builder.set_certificate(&identity.certificate)?;
    builder.set_private_key(&identity.key)?;
    for certificate in &identity.chain {
        builder.add_extra_chain_cert(certificate.clone())?;
    }
    Ok(())
}

/// The protocol names in an ALPN offer: each with its length before it (RFC 7301 §3.1).
fn names(mut offered: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = offered.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        offered = rest;
        Some(name)
    })
}

/// What is allowed in any handshake of ours, server's or client's.
pub(super) fn builder(floor: TlsFloor) -> Result<SslContextBuilder, TlsError> {
    let mut builder = SslContext::builder(SslMethod::tls())?;
    builder.set_min_proto_version(Some(match floor {
        TlsFloor::Tls12 => SslVersion::TLS1_2,
        TlsFloor::Tls13 => SslVersion::TLS1_3,
    }))?;
    builder.set_cipher_list(TLS12_CIPHERS)?;
    builder.set_groups_list(GROUPS)?;
    builder.set_options(
        SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_COMPRESSION
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    builder.set_mode(
        SslMode::RELEASE_BUFFERS
            | SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER,
    );
    Ok(builder)
}

/// One control connection's TLS: a data connection resumes a session of its handshake or of none.
#[derive(Clone)]
pub struct TlsScope {
    tls: Tls,
    id: [u8; SESSION_ID_CONTEXT_BYTES],
    named: Option<HostId>,
    client: Option<ClientCertificate>,
}

impl TlsScope {
    /// Shakes hands on a control connection, as the TLS server. The certificate is that of `host`,
    /// which `HOST` has named, or else the one that the client's server name leads to; a client
    /// whose server name is another host's than `host` is refused.
    pub fn secure_control(
        &mut self,
        socket: TcpStream,
        host: Option<HostId>,
        clients: &ClientCertificates,
        wait: &mut dyn Wait,
    ) -> Result<Stream, NetError> {
        // Anew for each handshake: after REIN the same connection may be at another host, and a
        // session of the first would stand for a certificate that was never shown.
        openssl::rand::rand_bytes(&mut self.id)?;
        self.named = host;
        let mut ssl = self.ssl()?;
        let naming = Naming { by_command: host, by_server_name: None, id: self.id };
        server_name::attach(&mut ssl, naming)?;
        self.client = None;
        clients.ask(&mut ssl);
        libssl::wipe_what_was_read(&mut ssl);
        let stream = handshake(ssl, socket, TlsRole::Accept, wait)?;
        self.named = stream.ssl().and_then(server_name::outcome).and_then(|naming| naming.host());
        self.client = stream.ssl().and_then(|ssl| clients.shown(ssl));
        Ok(stream)
    }

    /// The host that the control connection's certificate was asked for by `HOST` or by server
    /// name. `None` before a handshake, and where the client asked for none in particular.
    pub fn named(&self) -> Option<HostId> {
        self.named
    }

    /// The certificate that the client has shown on the control connection.
    pub fn client(&self) -> Option<&ClientCertificate> {
        self.client.as_ref()
    }

    /// The control connection goes back to clear text and to no host in particular.
    pub fn forget(&mut self) {
        self.named = None;
        self.client = None;
    }

    /// Begins to shake hands on a data connection, in either role, with the control
    /// connection's certificate. Only with whom is `expected` does the handshake end well.
    pub fn begin_data(
        &self,
        socket: TcpStream,
        role: TlsRole,
        expected: &Expected,
    ) -> Result<Pending, NetError> {
        let mut ssl = self.ssl()?;
        // Nobody resumes from a data connection, and a ticket that a client does not read makes
        // its kernel reset the connection under the last bytes of an upload.
        ssl.set_num_tickets(0)?;
        if expected.is_anyone() {
            return Pending::new(ssl, socket, role, None);
        }
        // A resumed session shows no certificate: of a context that nobody has, none is resumed.
        let mut nobodys = [0; SESSION_ID_CONTEXT_BYTES];
        openssl::rand::rand_bytes(&mut nobodys)?;
        libssl::set_session_id_context(&mut ssl, &nobodys)?;
        let proof = expected.demand(&mut ssl)?;
        Pending::new(ssl, socket, role, Some(proof))
    }

    fn ssl(&self) -> Result<Ssl, NetError> {
        let mut ssl = Ssl::new(&self.tls.context)?;
        server_name::show(&self.tls.certificates, self.named.unwrap_or_default(), &mut ssl)?;
        libssl::set_session_id_context(&mut ssl, &self.id)?;
        Ok(ssl)
    }
}

/// Shakes hands in `role`, for as long as `wait` allows.
pub(super) fn handshake(
    ssl: Ssl,
    socket: TcpStream,
    role: TlsRole,
    wait: &mut dyn Wait,
) -> Result<Stream, NetError> {
    Pending::new(ssl, socket, role, None)?.finish(wait)
}

/// A handshake under way, for who has other things to wait for as well.
pub struct Pending {
    stream: SslStream<Wire>,
    step: fn(&mut SslStream<Wire>) -> Result<(), ssl::Error>,
    /// What the peer must prove, if anything.
    proof: Option<Proof>,
}

impl Pending {
    fn new(
        ssl: Ssl,
        socket: TcpStream,
        role: TlsRole,
        proof: Option<Proof>,
    ) -> Result<Pending, NetError> {
        socket::tune(&socket)?;
        let stream = SslStream::new(ssl, Wire::new(socket))?;
        let step = match role {
            TlsRole::Accept => SslStream::accept,
            TlsRole::Connect => SslStream::connect,
        };
        Ok(Pending { stream, step, proof })
    }

    /// Goes as far as it can without waiting, and tells what it waits for; `None` when it is done.
    pub fn step(&mut self) -> Result<Option<Interest>, NetError> {
        match (self.step)(&mut self.stream) {
            Ok(()) => Ok(None),
            Err(error) => match stream::wanted(&error) {
                Some(interest) => Ok(Some(interest)),
                None => {
                    let error = NetError::from_ssl(error);
                    Err(match &self.proof {
                        Some(proof) => proof.explain(error),
                        None => error,
                    })
                }
            },
        }
    }

    /// Whether the peer must prove who it is.
    pub fn is_asked(&self) -> bool {
        self.proof.is_some()
    }

    /// The connection, once [`Pending::step`] has told that the handshake is done.
    pub fn done(self) -> Result<Stream, NetError> {
        if let Some(proof) = &self.proof {
            proof.check(self.stream.ssl())?;
        }
        Ok(Stream::secured(self.stream))
    }

    /// Goes to the end, for as long as `wait` allows.
    pub fn finish(mut self, wait: &mut dyn Wait) -> Result<Stream, NetError> {
        while let Some(interest) = self.step()? {
            wait.wait(self.as_fd(), interest)?;
        }
        self.done()
    }
}

impl AsFd for Pending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.get_ref().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alpn_offer_is_taken_apart_and_never_overrun() {
        let offered: Vec<_> = names(b"\x03ftp\x08http/1.1").collect();
        assert_eq!(offered, [&b"ftp"[..], b"http/1.1"]);
        assert_eq!(names(b"\x09ftp").count(), 0);
        assert_eq!(names(b"").count(), 0);
    }
}
