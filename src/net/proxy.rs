//! What a balancer says before anything else: for whom it speaks (the PROXY protocol, versions 1
//! and 2). Who is a balancer is not decided here.
//!
//! Not a byte more is read than the header has, for the client's own follow it: version 1 says how
//! long it is by its end alone, and is read byte by byte.

use crate::net::{NetError, address::canonical};
use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use std::{
    io::{self, Read},
    net::SocketAddr,
};

/// A header of version 2 with more bytes is refused; those of version 1 have 107 at most.
const MAX_HEADER_BYTES: usize = 4096;

const V1_START: &[u8] = b"PROXY ";
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The shortest header of all, `PROXY UNKNOWN` with its end.
const SHORTEST: usize = 15;
/// What comes before the part of version 2 whose length it tells.
const V2_FIXED: usize = 16;

/// For whom a balancer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behalf {
    /// A client, and the address that it has connected to.
    Of(SocketAddr, SocketAddr),
    /// Itself, to see whether we are there; or somebody whom it cannot name.
    Itself,
}

/// A header that is being read, in steps that never wait.
#[derive(Debug, Default)]
pub struct Preface {
    bytes: Vec<u8>,
}

impl Preface {
    /// Reads what is there. `None` when more is to come; an error when it is no header.
    pub fn step(&mut self, mut socket: impl Read) -> Result<Option<Behalf>, NetError> {
        loop {
            let missing = self.missing()?;
            if missing == 0 {
                return self.understand().map(Some);
            }
            let before = self.bytes.len();
            self.bytes.resize(before + missing, 0);
            let read = socket.read(&mut self.bytes[before..]);
            self.bytes.truncate(before + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(NetError::Truncated),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// How many bytes more the header has for sure; 0 at its end.
    fn missing(&self) -> Result<usize, NetError> {
        let has = self.bytes.len();
        let begins = |start: &[u8]| self.bytes.iter().zip(start).all(|(is, wanted)| is == wanted);
        match () {
            () if !begins(V1_START) && !begins(V2_START) => Err(NetError::Proxy("missing")),
            () if has < SHORTEST => Ok(SHORTEST - has),
            () if begins(V1_START) && self.bytes.ends_with(b"\n") => Ok(0),
            () if begins(V1_START) => match self.parse() {
                // The parser refuses what can have no end any more.
                Err(proxy_header::Error::BufferTooShort) => Ok(1),
                _ => Err(NetError::Proxy("malformed")),
            },
            () if has < V2_FIXED => Ok(V2_FIXED - has),
            () => {
                let rest = u16::from_be_bytes([self.bytes[V2_FIXED - 2], self.bytes[V2_FIXED - 1]]);
                let length = V2_FIXED + usize::from(rest);
                if length > MAX_HEADER_BYTES {
                    return Err(NetError::Proxy("too long"));
                }
                Ok(length - has)
            }
        }
    }

    fn parse(&self) -> Result<(ProxyHeader<'_>, usize), proxy_header::Error> {
        // What else version 2 tells (TLVs) is skipped by its length.
        let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
        ProxyHeader::parse(&self.bytes, config)
    }

    fn understand(&self) -> Result<Behalf, NetError> {
        let malformed = NetError::Proxy("malformed");
        match self.parse() {
            Ok((header, length)) if length == self.bytes.len() => match header.proxied_address() {
                None => Ok(Behalf::Itself),
                Some(address) if address.protocol == Protocol::Stream => {
                    Ok(Behalf::Of(canonical(address.source), canonical(address.destination)))
                }
                Some(_) => Err(malformed),
            },
            _ => Err(malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [V2_START, &[0x20 | command, family], &length, rest].concat()
    }

    /// What comes of these bytes, one after the other, and how many are left.
    fn read(bytes: &[u8]) -> (Result<Option<Behalf>, String>, usize) {
        let mut preface = Preface::default();
        for (at, byte) in bytes.iter().enumerate() {
            match preface.missing() {
                Ok(0) => {
                    return (
                        preface.understand().map(Some).map_err(|e| e.to_string()),
                        bytes.len() - at,
                    );
                }
                Ok(_) => preface.bytes.push(*byte),
                Err(error) => return (Err(error.to_string()), bytes.len() - at),
            }
        }
        let end = match preface.missing() {
            Ok(0) => preface.understand().map(Some),
            Ok(_) => Ok(None),
            Err(error) => Err(error),
        };
        (end.map_err(|error| error.to_string()), 0)
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0, 21];

    fn of(client: &str, reached: &str) -> Behalf {
        Behalf::Of(client.parse().unwrap(), reached.parse().unwrap())
    }

    #[test]
    fn headers_are_read_to_their_end_and_no_further() {
        let mut mapped = [0; 36];
        mapped[10..16].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 1]);
        mapped[31] = 1;
        mapped[32..].copy_from_slice(&[0, 7, 0, 21]);
        let tlvs = [&V4[..], &[0x02, 0, 3, b'a', b'.', b'b', 0x04, 0, 0]].concat();
        for (header, behalf) in [
            (
                b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 21\r\n".to_vec(),
                of("192.0.2.1:12345", "198.51.100.2:21"),
            ),
            (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(), of("[2001:db8::1]:1", "[::1]:2")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Behalf::Itself),
            (b"PROXY UNKNOWN ffff::1 ::2 3 4\r\n".to_vec(), Behalf::Itself),
            (v2(1, 0x11, &V4), of("192.0.2.1:12345", "198.51.100.2:21")),
            (v2(1, 0x11, &tlvs), of("192.0.2.1:12345", "198.51.100.2:21")),
            (v2(1, 0x21, &mapped), of("192.0.2.1:7", "[::1]:21")),
            (v2(0, 0x11, &V4), Behalf::Itself),
            (v2(0, 0, &[]), Behalf::Itself),
            (v2(1, 0, &[1, 2, 3]), Behalf::Itself),
        ] {
            let more = [&header[..], b"AUTH TLS\r\n"].concat();
            assert_eq!(read(&more), (Ok(Some(behalf)), 10), "{}", header.escape_ascii());
            for cut in 0..header.len() {
                assert_eq!(read(&header[..cut]), (Ok(None), 0), "{}", header[..cut].escape_ascii());
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let long = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        for (bytes, what) in [
            (b"AUTH TLS\r\n".to_vec(), "missing"),
            (b"\x16\x03\x01".to_vec(), "missing"),
            (b"\r\n\r\n\0\r\nQUIX".to_vec(), "missing"),
            (b"PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n".to_vec(), "malformed"),
            (b"PROXY TCP4 ::1 ::1 1 1\r\n".to_vec(), "malformed"),
            (b"PROXY TCP4 1.1.1.1 1.1.1.1 1 99999\r\n".to_vec(), "malformed"),
            (b"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n".to_vec(), "malformed"),
            (long, "malformed"),
            (v2(1, 0x12, &V4), "malformed"),
            (v2(1, 0x11, &V4[..11]), "malformed"),
            (v2(2, 0x11, &V4), "malformed"),
            ([V2_START, &[0x11, 0x11, 0, 12], &V4].concat(), "malformed"),
            (v2(1, 0x11, &[0; MAX_HEADER_BYTES]), "too long"),
        ] {
            let (refused, _) = read(&bytes);
            let refused = refused.expect_err(&bytes.escape_ascii().to_string());
            assert!(refused.ends_with(what), "{}: {refused}", bytes.escape_ascii());
        }
    }
}
