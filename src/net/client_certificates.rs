//! Certificates of clients on control connections: whether they are asked for, and whose signature
//! counts. Who may enter by one, `auth` says: a handshake with a certificate that nobody knows ends
//! well, and the client is as much a stranger as before.

use crate::{
    net::TlsError,
    proto::{ClientCertificate, Fingerprint},
};
use openssl::{
    error::ErrorStack,
    nid::Nid,
    ssl::{SslRef, SslVerifyMode},
    stack::Stack,
    x509::{
        X509, X509PurposeId, X509Ref, X509StoreContext,
        store::{X509Store, X509StoreBuilder},
    },
};
use std::{fs, path::Path};

/// What is demanded of clients.
#[derive(Clone, Debug, Default)]
pub struct ClientCertificates {
    /// Whether they are asked for a certificate.
    pub asked: Asked,
    authorities: Vec<X509>,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// They are not.
    #[default]
    No,
    /// They may do without.
    Optional,
    /// None does without: a handshake fails that brings none.
    Required,
}

impl ClientCertificates {
    /// Asks as `asked` says; the signatures of the CAs in `file`, which is PEM, count.
    pub fn new(asked: Asked, file: Option<&Path>) -> Result<ClientCertificates, TlsError> {
        let Some(file) = file else {
            return Ok(ClientCertificates { asked, authorities: Vec::new() });
        };
        let name = || file.display().to_string();
        let pem = fs::read(file).map_err(|error| TlsError::Read(name(), error))?;
        let authorities =
            X509::stack_from_pem(&pem).map_err(|error| TlsError::Parse(name(), error))?;
        if authorities.is_empty() {
            return Err(TlsError::NoCertificate(name()));
        }
        Ok(ClientCertificates { asked, authorities })
    }

    /// Makes a handshake ask. It fails for want of a certificate only: see the head of this file.
    pub(super) fn ask(&self, ssl: &mut SslRef) {
        let mode = match self.asked {
            Asked::No => return,
            Asked::Optional => SslVerifyMode::PEER,
            Asked::Required => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        };
        ssl.set_verify_callback(mode, |_, _| true);
    }

    /// What the client has shown, once the handshake is done.
    pub(super) fn shown(&self, ssl: &SslRef) -> Option<ClientCertificate> {
        if self.asked == Asked::No {
            return None;
        }
        let leaf = ssl.peer_certificate()?;
        let name = leaf.subject_name().entries_by_nid(Nid::COMMONNAME).next();
        Some(ClientCertificate {
            fingerprint: Fingerprint::of(&leaf)?,
            common_name: name.and_then(|name| name.data().to_string().ok()),
            is_signed: self.have_signed(&leaf, ssl).unwrap_or(false),
        })
    }

    /// Asked here and not by OpenSSL in the handshake: there, the server name may lead to the
    /// context of another host, which knows no CAs of clients.
    fn have_signed(&self, leaf: &X509Ref, ssl: &SslRef) -> Result<bool, ErrorStack> {
        if self.authorities.is_empty() {
            return Ok(false);
        }
        let mut chain = Stack::new()?;
        for certificate in ssl.peer_cert_chain().into_iter().flatten() {
            chain.push(certificate.to_owned())?;
        }
        let store = self.store()?;
        X509StoreContext::new()?.init(&store, leaf, &chain, |context| context.verify_cert())
    }

    fn store(&self) -> Result<X509Store, ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for authority in &self.authorities {
            store.add_cert(authority.clone())?;
        }
        store.set_purpose(X509PurposeId::SSL_CLIENT)?;
        Ok(store.build())
    }
}
