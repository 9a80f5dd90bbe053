//! The hosts of a server, and at which of them a session is: the default one until `HOST` or the
//! server name of its handshake says otherwise (RFC 7151).

use crate::{
    auth::Authenticator,
    net::HostId,
    proto::{Code, HostName, Reply},
    session::{Listen, Session, refusal::Handled, state::Login},
    storage::{Ledgers, Storage},
    transfer::Hashes,
};
use std::sync::Arc;

/// What one host offers. Its certificate is with those of the others, in [`crate::net::Tls`].
pub struct Host {
    /// How the log calls it.
    pub name: String,
    /// What its clients are greeted with, where it is not the server's greeting.
    pub greeting: Option<String>,
    /// Who may enter.
    pub authenticator: Arc<dyn Authenticator>,
    /// What they find.
    pub storage: Arc<dyn Storage>,
    /// Hashes of its files, as far as they are known. Hosts share them if they share the storage:
    /// two storages may call different files by the same [`crate::storage::Version`].
    pub hashes: Arc<Hashes>,
    /// What the homes of its storage hold. They are shared likewise.
    pub ledgers: Arc<Ledgers>,
}

/// All hosts of a server.
#[derive(Clone)]
pub struct Hosts {
    /// The one that clients meet who name none.
    pub default: Arc<Host>,
    /// The others, in the order of their ids.
    pub others: Vec<Arc<Host>>,
}

impl Hosts {
    /// The host that `id` stands for.
    pub fn host(&self, id: HostId) -> &Arc<Host> {
        match id {
            HostId::Default => &self.default,
            HostId::Virtual(index) => &self.others[index],
        }
    }
}

impl Session {
    /// What the virtual host is called where the client is; `None` at the default one.
    pub(super) fn virtual_host(&self) -> Option<String> {
        let is_default = Arc::ptr_eq(&self.host, &self.services.hosts.default);
        (!is_default).then(|| self.host.name.clone())
    }

    /// `HOST`: the host to log in at. The last one counts, until somebody is logged in (RFC 7151 §3).
    /// One that is refused changes nothing (§3.3).
    pub(super) fn host(&mut self, name: &HostName) -> Handled {
        if let Login::Member(_) = self.login {
            return Err(Reply::new(Code::WRONG_ORDER, "HOST comes before the login.").into());
        }
        let Some(id) = self.services.tls.names().find_reached_at(name, self.reached.ip()) else {
            return Err(Reply::new(Code::PARAMETER_NOT_BUILT, "There is no such host here.").into());
        };
        // A client that has asked TLS for one host has trusted that one's certificate: HOST names
        // the same one (RFC 7151 §3.2.2), and a client "SHOULD NOT attempt to request a different
        // server name at the application layer" (RFC 6066 §3).
        if self.scope.named().is_some_and(|shown| shown != id) {
            let text = "TLS was set up for another host: REIN or a new connection comes first.";
            return Err(Reply::new(Code::PARAMETER_NOT_BUILT, text).into());
        }
        // A name that has been said was meant for the host before: the login begins anew (§4).
        self.login = Login::Nobody;
        self.host_named = Some(id);
        self.host = Arc::clone(self.services.hosts.host(id));
        Ok(self.welcome())
    }

    /// The greeting of the host where the session is.
    pub(super) fn welcome(&self) -> Reply {
        let greeting = self.host.greeting.as_ref().unwrap_or(&self.services.settings.greeting);
        Reply::new(Code::READY, greeting.as_str())
    }

    /// Goes where the handshake has led; to the default host if it has led nowhere.
    pub(super) fn follow_handshake(&mut self) {
        let id = self.scope.named().unwrap_or_default();
        self.host = Arc::clone(self.services.hosts.host(id));
    }

    /// `REIN` takes back `HOST` (RFC 7151 §3.2.1). Where TLS began with the connection it stays,
    /// and so does the host that its server name stands for.
    pub(super) fn leave_host(&mut self) {
        self.host_named = None;
        if self.listen == Listen::Explicit {
            self.scope.forget();
        }
        self.follow_handshake();
    }
}
