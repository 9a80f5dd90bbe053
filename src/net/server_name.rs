//! The server name of a handshake (SNI, RFC 6066 §3): it leads to a host's certificate.
//!
//! OpenSSL calls back in the middle of the handshake, with the `Ssl` and nothing else; what a
//! control connection has said by then travels with the `Ssl`, and so does what came of it.

use crate::{
    net::{HostId, Names},
    proto::HostName,
    sys::openssl::{self as libssl, SESSION_ID_CONTEXT_BYTES},
};
use openssl::{
    error::ErrorStack,
    ex_data::Index,
    ssl::{NameType, SniError, Ssl, SslAlert, SslContext, SslContextBuilder, SslRef},
};
use std::sync::{Arc, OnceLock};

/// What the certificates of virtual hosts are found by.
pub struct Certificates {
    pub names: Names,
    /// Of each virtual host, in their order.
    pub contexts: Vec<SslContext>,
}

/// What is known of a control connection in its handshake.
#[derive(Clone, Copy)]
pub struct Naming {
    /// The host that `HOST` named before.
    pub by_command: Option<HostId>,
    /// The host that the client's server name stands for; not all clients send one that we know.
    pub by_server_name: Option<HostId>,
    /// Ties the sessions of this handshake to their control connection.
    pub id: [u8; SESSION_ID_CONTEXT_BYTES],
}

impl Naming {
    /// The host that was named in either way; they never disagree.
    pub fn host(&self) -> Option<HostId> {
        self.by_command.or(self.by_server_name)
    }
}

/// Makes the handshakes that begin with this context follow their server names.
pub fn follow(builder: &mut SslContextBuilder, certificates: Arc<Certificates>) {
    builder.set_servername_callback(move |ssl, alert| choose(&certificates, ssl, alert));
}

/// Lets a handshake that has not begun choose its host. Without this, as on data connections, the
/// server name is of no consequence.
pub fn attach(ssl: &mut SslRef, naming: Naming) -> Result<(), ErrorStack> {
    ssl.set_ex_data(slot()?, naming);
    Ok(())
}

/// What came of it.
pub fn outcome(ssl: &SslRef) -> Option<Naming> {
    slot().ok().and_then(|slot| ssl.ex_data(slot)).copied()
}

/// Takes an `Ssl` to the certificate of `host`. It keeps the tickets' keys and the kept sessions
/// of the context that it was made from, so that all hosts resume alike.
pub fn show(certificates: &Certificates, host: HostId, ssl: &mut SslRef) -> Result<(), ErrorStack> {
    match host {
        HostId::Default => Ok(()), // whose context it was made from
        HostId::Virtual(index) => ssl.set_ssl_context(&certificates.contexts[index]),
    }
}

fn choose(
    certificates: &Certificates,
    ssl: &mut SslRef,
    alert: &mut SslAlert,
) -> Result<(), SniError> {
    let name = ssl.servername(NameType::HOST_NAME).and_then(|name| name.parse::<HostName>().ok());
    let named = name.and_then(|name| certificates.names.find(&name));
    let naming = outcome(ssl);
    // A name that nobody has is no reason to refuse: many clients send what a user has typed.
    let (Some(named), Some(naming)) = (named, naming) else { return Err(SniError::NOACK) };
    match naming.by_command {
        Some(host) if host == named => Ok(()),
        // RFC 6066 §3 wants both names to be the same. Which of the two certificates the client
        // would believe cannot be told, and neither should it be believed.
        Some(_) => {
            *alert = SslAlert::UNRECOGNIZED_NAME;
            Err(SniError::ALERT_FATAL)
        }
        None => settle(certificates, ssl, named, naming).map_err(|_| {
            *alert = SslAlert::INTERNAL_ERROR;
            SniError::ALERT_FATAL
        }),
    }
}

fn settle(
    certificates: &Certificates,
    ssl: &mut SslRef,
    host: HostId,
    naming: Naming,
) -> Result<(), ErrorStack> {
    show(certificates, host, ssl)?;
    // A change of context may bring the new one's id along.
    libssl::set_session_id_context(ssl, &naming.id)?;
    attach(ssl, Naming { by_server_name: Some(host), ..naming })
}

/// Where a [`Naming`] stands in an `Ssl`. OpenSSL gives such places for good: there is one.
fn slot() -> Result<Index<Ssl, Naming>, ErrorStack> {
    static SLOT: OnceLock<Index<Ssl, Naming>> = OnceLock::new();
    match SLOT.get() {
        Some(slot) => Ok(*slot),
        None => Ssl::new_ex_index().map(|slot| *SLOT.get_or_init(|| slot)),
    }
}
