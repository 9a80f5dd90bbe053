//! Replies (RFC 959 §4.2): built and printed for the server, assembled for the client.
//!
//! A reply is printed in one place, [`Reply::encode`], which cannot be made to forge a line:
//! control characters in a text are replaced, and the inner lines of a long reply are indented.

use crate::proto::line;
use std::{fmt, mem};

/// A reply code. The server sends the named ones; a client may meet any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(u16);

#[allow(missing_docs)] // the names say what RFC 959 §4.2 says
impl Code {
    pub const DATA_OPENING: Code = Code(150);
    pub const OK: Code = Code(200);
    pub const SUPERFLUOUS: Code = Code(202);
    pub const SYSTEM_STATUS: Code = Code(211);
    pub const DIRECTORY_STATUS: Code = Code(212);
    pub const FILE_STATUS: Code = Code(213);
    pub const HELP: Code = Code(214);
    pub const SYSTEM_TYPE: Code = Code(215);
    pub const READY: Code = Code(220);
    pub const GOODBYE: Code = Code(221);
    pub const NO_TRANSFER: Code = Code(225);
    pub const TRANSFER_DONE: Code = Code(226);
    pub const PASSIVE: Code = Code(227);
    pub const EXTENDED_PASSIVE: Code = Code(229);
    pub const LOGGED_IN: Code = Code(230);
    pub const AUTHORIZED: Code = Code(232);
    pub const AUTH_ACCEPTED: Code = Code(234);
    pub const ACTION_DONE: Code = Code(250);
    pub const PATH: Code = Code(257);
    pub const NEED_PASSWORD: Code = Code(331);
    pub const NEED_MORE: Code = Code(350);
    pub const CLOSING: Code = Code(421);
    pub const NO_DATA_CONNECTION: Code = Code(425);
    pub const TRANSFER_ABORTED: Code = Code(426);
    pub const NOT_NOW: Code = Code(431);
    pub const FILE_BUSY: Code = Code(450);
    pub const LOCAL_ERROR: Code = Code(451);
    pub const NO_SPACE: Code = Code(452);
    pub const UNKNOWN_COMMAND: Code = Code(500);
    pub const BAD_ARGUMENT: Code = Code(501);
    pub const NOT_BUILT: Code = Code(502);
    pub const WRONG_ORDER: Code = Code(503);
    pub const PARAMETER_NOT_BUILT: Code = Code(504);
    pub const PROTECTION_NEEDED: Code = Code(521);
    /// RFC 1639 gives the number of [`Code::PROTECTION_NEEDED`] to `LPRT` and `LPSV`.
    pub const ADDRESS_FORM_REFUSED: Code = Code(521);
    pub const NEGOTIATION_FAILED: Code = Code(522);
    pub const NOT_LOGGED_IN: Code = Code(530);
    pub const PROTECTION_REFUSED: Code = Code(534);
    pub const PROTECTION_UNSUPPORTED: Code = Code(536);
    pub const COMMAND_PROTECTION: Code = Code(537);
    pub const UNAVAILABLE: Code = Code(550);
    pub const NEEDS_IMAGE: Code = Code(551);
    pub const QUOTA_EXCEEDED: Code = Code(552);
    pub const NAME_REFUSED: Code = Code(553);
    pub const BAD_RESTART: Code = Code(554);
}

impl Code {
    /// The number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// 221 and 421 announce that the server closes the control connection. The 421 of a failed
    /// data handshake (SSCN rule 5) is the exception: its session goes on.
    pub fn hangs_up(self) -> bool {
        matches!(self.0, 221 | 421)
    }

    /// 1xx: another reply to the same command follows.
    pub fn is_preliminary(self) -> bool {
        self.0 / 100 == 1
    }

    /// 2xx: done.
    pub fn is_success(self) -> bool {
        self.0 / 100 == 2
    }

    /// 4xx and 5xx.
    pub fn is_error(self) -> bool {
        self.0 >= 400
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// A code and its lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: Code,
    lines: Vec<Vec<u8>>,
}

impl Reply {
    /// A reply of one line.
    pub fn new(code: Code, text: impl Into<Vec<u8>>) -> Reply {
        Reply { code, lines: vec![text.into()] }
    }

    /// A reply of several lines: `head`, the `inner` lines, `tail`.
    pub fn lines(
        code: Code,
        head: impl Into<Vec<u8>>,
        inner: impl IntoIterator<Item = Vec<u8>>,
        tail: impl Into<Vec<u8>>,
    ) -> Reply {
        let mut lines = vec![head.into()];
        lines.extend(inner);
        lines.push(tail.into());
        Reply { code, lines }
    }

    /// `257 "path" text`, quotes in the path doubled (RFC 959, Appendix II).
    pub fn quoted_path(path: &[u8], text: &str) -> Reply {
        let mut quoted = vec![b'"'];
        for byte in path {
            if *byte == b'"' {
                quoted.push(b'"');
            }
            quoted.push(*byte);
        }
        quoted.extend_from_slice(b"\" ");
        quoted.extend_from_slice(text.as_bytes());
        Reply::new(Code::PATH, quoted)
    }

