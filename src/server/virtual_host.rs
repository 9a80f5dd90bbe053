//! Virtual hosts as an embedder describes them, and what becomes of them: certificates, names and
//! the hosts of the sessions.

use crate::{
    auth::Authenticator,
    net::{Identity, Names, Tls, TlsFloor},
    proto::HostName,
    server::ServerError,
    session::{Host, Hosts},
    storage::Storage,
};
use std::sync::Arc;

/// A host besides the default one, with a certificate and accounts of its own. A client comes to
/// it by `HOST` (RFC 7151) or by the server name of its TLS handshake.
pub struct VirtualHost {
    names: Vec<HostName>,
    identity: Identity,
    authenticator: Arc<dyn Authenticator>,
    storage: Option<Arc<dyn Storage>>,
    greeting: Option<String>,
}

impl VirtualHost {
    /// A host that answers to `names`, shows `identity` and lets in whom `authenticator` knows.
    /// It shares the server's storage and greeting unless it is given its own.
    pub fn new(
        names: impl IntoIterator<Item = HostName>,
        identity: Identity,
        authenticator: impl Authenticator + 'static,
    ) -> VirtualHost {
        VirtualHost {
            names: names.into_iter().collect(),
            identity,
            authenticator: Arc::new(authenticator),
            storage: None,
            greeting: None,
        }
    }

    /// Serves `storage` instead of the server's.
    pub fn storage(mut self, storage: impl Storage + 'static) -> VirtualHost {
        self.storage = Some(Arc::new(storage));
        self
    }

    /// Greets with `text`: in the reply to `HOST`, and after a handshake for this host where TLS
    /// comes before the greeting.
    pub fn greeting(mut self, text: impl Into<String>) -> VirtualHost {
        self.greeting = Some(text.into());
        self
    }
}

/// The host that clients meet who name none.
pub(super) fn default_host(
    authenticator: Arc<dyn Authenticator>,
    storage: Arc<dyn Storage>,
) -> Arc<Host> {
    Arc::new(Host {
        name: "the default host".to_owned(),
        greeting: None,
        authenticator,
        storage,
        hashes: Arc::default(),
        ledgers: Arc::default(),
    })
}

/// The default host with `virtual_hosts` beside it, and the certificates of all. An error when one
/// of them has no name, or one that another has.
pub(super) fn assemble(
    identity: &Identity,
    floor: TlsFloor,
    default: Arc<Host>,
    virtual_hosts: Vec<VirtualHost>,
) -> Result<(Tls, Hosts), ServerError> {
    let mut names = Names::of_default_host(&identity.names());
    let mut identities = Vec::new();
    let mut others = Vec::new();
    for (index, host) in virtual_hosts.into_iter().enumerate() {
        let first = host.names.first().ok_or(ServerError::NamelessHost)?;
        let name = first.to_string();
        for name in host.names {
            if !names.add(name.clone(), index) {
                return Err(ServerError::HostTaken(name));
            }
        }
        identities.push(host.identity);
        let (storage, hashes, ledgers) = match host.storage {
            Some(storage) => (storage, Arc::default(), Arc::default()),
            None => (
                Arc::clone(&default.storage),
                Arc::clone(&default.hashes),
                Arc::clone(&default.ledgers),
            ),
        };
        let (greeting, authenticator) = (host.greeting, host.authenticator);
        others.push(Arc::new(Host { name, greeting, authenticator, storage, hashes, ledgers }));
    }
    Ok((Tls::new(identity, &identities, names, floor)?, Hosts { default, others }))
}
