//! A listing cut into lines as it comes in blocks, within bounds.

/// A longer listing is given up: a million names take 100 MB in `MLSD`.
const MAX_LISTING_BYTES: usize = 256 << 20;

/// No name is longer than 255 bytes on most systems, and no facts are that many.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// The bound that a listing crossed, for people.
pub type Limit = String;

/// A listing under way.
pub struct Lines {
    /// The beginning of a line whose end is to come.
    rest: Vec<u8>,
    bytes_left: usize,
}

impl Lines {
    pub fn new() -> Lines {
        Lines { rest: Vec::new(), bytes_left: MAX_LISTING_BYTES }
    }

    /// Hands every line that `block` completes to `each`, without its end.
    pub fn take(
        &mut self,
        block: &[u8],
        each: &mut dyn FnMut(&[u8]) -> Result<(), Limit>,
    ) -> Result<(), Limit> {
        let left = self.bytes_left.checked_sub(block.len());
        self.bytes_left = left.ok_or_else(|| format!("{MAX_LISTING_BYTES} bytes"))?;
        for piece in block.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if self.rest.len() > MAX_LINE_BYTES {
                return Err(format!("{MAX_LINE_BYTES} bytes in one line"));
            }
            if self.rest.ends_with(b"\n") {
                each(without_end(&self.rest))?;
                self.rest.clear();
            }
        }
        Ok(())
    }

    /// Hands the last line to `each`, if the listing ended without a line end.
    pub fn finish(self, each: &mut dyn FnMut(&[u8]) -> Result<(), Limit>) -> Result<(), Limit> {
        if self.rest.is_empty() { Ok(()) } else { each(without_end(&self.rest)) }
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_the_blocks_are_cut() {
        let text = b"a b\r\n\r\nc\r\rd\ne";
        for size in 1..=text.len() {
            let (mut lines, mut seen) = (Lines::new(), Vec::new());
            let mut each = |line: &[u8]| {
                seen.push(line.escape_ascii().to_string());
                Ok(())
            };
            text.chunks(size).for_each(|block| lines.take(block, &mut each).unwrap());
            lines.finish(&mut each).unwrap();
            assert_eq!(seen, ["a b", "", "c\\r\\rd", "e"], "{size}");
        }
        let mut none = |line: &[u8]| panic!("{}", line.escape_ascii());
        Lines::new().finish(&mut none).unwrap();
    }

    #[test]
    fn a_listing_has_bounds() {
        let mut count = 0;
        let mut each = |_: &[u8]| {
            count += 1;
            Ok(())
        };
        let mut longest = vec![b'x'; MAX_LINE_BYTES];
        let mut lines = Lines::new();
        lines.take(&longest, &mut each).unwrap();
        assert!(lines.take(b"x", &mut each).unwrap_err().contains("in one line"));
        longest[MAX_LINE_BYTES - 1] = b'\n';
        let mut lines = Lines { bytes_left: MAX_LINE_BYTES + 1, ..Lines::new() };
        lines.take(&longest, &mut each).unwrap();
        lines.take(b"\n", &mut each).unwrap();
        assert!(lines.take(b"\n", &mut each).unwrap_err().ends_with(" bytes"));
        assert_eq!(count, 2);
    }
}
