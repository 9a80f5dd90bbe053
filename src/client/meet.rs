//! Meeting a server without logging in: who wants to know whether to trust it looks first.

use crate::{
    client::{ClientError, Setup, Site, login},
    net::Certificate,
};

/// What a server showed in the handshake of its control connection.
#[derive(Clone, Debug)]
pub struct Met {
    /// Its certificate.
    pub certificate: Certificate,
    /// Whether a CA of the setup signed that for this host; if not, why not.
    pub authority: Result<(), String>,
}

/// Connects to `site`, looks at its certificate, and leaves. Nothing is sent but `AUTH TLS`; the
/// judge of the setup is not asked. `None` for a server without TLS, which has nothing to show.
pub fn meet(site: &Site, setup: &Setup) -> Result<Option<Met>, ClientError> {
    let mut knock = login::knock(site, setup)?;
    knock.control.finish();
    Ok(knock.shown)
}
