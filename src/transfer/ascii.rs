//! `TYPE A`: lines end in LF in a file and in CRLF on the wire (RFC 959 §3.1.1.1). What stands
//! across the border of two blocks is the same as within one.

/// LF to CRLF. A CR that already stands before an LF is not doubled.
#[derive(Debug, Default)]
pub struct Encoder {
    after_cr: bool,
}

impl Encoder {
    /// Adds `text`, as it goes on the wire, to `into`.
    pub fn encode(&mut self, text: &[u8], into: &mut Vec<u8>) {
        for piece in text.split_inclusive(|b| *b == b'\n') {
            let (line, end) = match piece.split_last() {
                Some((b'\n', line)) => (line, true),
                _ => (piece, false),
            };
            into.extend_from_slice(line);
            self.after_cr = line.last().map_or(self.after_cr, |last| *last == b'\r');
            if end {
                into.extend_from_slice(if self.after_cr { b"\n" } else { b"\r\n" });
                self.after_cr = false;
            }
        }
    }
}

/// CRLF to LF. A CR that stands alone is kept.
#[derive(Debug, Default)]
pub struct Decoder {
    held_cr: bool,
}

impl Decoder {
    /// Adds `wire`, as it goes into a file, to `into`.
    pub fn decode(&mut self, wire: &[u8], into: &mut Vec<u8>) {
        for piece in wire.split_inclusive(|b| *b == b'\r') {
            if self.held_cr && piece[0] != b'\n' {
                into.push(b'\r');
            }
            self.held_cr = piece.ends_with(b"\r");
            into.extend_from_slice(piece.strip_suffix(b"\r").unwrap_or(piece));
        }
    }

    /// A CR at the very end belongs to the file.
    pub fn finish(&mut self, into: &mut Vec<u8>) {
        if std::mem::take(&mut self.held_cr) {
            into.push(b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to cut `text` into two blocks must give the same.
    fn through(text: &[u8], convert: impl Fn(&[&[u8]]) -> Vec<u8>) -> Vec<u8> {
        let whole = convert(&[text]);
        for cut in 0..=text.len() {
            let (a, b) = text.split_at(cut);
            assert_eq!(convert(&[a, b]), whole, "{} cut at {cut}", text.escape_ascii());
        }
        whole
    }

    fn encode(text: &[u8]) -> Vec<u8> {
        through(text, |blocks| {
            let (mut encoder, mut out) = (Encoder::default(), Vec::new());
            blocks.iter().for_each(|block| encoder.encode(block, &mut out));
            out
        })
    }

    fn decode(wire: &[u8]) -> Vec<u8> {
        through(wire, |blocks| {
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            blocks.iter().for_each(|block| decoder.decode(block, &mut out));
            decoder.finish(&mut out);
            out
        })
    }

    #[test]
    fn lines_change_their_ends_across_any_border() {
        for (text, wire) in [
            (&b""[..], &b""[..]),
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"\n\n", b"\r\n\r\n"),
            (b"a", b"a"),
            (b"a\rb\n", b"a\rb\r\n"),
            (b"a\r", b"a\r"),
            (b"\r\r", b"\r\r"),
        ] {
            assert_eq!(encode(text), wire, "{}", text.escape_ascii());
            assert_eq!(decode(wire), text, "{}", wire.escape_ascii());
        }
        assert_eq!(encode(b"a\r\nb"), b"a\r\nb", "not doubled");
        assert_eq!(decode(b"a\r\r\nb"), b"a\r\nb");
    }
}
