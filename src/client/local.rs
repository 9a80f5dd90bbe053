//! Copies between a server and the local disk. Here the data connection is ours: we open it, and
//! we are its TLS client (client rules 3 and 5).

use crate::{
    client::{
        ClientError, Connection, Progress, Proof, RemotePath,
        connection::{Outstanding, work_time},
        control,
        hidden::Hidden,
        ports::ListenFor,
        proof,
    },
    net::{NetError, Stream, Until, Wait},
    proto::{Reply, TlsRole},
    sys::poll::Interest,
    transfer::Hasher,
};
use std::{
    fs::File,
    io::{self, Read},
    os::fd::BorrowedFd,
    path::Path,
    time::{Duration, Instant},
};

/// A file that was carried.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Its size.
    pub bytes: u64,
    /// From the first command to the final reply; the proof is not counted.
    pub elapsed: Duration,
    /// The TLS version of the data connection.
    pub tls_version: &'static str,
    /// How it is known to have arrived.
    pub proof: Proof,
}

const BLOCK_BYTES: usize = 256 * 1024;

/// How long a server may take to say why it closed a data connection.
const REASON_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that stores more slowly than this, after the last byte was sent, is given up.
const MIN_STORE_BYTES_PER_S: u64 = 4 << 20;

/// Copies a server's file to the local file `to`, which appears only when it is proved.
pub fn download(
    source: &mut Connection,
    from: &RemotePath,
    to: &Path,
    progress: &mut dyn Progress,
) -> Result<Carried, ClientError> {
    let begun = Instant::now();
    source.settle()?;
    progress.begin(source.size(from)?);
    let mut hidden = Hidden::create(to)?;
    let mut data = open_data(source, "RETR", from)?;
    let mut hash = proof::begin(source.features());
    let mut patience = Patience(source.timeout());
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        let count = match data.stream.read(&mut block, &mut patience) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => return Err(explain(source, "RETR", from, error)),
        };
        feed(&mut hash, &block[..count]);
        if let Err(error) = hidden.write(&block[..count]) {
            source.unsettle(Outstanding::FinalReply);
            return Err(error);
        }
        bytes += count as u64;
        progress.at(bytes);
    }
    // A server that waits for our goodbye gets it; whether it hears is its affair.
    let _ = data.stream.finish(&mut patience);
    final_reply(source, "RETR", from, 0)?;
    let elapsed = begun.elapsed();
    let proof = proof::of_ours(source, from, bytes, hash)?;
    hidden.keep()?;
    Ok(Carried { bytes, elapsed, tls_version: data.version, proof })
}

/// Copies the local file `from` to a server.
pub fn upload(
    from: &Path,
    target: &mut Connection,
    to: &RemotePath,
    progress: &mut dyn Progress,
) -> Result<Carried, ClientError> {
    let begun = Instant::now();
    let local = |error: io::Error| ClientError::Local(from.to_owned(), error);
    let mut file = File::open(from).map_err(local)?;
    let metadata = file.metadata().map_err(local)?;
    if metadata.is_dir() {
        return Err(local(io::ErrorKind::IsADirectory.into()));
    }
    target.settle()?;
    progress.begin(Some(metadata.len()));
    let mut data = open_data(target, "STOR", to)?;
    let mut hash = proof::begin(target.features());
    let mut patience = Patience(target.timeout());
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut block).map_err(local);
        let count = read.inspect_err(|_| target.unsettle(Outstanding::FinalReply))?;
        feed(&mut hash, &block[..count]);
        if count == 0 {
            break;
        }
        if let Err(error) = data.stream.write_all(&block[..count], &mut patience) {
            return Err(explain(target, "STOR", to, error));
        }
        bytes += count as u64;
        progress.at(bytes);
    }
    if let Err(error) = data.stream.finish(&mut patience) {
        return Err(explain(target, "STOR", to, error));
    }
    let _ = data.stream.drain(&mut patience); // the server's reply is what counts
    final_reply(target, "STOR", to, bytes)?;
    let elapsed = begun.elapsed();
    let proof = proof::of_ours(target, to, bytes, hash)?;
    Ok(Carried { bytes, elapsed, tls_version: data.version, proof })
}

/// Our data connection, its handshake done.
struct Data {
    stream: Stream,
    version: &'static str,
}

/// Prepares, connects, sends the verb, and shakes hands once the server has agreed.
fn open_data(
    connection: &mut Connection,
    verb: &'static str,
    path: &RemotePath,
) -> Result<Data, ClientError> {
    let name = connection.site().to_string();
    if let Some(reply) = connection.set_role(TlsRole::Accept)? {
        return Err(ClientError::Refused(name, "SSCN OFF".to_owned(), reply));
    }
    connection.announce(verb, path)?;
    let address = connection
        .listen(ListenFor::Us)?
        .map_err(|why| ClientError::Insecure(name.clone(), format!("no data connection: {why}")))?;
    let timeout = connection.timeout();
    // Before the verb: some servers say nothing until the TCP connection is there.
    let socket = control::connect_to(address, timeout)
        .map_err(|error| ClientError::Unreachable(format!("{name} (data, {address})"), error))?;
    connection.begin(verb, path)?;
    let until = connection.control().until();
    let reply = connection.control().reply(until)?;
    if !reply.code().is_preliminary() {
        return Err(connection.refused(verb, path, reply));
    }
    let expected = Some(connection.fingerprint());
    let shaken = connection.connector().secure_data(socket, expected, &mut Until::within(timeout));
    let stream = shaken.map_err(|error| explain(connection, verb, path, error))?;
    let version = stream.tls().map_or("no TLS", |facts| facts.version);
    Ok(Data { stream, version })
}

/// Waits for the final reply; the server may still be writing `bytes` to its disk.
fn final_reply(
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
fn explain(
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

fn feed(hash: &mut Option<Hasher>, bytes: &[u8]) {
    if let Some(hash) = hash {
        hash.add(bytes);
    }
}

/// Waits anew for each block: a transfer may take long, a stall may not.
struct Patience(Duration);

impl Wait for Patience {
    fn wait(&mut self, socket: BorrowedFd<'_>, interest: Interest) -> Result<(), NetError> {
        Until::within(self.0).wait(socket, interest)
    }
}
