//! Whom a data connection must lead to: told by the certificate that is shown in the handshake.
//!
//! OpenSSL calls back while it verifies, so that the peer hears an alert instead of a silence, and
//! no handshake with anyone else is ever done. What is expected decides alone: a pinned
//! certificate may be self-signed, expired or made for other uses, for whoever named it has judged
//! it, and the handshake proves that the peer has its key.

use crate::{net::NetError, proto::Fingerprint};
use openssl::{
    error::ErrorStack,
    ssl::{SslRef, SslVerifyMode},
    x509::{X509StoreContextRef, X509VerifyResult},
};
use std::sync::{Arc, OnceLock};

/// Whom a data connection must lead to.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The owner of this certificate.
    pub pin: Option<Fingerprint>,
}

impl Expected {
    /// Whether anybody will do.
    pub fn is_anyone(&self) -> bool {
        self.pin.is_none()
    }

    fn is_met_by(&self, leaf: Fingerprint) -> bool {
        self.pin.is_none_or(|pin| pin == leaf)
    }

    /// Lets nobody else end a handshake of `ssl`, in whatever role. Not for handshakes that could
    /// resume a session, which repeat no proof: see [`Proof::check`].
    pub(super) fn demand(&self, ssl: &mut SslRef) -> Result<Proof, ErrorStack> {
        let refused = Arc::new(OnceLock::new());
        let (expected, told) = (self.clone(), Arc::clone(&refused));
        let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
        ssl.set_verify_callback(mode, move |_, chain| judge(&expected, chain, &told));
        Ok(Proof { expected: self.clone(), refused })
    }
}

/// Called for each certificate of the chain, and for each fault of one; the leaf comes in any case.
fn judge(
    expected: &Expected,
    chain: &mut X509StoreContextRef,
    refused: &OnceLock<Fingerprint>,
) -> bool {
    if chain.error_depth() > 0 {
        return true;
    }
    let leaf = chain.current_cert().and_then(Fingerprint::of);
    if leaf.is_some_and(|leaf| expected.is_met_by(leaf)) {
        return true;
    }
    if let Some(leaf) = leaf {
        let _ = refused.set(leaf); // the first time says it
    }
    chain.set_error(X509VerifyResult::APPLICATION_VERIFICATION);
    false
}

/// What is to come of a demand.
#[derive(Debug)]
pub struct Proof {
    expected: Expected,
    refused: Arc<OnceLock<Fingerprint>>,
}

impl Proof {
    /// Looks again at the end of a handshake: a resumed session would have brought its
    /// certificate, or the lack of one, from another.
    pub fn check(&self, ssl: &SslRef) -> Result<(), NetError> {
        let leaf = ssl.peer_certificate().and_then(|leaf| Fingerprint::of(&leaf));
        match leaf {
            Some(leaf) if !ssl.session_reused() && self.expected.is_met_by(leaf) => Ok(()),
            shown => Err(NetError::WrongPeer(shown)),
        }
    }

    /// Why a handshake failed, if it was for the certificate.
    pub fn explain(&self, error: NetError) -> NetError {
        match (self.refused.get(), &error) {
            (Some(shown), _) => NetError::WrongPeer(Some(*shown)),
            (None, NetError::Tls(reason)) if reason == NO_CERTIFICATE => NetError::WrongPeer(None),
            _ => error,
        }
    }
}

/// OpenSSL's words for a client that was asked for a certificate and sent none.
const NO_CERTIFICATE: &str = "peer did not return a certificate";
