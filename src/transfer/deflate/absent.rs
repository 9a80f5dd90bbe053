//! A build without `MODE Z`: streams of which there are none. No client comes this far, since
//! `MODE Z` is answered with 504.

use crate::{proto::DeflateLevel, transfer::DeflateFault};

/// Would make the zlib stream.
pub enum Deflater {}

impl Deflater {
    /// There is none.
    pub fn new(_: DeflateLevel) -> Option<Deflater> {
        None
    }

    pub fn step(&mut self, _: &[u8], _: &mut [u8]) -> Result<(usize, usize), DeflateFault> {
        match *self {}
    }

    pub fn finish(&mut self, _: &mut [u8]) -> Result<(usize, bool), DeflateFault> {
        match *self {}
    }
}

/// Would take the zlib stream apart.
pub enum Inflater {}

impl Inflater {
    /// There is none.
    pub fn new() -> Option<Inflater> {
        None
    }

    pub fn step(&mut self, _: &[u8], _: &mut [u8]) -> Result<(usize, usize), DeflateFault> {
        match *self {}
    }

    pub fn has_ended(&self) -> bool {
        match *self {}
    }
}
