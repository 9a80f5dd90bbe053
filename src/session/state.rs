//! What a session remembers between commands.

use crate::{
    auth::Account,
    net::Port,
    proto::{
        Algorithm, ByteRange, DeflateLevel, Facts, Fingerprint, Mode, Protection, Representation,
        TlsRole, VirtualPath,
    },
    session::{early::Early, quota::Allotment, rates::Rates},
    storage::Tree,
};

/// Whether the control connection is under TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not yet.
    Clear,
    /// It is.
    Tls,
    /// It was, until `CCC`: the login went through TLS, and data still may.
    Cleared,
}

/// Who the client is.
pub enum Login {
    /// It has not said.
    Nobody,
    /// It says so.
    Named(String),
    /// It has proved it.
    Member(Box<Member>),
}

/// Someone who has logged in, and where they are.
pub struct Member {
    pub account: Account,
    /// The e-mail address of one who has proved nothing, or nothing if it has given none.
    pub anonymous: Option<String>,
    pub tree: Box<dyn Tree>,
    pub cwd: VirtualPath,
    pub rates: Rates,
    /// If it may not keep as much as it likes.
    pub allotment: Option<Allotment>,
    pub entered: Entered,
}

/// What has let someone in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    ByPassword,
    ByCertificate,
}

/// How transfers shall go. `AUTH` and `REIN` set it back.
#[derive(Clone, Copy, Debug)]
pub struct Negotiated {
    /// `PBSZ` has been said, as `PROT` demands (RFC 2228 §3).
    pub buffer_size_agreed: bool,
    pub protection: Protection,
    /// The TLS role that `SSCN` set, for files.
    pub role_wish: TlsRole,
    /// Who must be at the other end, by `XPEER`, for files.
    pub expected_peer: Option<Fingerprint>,
    pub representation: Representation,
    pub mode: Mode,
    /// For `MODE Z`, also while the mode is another.
    pub deflate_level: DeflateLevel,
    /// After `EPSV ALL` nothing else opens a port (RFC 2428 §3).
    pub epsv_only: bool,
    /// `CEPR ON`: `EPSV` tells the address as well, for clients that pass it on.
    pub epsv_tells_address: bool,
    /// What `MLSD` and `MLST` show.
    pub facts: Facts,
    /// The hash function that `OPTS HASH` chose.
    pub hash: Algorithm,
    /// `HASH` or `OPTS HASH` was said: the client will ask for hashes.
    pub hash_used: bool,
}

impl Default for Negotiated {
    fn default() -> Negotiated {
        Negotiated {
            buffer_size_agreed: false,
            protection: Protection::Clear,
            role_wish: TlsRole::Accept,
            expected_peer: None,
            representation: Representation::Ascii,
            mode: Mode::Stream,
            deflate_level: DeflateLevel::default(),
            epsv_only: false,
            epsv_tells_address: false,
            facts: Facts::ALL,
            hash: Algorithm::default(),
            hash_used: false,
        }
    }
}

impl Negotiated {
    /// `AUTH SSL`, `AUTH TLS-P` and implicit TLS protect data without being asked.
    pub fn under_implicit_tls() -> Negotiated {
        Negotiated {
            buffer_size_agreed: true,
            protection: Protection::Private,
            ..Negotiated::default()
        }
    }
}

/// Which part of a file the next transfer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// `REST`: all from this offset on.
    From(u64),
    /// `RANG`: these octets.
    Range(ByteRange),
}

/// A data address, and what was said of the TLS role when it was made.
pub struct PreparedPort {
    pub port: Port,
    /// `CPSV`: for this port we are the TLS client, whatever `SSCN` says.
    pub role: Option<TlsRole>,
    /// What has come there before its verb.
    pub early: Option<Early>,
}
