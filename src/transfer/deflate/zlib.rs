//! The streams themselves, by flate2 with zlib-rs.

use crate::{proto::DeflateLevel, transfer::DeflateFault};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Makes the zlib stream.
pub struct Deflater {
    state: Compress,
}

impl Deflater {
    /// A stream that begins; `None` in a build without `MODE Z`.
    pub fn new(level: DeflateLevel) -> Option<Deflater> {
        let level = Compression::new(u32::from(level.number()));
        Some(Deflater { state: Compress::new(level, true) })
    }

    /// Takes what it can of `bytes` and gives what it can into `block`: how many of each. All of
    /// `bytes` is taken when `block` does not come back full.
    pub fn step(&mut self, bytes: &[u8], block: &mut [u8]) -> Result<(usize, usize), DeflateFault> {
        self.run(bytes, block, FlushCompress::None).map(|(taken, given, _)| (taken, given))
    }

    /// Gives the stream's end, piece by piece: how much, and whether that was all.
    pub fn finish(&mut self, block: &mut [u8]) -> Result<(usize, bool), DeflateFault> {
        self.run(&[], block, FlushCompress::Finish).map(|(_, given, ended)| (given, ended))
    }

    fn run(
        &mut self,
        bytes: &[u8],
        block: &mut [u8],
        flush: FlushCompress,
    ) -> Result<(usize, usize, bool), DeflateFault> {
        let before = (self.state.total_in(), self.state.total_out());
        // It errs only where it is called in the wrong order.
        let status = self.state.compress(bytes, block, flush).map_err(|_| DeflateFault::Garbage)?;
        let taken = (self.state.total_in() - before.0) as usize;
        let given = (self.state.total_out() - before.1) as usize;
        Ok((taken, given, status == Status::StreamEnd))
    }
}

/// Takes the zlib stream apart.
pub struct Inflater {
    state: Decompress,
    has_ended: bool,
}

impl Inflater {
    /// A stream that begins; `None` in a build without `MODE Z`.
    pub fn new() -> Option<Inflater> {
        Some(Inflater { state: Decompress::new(true), has_ended: false })
    }

    /// Takes what it can of `wire` and gives what it can into `block`, and no more than fits: how
    /// many of each. Without any of either, it needs more `wire`.
    pub fn step(&mut self, wire: &[u8], block: &mut [u8]) -> Result<(usize, usize), DeflateFault> {
        if self.has_ended {
            return if wire.is_empty() { Ok((0, 0)) } else { Err(DeflateFault::Trailing) };
        }
        let before = (self.state.total_in(), self.state.total_out());
        let status = self.state.decompress(wire, block, FlushDecompress::None);
        match status {
            Ok(Status::StreamEnd) => self.has_ended = true,
            Ok(_) => {}
            Err(_) => return Err(DeflateFault::Garbage),
        }
        let taken = (self.state.total_in() - before.0) as usize;
        let given = (self.state.total_out() - before.1) as usize;
        Ok((taken, given))
    }

    /// Whether the stream's own end came, its checksum right.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(bytes: &[u8], level: u8, block_bytes: usize) -> Vec<u8> {
        let mut deflater = Deflater::new(DeflateLevel::new(level).unwrap()).unwrap();
        let (mut rest, mut block, mut wire) = (bytes, vec![0; block_bytes], Vec::new());
        loop {
            let (taken, given) = deflater.step(rest, &mut block).unwrap();
            rest = &rest[taken..];
            wire.extend_from_slice(&block[..given]);
            if rest.is_empty() && given < block.len() {
                break;
            }
        }
        loop {
            let (given, ended) = deflater.finish(&mut block).unwrap();
            wire.extend_from_slice(&block[..given]);
            if ended {
                return wire;
            }
        }
    }

    fn unpack(wire: &[u8], piece: usize) -> Result<(Vec<u8>, bool), DeflateFault> {
        let (mut inflater, mut block, mut bytes) =
            (Inflater::new().unwrap(), vec![0; 7], Vec::new());
        for mut rest in wire.chunks(piece) {
            loop {
                let (taken, given) = inflater.step(rest, &mut block)?;
                bytes.extend_from_slice(&block[..given]);
                rest = &rest[taken..];
                if taken == 0 && given == 0 {
                    break;
                }
            }
            assert!(rest.is_empty(), "{} bytes lie there", rest.len());
        }
        Ok((bytes, inflater.has_ended()))
    }

    #[test]
    fn what_is_packed_is_unpacked_whatever_the_blocks() {
        for bytes in [&b""[..], b"a", &[b'x'; 5000], &(0..=255).collect::<Vec<u8>>()] {
            for (level, block_bytes, piece) in [(0, 1, 1), (6, 7, 3), (9, 4096, 5000)] {
                let wire = pack(bytes, level, block_bytes);
                assert_eq!(unpack(&wire, piece), Ok((bytes.to_vec(), true)));
            }
        }
    }

    #[test]
    fn cuts_garbage_and_what_stands_behind_are_seen() {
        let wire = pack(b"hello hello hello", 6, 64);
        for cut in 0..wire.len() {
            assert!(!unpack(&wire[..cut], 64).unwrap().1, "cut at {cut}");
        }
        let mut damaged = wire.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(unpack(&damaged, 64), Err(DeflateFault::Garbage));
        assert_eq!(unpack(b"hello", 64), Err(DeflateFault::Garbage));
        let behind = [&wire[..], b"x"].concat();
        for piece in [1, 64] {
            assert_eq!(unpack(&behind, piece), Err(DeflateFault::Trailing));
        }
    }
}
