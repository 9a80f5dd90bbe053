//! Anonymous FTP (RFC 1635): everybody may enter as `anonymous` or `ftp`, with any password.

use crate::{
    auth::{Account, AuthError, Authenticator, FxpGrant, FxpLevel, Visitor},
    proto::{Access, Secret},
};
use std::ffi::OsString;

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
    /// is not checked.
    fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
        if !self.is_anonymous(visitor.name) {
            return Err(AuthError::Unknown);
        }
        let fxp = FxpGrant::both(self.fxp);
        Ok(Account { fxp, ..Account::new(NAMES[0], &self.home, self.access) })
    }

    fn is_anonymous(&self, name: &str) -> bool {
        NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// The e-mail address that an anonymous client has given as its password. What has not the form of
/// one may be a password that was meant for elsewhere, and is told to nobody.
pub(crate) fn email(password: &Secret) -> Option<&str> {
    let text = std::str::from_utf8(password.expose()).ok()?;
    let (name, domain) = text.split_once('@')?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    let labels = || domain.split('.');
    let is_domain = labels().count() > 1 && labels().all(|label| !label.is_empty());
    let is_short = text.len() <= MAX_EMAIL_BYTES;
    (is_domain
        && is_short
        && !name.is_empty()
        && (name.chars().chain(domain.chars())).all(is_plain))
    .then_some(text)
}

/// The longest address that mail is sent to (RFC 5321 §4.5.3.1.3).
const MAX_EMAIL_BYTES: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_form_of_an_e_mail_address_is_told() {
        for (given, told) in [
            ("me@example.org", true),
            ("m.e+ftp@mail.example.org", true),
            ("P@ssw0rd", false),
            ("secret", false),
            ("me@example..org", false),
            ("@example.org", false),
            ("me@exam ple.org", false),
            ("me@you@example.org", false),
            ("", false),
        ] {
            assert_eq!(email(&Secret::new(given)), Some(given).filter(|_| told), "{given}");
        }
    }
}