    /// The path in a `257 "path" text`, quotes undoubled: the reverse of [`Reply::quoted_path`].
    pub fn path_quoted(&self) -> Option<Vec<u8>> {
        let mut line = self.lines.last()?.strip_prefix(b"\"")?.iter();
        let mut path = Vec::new();
        while let Some(byte) = line.next() {
            if *byte == b'"' && line.as_slice().first() != Some(&b'"') {
                return Some(path);
            }
            if *byte == b'"' {
                line.next();
            }
            path.push(*byte);
        }
        None
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// All lines, without codes and line ends.
    pub fn text_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(Vec::as_slice)
    }

    /// The last line: of most replies, all there is.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.lines.last().map_or(&[][..], Vec::as_slice)).into_owned()
    }

    /// The bytes for the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        let last = self.lines.len().saturating_sub(1);
        for (number, text) in self.lines.iter().enumerate() {
            let mut line = match number {
                n if n == last => format!("{} ", self.code).into_bytes(),
                0 => format!("{}-", self.code).into_bytes(),
                // RFC 959 §4.2: an inner line must not look like the last one; RFC 2389 §3.2
                // wants one blank.
                _ => b" ".to_vec(),
            };
            push_printable(text, &mut line);
            wire.extend_from_slice(&line::encode(&line));
        }
        wire
    }
}

impl fmt::Display for Reply {
    /// The code and the last line, for messages to people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Vec::new();
        push_printable(self.lines.last().map_or(&[][..], Vec::as_slice), &mut line);
        write!(f, "{} {}", self.code, String::from_utf8_lossy(&line))
    }
}

/// Adds `text` with every control character, C0 or C1, replaced by `?`.
fn push_printable(text: &[u8], into: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            let c = if c.is_control() { '?' } else { c };
            into.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        // A name in another encoding keeps its letters; a lone C1 byte is no letter in any.
        into.extend(chunk.invalid().iter().map(|b| if *b < 0xa0 { b'?' } else { *b }));
    }
}

/// Puts a peer's lines together into replies.
#[derive(Debug, Default)]
pub struct ReplyAssembler {
    code: Option<Code>,
    lines: Vec<Vec<u8>>,
    bytes: usize,
}

/// A longer reply is taken for an attack on our memory.
const MAX_REPLY_BYTES: usize = 1 << 20;

/// What a line costs besides its bytes: empty ones are not free.
const LINE_BYTES: usize = mem::size_of::<Vec<u8>>();

impl ReplyAssembler {
    /// Takes one line, without its line end. `Ok(Some)` when it completes a reply; an error, with
    /// the line, when it is none.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, String> {
        self.bytes += line.len() + LINE_BYTES;
        if self.bytes > MAX_REPLY_BYTES {
            return Err("a reply of more than a mebibyte".to_owned());
        }
        let head = parse_head(line);
        match (self.code, head) {
            (None, Some((code, b'-'))) => {
                self.code = Some(code);
                self.lines.push(line[4..].to_vec());
                Ok(None)
            }
            (None, Some((code, _))) => {
                self.lines.push(line.get(4..).unwrap_or_default().to_vec());
                Ok(Some(self.take(code)))
            }
            (None, None) => Err(format!("not a reply: '{}'", line.escape_ascii())),
            (Some(code), Some((last, b' '))) if last == code => {
                self.lines.push(line.get(4..).unwrap_or_default().to_vec());
                Ok(Some(self.take(code)))
            }
            (Some(code), head) => {
                // Some servers repeat the code on inner lines (`211-…`), most indent by a blank.
                let inner = match head {
                    Some((same, b'-')) if same == code => &line[4..],
                    _ => line.strip_prefix(b" ").unwrap_or(line),
                };
                self.lines.push(inner.to_vec());
                Ok(None)
            }
        }
    }

    fn take(&mut self, code: Code) -> Reply {
        let done = mem::take(self);
        Reply { code, lines: done.lines }
    }
}

