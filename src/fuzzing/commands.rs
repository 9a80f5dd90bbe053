//! Command lines: from the bytes of a connection to what is understood.

use super::{first_line, spelling::spelling, without_line_ends};
use crate::proto::{Command, Line, LineAssembler, line::encode, verb::VERBS};

/// Lines longer than this are dropped here: short, so that a fuzzer crosses it.
const MAX_LINE_BYTES: usize = 64;

/// Bytes of a control connection are cut into the same lines in whatever pieces they come, none of
/// which is too long or holds a line end; and what a client sends as a line, a server reads as it.
pub fn line(wire: &[u8]) {
    let lines = lines(wire, wire.len().max(1));
    for pieces in [1, 2, 7] {
        assert_eq!(self::lines(wire, pieces), lines, "in pieces of {pieces}");
    }
    assert!(lines.len() <= wire.iter().filter(|byte| **byte == b'\n').count());
    for line in lines.iter().flatten() {
        assert!(line.len() <= MAX_LINE_BYTES);
        assert_eq!(without_line_ends(line), **line);
    }

    let mut sent = without_line_ends(wire);
    sent.truncate(MAX_LINE_BYTES);
    let wire = encode(&sent);
    let mut rest = &wire[..];
    let mut assembler = LineAssembler::new(MAX_LINE_BYTES);
    assert_eq!(assembler.take(&mut rest), Some(Ok(sent.into())));
    assert!(rest.is_empty() && !assembler.is_mid_line());
}

fn lines(wire: &[u8], pieces: usize) -> Vec<Line> {
    let mut assembler = LineAssembler::new(MAX_LINE_BYTES);
    let mut lines = Vec::new();
    for mut piece in wire.chunks(pieces) {
        while let Some(line) = assembler.take(&mut piece) {
            lines.push(line);
        }
    }
    lines
}

/// A line is understood whatever the case of its verb, and what is understood, written plainly, is
/// understood as the same.
pub fn command(line: &[u8]) {
    understand(&without_line_ends(first_line(line).0));
}

/// The same for an argument behind every verb.
pub fn argument(argument: &[u8]) {
    let argument = without_line_ends(first_line(argument).0);
    for row in VERBS {
        understand(&[row.name.as_bytes(), b" ", &argument].concat());
    }
}

fn understand(line: &[u8]) {
    let parsed = Command::parse(line);
    let (verb, rest) = line.split_at(line.iter().position(|b| *b == b' ').unwrap_or(line.len()));
    assert_eq!(Command::parse(&[&verb.to_ascii_lowercase(), rest].concat()), parsed);
    let Ok((row, command)) = parsed else { return };
    assert!(row.name.as_bytes().eq_ignore_ascii_case(verb));
    if let Some(plain) = spelling(&command) {
        let again = Command::parse(&plain).map(|(_, command)| command);
        assert_eq!(again, Ok(command), "{}", plain.escape_ascii());
    }
}
