//! Parts of a file: the ranges of `RANG` (draft-bryan-ftp-range) and of `XCRC` and its kin.
//!
//! The two count differently. `RANG 0 9` includes octet 9: the draft's note and its example say
//! so, and swiftp, a server that has it, does so. `XCRC "a" 0 9` ends before octet 9, as in proftpd.

/// Octets of a file, from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first octet.
    pub start: u64,
    /// The first octet behind.
    pub end: u64,
}

impl ByteRange {
    /// From `first` to `last`, both included; `None` when there is no such range.
    pub fn including(first: u64, last: u64) -> Option<ByteRange> {
        let end = last.checked_add(1)?;
        (first < end).then_some(ByteRange { start: first, end })
    }

    /// From `start` to before `end`; `None` when that is nothing.
    pub fn before(start: u64, end: u64) -> Option<ByteRange> {
        (start < end).then_some(ByteRange { start, end })
    }

    /// How many octets it has.
    pub fn length(self) -> u64 {
        self.end - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_never_empty_or_backwards() {
        for (first, last, length) in [(0, 0, Some(1)), (0, 9, Some(10)), (5, 4, None), (6, 4, None)]
        {
            assert_eq!(ByteRange::including(first, last).map(ByteRange::length), length);
        }
        for (start, end, length) in [(0, 1, Some(1)), (0, 0, None), (5, 4, None), (2, 9, Some(7))] {
            assert_eq!(ByteRange::before(start, end).map(ByteRange::length), length);
        }
        assert_eq!(ByteRange::including(0, u64::MAX), None);
    }
}
