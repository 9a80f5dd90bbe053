//! Why a connection could not go on.

use crate::proto::Fingerprint;
use openssl::{error::ErrorStack, ssl};
use std::{error, fmt, io};

/// Why a connection could not go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum NetError {
    /// The deadline passed.
    Timeout,
    /// Whoever waited wants to wait no longer; it knows why.
    Interrupted,
    /// The peer closed the connection where it should not have: for TLS, without close_notify.
    Truncated,
    /// TLS failed, for the reason given in OpenSSL's words.
    Tls(String),
    /// The peer is not the one expected: it showed this certificate, or none.
    WrongPeer(Option<Fingerprint>),
    /// What a balancer says of its client (the PROXY protocol) is so.
    Proxy(&'static str),
    /// The system reported an error.
    Io(io::Error),
}

impl NetError {
    /// What a failed call of OpenSSL means.
    pub(crate) fn from_ssl(error: ssl::Error) -> NetError {
        match error.io_error() {
            Some(io) => NetError::Io(io::Error::new(io.kind(), io.to_string())),
            None => match error.ssl_error() {
                Some(stack) if is_eof(stack) => NetError::Truncated,
                Some(stack) => NetError::Tls(reason(stack)),
                None if error.code() == ssl::ErrorCode::SYSCALL => NetError::Truncated,
                None => NetError::Tls(error.to_string()),
            },
        }
    }
}

/// The first reason of an error stack: the one nearest to the cause.
pub(crate) fn reason(stack: &ErrorStack) -> String {
    let first = stack.errors().first();
    first.and_then(|error| error.reason()).unwrap_or("unknown error").to_owned()
}

/// OpenSSL 3 calls the missing close_notify an error of its own.
fn is_eof(stack: &ErrorStack) -> bool {
    stack.errors().iter().any(|error| error.reason() == Some("unexpected eof while reading"))
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetError::Timeout => f.write_str("timed out"),
            NetError::Interrupted => f.write_str("interrupted"),
            NetError::Truncated => f.write_str("the peer closed the connection too early"),
            NetError::Tls(reason) => write!(f, "TLS failed: {reason}"),
            NetError::WrongPeer(Some(shown)) => {
                write!(f, "the peer shows {shown}, which is not the certificate expected")
            }
            NetError::WrongPeer(None) => {
                f.write_str("the peer shows no certificate, and one is expected")
            }
            NetError::Proxy(how) => write!(f, "the PROXY header is {how}"),
            NetError::Io(error) => write!(f, "{error}"),
        }
    }
}

impl error::Error for NetError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            NetError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for NetError {
    fn from(error: io::Error) -> NetError {
        NetError::Io(error)
    }
}

impl From<ErrorStack> for NetError {
    fn from(stack: ErrorStack) -> NetError {
        NetError::Tls(reason(&stack))
    }
}
