//! A hash that grows with the bytes that pass through our hands.

use crate::{proto::Algorithm, storage::Version, transfer::Known};
use openssl::{
    error::ErrorStack,
    hash::{self, MessageDigest},
};

/// A hash that is being computed.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    state: State,
    bytes: u64,
}

#[derive(Clone)]
enum State {
    OpenSsl(hash::Hasher),
    /// OpenSSL has no CRC.
    Crc(crc32fast::Hasher),
    /// OpenSSL gave up on the way; told at the end, for a transfer is not to fail by it.
    Failed(ErrorStack),
}

impl Hasher {
    /// Begins; `None` where the system does not compute it, as one in FIPS mode does not MD5.
    pub fn begin(algorithm: Algorithm) -> Option<Hasher> {
        let digest = match algorithm {
            Algorithm::Sha256 => Some(MessageDigest::sha256()),
            Algorithm::Sha512 => Some(MessageDigest::sha512()),
            Algorithm::Sha1 => Some(MessageDigest::sha1()),
            Algorithm::Md5 => Some(MessageDigest::md5()),
            Algorithm::Crc32 => None,
        };
        let state = match digest {
            Some(digest) => State::OpenSsl(hash::Hasher::new(digest).ok()?),
            None => State::Crc(crc32fast::Hasher::new()),
        };
        Some(Hasher { algorithm, state, bytes: 0 })
    }

    /// What is computed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How many bytes were added.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        match &mut self.state {
            State::OpenSsl(hasher) => {
                if let Err(error) = hasher.update(bytes) {
                    self.state = State::Failed(error);
                }
            }
            State::Crc(hasher) => hasher.update(bytes),
            State::Failed(_) => {}
        }
    }

    /// The hash in lower-case hexadecimal digits.
    pub fn end(self) -> Result<String, ErrorStack> {
        match self.state {
            State::OpenSsl(mut hasher) => {
                Ok(hasher.finish()?.iter().map(|byte| format!("{byte:02x}")).collect())
            }
            State::Crc(hasher) => Ok(format!("{:08x}", hasher.finalize())),
            State::Failed(error) => Err(error),
        }
    }

    /// What is now known of a file in the state `version`; nothing if it has not as many bytes as
    /// were added.
    pub fn end_as(self, version: Version) -> Option<Known> {
        let (algorithm, whole) = (self.algorithm, self.bytes == version.size);
        let hash = self.end().inspect_err(|error| log::error!("cannot hash: {error}")).ok()?;
        whole.then_some(Known { version, algorithm, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_hello_are_those_that_everybody_computes() {
        for (algorithm, hash) in [
            (Algorithm::Sha256, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
            (Algorithm::Sha1, "f572d396fae9206628714fb2ce00f72e94f2258f"),
            (Algorithm::Md5, "b1946ac92492d2347c6235b4d2611184"),
            (Algorithm::Crc32, "363a3020"),
        ] {
            let mut hasher = Hasher::begin(algorithm).unwrap();
            hasher.add(b"hel");
            hasher.add(b"lo\n");
            assert_eq!(hasher.end().unwrap(), hash, "{algorithm}");
        }
    }

    #[test]
    fn what_was_hashed_in_part_is_not_known() {
        let version = Version { object: (1, 2), size: 5, modified_ns: 0, changed: 0 };
        for (bytes, known) in [(&b"hell"[..], false), (b"hello", true), (b"hello\n", false)] {
            let mut hasher = Hasher::begin(Algorithm::Crc32).unwrap();
            hasher.add(bytes);
            assert_eq!(hasher.end_as(version).is_some(), known);
        }
    }
}
