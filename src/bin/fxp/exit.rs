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
    /// So many files of several failed, the first of them by this.
    Some(u64, ClientError),
    /// What is there is not what a manifest tells.
    Differs(String),
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
            Failure::Differs(_) => MISMATCH,
            Failure::Client(error) | Failure::Some(_, error) => code_of(error),
        }
    }
}

fn code_of(error: &ClientError) -> u8 {
    match error {
        error if error.is_transient() => TRY_AGAIN,
        ClientError::Setup(_) => CONFIG,
        ClientError::BadText(_) | ClientError::IsDirectory(_) => USAGE,
        ClientError::Unreachable(..) => UNREACHABLE,
        ClientError::NotCreated(..) | ClientError::NoSpace(..) => CANNOT_CREATE,
        ClientError::Mismatch(..) => MISMATCH,
        ClientError::Insecure(..) | ClientError::NoRoute(..) | ClientError::Protocol(..) => {
            NO_SECURE_ROUTE
        }
        _ => REFUSED,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(why) => write!(f, "{why}\nTry 'fxp --help' or fxp(1)."),
            Failure::Config(why) | Failure::Differs(why) => f.write_str(why),
            Failure::Client(error) => write!(f, "{error}"),
            Failure::Some(1, _) => f.write_str("1 failed"),
            Failure::Some(count, _) => write!(f, "{count} failed"),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        Failure::Client(error)
    }
}
