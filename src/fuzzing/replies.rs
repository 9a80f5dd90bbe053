//! What the other end says: replies, addresses in them, a balancer's header.

use crate::{
    client::Features,
    net::{Behalf, Preface},
    proto::{Code, LineAssembler, Reply, ReplyAssembler, endpoint, stamp},
};
use std::io::{self, ErrorKind, Read};

/// Whatever text a reply is made of, it is printed as one reply: lines without control characters,
/// of which the last alone looks like a last one; and it is read as a reply of as many lines, which
/// prints as the same bytes.
pub fn reply_said(data: &[u8]) {
    let mut texts = data.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    let head = texts.next().unwrap_or_default();
    let reply = match texts.next_back() {
        Some(tail) => Reply::lines(Code::SYSTEM_STATUS, head, texts, tail),
        None if data.len().is_multiple_of(2) => Reply::new(Code::SYSTEM_STATUS, head),
        None => Reply::quoted_path(&head, "is here"),
    };
    let wire = reply.encode();
    let lines: Vec<&[u8]> = wire.strip_suffix(b"\r\n").unwrap().split(|b| *b == b'\n').collect();
    assert_eq!(lines.len(), reply.text_lines().count());
    for (number, line) in (1..).zip(&lines) {
        let line = if number == lines.len() { line } else { line.strip_suffix(b"\r").unwrap() };
        assert!(!line.iter().any(u8::is_ascii_control), "{}", line.escape_ascii());
        let last = format!("{} ", reply.code());
        assert_eq!(line.starts_with(last.as_bytes()), number == lines.len());
    }
    let again = read(&wire);
    assert_eq!(again.len(), 1, "{}", wire.escape_ascii());
    assert_eq!(again[0].encode(), wire);
    assert_eq!(again[0].path_quoted().is_some(), reply.path_quoted().is_some());
}

/// The replies in the bytes of a control connection, up to a line that is none.
fn read(mut wire: &[u8]) -> Vec<Reply> {
    let mut lines = LineAssembler::new(1 << 16);
    let mut assembler = ReplyAssembler::default();
    let mut replies = Vec::new();
    while let Some(line) = lines.take(&mut wire) {
        let Ok(line) = line else { continue };
        match assembler.line(&line) {
            Ok(reply) => replies.extend(reply),
            Err(_) => break,
        }
    }
    replies
}

/// Whatever a server says, a reply of it holds no more than was said, and prints as one that is read
/// as the same; what is looked for in replies is found or not.
pub fn reply_read(wire: &[u8]) {
    for reply in read(wire) {
        let held: usize = reply.text_lines().map(<[u8]>::len).sum();
        assert!(held <= wire.len());
        let printed = reply.encode();
        let again = read(&printed);
        assert_eq!(again.len(), 1, "{}", printed.escape_ascii());
        assert_eq!((again[0].code(), again[0].encode()), (reply.code(), printed));
        let features = Features::parse(&reply, &[&reply]);
        assert_eq!(features, Features::parse(&reply, &[&reply]));
        if let Some(path) = reply.path_quoted() {
            let said = Reply::quoted_path(&path, "is here");
            assert_eq!(said.path_quoted(), Some(path));
        }
        let text = reply.text();
        if let Some(time) = stamp::parse(text.trim()) {
            assert!(stamp::parse(&stamp::print(time)).is_some(), "{time}");
        }
        addresses(&text);
    }
}

/// Addresses of `PORT`, `EPRT`, 227 and 229 print as they are read.
pub fn endpoint(data: &[u8]) {
    addresses(&String::from_utf8_lossy(data));
}

fn addresses(text: &str) {
    if let Some(address) = endpoint::parse_port(text) {
        assert_eq!(endpoint::parse_port(&endpoint::print_port(address)), Some(address));
        assert_eq!(endpoint::parse_227(text), Some(address));
    }
    if let Ok(address) = endpoint::parse_eprt(text) {
        let printed = endpoint::print_eprt(address);
        assert_eq!(endpoint::parse_eprt(&printed), Ok(address));
        if address.port() != 0 {
            let told = Some((Some(address.ip()), address.port()));
            assert_eq!(endpoint::parse_229(&format!("({printed})")), told);
        }
    }
    if let Some(address) = endpoint::parse_227(text) {
        let reply = format!("Passive ({}).", endpoint::print_port(address));
        assert_eq!(endpoint::parse_227(&reply), Some(address));
    }
    if let Some((host, port)) = endpoint::parse_229(text) {
        assert_ne!(port, 0);
        let host = host.map_or_else(String::new, |host| host.to_string());
        assert!(endpoint::parse_229(&format!("(|2|{host}|{port}|)")).is_some());
    }
}

/// Bytes that come in pieces, and do not end.
struct Pieces<'a> {
    rest: &'a [u8],
    size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let (piece, rest) = self.rest.split_at(self.rest.len().min(self.size).min(buffer.len()));
        buffer[..piece.len()].copy_from_slice(piece);
        self.rest = rest;
        Ok(piece.len())
    }
}

/// The header of a balancer is the same in whatever pieces it comes, and not a byte behind it is
/// taken; what it says can be said in version 1. What a balancer says well is understood.
pub fn proxy(wire: &[u8]) {
    const LONGEST: usize = 4096;
    let (outcome, taken) = heard(wire, wire.len().max(1));
    assert_eq!(heard(wire, 1).0, outcome);
    assert!(taken <= LONGEST);
    if let Ok(Some(behalf)) = outcome {
        assert_eq!(heard(wire, 1).1, taken, "what is behind the header is the client's");
        ends_here(&wire[..taken], behalf);
        if let Behalf::Of(client, reached) = behalf
            && client.is_ipv4() == reached.is_ipv4()
        {
            let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
            let ends =
                format!("{} {} {} {}", client.ip(), reached.ip(), client.port(), reached.port());
            ends_here(format!("PROXY {family} {ends}\r\n").as_bytes(), behalf);
        }
    }
    if let Some((ends, more)) = wire.split_first_chunk::<12>()
        && more.len() < LONGEST - 28
    {
        let length = u16::try_from(12 + more.len()).unwrap().to_be_bytes();
        let header = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11", &length[..], ends, more].concat();
        let [a, b, c, d, e, f, g, h, ports @ ..] = *ends;
        let [from, to] = [[ports[0], ports[1]], [ports[2], ports[3]]].map(u16::from_be_bytes);
        let behalf = Behalf::Of(([a, b, c, d], from).into(), ([e, f, g, h], to).into());
        ends_here(&header, behalf);
    }
}

/// What is understood of a header that comes in such pieces, and how much of it was taken.
fn heard(wire: &[u8], size: usize) -> (Result<Option<Behalf>, String>, usize) {
    let mut pieces = Pieces { rest: wire, size };
    let outcome = Preface::default().step(&mut pieces).map_err(|error| error.to_string());
    (outcome, wire.len() - pieces.rest.len())
}

fn ends_here(header: &[u8], behalf: Behalf) {
    let longer = [header, b"AUTH TLS\r\n"].concat();
    assert_eq!(heard(&longer, 5), (Ok(Some(behalf)), header.len()), "{}", header.escape_ascii());
}
