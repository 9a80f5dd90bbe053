//! Who may enter, and what they may do inside.
//!
//! An [`Authenticator`] turns a name and a password into an [`Account`]; [`UsersFile`] is the one
//! that most servers have. Nothing here knows connections or files of the accounts.

mod account;
mod anonymous;
mod argon;
mod client_proof;
#[cfg(feature = "crypt-hashes")]
mod crypt;
#[cfg(not(feature = "crypt-hashes"))]
#[path = "no_crypt.rs"]
mod crypt;
mod edit;
mod limits;
mod lines;
mod pam;
mod password;
mod program;
mod sources;
mod user_line;
mod users;
mod words;
mod work_area;

/// For the fuzzers.
#[cfg(any(test, fuzzing))]
pub use {users::parse_all as parse_users, words::Answer};

pub use account::{Account, FxpGrant, FxpLevel, Right};
pub use anonymous::Anonymous;
pub(crate) use anonymous::email;
pub use client_proof::ClientProof;
pub use limits::AccountLimits;
pub use pam::{Pam, PamRules, pam_helper, pam_worker};
pub use password::{
    HashKind, MAX_PASSWORD_BYTES, PasswordError, hash_password, hash_password_as, verify_password,
};
pub use program::{Program, ProgramSettings};
pub use sources::Sources;
pub use user_line::{UserLine, UserOptions};
pub use users::{UsersFile, UsersFileError};

use crate::proto::{ClientCertificate, Secret};
use std::{error, fmt, io, net::IpAddr};

/// A client who wants to enter, as far as it is known without its password.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// The name that it gives.
    pub name: &'a str,
    /// Where it is.
    pub peer: IpAddr,
    /// At which host it wants to log in, as the log calls it.
    pub host: &'a str,
    /// Whether its control connection is under TLS.
    pub under_tls: bool,
    /// The certificate that it has shown there, if it was asked for one.
    pub certificate: Option<&'a ClientCertificate>,
}

impl<'a> Visitor<'a> {
    /// One who calls itself `name`, at `peer` and under TLS. No more is known.
    pub fn new(name: &'a str, peer: IpAddr) -> Visitor<'a> {
        Visitor { name, peer, host: "", under_tls: true, certificate: None }
    }
}

/// Says who a client is. Called on the session's own thread, and may block.
pub trait Authenticator: Send + Sync {
    /// The account that the visitor's name and `password` open.
    ///
    /// An implementation takes the same time for an unknown name as for a wrong password.
    fn authenticate(&self, visitor: &Visitor<'_>, password: &Secret) -> Result<Account, AuthError>;

    /// The account that the visitor's certificate opens without a password. A session asks at
    /// `USER`, if there is a certificate, and goes on to the password after any error.
    fn admit_by_certificate(&self, visitor: &Visitor<'_>) -> Result<Account, AuthError> {
        let _ = visitor; // an authenticator that knows no certificates
        Err(AuthError::Unknown)
    }

    /// Whether everybody is let in as `name`, with a password that is an e-mail address by custom
    /// and proves nothing (RFC 1635). The transfer log marks them.
    fn is_anonymous(&self, name: &str) -> bool {
        let _ = name; // an authenticator that lets in nobody without a proof
        false
    }

    /// Takes the time of a wrong password, and decides nothing. [`Sources`] call it for a visitor
    /// whom an earlier one has refused, so that the time does not tell which of them knows the name.
    fn refuse(&self, visitor: &Visitor<'_>) {
        let _ = visitor; // an authenticator that answers at once
    }

    /// Called once when the server starts, after a daemon has dropped its privilege and before the
    /// first session. What needs a thread that gives up nothing has it begun here: those of sessions
    /// may be denied to start programs or to open files.
    fn begin(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Why nobody may enter.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthError {
    /// The name is unknown, the password wrong, or the account locked.
    Rejected,
    /// No account of that name is here; it may be elsewhere, see [`Sources`]. The client hears the
    /// same words as for [`AuthError::Rejected`].
    Unknown,
    /// The question could not be answered; the reason is for the log. The client hears that it may
    /// try again later, and this does not count as a wrong password.
    Unavailable(Box<dyn error::Error + Send + Sync>),
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthError::Rejected => f.write_str("login refused"),
            AuthError::Unknown => f.write_str("no such account"),
            AuthError::Unavailable(cause) => write!(f, "cannot check the password: {cause}"),
        }
    }
}

impl error::Error for AuthError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            AuthError::Rejected | AuthError::Unknown => None,
            AuthError::Unavailable(cause) => Some(cause.as_ref()),
        }
    }
}
