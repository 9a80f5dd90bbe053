//! Whether what a manifest tells is still so.

use crate::{
    client::{
        ClientError, Entry, JobEnd, RemotePath, TreePath, digest::Extent, job::end::OpenEnd, proof,
    },
    proto::Algorithm,
};
use std::path::Path;

/// What became of a file of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Its size and hash are those of the manifest.
    Same,
    /// Its size is; the manifest has no hash, or the server cannot compute that one.
    SameSize,
    /// It is there, and no more can be said.
    There,
    /// It is gone.
    Missing,
    /// It is another one: what is expected, and what is there.
    Differs(String, String),
}

/// Compares the files below `end` with those of a manifest, one by one. An error ends it.
pub fn verify(
    entries: &[Entry],
    end: &JobEnd,
    mut each: impl FnMut(&Entry, &Finding),
) -> Result<(), ClientError> {
    let mut open = OpenEnd::open(end)?;
    for entry in entries {
        // A manifest that was read has no other paths.
        let path = entry.tree_path().ok_or(ClientError::BadText("a path of the manifest"))?;
        let finding = look(&mut open, entry, &path)?;
        each(entry, &finding);
    }
    open.close();
    Ok(())
}

fn look(end: &mut OpenEnd, entry: &Entry, path: &TreePath) -> Result<Finding, ClientError> {
    let Some(there) = end.look(path)? else { return Ok(Finding::Missing) };
    let sizes = entry.size.zip(there.size);
    if let Some((expected, found)) = sizes.filter(|(expected, found)| expected != found) {
        return Ok(Finding::Differs(format!("{expected} bytes"), format!("{found} bytes")));
    }
    let expected = entry.hash.as_deref().and_then(|hash| hash.split_once(':'));
    let known = expected.and_then(|(name, hash)| Some((Algorithm::by_name(name)?, hash)));
    let found = match known {
        Some((algorithm, _)) => hash(end, path, there.size.unwrap_or_default(), algorithm)?,
        None => None,
    };
    Ok(match (known, found) {
        (Some((_, expected)), Some(found)) if found == expected => Finding::Same,
        (Some((_, expected)), Some(found)) => Finding::Differs(expected.to_owned(), found),
        _ if sizes.is_some() => Finding::SameSize,
        _ => Finding::There,
    })
}

fn hash(
    end: &mut OpenEnd,
    path: &TreePath,
    size: u64,
    algorithm: Algorithm,
) -> Result<Option<String>, ClientError> {
    match end {
        OpenEnd::Remote(connection, root) => {
            remote_hash(connection, &path.below(root), size, algorithm)
        }
        OpenEnd::Local(root) => local_hash(&path.below_local(root), algorithm),
    }
}

fn remote_hash(
    connection: &mut crate::client::Connection,
    path: &RemotePath,
    size: u64,
    algorithm: Algorithm,
) -> Result<Option<String>, ClientError> {
    for verb in proof::verbs(connection, algorithm) {
        if let Some(hash) = connection.hash(path, Extent::Whole(size), algorithm, verb)? {
            return Ok(Some(hash));
        }
    }
    Ok(None)
}

fn local_hash(path: &Path, algorithm: Algorithm) -> Result<Option<String>, ClientError> {
    let Some(hash) = proof::hash_local(path, algorithm)? else { return Ok(None) };
    hash.end().map(Some).map_err(|error| ClientError::Setup(error.into()))
}