/// The code at the beginning of a line and the byte behind it (a blank where the line ends).
fn parse_head(line: &[u8]) -> Option<(Code, u8)> {
    let digits = line.get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(b'1'..=b'6').contains(&digits[0]) {
        return None;
    }
    let number = digits.iter().fold(0, |sum, d| sum * 10 + u16::from(d - b'0'));
    match line.get(3) {
        None => Some((Code(number), b' ')),
        Some(mark @ (b' ' | b'-')) => Some((Code(number), *mark)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(reply: Reply) -> String {
        String::from_utf8(reply.encode()).unwrap()
    }

    #[test]
    fn replies_are_printed_as_rfc_959_says() {
        assert_eq!(wire(Reply::new(Code::OK, "done")), "200 done\r\n");
        let long = Reply::lines(
            Code::SYSTEM_STATUS,
            "Features:",
            [b"SSCN".to_vec(), b"211 x".to_vec()],
            "End",
        );
        assert_eq!(wire(long), "211-Features:\r\n SSCN\r\n 211 x\r\n211 End\r\n");
    }

    #[test]
    fn no_text_can_forge_a_reply() {
        assert_eq!(wire(Reply::new(Code::OK, "a\r\n226 b\0c\x1b[2J")), "200 a??226 b?c?[2J\r\n");
        assert_eq!(wire(Reply::new(Code::OK, "\u{85}é")), "200 ?é\r\n");
        let latin1 = Reply::new(Code::OK, b"caf\xe9\x85".to_vec()).encode();
        assert_eq!(latin1, b"200 caf\xe9?\r\n");
        assert_eq!(wire(Reply::quoted_path(b"/a\"b", "is here")), "257 \"/a\"\"b\" is here\r\n");
    }

    /// Telnet takes one byte 255 before these for a command; a client that reads telnet would lose
    /// the end of the path.
    #[test]
    fn a_byte_that_telnet_takes_for_a_command_is_doubled() {
        let reply = Reply::quoted_path(b"/\xff\xfe\xff\xff\"\xffa", "is here");
        let wire = reply.encode();
        assert_eq!(wire, b"257 \"/\xff\xff\xfe\xff\xff\xff\"\"\xffa\" is here\r\n");
        let line = line::LineAssembler::new(64).take(&mut &wire[..]).unwrap().unwrap();
        let read = ReplyAssembler::default().line(&line).unwrap().unwrap();
        assert_eq!(read.path_quoted(), reply.path_quoted());
    }

    #[test]
    fn a_quoted_path_is_read_back() {
        for path in [&b"/"[..], b"/a\"b", b"\"", b"/a\"\" b\"", b"", b"/caf\xe9"] {
            let reply = Reply::quoted_path(path, "is \"here\"");
            assert_eq!(reply.path_quoted().as_deref(), Some(path), "{}", path.escape_ascii());
        }
        for bad in ["/", "\"/", "\"/\"\""] {
            assert_eq!(Reply::new(Code::PATH, bad).path_quoted(), None, "{bad}");
        }
    }

    fn assemble(text: &str) -> Vec<Result<Option<Reply>, String>> {
        let mut assembler = ReplyAssembler::default();
        text.lines().map(|line| assembler.line(line.as_bytes())).collect()
    }

    #[test]
    fn replies_are_put_together_again() {
        let reply = Reply::lines(Code::SYSTEM_STATUS, "Features:", [b"SSCN".to_vec()], "End");
        assert_eq!(assemble(&wire(reply.clone())).pop(), Some(Ok(Some(reply))));
        let texts = |text: &str| -> Vec<String> {
            let reply = assemble(text).pop().unwrap().unwrap().unwrap();
            reply.text_lines().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
        };
        assert_eq!(texts("226"), [""]);
        assert_eq!(texts("211-a\n211-b\n c\n220 d\n211 e"), ["a", "b", "c", "220 d", "e"]);
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bad in ["", "22", "hello", "999 x", "2x0 y", "220x"] {
            assert!(assemble(&format!("{bad}\n"))[0].is_err(), "{bad}");
        }
        let mut assembler = ReplyAssembler::default();
        assembler.line(b"211-x").unwrap();
        let line = vec![b'x'; 1 << 16];
        assert!((0..32).any(|_| assembler.line(&line).is_err()), "bounded");
        let mut assembler = ReplyAssembler::default();
        assembler.line(b"211-x").unwrap();
        assert!((0..1 << 16).any(|_| assembler.line(b"").is_err()), "empty lines are bounded too");
    }

    proptest! {
        /// Bytes of other encodings are among them, and those that telnet takes for commands.
        #[test]
        fn every_reply_is_read_as_printed(
            number in 100..600_u16,
            lines in prop::collection::vec(
                prop_oneof!["\\PC{0,40}".prop_map(String::into_bytes), prop::collection::vec(0xe0..=0xff_u8, 0..9)],
                1..9,
            ),
        ) {
            let reply = Reply { code: Code(number), lines };
            let wire = reply.encode();
            let (mut rest, mut read) = (&wire[..], Vec::new());
            let (mut cutter, mut assembler) = (line::LineAssembler::new(1 << 16), ReplyAssembler::default());
            while let Some(line) = cutter.take(&mut rest) {
                read.extend(assembler.line(&line.unwrap()).unwrap());
            }
            prop_assert_eq!(read, [reply]);
        }

        #[test]
        fn every_path_is_read_as_quoted(path: Vec<u8>) {
            let quoted = Reply::quoted_path(&path, "is \"here\"").path_quoted();
            prop_assert_eq!(quoted, Some(path));
        }
    }
}
