//! Why a copy did not happen: one variant for each thing that a caller can do about it.

use crate::{
    client::Plan,
    net::{NetError, TlsError},
    proto::{Code, Reply},
};
use std::{error, fmt, io, path::PathBuf};

/// Why a copy did not happen. Every text names the server or the file concerned.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The client itself is set up wrongly: a CA file, say.
    Setup(TlsError),
    /// A name or a password holds bytes that no command line can carry.
    BadText(&'static str),
    /// No connection to this server came about.
    Unreachable(String, NetError),
    /// An established connection to this server broke or fell silent.
    Lost(String, NetError),
    /// The data connection of two servers broke, or they did not meet where they had met before.
    Interrupted(String),
    /// The server is not known to be the one meant; nothing was sent to it.
    Untrusted(String, String),
    /// The server refused this client's certificate, or wants one, in OpenSSL's words.
    Unwelcome(String, String),
    /// The server refused the login.
    Login(String, Reply),
    /// The server cannot protect what would be sent.
    Insecure(String, String),
    /// The server said something that is no FTP.
    Protocol(String, String),
    /// The server refused a command, named second.
    Refused(String, String, Reply),
    /// Neither of two servers can limit how fast it moves bytes.
    NoRateLimit(String),
    /// This file of a server does not exist, or may not be seen.
    Missing(String),
    /// The source is a directory, and those were not asked for.
    IsDirectory(String),
    /// The target could not be created: on a server, or (without reply) here.
    NotCreated(String, String),
    /// There is no room left for the target's file, named first.
    NoSpace(String, String),
    /// A local file failed.
    Local(PathBuf, io::Error),
    /// The first named holds more than the second, a limit of this client.
    TooMuch(String, String),
    /// No way between the two servers worked. What was tried, in order; perhaps nothing.
    NoRoute(String, Vec<Attempt>),
    /// What arrived is not what was sent.
    Mismatch(String, Vec<Attempt>),
}

/// One way that was tried in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The way.
    pub plan: Plan,
    /// What ended it, with the replies of the servers.
    pub refusal: String,
}

impl ClientError {
    /// Whether the same call may work later: the server was busy, or a connection broke.
    pub fn is_transient(&self) -> bool {
        match self {
            ClientError::Lost(..) | ClientError::Interrupted(_) => true,
            // No space does not come back in seconds.
            ClientError::Refused(_, _, reply) | ClientError::Login(_, reply) => {
                reply.code().number() / 100 == 4 && reply.code() != Code::NO_SPACE
            }
            _ => false,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Setup(error) => write!(f, "{error}"),
            ClientError::BadText(what) => write!(f, "{what} must not hold a line end or NUL"),
            ClientError::Unreachable(host, error) => write!(f, "cannot reach {host}: {error}"),
            ClientError::Lost(host, error) => write!(f, "lost {host}: {error}"),
            ClientError::Interrupted(why) => write!(f, "the copy was interrupted: {why}"),
            ClientError::Untrusted(host, why) => write!(f, "{host} is not trusted: {why}"),
            ClientError::Unwelcome(host, why) => {
                write!(f, "{host} refused our certificate, or our having none: {why}")
            }
            ClientError::Login(host, reply) => write!(f, "{host} refused the login: {reply}"),
            ClientError::Insecure(host, why) => write!(f, "no secure connection to {host}: {why}"),
            ClientError::Protocol(host, why) => write!(f, "{host} does not speak FTP: {why}"),
            ClientError::Refused(host, command, reply) => {
                write!(f, "{host} refused {command}: {reply}")
            }
            ClientError::NoRateLimit(servers) => {
                write!(f, "neither {servers} can limit its rate (SITE RATE is not in their FEAT)")
            }
            ClientError::Missing(name) => write!(f, "{name} does not exist"),
            ClientError::IsDirectory(name) => {
                write!(f, "{name} is a directory, which is copied with -r or --mirror")
            }
            ClientError::NotCreated(name, why) | ClientError::NoSpace(name, why) => {
                write!(f, "cannot create {name}: {why}")
            }
            ClientError::TooMuch(what, limit) => write!(f, "{what} holds more than {limit}"),
            ClientError::Local(path, error) => write!(f, "{}: {error}", path.display()),
            ClientError::NoRoute(why, attempts) | ClientError::Mismatch(why, attempts) => {
                f.write_str(why)?;
                let mut tried = attempts.iter();
                tried.try_for_each(|attempt| write!(f, "\n  {}: {}", attempt.plan, attempt.refusal))
            }
        }
    }
}

impl error::Error for ClientError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            ClientError::Setup(error) => Some(error),
            ClientError::Unreachable(_, error) | ClientError::Lost(_, error) => Some(error),
            ClientError::Local(_, error) => Some(error),
            _ => None,
        }
    }
}
