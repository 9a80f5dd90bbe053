//! Bytes to lines, for both directions of a control connection.
//!
//! A line ends with CRLF and nothing else; it is taken only whole, so that a command cut by the
//! end of the connection is never executed. Telnet sequences are removed and never answered: RFC 1123
//! §4.1.2.12 would have a server refuse options, and forbids clients to offer any.
//!
//! A line may be a password: its bytes are wiped when it is dropped, and while it grows it is not
//! copied from one piece of memory to another.

use std::mem;
use zeroize::Zeroizing;

/// Collects bytes until a line is whole.
#[derive(Debug)]
pub struct LineAssembler {
    max_bytes: usize,
    line: Zeroizing<Vec<u8>>,
    fault: Option<LineFault>,
    after_cr: bool,
    telnet: Telnet,
}

/// Why a line is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// It was longer than the limit; all of it is dropped.
    TooLong,
    /// It held NUL, a CR without LF, or an LF without CR.
    ForbiddenByte,
}

/// A whole line without its end, or why it was dropped.
pub type Line = Result<Zeroizing<Vec<u8>>, LineFault>;

/// Room for a line from its first byte on: for the longest password that is looked at, and all
/// that is usual. A longer line moves as it grows, and leaves its beginning behind.
const USUAL_BYTES: usize = 1024;

/// Where in a telnet sequence we are (RFC 854).
#[derive(Debug, PartialEq, Eq)]
enum Telnet {
    Text,
    /// After IAC.
    Command,
    /// After IAC and WILL, WONT, DO or DONT.
    Option,
    /// Within IAC SB … IAC SE.
    Negotiation,
    /// After an IAC within that.
    NegotiationCommand,
}

const IAC: u8 = 255;
const WILL: u8 = 251;
const DONT: u8 = 254;
const SB: u8 = 250;
const SE: u8 = 240;

/// A line for the wire, its end included: the reverse of [`LineAssembler`]. It is wiped when dropped.
///
/// Telnet, whose rules RFC 959 §2.3 keeps, takes one byte 255 for a command and two for one. Not all
/// programs know: where no command follows, one means one to all of them.
pub fn encode(line: &[u8]) -> Zeroizing<Vec<u8>> {
    // Room for all of it at once: a vector that grows leaves copies of a password behind.
    let mut wire = Zeroizing::new(Vec::with_capacity(2 * line.len() + 2));
    for (at, byte) in line.iter().enumerate() {
        let means_command = line.get(at + 1).is_some_and(|next| *next >= SE);
        wire.extend((*byte == IAC && means_command).then_some(IAC));
        wire.push(*byte);
    }
    wire.extend_from_slice(b"\r\n");
    wire
}

impl LineAssembler {
    /// Lines of more than `max_bytes` are dropped.
    pub fn new(max_bytes: usize) -> LineAssembler {
        LineAssembler {
            max_bytes,
            line: Zeroizing::default(),
            fault: None,
            after_cr: false,
            telnet: Telnet::Text,
        }
    }

    /// Takes bytes from the front of `bytes` up to and including the end of a line. `None` when
    /// all were taken and no line is whole yet.
    pub fn take(&mut self, bytes: &mut &[u8]) -> Option<Line> {
        while let Some((byte, rest)) = bytes.split_first() {
            *bytes = rest;
            let Some(byte) = self.text(*byte) else { continue };
            if self.after_cr && byte == b'\n' {
                self.after_cr = false;
                let line = mem::take(&mut self.line);
                return Some(self.fault.take().map_or(Ok(line), Err));
            }
            if self.after_cr || byte == b'\n' || byte == 0 {
                self.blame(LineFault::ForbiddenByte);
            }
            self.after_cr = byte == b'\r';
            if !self.after_cr {
                self.push(byte);
            }
        }
        None
    }

    /// Whether bytes of an unfinished line are held.
    pub fn is_mid_line(&self) -> bool {
        !self.line.is_empty()
            || self.after_cr
            || self.fault.is_some()
            || self.telnet != Telnet::Text
    }

    fn push(&mut self, byte: u8) {
        if self.fault.is_some() {
            return;
        }
        if self.line.len() < self.max_bytes {
            if self.line.capacity() == 0 {
                self.line.reserve_exact(USUAL_BYTES);
            }
            self.line.push(byte);
        } else {
            self.blame(LineFault::TooLong);
        }
    }

    /// The first fault of a line counts; its bytes are not kept.
    fn blame(&mut self, fault: LineFault) {
        self.fault.get_or_insert(fault);
        self.line = Zeroizing::default();
    }

