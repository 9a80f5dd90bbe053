//! Whom a data connection must lead to: told by the certificate that is shown in the handshake.
//!
//! OpenSSL calls back while it verifies, so that the peer hears an alert instead of a silence, and
//! no handshake with anyone else is ever done. A pin decides alone: the certificate may be
//! self-signed, expired or made for other uses, for whoever named it has judged it, and the
//! handshake proves that the peer has its key.

use crate::{
    net::{NetError, PeerRule},
    proto::Fingerprint,
};
use openssl::{
    error::ErrorStack,
    ssl::{SslRef, SslVerifyMode},
    x509::{X509PurposeId, X509StoreContextRef, X509VerifyResult, store::X509StoreBuilder},
};
use std::sync::{Arc, OnceLock};

/// Whom a data connection must lead to.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The owner of this certificate.
    pub pin: Option<Fingerprint>,
    /// And one of those of whom this rule speaks.
    pub rule: Option<PeerRule>,
}

impl Expected {
    /// Whether anybody will do.
    pub fn is_anyone(&self) -> bool {
        self.pin.is_none() && self.rule.is_none()
    }

    /// Whether the owner of `leaf` will do; what the authorities of the rule say of it is known.
    fn is_met_by(&self, leaf: Fingerprint, signed: Signed) -> bool {
        self.pin.is_none_or(|pin| pin == leaf)
            && self.rule.as_ref().is_none_or(|rule| {
                rule.pins.contains(&leaf)
                    || !rule.authorities.is_empty() && signed == Signed::ByAuthority
            })
    }

    /// What the chain is checked against; nothing where nobody's signature counts.
    fn trust(&self, ssl: &mut SslRef) -> Result<(), ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for authority in self.rule.iter().flat_map(|rule| &rule.authorities) {
            store.add_cert(authority.clone())?;
        }
        ssl.set_verify_cert_store(store.build())?;
        // An FTP server is a TLS server and, by SSCN, a TLS client: certificates are made for one
        // of them as a rule.
        ssl.param_mut().set_purpose(X509PurposeId::ANY)
    }

    /// Lets nobody else end a handshake of `ssl`, in whatever role. Not for handshakes that could
    /// resume a session, which repeat no proof: see [`Proof::check`].
    pub(super) fn demand(&self, ssl: &mut SslRef) -> Result<Proof, ErrorStack> {
        self.trust(ssl)?;
        let refused = Arc::new(OnceLock::new());
        let (expected, told) = (self.clone(), Arc::clone(&refused));
        let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
        ssl.set_verify_callback(mode, move |good, chain| judge(&expected, good, chain, &told));
        Ok(Proof { expected: self.clone(), refused })
    }
}

/// Whether an authority of the rule has signed a certificate that is good today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signed {
    ByAuthority,
    NotKnown,
}

/// Called for each certificate of the chain, and for each fault of one; the leaf comes in any case.
fn judge(
    expected: &Expected,
    good: bool,
    chain: &mut X509StoreContextRef,
    refused: &OnceLock<Fingerprint>,
) -> bool {
    // The first of the chain is the leaf, whichever certificate is spoken of.
    let leaf = chain.chain().and_then(|chain| chain.get(0)).and_then(Fingerprint::of);
    let signed = if good { Signed::ByAuthority } else { Signed::NotKnown };
    if leaf.is_some_and(|leaf| expected.is_met_by(leaf, signed)) {
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
        // By now `judge` has seen the chain, unless there was none to see.
        let seen = Signed::ByAuthority;
        match leaf {
            Some(leaf) if !ssl.session_reused() && self.expected.is_met_by(leaf, seen) => Ok(()),
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
