//! Copies from the local disk to a server.

use crate::{
    client::{
        Carried, ClientError, Connection, Existing, Progress, RemotePath,
        connection::Outstanding,
        data::{self, BLOCK_BYTES, Patience},
        proof,
    },
    transfer::Hasher,
};
use std::{
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    time::Instant,
};

/// Copies the local file `from` to a server. A file that did not arrive whole is removed there.
pub fn upload(
    from: &Path,
    target: &mut Connection,
    to: &RemotePath,
    existing: Existing,
    progress: &mut dyn Progress,
) -> Result<Carried, ClientError> {
    let begun = Instant::now();
    let mut file = Local::open(from)?;
    target.settle()?;
    progress.begin(Some(file.size));
    let mut hash = proof::begin(target.features());
    let mut at = 0;
    if existing == Existing::Continue {
        at = file.continues(target, to, &mut hash)?;
    }
    if at == 0 {
        file.rewind()?;
        hash = proof::begin(target.features());
    }
    progress.at(at);
    let (mut bytes, mut tls_version) = (at, "no data");
    if at == 0 || at != file.size {
        let mut sent = send(&mut file, target, to, at, &mut hash, progress);
        if let (1.., Err(ClientError::Refused(_, command, reply))) = (at, &sent) {
            // A server may refuse to go on in the middle of a file.
            log::info!("{to} begins anew: {command} was answered {reply}");
            file.rewind()?;
            (at, hash) = (0, proof::begin(target.features()));
            sent = send(&mut file, target, to, at, &mut hash, progress);
        }
        (bytes, tls_version) = sent?;
    }
    let elapsed = begun.elapsed();
    let proof = proof::of_ours(target, to, bytes, hash).map_err(|error| match error {
        ClientError::Mismatch(why, attempts) => {
            ClientError::Mismatch(format!("{why}; {}", proof::condemn(target, to)), attempts)
        }
        error => error,
    })?;
    Ok(Carried { bytes, resumed_at: at, elapsed, tls_version, proof })
}

/// Sends what is behind the first `at` bytes. How many bytes the file had in all, and the TLS version
/// of the data connection.
fn send(
    file: &mut Local,
    target: &mut Connection,
    to: &RemotePath,
    at: u64,
    hash: &mut Option<Hasher>,
    progress: &mut dyn Progress,
) -> Result<(u64, &'static str), ClientError> {
    let mut data = data::open_file(target, "STOR", to, at)?;
    let mut patience = Patience(target.timeout());
    let pace = target.pace().clone();
    let mut block = vec![0; pace.bulk_bytes()];
    let mut bytes = at;
    loop {
        let read = file.read(&mut block);
        let count = read.inspect_err(|_| target.unsettle(Outstanding::FinalReply))?;
        if count == 0 {
            break;
        }
        if let Some(hash) = hash {
            hash.add(&block[..count]);
        }
        if let Err(error) = data.stream.write_all(&block[..count], &mut patience) {
            return Err(data::explain(target, "STOR", to, error));
        }
        bytes += count as u64;
        progress.at(bytes);
        pace.count(count);
        // Our own patience gives up nothing.
        let _ = pace.turn(&mut patience);
    }
    if let Err(error) = data.stream.finish(&mut patience) {
        return Err(data::explain(target, "STOR", to, error));
    }
    let _ = data.stream.drain(&mut patience); // the server's reply is what counts
    data::final_reply(target, "STOR", to, bytes)?;
    Ok((bytes, data.version))
}

/// A local file whose errors carry its name.
struct Local {
    file: File,
    path: PathBuf,
    size: u64,
}

impl Local {
    fn open(path: &Path) -> Result<Local, ClientError> {
        let failed = |error: io::Error| ClientError::Local(path.to_owned(), error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        match metadata.is_dir() {
            true => Err(failed(io::ErrorKind::IsADirectory.into())),
            false => Ok(Local { file, path: path.to_owned(), size: metadata.len() }),
        }
    }

    /// How many bytes of the file its target holds already, known to be equal. They are hashed on the
    /// way, and the next ones read are those behind.
    fn continues(
        &mut self,
        target: &mut Connection,
        to: &RemotePath,
        hash: &mut Option<Hasher>,
    ) -> Result<u64, ClientError> {
        let Some(hash) = hash else { return Ok(0) };
        let Some(present) = proof::present_size(target, to, Some(self.size))? else { return Ok(0) };
        let mut block = vec![0; BLOCK_BYTES];
        while hash.bytes() < present {
            let left = usize::try_from(present - hash.bytes()).unwrap_or(usize::MAX);
            match self.read(&mut block[..left.min(BLOCK_BYTES)])? {
                0 => return Ok(0), // it has shrunk
                count => hash.add(&block[..count]),
            }
        }
        Ok(if proof::begins_with(target, to, hash.clone())? { present } else { 0 })
    }

    fn read(&mut self, block: &mut [u8]) -> Result<usize, ClientError> {
        self.file.read(block).map_err(|error| ClientError::Local(self.path.clone(), error))
    }

    fn rewind(&mut self) -> Result<(), ClientError> {
        self.file.rewind().map_err(|error| ClientError::Local(self.path.clone(), error))
    }
}
