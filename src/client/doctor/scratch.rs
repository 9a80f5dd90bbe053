//! The tiny files that routes are tried with: made by us, under names that nobody has, and removed.

use crate::client::{ClientError, Connection, RemotePath, data, data::Patience};

/// Long enough to be told from an empty file, short enough for a server that is full.
const BYTES: &[u8] = b"fxp doctor has left this file behind by mistake: remove it.\n";

/// A path in `directory` that no other file has.
pub(super) fn path(directory: &RemotePath) -> Result<RemotePath, ClientError> {
    let salt = getrandom::u64()
        .map_err(|error| ClientError::Local("/dev/urandom".into(), std::io::Error::other(error)))?;
    let name = format!(".fxp-doctor-{salt:016x}");
    directory.child(name.as_bytes()).ok_or(ClientError::BadText("a directory"))
}

/// Puts a tiny file there.
pub(super) fn put(connection: &mut Connection, path: &RemotePath) -> Result<u64, ClientError> {
    let mut data = data::open_file(connection, "STOR", path, 0)?;
    let mut patience = Patience(connection.timeout());
    let sent = data.stream.write_all(BYTES, &mut patience);
    let sent = sent.and_then(|()| data.stream.finish(&mut patience));
    sent.map_err(|error| data::explain(connection, "STOR", path, error))?;
    let _ = data.stream.drain(&mut patience); // the server's reply is what counts
    data::final_reply(connection, "STOR", path, BYTES.len() as u64)?;
    Ok(BYTES.len() as u64)
}

/// Removes what may be there. A server that refuses has none, or keeps it whatever we do.
pub(super) fn remove(connection: &mut Connection, path: &RemotePath) {
    match connection.ask("DELE", path.as_bytes()) {
        Ok(reply) => log::debug!("DELE {path}: {reply}"),
        Err(error) => log::warn!("{path} may be left at {}: {error}", connection.site()),
    }
}
