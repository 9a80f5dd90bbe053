//! TLS as a client does it: whom to trust, and how its data connections resume.

use crate::{
    net::{Fingerprint, NetError, Stream, TlsError, TlsFloor, Wait, tls},
    proto::TlsRole,
    sys::openssl as libssl,
};
use crossbeam_channel::{Receiver, Sender};
use openssl::{
    ssl::{Ssl, SslContext, SslSession, SslSessionCacheMode, SslVerifyMode, SslVersion},
    x509::verify::X509CheckFlags,
};
use std::{
    net::{IpAddr, TcpStream},
    path::Path,
};

/// How the certificate of a control connection is judged within the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerCheck<'a> {
    /// A trusted CA must have signed it, for this host name or address.
    Authority(&'a str),
    /// Not at all: the caller compares its fingerprint before anything is sent.
    Fingerprint,
}

/// A client's TLS for one control connection and its data connections.
pub struct Connector {
    context: SslContext,
    fresh: Receiver<SslSession>,
    last: Option<SslSession>,
}

/// How many tickets are kept for data connections to come.
const MAX_TICKETS: usize = 16;

impl Connector {
    /// TLS that trusts the CAs in `authorities`, a PEM file; without one, no CA at all.
    /// `tls12_only` is for peers that break under TLS 1.3.
    pub fn new(authorities: Option<&Path>, newest: Newest) -> Result<Connector, TlsError> {
        let mut builder = tls::builder(TlsFloor::Tls12)?;
        if newest == Newest::Tls12 {
            builder.set_max_proto_version(Some(SslVersion::TLS1_2))?;
        }
        if let Some(file) = authorities {
            let parse = |error| TlsError::Parse(file.display().to_string(), error);
            builder.set_ca_file(file).map_err(parse)?;
        }
        let (sender, fresh): (Sender<SslSession>, _) = crossbeam_channel::bounded(MAX_TICKETS);
        builder.set_session_cache_mode(
            SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL_STORE,
        );
        builder.set_new_session_callback(move |_, session| {
            let _ = sender.try_send(session); // full: there are enough
        });
        Ok(Connector { context: builder.build(), fresh, last: None })
    }

    /// Shakes hands on a control connection with `host`.
    pub fn secure_control(
        &self,
        socket: TcpStream,
        host: &str,
        check: PeerCheck<'_>,
        wait: &mut dyn Wait,
    ) -> Result<Stream, NetError> {
        let mut ssl = Ssl::new(&self.context)?;
        if host.parse::<IpAddr>().is_err() {
            ssl.set_hostname(host)?;
        }
        match check {
            PeerCheck::Fingerprint => ssl.set_verify(SslVerifyMode::NONE),
            PeerCheck::Authority(name) => {
                ssl.set_verify(SslVerifyMode::PEER);
                let param = ssl.param_mut();
                param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
                match name.parse::<IpAddr>() {
                    Ok(address) => param.set_ip(address)?,
                    Err(_) => param.set_host(name)?,
                }
            }
        }
        tls::handshake(ssl, socket, TlsRole::Connect, wait)
    }

    /// Shakes hands on a data connection, resuming the control connection's session where the
    /// server gave a ticket. The server must show `expected`, the certificate of the control
    /// connection.
    pub fn secure_data(
        &mut self,
        socket: TcpStream,
        expected: Option<Fingerprint>,
        wait: &mut dyn Wait,
    ) -> Result<Stream, NetError> {
        let mut ssl = Ssl::new(&self.context)?;
        ssl.set_verify(SslVerifyMode::NONE);
        // A TLS 1.3 ticket is best used once; a TLS 1.2 session serves for ever.
        if let Ok(session) = self.fresh.try_recv() {
            self.last = Some(session);
        }
        if let Some(session) = &self.last {
            libssl::offer_session(&mut ssl, session)?;
        }
        let stream = tls::handshake(ssl, socket, TlsRole::Connect, wait)?;
        let shown = stream.tls().and_then(|facts| facts.peer);
        if shown != expected {
            return Err(NetError::Tls("the data connection shows another certificate".into()));
        }
        Ok(stream)
    }
}

/// The newest version of TLS that a client offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Newest {
    /// TLS 1.3.
    #[default]
    Tls13,
    /// TLS 1.2, for servers that break under 1.3.
    Tls12,
}
