//! Whether what arrived is what was sent: sizes, and a hash where both ends can compute one.

use crate::{
    client::{
        ClientError, Connection, Features, RemotePath,
        exchange::{Job, Pair},
        features::HashVerb,
    },
    proto::Algorithm,
    transfer::Hasher,
};
use std::fmt;

/// How a copy is known to have arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Size and hash are equal at both ends.
    Hash(Algorithm, String, u64),
    /// The size is equal at both ends; no hash could be compared.
    Size(u64),
    /// Both ends say that they are done, and no more is known.
    Replies,
}

impl Proof {
    /// The size, where it was compared.
    pub fn size(&self) -> Option<u64> {
        match self {
            Proof::Hash(_, _, size) | Proof::Size(size) => Some(*size),
            Proof::Replies => None,
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Proof::Hash(algorithm, hash, _) => write!(f, "size and {algorithm} equal ({hash})"),
            Proof::Size(_) => f.write_str("size equal, no hash in common"),
            Proof::Replies => f.write_str("not compared, the servers cannot tell a size"),
        }
    }
}

/// Compares the two ends of a copy between servers.
pub(super) fn of_servers(pair: &mut Pair<'_>, job: Job<'_>) -> Result<Proof, ClientError> {
    let sent = pair.source.size(job.from)?;
    let arrived = arrived_size(pair.target, job.to)?;
    let (Some(sent), Some(arrived)) = (sent, arrived) else { return Ok(Proof::Replies) };
    same_size(sent, arrived)?;
    for (algorithm, source, target) in common(pair.source.features(), pair.target.features()) {
        let sent_hash = pair.source.hash(job.from, sent, algorithm, source)?;
        let Some(sent_hash) = sent_hash else { continue };
        let arrived_hash = pair.target.hash(job.to, arrived, algorithm, target)?;
        let Some(arrived_hash) = arrived_hash else { continue };
        return same_hash(algorithm, sent_hash, arrived_hash, arrived);
    }
    Ok(Proof::Size(sent))
}

/// Compares a file of a server with one that passed through our hands.
pub(super) fn of_ours(
    connection: &mut Connection,
    path: &RemotePath,
    bytes: u64,
    hash: Option<Hasher>,
) -> Result<Proof, ClientError> {
    let Some(theirs) = arrived_size(connection, path)? else { return Ok(Proof::Replies) };
    same_size(bytes, theirs)?;
    let Some(hash) = hash else { return Ok(Proof::Size(bytes)) };
    let algorithm = hash.algorithm();
    let ours = hash.end().map_err(|error| ClientError::Setup(error.into()))?;
    let verbs: Vec<HashVerb> =
        connection.features().hashes().filter(|row| row.0 == algorithm).map(|row| row.1).collect();
    for verb in verbs {
        if let Some(theirs) = connection.hash(path, bytes, algorithm, verb)? {
            return same_hash(algorithm, ours, theirs, bytes);
        }
    }
    Ok(Proof::Size(bytes))
}

/// The best hash that a server and we can both compute, begun.
pub(super) fn begin(features: &Features) -> Option<Hasher> {
    features.hashes().find_map(|(algorithm, _)| Hasher::begin(algorithm))
}

/// The ways in which two servers can compute the same hash, best first.
fn common(source: &Features, target: &Features) -> Vec<(Algorithm, HashVerb, HashVerb)> {
    let mut ways = Vec::new();
    for (algorithm, verb) in source.hashes() {
        let same = target.hashes().filter(|row| row.0 == algorithm);
        ways.extend(same.map(|(_, other)| (algorithm, verb, other)));
    }
    ways
}

/// A target that acknowledged a file and cannot find it has lost it.
fn arrived_size(
    connection: &mut Connection,
    path: &RemotePath,
) -> Result<Option<u64>, ClientError> {
    match connection.size(path) {
        Err(ClientError::Refused(host, _, reply)) => {
            mismatch(format!("{host} cannot show {path} after the transfer: {reply}"))
        }
        size => size,
    }
}

fn same_size(sent: u64, arrived: u64) -> Result<(), ClientError> {
    match sent == arrived {
        true => Ok(()),
        false => mismatch(format!("{arrived} bytes at one end, {sent} at the other")),
    }
}

fn same_hash(
    algorithm: Algorithm,
    sent: String,
    arrived: String,
    size: u64,
) -> Result<Proof, ClientError> {
    match sent == arrived {
        true => Ok(Proof::Hash(algorithm, arrived, size)),
        false => mismatch(format!("{algorithm} {sent} at the source, {arrived} at the target")),
    }
}

fn mismatch<T>(why: String) -> Result<T, ClientError> {
    Err(ClientError::Mismatch(why, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::features::tests::features;

    #[test]
    fn the_best_common_hash_is_asked_for_first() {
        let proftpd = features("", &["HASH MD5;SHA-1*;SHA-256", "XSHA256", "XCRC"]);
        for (other, expected) in [
            (&["XSHA256", "XCRC"][..], Some((Algorithm::Sha256, HashVerb::Hash))),
            (&["XCRC"], Some((Algorithm::Crc32, HashVerb::Named("XCRC")))),
            (&["XMD5"], Some((Algorithm::Md5, HashVerb::Hash))),
            (&[], None),
        ] {
            let ways = common(&proftpd, &features("", other));
            assert_eq!(ways.first().map(|way| (way.0, way.1)), expected, "{other:?}");
        }
    }

    #[test]
    fn unequal_ends_are_an_error() {
        assert!(same_size(5, 5).is_ok());
        assert!(matches!(same_size(5, 4), Err(ClientError::Mismatch(..))));
        let hash = |arrived: &str| same_hash(Algorithm::Md5, "aa".into(), arrived.into(), 1);
        assert_eq!(hash("aa").unwrap(), Proof::Hash(Algorithm::Md5, "aa".into(), 1));
        assert!(matches!(hash("ab"), Err(ClientError::Mismatch(..))));
    }
}
