//! An account: a name, a home, and what it may do.

use super::AccountLimits;
use crate::{proto::Access, sys::ids::Ids};
use ipnet::IpNet;
use std::{ffi::OsString, fmt, net::IpAddr, str::FromStr};

/// Someone who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The login name, for logs and rights.
    pub name: String,
    /// What names the account's tree to the storage: a directory for the local backend.
    pub home: OsString,
    /// Whether it may change anything.
    pub access: Access,
    /// Whether it may copy to and from other servers.
    pub fxp: FxpGrant,
    /// What else it may do.
    pub rights: Vec<Right>,
    /// How much of the server it may take.
    pub limits: AccountLimits,
    /// Whom of the system it stands for, if anybody. That counts where the server takes on its
    /// accounts' ids, see [`crate::Confinement`].
    pub ids: Option<Ids>,
}

impl Account {
    /// One that may do this with the files of its home, and has nothing else of its own: it copies
    /// with servers that are verified, has no further rights, shares the limits of all, and stands
    /// for nobody of the system. More is said by its fields:
    /// ```
    /// use fxpd::{Access, Account, FxpGrant, FxpLevel};
    ///
    /// let fxp = FxpGrant::both(FxpLevel::Off);
    /// let ann = Account { fxp, ..Account::new("ann", "/srv/ann", Access::ReadWrite) };
    /// assert!(ann.rights.is_empty());
    /// ```
    pub fn new(name: impl Into<String>, home: impl Into<OsString>, access: Access) -> Account {
        Account {
            name: name.into(),
            home: home.into(),
            access,
            fxp: FxpGrant::default(),
            rights: Vec::new(),
            limits: AccountLimits::default(),
            ids: None,
        }
    }
}

/// Something that most accounts may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Make symbolic links (`SITE SYMLINK`).
    Links,
    /// See who is on (`SITE WHO`).
    Who,
}

impl Right {
    /// The words of the `rights` option.
    pub const WORDS: [(&'static str, Right); 2] = [("links", Right::Links), ("who", Right::Who)];
}

impl FromStr for Right {
    type Err = String;

    fn from_str(text: &str) -> Result<Right, String> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        found
            .map(|(_, right)| *right)
            .ok_or_else(|| format!("'{text}' is no right; links and who are"))
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::WORDS.iter().find(|(_, right)| right == self);
        f.write_str(found.map_or("", |(word, _)| word))
    }
}

/// What an account may exchange with hosts other than its own (FXP).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FxpGrant {
    /// For files that leave (`RETR` to a foreign host).
    pub outgoing: FxpLevel,
    /// For files that arrive (`STOR`, `APPE`, `STOU` from a foreign host).
    pub incoming: FxpLevel,
    /// Where files may go; empty means anywhere.
    pub outgoing_networks: Vec<IpNet>,
    /// Where files may come from; empty means anywhere.
    pub incoming_networks: Vec<IpNet>,
}

impl FxpGrant {
    /// The same level both ways, to and from anywhere.
    pub fn both(level: FxpLevel) -> FxpGrant {
        FxpGrant { outgoing: level, incoming: level, ..FxpGrant::default() }
    }

    /// Whether a file may leave to `host`, or arrive from it, as far as networks go.
    pub fn reaches(networks: &[IpNet], host: IpAddr) -> bool {
        networks.is_empty() || networks.iter().any(|net| net.contains(&host.to_canonical()))
    }
}

/// How much a foreign peer must show before it may exchange files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FxpLevel {
    /// No foreign peer at all.
    Off,
    /// Only a peer whose certificate was pinned or is signed by a configured CA.
    #[default]
    Verified,
    /// Any foreign peer, always under TLS.
    Tls,
    /// Any foreign peer, in clear text as well.
    Any,
}

impl FxpLevel {
    /// The words of the `fxp` setting, in ascending order of trust.
    pub const WORDS: [(&'static str, FxpLevel); 4] = [
        ("off", FxpLevel::Off),
        ("verified", FxpLevel::Verified),
        ("tls", FxpLevel::Tls),
        ("any", FxpLevel::Any),
    ];
}

impl fmt::Display for FxpLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FxpLevel::Off => "off",
            FxpLevel::Verified => "verified",
            FxpLevel::Tls => "tls",
            FxpLevel::Any => "any",
        })
    }
}

impl FromStr for FxpLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<FxpLevel, String> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, level)| *level).ok_or_else(|| {
            format!("'{text}' is no FXP level; it is one of off, verified, tls, any")
        })
    }
}
