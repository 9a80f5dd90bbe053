//! The loops that move a file: large blocks, and a chance to give up between them.

use crate::{
    net::{NetError, Stream, Wait},
    proto::{DeflateLevel, Representation},
    storage::{Download, StorageError, Upload},
    transfer::{
        DeflateFault, Hasher, Meter, Pace,
        ascii::{Decoder, Encoder},
        ways::{Inlet, Outlet},
    },
};
use std::{cell::Cell, error, fmt};

/// Read at a time, only to be hashed.
const HASH_BLOCK_BYTES: usize = 256 << 10;

/// Where fewer bytes arrive in a second, no more than these wait here: the sender shall feel the
/// pace, not find megabytes taken at once and then a silence.
const SLOW_BYTES_PER_S: u64 = 512 << 10;
const LEAST_WAITING_BYTES: u64 = 16 << 10;

/// How a file's bytes become those of a connection: first as `TYPE` says, then as `MODE` does.
#[derive(Clone, Copy, Debug)]
pub struct Coding {
    /// `TYPE`.
    pub representation: Representation,
    /// `MODE Z`, and how hard it tries; `None` is `MODE S`.
    pub deflate: Option<DeflateLevel>,
}

/// What broke a transfer.
#[derive(Debug)]
#[non_exhaustive]
pub enum TransferError {
    /// The data connection.
    Net(NetError),
    /// The file.
    Storage(StorageError),
    /// What came in `MODE Z`.
    Deflate(DeflateFault),
}

/// Sends `source` to its end and closes the sending side. `meter` counts the file's bytes.
pub fn send(
    source: &mut dyn Download,
    data: &mut Stream,
    coding: Coding,
    meter: Meter<'_>,
    wait: &mut dyn Wait,
) -> Result<(), TransferError> {
    data.move_in_bulk();
    let is_image = coding.representation == Representation::Image;
    let is_copied = is_image && coding.deflate.is_none();
    if is_copied && !data.is_tls() && source.descriptor().is_some() {
        send_by_kernel(source, data, meter, wait)?;
        return Ok(data.finish(wait)?);
    }
    let mut outlet = Outlet::new(data, coding.deflate);
    let encoder = (!is_image).then(Encoder::default);
    send_blocks(source, &mut outlet, meter, wait, encoder)?;
    outlet.finish(wait)
}

fn send_by_kernel(
    source: &mut dyn Download,
    data: &mut Stream,
    meter: Meter<'_>,
    wait: &mut dyn Wait,
) -> Result<(), TransferError> {
    while let Some(file) = source.descriptor() {
        meter.pace.turn(wait)?;
        match data.send_file(file, meter.pace.bulk_bytes(), wait)? {
            Some(0) | None => break,
            Some(count) => meter.count(count),
        }
        wait.between_blocks()?;
    }
    Ok(())
}

fn send_blocks(
    source: &mut dyn Download,
    outlet: &mut Outlet<'_>,
    meter: Meter<'_>,
    wait: &mut dyn Wait,
    mut encoder: Option<Encoder>,
) -> Result<(), TransferError> {
    let (mut block, mut text) = (Vec::new(), Vec::new());
    loop {
        if meter.pace.due().is_some() {
            // What was gathered to go out in bulk does not wait with us.
            outlet.flush(wait)?;
            meter.pace.turn(wait)?;
        }
        block.resize(meter.pace.block_bytes(), 0);
        let count = source.read(&mut block)?;
        if count == 0 {
            return Ok(());
        }
        match &mut encoder {
            None => outlet.write(&block[..count], wait)?,
            Some(encoder) => {
                text.clear();
                encoder.encode(&block[..count], &mut text);
                outlet.write(&text, wait)?;
            }
        }
        meter.count(count);
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
    let mut block = vec![0; HASH_BLOCK_BYTES];
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
/// been written, so that it can be resumed. `meter` counts the bytes that came, in `MODE Z` those
/// that were unpacked.
pub fn receive(
    data: &mut Stream,
    target: &mut dyn Upload,
    coding: Coding,
    meter: Meter<'_>,
    wait: &mut dyn Wait,
) -> Result<(), TransferError> {
    if let Some(rate) = meter.pace.bytes_per_s().filter(|rate| *rate <= SLOW_BYTES_PER_S) {
        data.hold_back(rate.max(LEAST_WAITING_BYTES) as usize);
    } else {
        data.move_in_bulk();
    }
    let pace = meter.pace;
    let block_bytes = if data.is_tls() { Pace::bulk_bytes } else { Pace::block_bytes };
    let mut inlet = Inlet::new(data, coding.deflate);
    let (mut block, mut text) = (Vec::new(), Vec::new());
    let mut decoder = Decoder::default();
    let mut ended = Ok(false);
    while let Ok(false) = ended {
        pace.turn(wait)?;
        block.resize(block_bytes(pace), 0);
        let (filled, outcome) = fill(&mut block, &mut inlet, meter, wait);
        match coding.representation {
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
        ended = outcome.and_then(|end| Ok(wait.between_blocks().map(|()| end)?));
    }
    ended.map(|_| ())
}

/// Reads until the block is full, and tells how far it is and whether that was the end.
fn fill(
    block: &mut [u8],
    inlet: &mut Inlet<'_>,
    meter: Meter<'_>,
    wait: &mut dyn Wait,
) -> (usize, Result<bool, TransferError>) {
    let mut filled = 0;
    while filled < block.len() {
        match inlet.read(&mut block[filled..], wait) {
            Ok(0) => return (filled, Ok(true)),
            Ok(count) => {
                filled += count;
                meter.count(count);
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
            TransferError::Deflate(fault) => write!(f, "{fault}"),
        }
    }
}

impl error::Error for TransferError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            TransferError::Net(error) => Some(error),
            TransferError::Storage(error) => Some(error),
            TransferError::Deflate(_) => None,
        }
    }
}

impl From<NetError> for TransferError {
    fn from(error: NetError) -> TransferError {
        TransferError::Net(error)
    }
}

impl From<DeflateFault> for TransferError {
    fn from(fault: DeflateFault) -> TransferError {
        TransferError::Deflate(fault)
    }
}

impl From<StorageError> for TransferError {
    fn from(error: StorageError) -> TransferError {
        TransferError::Storage(error)
    }
}
