//! `MODE Z`: a transfer is one zlib stream (draft-preston-ftpext-deflate-04, RFC 1950), made and
//! taken apart in blocks, so that no peer decides how much memory that takes.

#[cfg(not(feature = "mode-z"))]
mod absent;
#[cfg(feature = "mode-z")]
mod zlib;

#[cfg(not(feature = "mode-z"))]
pub use absent::{Deflater, Inflater};
#[cfg(feature = "mode-z")]
pub use zlib::{Deflater, Inflater};

use std::fmt;

/// Why what came is no transfer in `MODE Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "mode-z"), allow(dead_code))] // then nothing fails in these ways
pub enum DeflateFault {
    /// It is no zlib stream, or a damaged one.
    Garbage,
    /// The connection ended before the stream did: the file was cut, however properly it closed.
    Cut,
    /// Bytes stand behind the end of the stream. Nobody can say what they are, so the file is not
    /// taken for whole.
    Trailing,
}

impl fmt::Display for DeflateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeflateFault::Garbage => "what came is no zlib stream",
            DeflateFault::Cut => "the zlib stream was cut before its end",
            DeflateFault::Trailing => "bytes came behind the end of the zlib stream",
        })
    }
}
