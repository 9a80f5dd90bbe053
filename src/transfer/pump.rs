//! The loops that move a file: large blocks, and a chance to give up between them.

use crate::{
    net::{NetError, Stream, Wait},
    proto::Representation,
    storage::{Download, StorageError, Upload},
    transfer::{
        Hasher,
        ascii::{Decoder, Encoder},
    },
};
use std::{cell::Cell, error, fmt};

/// Moved at a time. Writes of 256 KiB cost a tenth less than writes of a TLS record.
const BLOCK_BYTES: usize = 256 << 10;

/// What broke a transfer.
#[derive(Debug)]
#[non_exhaustive]
pub enum TransferError {
    /// The data connection.
    Net(NetError),
    /// The file.
    Storage(StorageError),
}

/// Sends `source` to its end and closes the sending side. `moved` counts the file's bytes.
pub fn send(
    source: &mut dyn Download,
    data: &mut Stream,
    representation: Representation,
    moved: &Cell<u64>,
    wait: &mut dyn Wait,
) -> Result<(), TransferError> {
    data.move_in_bulk();
    match representation {
        Representation::Image if !data.is_tls() && source.descriptor().is_some() => {
            send_by_kernel(source, data, moved, wait)?;
        }
        Representation::Image => send_blocks(source, data, moved, wait, None)?,
        Representation::Ascii => {
            send_blocks(source, data, moved, wait, Some(Encoder::default()))?;
        }
    }
    Ok(data.finish(wait)?)
}

fn send_by_kernel(
    source: &mut dyn Download,
    data: &mut Stream,
    moved: &Cell<u64>,
    wait: &mut dyn Wait,
) -> Result<(), TransferError> {
    while let Some(file) = source.descriptor() {
        match data.send_file(file, BLOCK_BYTES, wait)? {
            Some(0) | None => break,
            Some(count) => moved.set(moved.get() + count as u64),
        }
        wait.between_blocks()?;
    }
    Ok(())
}

fn send_blocks(
    source: &mut dyn Download,
    data: &mut Stream,
    moved: &Cell<u64>,
    wait: &mut dyn Wait,
    mut encoder: Option<Encoder>,
) -> Result<(), TransferError> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut text = Vec::new();
    loop {
        let count = source.read(&mut block)?;
        if count == 0 {
            return Ok(());
        }
        match &mut encoder {
            None => data.write_all(&block[..count], wait)?,
            Some(encoder) => {
                text.clear();
                encoder.encode(&block[..count], &mut text);
                data.write_all(&text, wait)?;
            }
        }
        moved.set(moved.get() + count as u64);
        wait.between_blocks()?;
    }
}

/// Reads `source` to its end, only to hash it. `moved` counts the bytes.
pub fn hash(
    source: &mut dyn Download,
    hasher: &mut Hasher,
    moved: &Cell<u64>,
    wait: &mut dyn Wait,
) -> Result<(), TransferError> {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        wait.between_blocks()?;
        match source.read(&mut block)? {
            0 => return Ok(()),
            count => hasher.add(&block[..count]),
        }
        moved.set(hasher.bytes());
    }
}

/// Receives into `target` until the peer's proper end. After an error, what came before it has
/// been written, so that it can be resumed. `moved` counts the bytes that came.
pub fn receive(
    data: &mut Stream,
    target: &mut dyn Upload,
    representation: Representation,
    moved: &Cell<u64>,
    wait: &mut dyn Wait,
) -> Result<(), TransferError> {
    data.move_in_bulk();
    let mut block = vec![0; BLOCK_BYTES];
    let mut text = Vec::new();
    let mut decoder = Decoder::default();
    let mut ended = Ok(false);
    while let Ok(false) = ended {
        let (filled, outcome) = fill(&mut block, data, moved, wait);
        match representation {
            Representation::Image => write(target, &block[..filled])?,
            Representation::Ascii => {
                text.clear();
                decoder.decode(&block[..filled], &mut text);
                if !matches!(outcome, Ok(false)) {
                    decoder.finish(&mut text);
                }
                write(target, &text)?;
            }
        }
        ended = outcome.and_then(|end| wait.between_blocks().map(|()| end));
    }
    ended.map(|_| ()).map_err(TransferError::Net)
}

/// Reads until the block is full, and tells how far it is and whether that was the end.
fn fill(
    block: &mut [u8],
    data: &mut Stream,
    moved: &Cell<u64>,
    wait: &mut dyn Wait,
) -> (usize, Result<bool, NetError>) {
    let mut filled = 0;
    while filled < block.len() {
        match data.read(&mut block[filled..], wait) {
            Ok(0) => return (filled, Ok(true)),
            Ok(count) => {
                filled += count;
                moved.set(moved.get() + count as u64);
            }
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(false))
}

fn write(target: &mut dyn Upload, bytes: &[u8]) -> Result<(), StorageError> {
    if bytes.is_empty() { Ok(()) } else { target.write(bytes) }
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransferError::Net(error) => write!(f, "data connection: {error}"),
            TransferError::Storage(error) => write!(f, "file: {error}"),
        }
    }
}

impl error::Error for TransferError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            TransferError::Net(error) => Some(error),
            TransferError::Storage(error) => Some(error),
        }
    }
}

impl From<NetError> for TransferError {
    fn from(error: NetError) -> TransferError {
        TransferError::Net(error)
    }
}

impl From<StorageError> for TransferError {
    fn from(error: StorageError) -> TransferError {
        TransferError::Storage(error)
    }
}
