//! The calls of libssl that the `openssl` crate does not offer safely.
#![allow(unsafe_code)]

use foreign_types::ForeignTypeRef;
use openssl::{
    error::ErrorStack,
    ssl::{SslRef, SslSessionRef},
};
use std::ffi::{c_int, c_uchar, c_uint};

// All are public API of libssl (ssl.h) and missing from openssl-sys.
unsafe extern "C" {
    fn SSL_set_session_id_context(
        ssl: *mut openssl_sys::SSL,
        context: *const c_uchar,
        length: c_uint,
    ) -> c_int;
    fn SSL_new_session_ticket(ssl: *mut openssl_sys::SSL) -> c_int;
    fn SSL_set_options(ssl: *mut openssl_sys::SSL, options: u64) -> u64;
}

/// Length of a session id context in bytes; OpenSSL takes 32 at most.
pub const SESSION_ID_CONTEXT_BYTES: usize = 16;

/// Ties the sessions of `ssl` to `context`: a ticket made under another context is not resumed,
/// and the handshake falls back to a full one by itself.
pub fn set_session_id_context(
    ssl: &mut SslRef,
    context: &[u8; SESSION_ID_CONTEXT_BYTES],
) -> Result<(), ErrorStack> {
    // SAFETY: `ssl` is a live SSL for the whole call, and libssl copies the bytes of `context`,
    // whose length is within SSL_MAX_SID_CTX_LENGTH (32).
    let done = unsafe {
        SSL_set_session_id_context(
            ssl.as_ptr(),
            context.as_ptr(),
            SESSION_ID_CONTEXT_BYTES as c_uint,
        )
    };
    if done == 1 { Ok(()) } else { Err(ErrorStack::get()) }
}

/// SSL_OP_CLEANSE_PLAINTEXT of OpenSSL 3; a bit without a meaning before.
const CLEANSE_PLAINTEXT: u64 = 1 << 1;

/// Lets libssl wipe each piece that it has deciphered once it is handed on: its own buffer would
/// keep a password until something as long comes.
pub fn wipe_what_was_read(ssl: &mut SslRef) {
    // SAFETY: `ssl` is a live SSL for the whole call, which only sets bits in it.
    unsafe { SSL_set_options(ssl.as_ptr(), CLEANSE_PLAINTEXT) };
}

/// Makes a TLS 1.3 server send one more ticket, with its next write. Does nothing, and says so by
/// `false`, where that is not possible: under TLS 1.2, as a client, before the handshake's end.
pub fn send_ticket_with_next_write(ssl: &SslRef) -> bool {
    // SAFETY: `ssl` is a live SSL for the whole call; libssl itself refuses every wrong state.
    let done = unsafe { SSL_new_session_ticket(ssl.as_ptr()) } == 1;
    if !done {
        // What it refused stands in this thread's error queue, where the next call would find it.
        let _ = ErrorStack::get();
    }
    done
}

/// Offers `session` for resumption in a handshake that has not begun.
pub fn offer_session(ssl: &mut SslRef, session: &SslSessionRef) -> Result<(), ErrorStack> {
    // SAFETY: the caller of `SslRef::set_session` must pass a session of the same context's kind.
    // Sessions come from the new-session callback of the very context that `ssl` is made from
    // (`net::Connector`), and libssl takes its own reference.
    unsafe { ssl.set_session(session) }
}
