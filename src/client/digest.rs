//! Hashes of files: how a server is asked for one, of the whole file or of its beginning, and where
//! it stands in the reply.

use crate::{
    client::{
        ClientError, Connection, Extension, RemotePath, ServerKind, connection::work_time,
        control::Argument, features::HashVerb,
    },
    net::Until,
    proto::{Algorithm, Reply},
};

/// A server that hashes more slowly than this is given up.
const MIN_HASH_BYTES_PER_S: u64 = 4 << 20;

/// How much of a file is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it, which is so many bytes.
    Whole(u64),
    /// Its first bytes; at least one.
    First(u64),
}

/// A hash that was asked for.
pub(super) struct Asked {
    algorithm: Algorithm,
    verb: HashVerb,
    until: Until,
}

impl Connection {
    /// The hash of a file; `None` where the server cannot or will not.
    pub(super) fn hash(
        &mut self,
        path: &RemotePath,
        extent: Extent,
        algorithm: Algorithm,
        verb: HashVerb,
    ) -> Result<Option<String>, ClientError> {
        match self.begin_hash(path, extent, algorithm, verb)? {
            Some(asked) => self.end_hash(asked),
            None => Ok(None),
        }
    }

    /// Asks for the hash of a file, whose reply [`Connection::end_hash`] has to take before anything
    /// else is said; `None` where the server cannot.
    pub(super) fn begin_hash(
        &mut self,
        path: &RemotePath,
        extent: Extent,
        algorithm: Algorithm,
        verb: HashVerb,
    ) -> Result<Option<Asked>, ClientError> {
        let bytes = match extent {
            Extent::Whole(bytes) | Extent::First(bytes) => bytes,
        };
        let (word, argument) = match verb {
            HashVerb::Hash => {
                if !self.hash_by(algorithm)? || !self.narrow(extent)? {
                    return Ok(None);
                }
                ("HASH", path.as_bytes().to_vec())
            }
            HashVerb::Named(word) => (word, named_argument(path, extent)),
        };
        let patience = self.timeout() + work_time(bytes, MIN_HASH_BYTES_PER_S);
        self.control().send(word, Argument::Shown(&argument))?;
        Ok(Some(Asked { algorithm, verb, until: Until::within(patience) }))
    }

    /// Waits for the hash that was asked for.
    pub(super) fn end_hash(&mut self, asked: Asked) -> Result<Option<String>, ClientError> {
        let reply = self.final_reply(asked.until)?;
        Ok(match reply.code().is_success() {
            true => find(&reply, asked.verb, asked.algorithm),
            false => None,
        })
    }

    /// Names the range that the next `HASH` is of. Whether the server knows ranges.
    fn narrow(&mut self, extent: Extent) -> Result<bool, ClientError> {
        let Extent::First(bytes) = extent else { return Ok(true) };
        // The HASH of proftpd 1.3.8 is of the whole file all the same, and the range stays for the
        // next RETR or STOR.
        if !self.features().has(Extension::Rang) || self.features().kind() == ServerKind::Proftpd {
            return Ok(false);
        }
        // To the last octet (draft-bryan-ftp-range).
        let reply = self.ask("RANG", format!("0 {}", bytes - 1).as_bytes())?;
        Ok(!reply.code().is_error())
    }
}

/// `XSHA256 path` hashes the whole file, `XSHA256 "path" 0 n` its first n octets. For a quote in a
/// path each server has an escape of its own; this is ours.
fn named_argument(path: &RemotePath, extent: Extent) -> Vec<u8> {
    let Extent::First(bytes) = extent else { return path.as_bytes().to_vec() };
    let mut argument = vec![b'"'];
    for &byte in path.as_bytes() {
        if byte == b'"' {
            argument.push(byte);
        }
        argument.push(byte);
    }
    argument.extend_from_slice(format!("\" 0 {bytes}").as_bytes());
    argument
}

/// Finds the hash in the reply to `verb`, in lower case. `HASH` puts name, range and hash before
/// the path (`213 SHA-256 0-49 6a… name`), `XSHA256` the hash first: a path that looks like a
/// hash stands behind the real one in both.
pub(super) fn find(reply: &Reply, verb: HashVerb, algorithm: Algorithm) -> Option<String> {
    let text = reply.text();
    let mut words = text.split_ascii_whitespace();
    let word = match verb {
        HashVerb::Hash => {
            words.next().filter(|name| Algorithm::by_name(name) == Some(algorithm))?;
            words.nth(1)?
        }
        HashVerb::Named(_) => words.find(|word| is_hash(word, algorithm))?,
    };
    is_hash(word, algorithm).then(|| word.to_ascii_lowercase())
}

fn is_hash(word: &str, algorithm: Algorithm) -> bool {
    word.len() == algorithm.hex_digits() && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Code;

    const SHA256: &str = "5891B5B522D5DF086D0FF0B110FBD9D21BB4FC7163AF34D08286A2E846F6BE03";

    fn found(text: &str, verb: HashVerb, algorithm: Algorithm) -> Option<String> {
        find(&Reply::new(Code::FILE_STATUS, text), verb, algorithm)
    }

    #[test]
    fn a_hash_is_found_in_the_replies_of_proftpd_and_others() {
        let lower = Some(SHA256.to_ascii_lowercase());
        let named = HashVerb::Named("XSHA256");
        for (text, verb) in [
            (format!("SHA-256 0-6 {SHA256} a.txt"), HashVerb::Hash),
            (SHA256.to_owned(), named),
            (format!("SHA256 {SHA256} done"), named),
        ] {
            assert_eq!(found(&text, verb, Algorithm::Sha256), lower, "{text}");
        }
        for text in [format!("SHA-1 0-6 {SHA256} a.txt"), "SHA-256".to_owned(), String::new()] {
            assert_eq!(found(&text, HashVerb::Hash, Algorithm::Sha256), None, "{text}");
        }
        assert_eq!(found("no such thing", named, Algorithm::Sha256), None);
    }
}
