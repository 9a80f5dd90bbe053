//! Hashes of files: their names on the wire, and how the local ones are computed.

use crate::{client::features::HashVerb, proto::Reply};
use openssl::{
    error::ErrorStack,
    hash::{Hasher, MessageDigest},
};
use std::fmt;

/// A hash function, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // each is the function of its name
pub enum Algorithm {
    Sha256,
    Sha512,
    Sha1,
    Md5,
    Crc32,
}

/// Each with its name in `HASH` and the verbs that ask for it alone.
const ALGORITHMS: [(Algorithm, &str, &[&str]); 5] = [
    (Algorithm::Sha256, "SHA-256", &["XSHA256"]),
    (Algorithm::Sha512, "SHA-512", &["XSHA512"]),
    (Algorithm::Sha1, "SHA-1", &["XSHA1", "XSHA"]),
    (Algorithm::Md5, "MD5", &["XMD5"]),
    (Algorithm::Crc32, "CRC32", &["XCRC"]),
];

impl Algorithm {
    /// By its name in `HASH`.
    pub(super) fn by_name(name: &str) -> Option<Algorithm> {
        let mut rows = ALGORITHMS.iter();
        rows.find(|(_, known, _)| known.eq_ignore_ascii_case(name)).map(|row| row.0)
    }

    /// By a verb of its own.
    pub(super) fn by_verb(word: &str) -> Option<(Algorithm, &'static str)> {
        ALGORITHMS.iter().find_map(|(algorithm, _, verbs)| {
            let verb = verbs.iter().find(|verb| **verb == word)?;
            Some((*algorithm, *verb))
        })
    }

    /// Its name in `HASH`.
    pub fn name(self) -> &'static str {
        let row = ALGORITHMS.iter().find(|row| row.0 == self);
        row.map_or("", |(_, name, _)| name)
    }

    /// How OpenSSL computes it. It has no CRC.
    pub(super) fn local(self) -> Option<MessageDigest> {
        match self {
            Algorithm::Sha256 => Some(MessageDigest::sha256()),
            Algorithm::Sha512 => Some(MessageDigest::sha512()),
            Algorithm::Sha1 => Some(MessageDigest::sha1()),
            Algorithm::Md5 => Some(MessageDigest::md5()),
            Algorithm::Crc32 => None,
        }
    }

    fn hex_digits(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
            Algorithm::Sha1 => 40,
            Algorithm::Md5 => 32,
            Algorithm::Crc32 => 8,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
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

/// The hash of a file that passes through our hands.
pub(super) struct Running {
    algorithm: Algorithm,
    hasher: Hasher,
}

impl Running {
    /// Begins; `None` where OpenSSL cannot compute it.
    pub(super) fn begin(algorithm: Algorithm) -> Option<Running> {
        // A system in FIPS mode refuses MD5: then there is no hash, not an error.
        let hasher = Hasher::new(algorithm.local()?).ok()?;
        Some(Running { algorithm, hasher })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), ErrorStack> {
        self.hasher.update(bytes)
    }

    /// The hash in lower-case hexadecimal digits.
    pub(super) fn end(mut self) -> Result<String, ErrorStack> {
        Ok(self.hasher.finish()?.iter().map(|byte| format!("{byte:02x}")).collect())
    }
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

    #[test]
    fn local_hashes_are_those_of_the_servers() {
        let mut running = Running::begin(Algorithm::Sha256).unwrap();
        running.add(b"hello\n").unwrap();
        assert_eq!(running.end().unwrap(), SHA256.to_ascii_lowercase());
        assert!(Running::begin(Algorithm::Crc32).is_none());
    }
}
