//! Whether a server is the one meant: decided between the handshake and the first byte sent. And
//! whether one that nobody can know may be spoken to at all.

use crate::{client::Site, proto::Fingerprint};

/// What a server showed in the handshake of its control connection.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// The server that was meant.
    pub site: &'a Site,
    /// Its certificate.
    pub fingerprint: Fingerprint,
    /// Whether a trusted CA signed that for this host; if not, why not.
    pub authority: Result<(), String>,
}

/// Decides whether a server is the one meant.
pub trait Judge: Send + Sync {
    /// Called before anything is sent, at each connection. An error, which is shown to the user,
    /// ends the connection.
    fn judge(&self, shown: &Shown<'_>) -> Result<(), String>;

    /// Called before the connection to a server without TLS ([`crate::Security::Clear`]). An error,
    /// which is the answer of a judge that has no other, means that nothing is sent.
    fn allow_clear(&self, _: &Site) -> Result<(), String> {
        Err("it was not allowed".to_owned())
    }
}

/// Trusts the certificates with these fingerprints and no others.
#[derive(Clone, Debug)]
pub struct Pins(pub Vec<Fingerprint>);

impl Judge for Pins {
    fn judge(&self, shown: &Shown<'_>) -> Result<(), String> {
        match self.0.contains(&shown.fingerprint) {
            true => Ok(()),
            false => Err(format!("its certificate is {}, which is not pinned", shown.fingerprint)),
        }
    }
}

/// Trusts what the CAs of the setup have signed.
#[derive(Clone, Copy, Debug)]
pub struct ByAuthority;

impl Judge for ByAuthority {
    fn judge(&self, shown: &Shown<'_>) -> Result<(), String> {
        shown.authority.clone()
    }
}
