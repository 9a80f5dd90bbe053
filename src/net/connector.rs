//! TLS as a client does it: whom to trust, and how its data connections resume.

use crate::{
    net::{Certificate, Identity, NetError, Stream, TlsError, TlsFloor, Wait, tls},
    proto::{Fingerprint, TlsRole},
    sys::openssl::{self as libssl, Ticket},
};
use crossbeam_channel::{Receiver, Sender};
use openssl::{
    ssl::{Ssl, SslContext, SslSessionCacheMode, SslVerifyMode, SslVersion},
    x509::{X509VerifyResult, verify::X509CheckFlags},
};
use std::{
    net::{IpAddr, TcpStream},
    path::Path,
};

/// A control connection after its handshake. Nothing may be sent before the caller has judged the
/// certificate, by its fingerprint or by `authority`.
pub struct Presented {
    /// The connection.
    pub stream: Stream,
    /// What the server showed, if anything.
    pub certificate: Option<Certificate>,
    /// Whether a trusted CA signed the certificate for this host; if not, why not.
    pub authority: Result<(), String>,
}

/// A client's TLS for one control connection and its data connections.
pub struct Connector {
    context: SslContext,
    fresh: Receiver<Ticket>,
    last: Option<Ticket>,
}

/// How many tickets are kept for data connections to come.
const MAX_TICKETS: usize = 16;

impl Connector {
    /// TLS that trusts the CAs in `authorities`, a PEM file; without one, no CA at all. `identity` is
    /// what it shows to servers that ask who their client is, on data connections as well.
    pub fn new(
        authorities: Option<&Path>,
        identity: Option<&Identity>,
        newest: Newest,
    ) -> Result<Connector, TlsError> {
        let mut builder = tls::builder(TlsFloor::Tls12)?;
        if newest == Newest::Tls12 {
            builder.set_max_proto_version(Some(SslVersion::TLS1_2))?;
        }
        if let Some(file) = authorities {
            let parse = |error| TlsError::Parse(file.display().to_string(), error);
            builder.set_ca_file(file).map_err(parse)?;
        }
        if let Some(identity) = identity {
            tls::show(&mut builder, identity)?;
        }
        let (sender, fresh): (Sender<Ticket>, _) = crossbeam_channel::bounded(MAX_TICKETS);
        builder.set_session_cache_mode(
            SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL_STORE,
        );
        libssl::keep_tickets(&mut builder, move |ticket| {
            let _ = sender.try_send(ticket); // full: there are enough
        })?;
        Ok(Connector { context: builder.build(), fresh, last: None })
    }

    /// Shakes hands on a control connection with `host`, a name or an address. An unknown
    /// certificate does not end the handshake: only the caller knows which ones are pinned.
    pub fn secure_control(
        &self,
        socket: TcpStream,
        host: &str,
        wait: &mut dyn Wait,
    ) -> Result<Presented, NetError> {
        let mut ssl = Ssl::new(&self.context)?;
        // OpenSSL checks the chain and the name all the same and keeps the result.
        ssl.set_verify(SslVerifyMode::NONE);
        ssl.param_mut().set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match host.parse::<IpAddr>() {
            Ok(address) => ssl.param_mut().set_ip(address)?,
            Err(_) => {
                ssl.set_hostname(host)?;
                ssl.param_mut().set_host(host)?;
            }
        }
        let stream = tls::handshake(ssl, socket, TlsRole::Connect, wait)?;
        let certificate = stream.ssl().and_then(|ssl| ssl.peer_certificate());
        let authority = match (&certificate, stream.ssl().map(|ssl| ssl.verify_result())) {
            (Some(_), Some(X509VerifyResult::OK)) => Ok(()),
            (Some(_), Some(failure)) => Err(failure.error_string().to_owned()),
            _ => Err("no certificate".to_owned()),
        };
        let certificate = certificate.map(|shown| Certificate::read(&shown)).transpose()?;
        Ok(Presented { stream, certificate, authority })
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
        if let Ok(ticket) = self.fresh.try_recv() {
            self.last = Some(ticket);
        }
        if let Some(ticket) = &self.last {
            libssl::offer_ticket(&mut ssl, ticket)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Until;
    use std::{io::Write, net::TcpListener, thread::Builder, time::Duration};

    #[test]
    fn no_more_tickets_are_kept_than_that_however_many_a_server_sends() {
        let identity = Identity::self_signed(&["localhost"]).unwrap();
        let mut builder = tls::builder(TlsFloor::Tls13).unwrap();
        tls::show(&mut builder, &identity).unwrap();
        builder.set_num_tickets(3 * MAX_TICKETS).unwrap();
        let context = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let serve = move || {
            let (socket, _) = listener.accept().unwrap();
            Ssl::new(&context).unwrap().accept(socket).unwrap().write_all(b"x").unwrap();
        };
        let server = Builder::new().spawn(serve).unwrap();
        let connector = Connector::new(None, None, Newest::Tls13).unwrap();
        let mut wait = Until::within(Duration::from_secs(20));
        let shaken = connector.secure_control(socket, "localhost", &mut wait).unwrap();
        let mut stream = shaken.stream;
        // All tickets come before it.
        assert_eq!(stream.read(&mut [0; 1], &mut wait).unwrap(), 1);
        assert_eq!(connector.fresh.len(), MAX_TICKETS);
        server.join().unwrap();
    }
}
