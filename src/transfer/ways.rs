//! The way out to a data connection and the way in from it: as bytes are, or through `MODE Z`.

use crate::{
    net::{NetError, Stream, Wait},
    proto::DeflateLevel,
    transfer::{
        TransferError,
        deflate::{DeflateFault, Deflater, Inflater},
    },
};

/// Compressed bytes held at a time.
const WIRE_BYTES: usize = 64 << 10;

/// What is written here goes out on a data connection.
pub struct Outlet<'a> {
    stream: &'a mut Stream,
    deflate: Option<(Deflater, Vec<u8>)>,
}

impl<'a> Outlet<'a> {
    /// To `stream`, compressed if there is a level.
    pub fn new(stream: &'a mut Stream, level: Option<DeflateLevel>) -> Outlet<'a> {
        let deflate = level.and_then(Deflater::new).map(|it| (it, vec![0; WIRE_BYTES]));
        Outlet { stream, deflate }
    }

    /// Writes all of `bytes`; some may wait for more, or for [`Outlet::finish`].
    pub fn write(&mut self, mut bytes: &[u8], wait: &mut dyn Wait) -> Result<(), TransferError> {
        let Some((deflater, block)) = &mut self.deflate else {
            return Ok(self.stream.write_all(bytes, wait)?);
        };
        while !bytes.is_empty() {
            let (taken, given) = deflater.step(bytes, block)?;
            self.stream.write_all(&block[..given], wait)?;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Hands what stands ready to the system. In `MODE Z` some waits for more all the same: it would
    /// be compressed worse.
    pub fn flush(&mut self, wait: &mut dyn Wait) -> Result<(), NetError> {
        self.stream.flush(wait)
    }

    /// Writes what waits, and says that no more follows.
    pub fn finish(self, wait: &mut dyn Wait) -> Result<(), TransferError> {
        let Some((mut deflater, mut block)) = self.deflate else {
            return Ok(self.stream.finish(wait)?);
        };
        let mut ended = false;
        while !ended {
            let given;
            (given, ended) = deflater.finish(&mut block)?;
            self.stream.write_all(&block[..given], wait)?;
        }
        self.stream.flush(wait)?;
        match self.stream.finish(wait) {
            // The zlib stream tells its own end: lftp is often gone before TLS says the same.
            Err(NetError::Io(_) | NetError::Truncated) => Ok(()),
            other => Ok(other?),
        }
    }
}

/// What comes in on a data connection is read here.
pub struct Inlet<'a> {
    stream: &'a mut Stream,
    inflate: Option<Inflate>,
}

struct Inflate {
    inflater: Inflater,
    /// What came, as far as `filled`; unpacked up to `taken`.
    wire: Vec<u8>,
    filled: usize,
    taken: usize,
}

impl<'a> Inlet<'a> {
    /// From `stream`, compressed if there is a level, which is the sender's affair.
    pub fn new(stream: &'a mut Stream, level: Option<DeflateLevel>) -> Inlet<'a> {
        let inflater = level.and_then(|_| Inflater::new());
        let inflate = inflater.map(|inflater| Inflate {
            inflater,
            wire: vec![0; WIRE_BYTES],
            filled: 0,
            taken: 0,
        });
        Inlet { stream, inflate }
    }

    /// Reads at least one byte. `Ok(0)` is the proper end: of the connection and, in `MODE Z`, of
    /// the compressed stream, behind which nothing may stand.
    pub fn read(&mut self, block: &mut [u8], wait: &mut dyn Wait) -> Result<usize, TransferError> {
        let Some(inflate) = &mut self.inflate else {
            return Ok(self.stream.read(block, wait)?);
        };
        loop {
            let wire = &inflate.wire[inflate.taken..inflate.filled];
            let (taken, given) = inflate.inflater.step(wire, block)?;
            inflate.taken += taken;
            if given > 0 {
                return Ok(given);
            }
            if inflate.taken < inflate.filled {
                if taken == 0 {
                    return Err(DeflateFault::Garbage.into()); // it would stand still
                }
                continue;
            }
            // A stream may go on for ever and yield nothing.
            wait.between_blocks()?;
            inflate.filled = match self.stream.read(&mut inflate.wire, wait) {
                Ok(0) if inflate.inflater.has_ended() => return Ok(0),
                // Without its own end it is cut, also for those who need no close_notify.
                Ok(0) => return Err(DeflateFault::Cut.into()),
                Err(NetError::Truncated) if !inflate.inflater.has_ended() => {
                    return Err(DeflateFault::Cut.into());
                }
                outcome => outcome?,
            };
            inflate.taken = 0;
        }
    }
}
