//! What ends `fxp` without success, and the exit status that says so (sysexits).

use fxpd::ClientError;
use std::fmt;

/// What ends `fxp` without success.
#[derive(Debug)]
pub enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// A file of the user's settings is wrong or missing.
    Config(String),
    /// The copy failed.
    Client(ClientError),
}

const USAGE: u8 = 64;
const MISMATCH: u8 = 65;
const UNREACHABLE: u8 = 69;
const CANNOT_CREATE: u8 = 73;
const TRY_AGAIN: u8 = 75;
const NO_SECURE_ROUTE: u8 = 76;
const REFUSED: u8 = 77;
const CONFIG: u8 = 78;

impl Failure {
    /// The exit status, as fxp(1) lists them.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) => USAGE,
            Failure::Config(_) => CONFIG,
            Failure::Client(error) if error.is_transient() => TRY_AGAIN,
            Failure::Client(error) => match error {
                ClientError::Setup(_) => CONFIG,
                ClientError::BadText(_) => USAGE,
                ClientError::Unreachable(..) => UNREACHABLE,
                ClientError::NotCreated(..) => CANNOT_CREATE,
                ClientError::Mismatch(..) => MISMATCH,
                ClientError::Insecure(..)
                | ClientError::NoRoute(..)
                | ClientError::Protocol(..) => NO_SECURE_ROUTE,
                _ => REFUSED,
            },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(why) => write!(f, "{why}\nTry 'fxp --help' or fxp(1)."),
            Failure::Config(why) => f.write_str(why),
            Failure::Client(error) => write!(f, "{error}"),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        Failure::Client(error)
    }
}
