//! Copies from a server to the local disk.

use crate::{
    client::{
        Carried, ClientError, Connection, Existing, Progress, RemotePath,
        connection::Outstanding,
        data::{self, Patience},
        partial::Partial,
        proof,
    },
    transfer::Hasher,
};
use std::{path::Path, time::Instant};

/// Copies a server's file to the local file `to`, which appears only when it is proved. Until then it
/// stands beside it as `.NAME.fxp-part`, which stays when the connection breaks.
pub fn download(
    source: &mut Connection,
    from: &RemotePath,
    to: &Path,
    existing: Existing,
    progress: &mut dyn Progress,
) -> Result<Carried, ClientError> {
    let begun = Instant::now();
    source.settle()?;
    let size = source.size(from)?;
    progress.begin(size);
    let mut partial = Partial::open(to)?;
    let mut hash = proof::begin(source.features());
    if existing == Existing::Replace || !continues(source, from, size, &mut partial, &mut hash)? {
        partial.restart()?;
        hash = proof::begin(source.features());
    }
    let mut at = partial.length();
    progress.at(at);
    let mut tls_version = "no data";
    if at == 0 || size != Some(at) {
        let mut received = receive(source, from, &mut partial, &mut hash, progress);
        if let (1.., Err(ClientError::Refused(_, command, reply))) = (at, &received) {
            // A server may refuse to begin in the middle of a file.
            log::info!("{from} begins anew: {command} was answered {reply}");
            partial.restart()?;
            (at, hash) = (0, proof::begin(source.features()));
            received = receive(source, from, &mut partial, &mut hash, progress);
        }
        tls_version = received?;
    }
    let (elapsed, bytes) = (begun.elapsed(), partial.length());
    match proof::of_ours(source, from, bytes, hash) {
        Ok(proof) => {
            partial.keep()?;
            Ok(Carried { bytes, resumed_at: at, elapsed, tls_version, proof })
        }
        Err(error) => {
            partial.discard();
            Err(error)
        }
    }
}

/// Whether what an earlier download has left is the beginning of this file. It is hashed on the way.
fn continues(
    source: &mut Connection,
    from: &RemotePath,
    size: Option<u64>,
    partial: &mut Partial,
    hash: &mut Option<Hasher>,
) -> Result<bool, ClientError> {
    let length = partial.length();
    let Some(hash) = hash else { return Ok(false) };
    if length == 0 || size.is_none_or(|size| length > size) {
        return Ok(false);
    }
    partial.feed(hash)?;
    proof::begins_with(source, from, hash.clone())
}

/// Receives what is behind the bytes of `partial`. The TLS version of the data connection.
fn receive(
    source: &mut Connection,
    from: &RemotePath,
    partial: &mut Partial,
    hash: &mut Option<Hasher>,
    progress: &mut dyn Progress,
) -> Result<&'static str, ClientError> {
    let mut data = data::open_file(source, "RETR", from, partial.length())?;
    let mut patience = Patience(source.timeout());
    let pace = source.pace().clone();
    let mut block = vec![0; pace.bulk_bytes()];
    loop {
        let count = match data.stream.read(&mut block, &mut patience) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => return Err(data::explain(source, "RETR", from, error)),
        };
        if let Some(hash) = hash {
            hash.add(&block[..count]);
        }
        if let Err(error) = partial.write(&block[..count]) {
            source.unsettle(Outstanding::FinalReply);
            return Err(error);
        }
        progress.at(partial.length());
        pace.count(count);
        // Our own patience gives up nothing.
        let _ = pace.turn(&mut patience);
    }
    // A server that waits for our goodbye gets it; whether it hears is its affair.
    let _ = data.stream.finish(&mut patience);
    data::final_reply(source, "RETR", from, 0)?;
    Ok(data.version)
}
