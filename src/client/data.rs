//! Our own data connection: we open it, and we are its TLS client (client rules 3 and 5),
//! unless the server is one without TLS.

use crate::{
    client::{
        ClientError, Connection, RemotePath,
        connection::{Outstanding, work_time},
        control,
        ports::ListenFor,
    },
    net::{NetError, Stream, Until, Wait},
    proto::{Protection, Reply, TlsRole},
    sys::poll::Interest,
};
use std::{os::fd::BorrowedFd, time::Duration};

/// What is read and sent at once.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;

/// How long a server may take to say why it closed a data connection.
const REASON_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that stores more slowly than this, after the last byte was sent, is given up.
const MIN_STORE_BYTES_PER_S: u64 = 4 << 20;

/// Our data connection, its handshake done.
pub(super) struct Data {
    pub stream: Stream,
    /// The TLS version; `IN CLEAR TEXT` for a server without TLS.
    pub version: &'static str,
}

/// Opens one for a file, for what is behind its first `at` bytes. The server is its TLS server.
pub(super) fn open_file(
    connection: &mut Connection,
    verb: &'static str,
    path: &RemotePath,
    at: u64,
) -> Result<Data, ClientError> {
    if let Some(reply) = connection.set_role(TlsRole::Accept)? {
        let name = connection.site().to_string();
        return Err(ClientError::Refused(name, "SSCN OFF".to_owned(), reply));
    }
    if let Some(reply) = connection.expect_peer(None)? {
        let name = connection.site().to_string();
        return Err(ClientError::Refused(name, "XPEER OFF".to_owned(), reply));
    }
    open(connection, verb, path, at)
}

/// Prepares, connects, sends the verb, and shakes hands once the server has agreed. Of a listing the
/// server is always the TLS server (SSCN rule 6).
pub(super) fn open(
    connection: &mut Connection,
    verb: &'static str,
    path: &RemotePath,
    at: u64,
) -> Result<Data, ClientError> {
    let name = connection.site().to_string();
    if let Some(reply) = connection.set_protection(Protection::Private)? {
        return Err(ClientError::Insecure(name, format!("it answered PROT P with {reply}")));
    }
    connection.announce(verb, path)?;
    let address = connection
        .listen(ListenFor::Us)?
        .map_err(|why| ClientError::Insecure(name.clone(), format!("no data connection: {why}")))?;
    let timeout = connection.timeout();
    // Before the verb: some servers say nothing until the TCP connection is there.
    let socket = control::connect_to(address, timeout)
        .map_err(|error| ClientError::Unreachable(format!("{name} (data, {address})"), error))?;
    connection.skip_to(at)?;
    connection.begin(verb, path)?;
    let until = connection.control().until();
    let reply = connection.control().reply(until)?;
    if !reply.code().is_preliminary() {
        return Err(connection.refused(verb, path, reply));
    }
    let stream = match connection.is_clear() {
        true => Stream::clear(socket).map_err(NetError::Io),
        false => {
            let expected = connection.fingerprint();
            connection.connector().secure_data(socket, expected, &mut Until::within(timeout))
        }
    };
    let stream = stream.map_err(|error| explain(connection, verb, path, error))?;
    let version = stream.tls().map_or("IN CLEAR TEXT", |facts| facts.version);
    Ok(Data { stream, version })
}

/// Waits for the final reply; the server may still be writing `bytes` to its disk.
pub(super) fn final_reply(
    connection: &mut Connection,
    verb: &'static str,
    path: &RemotePath,
    bytes: u64,
) -> Result<(), ClientError> {
    let work = work_time(bytes, MIN_STORE_BYTES_PER_S);
    let until = Until::within(connection.timeout() + work);
    let reply = next_final(connection, until)
        .inspect_err(|_| connection.unsettle(Outstanding::FinalReply))?;
    match reply.code().is_success() {
        true => Ok(()),
        false => Err(connection.refused(verb, path, reply)),
    }
}

/// The data connection failed: the server may have said why.
pub(super) fn explain(
    connection: &mut Connection,
    verb: &'static str,
    path: &RemotePath,
    error: NetError,
) -> ClientError {
    match next_final(connection, Until::within(REASON_TIMEOUT)) {
        Ok(reply) if reply.code().is_error() => connection.refused(verb, path, reply),
        outcome => {
            if outcome.is_err() {
                connection.unsettle(Outstanding::FinalReply);
            }
            let name = format!("{} (data)", connection.site());
            match error {
                NetError::Tls(why) => ClientError::Insecure(name, why),
                error => ClientError::Lost(name, error),
            }
        }
    }
}

fn next_final(connection: &mut Connection, until: Until) -> Result<Reply, ClientError> {
    loop {
        let reply = connection.control().reply(until)?;
        if !reply.code().is_preliminary() {
            return Ok(reply);
        }
    }
}

/// Waits anew for each block: a transfer may take long, a stall may not.
pub(super) struct Patience(pub Duration);

impl Wait for Patience {
    fn wait(&mut self, socket: BorrowedFd<'_>, interest: Interest) -> Result<(), NetError> {
        Until::within(self.0).wait(socket, interest)
    }
}
