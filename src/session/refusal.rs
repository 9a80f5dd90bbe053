//! Why a command was not done, and what the client hears of it. The only file that turns errors
//! into reply codes: the peer is told what it may do next, the log is told why.

use crate::{
    auth::AuthError,
    net::NetError,
    proto::{Code, CommandFault, LineFault, Payload, Reply},
    storage::StorageError,
    transfer::TransferError,
};
use std::{fmt, io};

/// What a handler returns: the final reply to its command, or why there is another.
pub type Handled = Result<Reply, Refusal>;

/// Why a command was not done.
#[derive(Debug)]
pub enum Refusal {
    /// This is said, and the session goes on.
    Say(Reply),
    /// The session ends.
    Hangup(Hangup),
}

/// Why a session ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Hangup {
    /// The client said `QUIT`.
    Quit,
    /// The client closed the control connection.
    Gone,
    /// The control connection failed.
    Control(NetError),
    /// Nothing came for too long, or no login within its time.
    Idle,
    /// The server stops.
    Stopping,
    /// Too many commands were refused.
    TooManyFaults,
    /// Too many wrong passwords.
    TooManyPasswords,
    /// Whether the client may enter could not be found out.
    LoginUnavailable,
    /// The account has as many sessions as it may.
    TooManyOfAccount,
    /// The TLS handshake on the control connection failed.
    Handshake(NetError),
    /// Bytes came behind `AUTH` in clear text.
    Injection,
    /// The client speaks another protocol.
    NotFtp,
    /// There is no other thread to log in on, and this one is confined.
    NoThread(io::Error),
    /// The session's thread could not be confined as it should be.
    Confinement(io::Error),
}

impl Hangup {
    /// What is said before the connection closes; nothing to those who are gone or were never FTP
    /// clients.
    pub fn farewell(&self) -> Option<Reply> {
        let text = match self {
            Hangup::Idle => "Timeout: closing the control connection.",
            Hangup::Stopping => "The server is stopping: closing the control connection.",
            Hangup::TooManyFaults => "Too many commands refused: closing the control connection.",
            Hangup::TooManyPasswords => "Too many wrong passwords: closing the control connection.",
            Hangup::LoginUnavailable => "Nobody can log in at present: try again later.",
            Hangup::TooManyOfAccount => "Too many sessions of this account, try again later.",
            Hangup::NoThread(_) => "Connect again to log in again.",
            Hangup::Confinement(_) => "The server is out of order: closing the control connection.",
            _ => return None,
        };
        Some(Reply::new(Code::CLOSING, text))
    }

    /// Whether the client may well have sent more than was listened to. A close would then reset
    /// the connection, and what was said before may be lost.
    pub fn leaves_lines_unread(&self) -> bool {
        matches!(self, Hangup::TooManyFaults | Hangup::TooManyPasswords)
    }
}

impl fmt::Display for Hangup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hangup::Quit => f.write_str("the client said QUIT"),
            Hangup::Gone => f.write_str("the client closed the connection"),
            Hangup::Control(error) => write!(f, "control connection: {error}"),
            Hangup::Idle => f.write_str("nothing came in time"),
            Hangup::Stopping => f.write_str("the server stops"),
            Hangup::TooManyFaults => f.write_str("too many commands refused"),
            Hangup::TooManyPasswords => f.write_str("too many wrong passwords"),
            Hangup::LoginUnavailable => f.write_str("passwords cannot be checked"),
            Hangup::TooManyOfAccount => f.write_str("too many sessions of the account"),
            Hangup::Handshake(error) => write!(f, "handshake on the control connection: {error}"),
            Hangup::Injection => f.write_str("bytes in clear text behind AUTH"),
            Hangup::NoThread(error) => write!(f, "no thread for another login: {error}"),
            Hangup::Confinement(error) => write!(f, "the session cannot be confined: {error}"),
            Hangup::NotFtp => f.write_str("the client speaks another protocol"),
        }
    }
}

impl Refusal {
    /// 530, before a login.
    pub fn not_logged_in() -> Refusal {
        Reply::new(Code::NOT_LOGGED_IN, "Log in with USER and PASS first.").into()
    }

    /// 530, where a login has confined the process for good.
    pub fn confined() -> Refusal {
        Reply::new(Code::NOT_LOGGED_IN, "Connect again to log in again.").into()
    }

    /// 550, for what changes anything.
    pub fn read_only() -> Refusal {
        Reply::new(Code::UNAVAILABLE, "This account may only read.").into()
    }

    /// 553 for a name that no new file or directory may have.
    pub fn bad_name() -> Refusal {
        StorageError::InvalidName.into()
    }

    /// No file that could be hashed: 553 for a directory, as draft-bryan-ftpext-hash §3.5 has it.
    pub fn not_to_hash(error: StorageError) -> Refusal {
        match error {
            StorageError::IsADirectory | StorageError::NotAFile => {
                Reply::new(Code::NAME_REFUSED, "Only files have a hash.").into()
            }
            error => error.into(),
        }
    }

    /// The TCP connection for data did not come about.
    pub fn no_data_connection(error: &NetError) -> Refusal {
        let text = match error {
            NetError::Interrupted => return Refusal::aborted(),
            NetError::Timeout => "No data connection came in time.",
            _ => "The data connection cannot be opened.",
        };
        Reply::new(Code::NO_DATA_CONNECTION, text).into()
    }

