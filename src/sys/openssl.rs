//! What of libssl the `openssl` crate does not offer safely, as the floors above call it.

use crate::sys::raw;
use openssl::{
    error::ErrorStack,
    ssl::{SslContextBuilder, SslRef, SslStream},
};

pub use crate::sys::raw::Ticket;

/// Length of a session id context in bytes; OpenSSL takes 32 at most.
pub const SESSION_ID_CONTEXT_BYTES: usize = 16;

/// Ties the sessions of `ssl` to `context`: a ticket made under another context is not resumed,
/// and the handshake falls back to a full one by itself.
pub fn set_session_id_context(
    ssl: &mut SslRef,
    context: &[u8; SESSION_ID_CONTEXT_BYTES],
) -> Result<(), ErrorStack> {
    raw::set_session_id_context(ssl, context)
}

/// How many seconds after its full handshake a session of the context's connections can be resumed.
pub fn set_session_timeout(context: &mut SslContextBuilder, seconds: u32) {
    raw::set_session_timeout(context, seconds);
}

/// Lets libssl wipe each piece that it has deciphered once it is handed on: its own buffer would
/// keep a password until something as long comes.
pub fn wipe_what_was_read(ssl: &mut SslRef) {
    raw::cleanse_plaintext(ssl);
}

/// Makes a TLS 1.3 server send one more ticket, with its next write. Does nothing, and says so by
/// `false`, where that is not possible: under TLS 1.2, as a client, before the handshake's end.
pub fn send_ticket_with_next_write<S>(stream: &mut SslStream<S>) -> bool {
    raw::new_session_ticket(stream).is_ok()
}

/// Hands every ticket that a server gives to connections of this context to `keep`.
pub fn keep_tickets(
    context: &mut SslContextBuilder,
    keep: impl Fn(Ticket) + Send + Sync + 'static,
) -> Result<(), ErrorStack> {
    raw::keep_tickets(context, keep)
}

/// Offers the session of `ticket` for resumption in a handshake that has not begun, if it came by
/// the same context; if not, the handshake is a full one.
pub fn offer_ticket(ssl: &mut SslRef, ticket: &Ticket) -> Result<(), ErrorStack> {
    raw::offer_ticket(ssl, ticket).map(drop)
}
