//! Where accounts come from, by the settings: everybody's own, the users file of each host.

use crate::config::Config;
use fxpd::{Anonymous, Authenticator, FxpLevel, Sources, UsersFile};
use std::{path::Path, sync::Arc};

/// What all hosts share. It lives as long as the server, through reloads.
#[derive(Clone)]
pub struct Accounts {
    anonymous: Option<Arc<dyn Authenticator>>,
    fxp: FxpLevel,
}

impl Accounts {
    /// As the settings say.
    pub fn new(config: &Config) -> Accounts {
        let anonymous = config.anonymous.as_ref().map(|home| {
            let anonymous =
                Anonymous::new(home).access(config.anonymous_access).fxp(config.anonymous_fxp);
            Arc::new(anonymous) as Arc<dyn Authenticator>
        });
        Accounts { anonymous, fxp: config.fxp }
    }

    /// Those of the default host, which alone has anonymous clients.
    pub fn of_default_host(&self, users: &Path) -> Sources {
        Sources::new(self.anonymous.iter().cloned().chain(self.named(users)).collect())
    }

    /// Those of a virtual host.
    pub fn of_virtual_host(&self, users: &Path) -> Sources {
        Sources::new(self.named(users).collect())
    }

    fn named(&self, users: &Path) -> impl Iterator<Item = Arc<dyn Authenticator>> + use<> {
        let users = UsersFile::new(users, self.fxp);
        std::iter::once(Arc::new(users) as Arc<dyn Authenticator>)
    }
}
