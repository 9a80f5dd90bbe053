//! Whether what arrived is what was sent: sizes, and a hash where both ends can compute one.

use crate::{
    client::{
        ClientError, Connection, Extension, Features, RemotePath,
        data::BLOCK_BYTES,
        digest::Extent,
        exchange::{Job, Pair},
        features::HashVerb,
    },
    proto::Algorithm,
    transfer::Hasher,
};
use std::{fmt, fs::File, io::Read, path::Path};

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
    match both_hashes(pair, job, Extent::Whole(sent))? {
        Some((algorithm, here, there)) => same_hash(algorithm, here, there, arrived),
        None => Ok(Proof::Size(sent)),
    }
}

/// The best hash that both servers compute of the job's file; they do it at the same time.
fn both_hashes(
    pair: &mut Pair<'_>,
    job: Job<'_>,
    extent: Extent,
) -> Result<Option<(Algorithm, String, String)>, ClientError> {
    for (algorithm, source, target) in common(pair.source.features(), pair.target.features()) {
        let Some(here) = pair.source.begin_hash(job.from, extent, algorithm, source)? else {
            continue;
        };
        let there = pair.target.begin_hash(job.to, extent, algorithm, target);
        // Who was asked is heard, whatever became of the other.
        let here = pair.source.end_hash(here);
        let there = match there? {
            Some(there) => pair.target.end_hash(there)?,
            None => None,
        };
        if let (Some(here), Some(there)) = (here?, there) {
            return Ok(Some((algorithm, here, there)));
        }
    }
    Ok(None)
}

/// How many bytes of the job's file its target holds already, known to be equal to the source's. 0
/// where no hash in common can be asked for a part of a file.
pub(super) fn common_prefix(pair: &mut Pair<'_>, job: Job<'_>) -> Result<u64, ClientError> {
    let Some(bytes) = present_size(pair.target, job.to, job.size)? else { return Ok(0) };
    Ok(match both_hashes(pair, job, Extent::First(bytes))? {
        Some((_, here, there)) if here == there => bytes,
        _ => 0,
    })
}

/// The size of what a target holds already, if it can be the beginning of a file of `whole` bytes.
pub(super) fn present_size(
    target: &mut Connection,
    path: &RemotePath,
    whole: Option<u64>,
) -> Result<Option<u64>, ClientError> {
    if !target.features().has(Extension::Rest) {
        return Ok(None);
    }
    let present = match target.size(path) {
        Err(ClientError::Refused(..)) => None, // there is none
        size => size?,
    };
    Ok(present.filter(|present| *present > 0 && whole.is_some_and(|whole| *present <= whole)))
}

/// Whether the first bytes of a server's file are known to be those that were hashed here.
pub(super) fn begins_with(
    connection: &mut Connection,
    path: &RemotePath,
    hash: Hasher,
) -> Result<bool, ClientError> {
    let (algorithm, first) = (hash.algorithm(), Extent::First(hash.bytes()));
    let ours = hash.end().map_err(|error| ClientError::Setup(error.into()))?;
    for verb in verbs(connection, algorithm) {
        if let Some(theirs) = connection.hash(path, first, algorithm, verb)? {
            return Ok(ours == theirs);
        }
    }
    Ok(false)
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
    for verb in verbs(connection, algorithm) {
        let theirs = connection.hash(path, Extent::Whole(bytes), algorithm, verb)?;
        if let Some(theirs) = theirs {
            return same_hash(algorithm, ours, theirs, bytes);
        }
    }
    Ok(Proof::Size(bytes))
}

/// Removes what arrived wrong, so that nobody takes it for the file. What became of it.
pub(super) fn condemn(target: &mut Connection, path: &RemotePath) -> String {
    match target.ask("DELE", path.as_bytes()) {
        Ok(reply) if reply.code().is_success() => "it was removed there".to_owned(),
        Ok(reply) => format!("DELE there was answered {reply}"),
        Err(error) => format!("it may still be there: {error}"),
    }
}

/// The proof that a server's file and a local one are the same, if there is one by a hash.
pub(super) fn of_local(
    connection: &mut Connection,
    path: &RemotePath,
    local: &Path,
) -> Result<Option<Proof>, ClientError> {
    let Some((algorithm, _)) = connection.features().hashes().next() else { return Ok(None) };
    let Some(hash) = hash_local(local, algorithm)? else { return Ok(None) };
    known_equal(of_ours(connection, path, hash.bytes(), Some(hash)))
}

/// Only a hash is a proof that nothing has to be copied.
pub(super) fn known_equal(
    outcome: Result<Proof, ClientError>,
) -> Result<Option<Proof>, ClientError> {
    match outcome {
        Ok(proof @ Proof::Hash(..)) => Ok(Some(proof)),
        Ok(_) | Err(ClientError::Mismatch(..)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Hashes a local file; `None` where the system does not compute this hash.
pub(super) fn hash_local(path: &Path, algorithm: Algorithm) -> Result<Option<Hasher>, ClientError> {
    let failed = |error| ClientError::Local(path.to_owned(), error);
    let Some(mut hash) = Hasher::begin(algorithm) else { return Ok(None) };
    let mut file = File::open(path).map_err(failed)?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        match file.read(&mut block).map_err(failed)? {
            0 => return Ok(Some(hash)),
            count => hash.add(&block[..count]),
        }
    }
}

/// The best hash that a server and we can both compute, begun.
pub(super) fn begin(features: &Features) -> Option<Hasher> {
    features.hashes().find_map(|(algorithm, _)| Hasher::begin(algorithm))
}

/// The commands by which a server computes this hash.
pub(super) fn verbs(connection: &Connection, algorithm: Algorithm) -> Vec<HashVerb> {
    let same = connection.features().hashes().filter(|row| row.0 == algorithm);
    same.map(|row| row.1).collect()
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
