//! What is known of a file that passed through our hands.

use crate::client::Proof;
use std::time::Duration;

/// A file that was carried.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Its size.
    pub bytes: u64,
    /// So many of them were there before.
    pub resumed_at: u64,
    /// From the first command to the final reply; the proof is not counted.
    pub elapsed: Duration,
    /// The TLS version of the data connection; `IN CLEAR TEXT` for a server without TLS.
    pub tls_version: &'static str,
    /// How it is known to have arrived.
    pub proof: Proof,
}
