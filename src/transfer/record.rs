//! What is remembered of a transfer once it has ended, well or badly.

use crate::{
    net::TlsFacts,
    proto::{Algorithm, Representation, TlsRole, VirtualPath},
    sys::ids::Ids,
};
use jiff::Timestamp;
use std::{
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// One transfer of a file, for the transfer log and for whoever embeds the server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransferRecord {
    /// When it ended.
    pub ended: Timestamp,
    /// How long it took, from the verb to the final reply.
    pub took: Duration,
    /// Where the client is.
    pub client: IpAddr,
    /// Who it is.
    pub account: String,
    /// For anonymous clients the e-mail address that they have given, or nothing if that is none;
    /// `None` for all who have proved who they are.
    pub anonymous: Option<String>,
    /// At which virtual host, by its first name; `None` at the default one.
    pub host: Option<String>,
    /// What names the account's tree to the storage: a directory for the local backend.
    pub home: OsString,
    /// Whom of the system the session was for files, where it takes on its account's ids, see
    /// [`crate::Confinement::account_ids`]; `None` where it was the server's own user. Whoever
    /// touches the file behind it should be no one else, see [`Ids::spawn`].
    pub ids: Option<Ids>,
    /// The file, in the account's tree.
    pub path: VirtualPath,
    /// Bytes that went over the data connection, or into it: those of the file, so that under
    /// `MODE Z` they are counted before they are compressed and after they are unpacked.
    pub bytes: u64,
    /// Whether it left or arrived.
    pub direction: Direction,
    /// As text or as bytes.
    pub representation: Representation,
    /// Whether it was answered 226.
    pub complete: bool,
    /// Where the data connection led, if it came about.
    pub peer: Option<SocketAddr>,
    /// Whether that is another host than the client: a server-to-server copy.
    pub foreign: bool,
    /// Whether the peer was asked to prove who it is, and did.
    pub proof: PeerProof,
    /// Our part in the TLS handshake.
    pub role: TlsRole,
    /// What was agreed in it; `None` for clear text and for a handshake that failed.
    pub tls: Option<TlsFacts>,
    /// The file's hash, in lower-case hexadecimal digits, and by which function, if the whole file
    /// was hashed as it moved.
    pub hash: Option<(Algorithm, String)>,
}

/// Whether the peer of a data connection has proved to be the one expected, by the certificate that
/// `XPEER` or the server's own settings name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerProof {
    /// Nobody in particular was expected.
    #[default]
    Unasked,
    /// It has.
    Proved,
    /// It has not: nothing was sent to it or taken from it.
    Missing,
}

/// Which way a file went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From us.
    Outgoing,
    /// To us.
    Incoming,
}
