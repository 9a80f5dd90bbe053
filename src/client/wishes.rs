//! What a server is told before a file moves, and stays told: its part in TLS, the protection, whom it
//! meets, how fast, by which hash. Nothing is said twice that holds already. The only file that says
//! `SSCN`, `PROT` and `XPEER`.

use crate::{
    client::{ClientError, Connection, Extension},
    proto::{Algorithm, Code, Fingerprint, Protection, Reply, TlsRole},
};

/// What a server was told. A new login forgets it.
#[derive(Debug)]
pub(super) struct Wishes {
    /// What the server's part in TLS is on the data connections of files.
    role: TlsRole,
    /// How they are protected; a login asks for that.
    protection: Protection,
    /// Whose certificate the server expects there, by `XPEER`.
    peer: Option<Fingerprint>,
    /// How fast the server moves bytes that are not for us, in bytes a second.
    pub rate: Option<u64>,
    /// The algorithm that `OPTS HASH` chose.
    algorithm: Option<Algorithm>,
}

impl Default for Wishes {
    /// What holds after a login.
    fn default() -> Wishes {
        Wishes {
            role: TlsRole::Accept,
            protection: Protection::Private,
            peer: None,
            rate: None,
            algorithm: None,
        }
    }
}

impl Connection {
    /// Makes the next transfer begin behind so many bytes (RFC 3659 §5). Said right before its verb.
    pub(super) fn skip_to(&mut self, at: u64) -> Result<(), ClientError> {
        if at == 0 {
            return Ok(());
        }
        let reply = self.ask("REST", at.to_string().as_bytes())?;
        match reply.code() {
            Code::NEED_MORE => Ok(()),
            _ => Err(ClientError::Refused(self.site().to_string(), format!("REST {at}"), reply)),
        }
    }

    /// Another command than `SSCN` has set the server's part in TLS.
    pub(super) fn assume_role(&mut self, role: TlsRole) {
        self.wishes().role = role;
    }

    /// Sets the server's part in TLS on data connections of files, if it is not that already: once
    /// for a whole run (client rules 4 and 5). A server that does not list `SSCN` is never sent it
    /// (rules 1 and 2), and always accepts.
    pub(super) fn set_role(&mut self, role: TlsRole) -> Result<Option<Reply>, ClientError> {
        if self.wishes().role == role || !self.features().has(Extension::Sscn) {
            return Ok(None);
        }
        let reply = self.ask("SSCN", role.wish().as_bytes())?;
        match reply.code().is_success() {
            true => {
                self.wishes().role = role;
                Ok(None)
            }
            false => Ok(Some(reply)),
        }
    }

    /// Sets how the data connections are protected, if they are not that already. The answer of the
    /// server is its refusal. One without TLS is not asked.
    pub(super) fn set_protection(
        &mut self,
        protection: Protection,
    ) -> Result<Option<Reply>, ClientError> {
        if self.wishes().protection == protection || self.is_clear() {
            return Ok(None);
        }
        let level = match protection {
            Protection::Clear => "C",
            Protection::Private => "P",
        };
        let reply = self.ask("PROT", level.as_bytes())?;
        match reply.code().is_success() {
            true => {
                self.wishes().protection = protection;
                Ok(None)
            }
            false => Ok(Some(reply)),
        }
    }

    /// Tells the server whose certificate the peer of its data connections must show, if it was not
    /// told that before; `None` for nobody's in particular. A server that does not list `XPEER` is
    /// never sent it.
    pub(super) fn expect_peer(
        &mut self,
        peer: Option<Fingerprint>,
    ) -> Result<Option<Reply>, ClientError> {
        if self.wishes().peer == peer || !self.features().has(Extension::Xpeer) {
            return Ok(None);
        }
        let argument = peer.map_or("OFF".to_owned(), |peer| format!("SHA-256 {}", peer.hex()));
        let reply = self.ask("XPEER", argument.as_bytes())?;
        match reply.code().is_success() {
            true => {
                self.wishes().peer = peer;
                Ok(None)
            }
            false => Ok(Some(reply)),
        }
    }

    /// Has the server move so many bytes a second at most, also after a new login. Whether it can.
    pub(super) fn limit_rate(&mut self, bytes_per_s: u64) -> Result<bool, ClientError> {
        if !self.features().has(Extension::SiteRate) {
            return Ok(false);
        }
        let reply = self.ask("SITE", format!("RATE {bytes_per_s}").as_bytes())?;
        if !reply.code().is_success() {
            return Ok(false);
        }
        self.wishes().rate = Some(bytes_per_s);
        Ok(true)
    }

    /// Chooses what `HASH` computes, unless that is chosen already. Whether the server agreed.
    pub(super) fn hash_by(&mut self, algorithm: Algorithm) -> Result<bool, ClientError> {
        if self.wishes().algorithm != Some(algorithm) {
            let chosen = self.ask("OPTS", format!("HASH {}", algorithm.name()).as_bytes())?;
            if !chosen.code().is_success() {
                return Ok(false);
            }
            self.wishes().algorithm = Some(algorithm);
        }
        Ok(true)
    }
}