    /// The TLS handshake for data failed. For a file the peer may be another server: 421, and the
    /// session goes on (SSCN rule 5), for lftp takes 5xx as final and 4xx as a reason to try the
    /// other role. A listing is never server to server: 522 (RFC 4217 §10.2).
    pub fn negotiation_failed(payload: Payload, error: &NetError) -> Refusal {
        let reason = match error {
            NetError::Interrupted => return Refusal::aborted(),
            NetError::Tls(reason) => reason.clone(),
            NetError::Timeout | NetError::WrongPeer(_) => error.to_string(),
            _ => "the peer closed the connection".to_owned(),
        };
        let code = match payload {
            Payload::File => Code::CLOSING,
            Payload::Listing => Code::NEGOTIATION_FAILED,
        };
        let text = format!("Connection closed (SSL/TLS negotiation failed: {reason}).");
        Reply::new(code, text).into()
    }

    /// The transfer was broken off while the expected peer was waited for.
    pub fn aborted_after(error: &NetError) -> Refusal {
        let text = format!("Transfer aborted. The last who came was refused: {error}.");
        Reply::new(Code::TRANSFER_ABORTED, text).into()
    }

    /// The transfer was broken off.
    pub fn aborted() -> Refusal {
        Reply::new(Code::TRANSFER_ABORTED, "Transfer aborted.").into()
    }
}

impl From<Reply> for Refusal {
    fn from(reply: Reply) -> Refusal {
        Refusal::Say(reply)
    }
}

impl From<Hangup> for Refusal {
    fn from(hangup: Hangup) -> Refusal {
        Refusal::Hangup(hangup)
    }
}

impl From<LineFault> for Refusal {
    fn from(fault: LineFault) -> Refusal {
        Refusal::Say(match fault {
            LineFault::TooLong => Reply::new(Code::UNKNOWN_COMMAND, "The line is too long."),
            LineFault::ForbiddenByte => {
                Reply::new(Code::BAD_ARGUMENT, "A line holds no NUL, CR or LF, and ends in CRLF.")
            }
        })
    }
}

impl From<CommandFault> for Refusal {
    fn from(fault: CommandFault) -> Refusal {
        Refusal::Say(match fault {
            CommandFault::Unknown => Reply::new(Code::UNKNOWN_COMMAND, "Unknown command."),
            CommandFault::NotBuilt => Reply::new(Code::NOT_BUILT, "Command not implemented."),
            CommandFault::Argument(row) => {
                Reply::new(Code::BAD_ARGUMENT, usage(row.name, row.usage))
            }
            CommandFault::Value(row) => {
                Reply::new(Code::PARAMETER_NOT_BUILT, usage(row.name, row.usage))
            }
            CommandFault::Family => {
                Reply::new(Code::NEGOTIATION_FAILED, "Network protocol not supported, use (1,2)")
            }
            CommandFault::Protection => {
                Reply::new(Code::PROTECTION_UNSUPPORTED, "TLS gives the levels C and P.")
            }
        })
    }
}

fn usage(name: &str, usage: &str) -> String {
    format!("Usage: {name} {usage}").trim_end().to_owned()
}

/// A wrong password can be told from a right one, or nothing can: only the latter is our fault, and
/// worth another try (421, which RFC 959 §5.4 allows to PASS).
impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Refusal {
        match error {
            AuthError::Rejected | AuthError::Unknown => {
                Reply::new(Code::NOT_LOGGED_IN, "Login refused.").into()
            }
            AuthError::Unavailable(cause) => {
                log::error!("cannot check a password: {cause}");
                Hangup::LoginUnavailable.into()
            }
        }
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Refusal {
        let (code, text) = match &error {
            StorageError::NotFound => (Code::UNAVAILABLE, "No such file or directory."),
            StorageError::Exists => (Code::UNAVAILABLE, "The name is taken."),
            StorageError::NotADirectory => (Code::UNAVAILABLE, "Not a directory."),
            StorageError::IsADirectory => (Code::UNAVAILABLE, "It is a directory."),
            StorageError::NotAFile => (Code::UNAVAILABLE, "Not a regular file."),
            StorageError::NotEmpty => (Code::UNAVAILABLE, "The directory is not empty."),
            StorageError::NotPermitted => (Code::UNAVAILABLE, "Permission denied."),
            StorageError::ReadOnly => (Code::UNAVAILABLE, "The file system is read-only."),
            StorageError::InvalidName => (Code::NAME_REFUSED, "The name cannot be used."),
            StorageError::BeyondEnd => {
                (Code::BAD_RESTART, "The offset lies behind the end of the file.")
            }
            StorageError::OutOfRange => {
                (Code::BAD_RESTART, "The data and the range of RANG differ in length.")
            }
            StorageError::NoSpace => (Code::NO_SPACE, "No space left."),
            StorageError::QuotaExceeded => (Code::QUOTA_EXCEEDED, "Quota or size limit reached."),
            StorageError::Busy => (Code::FILE_BUSY, "Another upload writes to it."),
            StorageError::Unsupported => {
                (Code::PARAMETER_NOT_BUILT, "This storage has no such thing.")
            }
            StorageError::Io(cause) => {
                log::error!("storage failed: {cause}");
                (Code::LOCAL_ERROR, "The server cannot read or write here.")
            }
        };
        Reply::new(code, text).into()
    }
}

impl From<TransferError> for Refusal {
    fn from(error: TransferError) -> Refusal {
        let text = match error {
            TransferError::Storage(error) => return error.into(),
            TransferError::Deflate(fault) => format!("MODE Z: {fault}."),
            TransferError::Net(NetError::Timeout) => "The transfer stalled.".to_owned(),
            TransferError::Net(NetError::Truncated) => {
                "The data connection was cut: it ended without close_notify.".to_owned()
            }
            TransferError::Net(NetError::Tls(reason)) => format!("TLS failed: {reason}."),
            TransferError::Net(NetError::Io(_)) => "The data connection was lost.".to_owned(),
            TransferError::Net(_) => return Refusal::aborted(),
        };
        Reply::new(Code::TRANSFER_ABORTED, text).into()
    }
}