    /// Passes text bytes on and swallows telnet ones.
    fn text(&mut self, byte: u8) -> Option<u8> {
        let (next, text) = match (&self.telnet, byte) {
            (Telnet::Text, IAC) => (Telnet::Command, None),
            (Telnet::Text, byte) => (Telnet::Text, Some(byte)),
            (Telnet::Command, IAC) => (Telnet::Text, Some(IAC)),
            (Telnet::Command, WILL..=DONT) => (Telnet::Option, None),
            (Telnet::Command, SB) => (Telnet::Negotiation, None),
            (Telnet::Command, byte) if byte < SE => {
                // No command: it is a byte of a name, by one who does not know that it is to be
                // doubled. Most clients and servers do not.
                if self.after_cr {
                    self.blame(LineFault::ForbiddenByte);
                }
                self.push(IAC);
                (Telnet::Text, Some(byte))
            }
            (Telnet::Command | Telnet::Option, _) => (Telnet::Text, None),
            (Telnet::Negotiation, IAC) => (Telnet::NegotiationCommand, None),
            (Telnet::NegotiationCommand, SE) => (Telnet::Text, None),
            (Telnet::Negotiation | Telnet::NegotiationCommand, _) => (Telnet::Negotiation, None),
        };
        self.telnet = next;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(wire: &[u8]) -> Vec<Line> {
        let mut assembler = LineAssembler::new(16);
        // One byte at a time and all at once must mean the same.
        let mut single = Vec::new();
        for byte in wire {
            single.extend(assembler.take(&mut &[*byte][..]));
        }
        let mut assembler = LineAssembler::new(16);
        let mut rest = wire;
        let mut whole = Vec::new();
        while let Some(line) = assembler.take(&mut rest) {
            whole.push(line);
        }
        assert_eq!(single, whole);
        whole
    }

    fn ok(text: &str) -> Line {
        Ok(Zeroizing::new(text.into()))
    }

    #[test]
    fn a_line_ends_with_crlf_only() {
        assert_eq!(lines(b"NOOP\r\nPWD\r\n"), [ok("NOOP"), ok("PWD")]);
        assert_eq!(lines(b"QUIT"), []);
        assert_eq!(lines(b"QUIT\r"), []);
        assert_eq!(lines(b"\r\n"), [ok("")]);
        for bad in [&b"A\nB\r\n"[..], b"A\rB\r\n", b"A\0B\r\n", b"A\r\r\n", b"\nA\r\n"] {
            assert_eq!(lines(bad), [Err(LineFault::ForbiddenByte)], "{}", bad.escape_ascii());
        }
        assert_eq!(lines(b"A\nB\r\nNOOP\r\n"), [Err(LineFault::ForbiddenByte), ok("NOOP")]);
    }

    #[test]
    fn a_line_too_long_is_dropped_whole() {
        let mut wire = vec![b'x'; 16];
        wire.extend_from_slice(b"\r\n");
        assert!(lines(&wire)[0].is_ok(), "the limit itself is allowed");
        let mut wire = vec![b'x'; 100];
        wire.extend_from_slice(b"\r\nNOOP\r\n");
        assert_eq!(lines(&wire), [Err(LineFault::TooLong), ok("NOOP")]);
    }

    #[test]
    fn telnet_sequences_are_removed() {
        assert_eq!(lines(b"\xff\xf4\xff\xf2ABOR\r\n"), [ok("ABOR")]);
        assert_eq!(lines(b"\xff\xfb\x01NO\xff\xfaxyz\xff\xf0OP\r\n"), [ok("NOOP")]);
        assert_eq!(lines(b"CWD \xff\xff\r\n"), [Ok(b"CWD \xff".to_vec().into())]);
    }

    #[test]
    fn what_is_no_telnet_command_is_text() {
        assert_eq!(lines(b"CWD \xff\r\n"), [Ok(b"CWD \xff".to_vec().into())]);
        assert_eq!(lines(b"CWD \xffa\xff b\r\n"), [Ok(b"CWD \xffa\xff b".to_vec().into())]);
        for bad in [&b"A\r\xff\n"[..], b"A\xff\n\r\n", b"A\r\xffB\r\n"] {
            assert_eq!(lines(bad), [Err(LineFault::ForbiddenByte)], "{}", bad.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn every_line_is_read_as_sent(
            lines in prop::collection::vec(
                prop::collection::vec(prop_oneof![b'\x01'..=b'\x09', b' '..=b'~', 0xf0..=0xff_u8], 0..40),
                1..5,
            ),
        ) {
            let wire: Vec<u8> = lines.iter().flat_map(|line| encode(line).to_vec()).collect();
            let (mut rest, mut read) = (&wire[..], Vec::new());
            let mut assembler = LineAssembler::new(40);
            while let Some(line) = assembler.take(&mut rest) {
                read.push(line.unwrap().to_vec());
            }
            prop_assert!(!assembler.is_mid_line());
            prop_assert_eq!(read, lines);
        }
    }
}
