//! How sure the two servers of a copy are of each other. Both control connections have shown us a
//! certificate; by `XPEER` each server can be told the other's (fxpd-fxp(7)).

use crate::client::{Connection, Extension, Features, Side};
use std::fmt;

/// Which servers of a copy made sure of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Both: nobody was in between.
    Both,
    /// This one: its file went to, or came from, the other server and nobody else.
    Only(Side),
    /// Neither: whoever was first at the passive port may have been the other end.
    Neither,
}

/// How much of that a copy needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// As much as the servers can do.
    #[default]
    AsPossible,
    /// Both ends, or no copy.
    BothEnds,
}

impl Verified {
    /// What a copy between these two will be. In clear text nobody shows a certificate.
    pub(super) fn of(source: &Connection, target: &Connection) -> Verified {
        match source.is_clear() || target.is_clear() {
            true => Verified::Neither,
            false => Verified::between(source.features(), target.features()),
        }
    }

    /// What a protected copy between two such servers will be.
    pub fn between(source: &Features, target: &Features) -> Verified {
        match (source.has(Extension::Xpeer), target.has(Extension::Xpeer)) {
            (true, true) => Verified::Both,
            (true, false) => Verified::Only(Side::Source),
            (false, true) => Verified::Only(Side::Target),
            (false, false) => Verified::Neither,
        }
    }
}

impl Verified {
    /// Which, in a word of a manifest: `both`, `source`, `target` or `none`.
    pub fn word(self) -> &'static str {
        match self {
            Verified::Both => "both",
            Verified::Only(Side::Source) => "source",
            Verified::Only(Side::Target) => "target",
            Verified::Neither => "none",
        }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verified::Both => f.write_str("verified on both ends"),
            Verified::Only(side) => write!(f, "verified on the {side} only"),
            Verified::Neither => f.write_str("verified on no end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::features::tests::features;

    #[test]
    fn only_who_lists_xpeer_with_our_hash_function_verifies() {
        let able = features("", &["SSCN", "XPEER SHA-256"]);
        let more = features("", &["XPEER SHA-512;sha-256"]);
        let other = features("", &["SSCN", "XPEER SHA-512"]);
        for (source, target, expected) in [
            (&able, &more, Verified::Both),
            (&able, &other, Verified::Only(Side::Source)),
            (&other, &able, Verified::Only(Side::Target)),
            (&other, &other, Verified::Neither),
        ] {
            assert_eq!(Verified::between(source, target), expected);
        }
    }
}
