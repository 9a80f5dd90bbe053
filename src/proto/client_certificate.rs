//! What a client has shown of itself in the handshake of its control connection.

use crate::proto::Fingerprint;

/// A client's certificate, whose key the handshake has proved that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Which it is.
    pub fingerprint: Fingerprint,
    /// Whose it is, by its subject's common name.
    pub common_name: Option<String>,
    /// Whether a CA of the server's has signed it, and it is good today.
    pub is_signed: bool,
}
