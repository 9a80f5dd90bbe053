//! Anonymous FTP (RFC 1635): everybody may enter as `anonymous` or `ftp`, with any password.

use crate::{
    auth::{Account, AccountLimits, AuthError, Authenticator, FxpGrant, FxpLevel},
    proto::{Access, Secret},
};
use std::{ffi::OsString, net::IpAddr};

/// The names, in any case: clients offer the first, some people type the second.
const NAMES: [&str; 2] = ["anonymous", "ftp"];

/// The one account of everybody.
#[derive(Clone, Debug)]
pub struct Anonymous {
    home: OsString,
    access: Access,
    fxp: FxpLevel,
}

impl Anonymous {
    /// All see `home`, and may only read. Nobody copies to other servers: whoever may need not say
    /// who they are.
    pub fn new(home: impl Into<OsString>) -> Anonymous {
        Anonymous { home: home.into(), access: Access::ReadOnly, fxp: FxpLevel::Off }
    }

    /// What all may do.
    pub fn access(mut self, access: Access) -> Anonymous {
        self.access = access;
        self
    }

    /// What all may exchange with other servers.
    pub fn fxp(mut self, level: FxpLevel) -> Anonymous {
        self.fxp = level;
        self
    }
}

impl Authenticator for Anonymous {
    /// The password is an e-mail address by custom, and may be one that was meant for elsewhere: it
    /// is neither checked nor kept.
    fn authenticate(&self, name: &str, _: &Secret, _: IpAddr) -> Result<Account, AuthError> {
        if !NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(AuthError::Unknown);
        }
        Ok(Account {
            name: NAMES[0].to_owned(),
            home: self.home.clone(),
            access: self.access,
            fxp: FxpGrant::both(self.fxp),
            rights: Vec::new(),
            limits: AccountLimits::default(),
            ids: None,
        })
    }
}
