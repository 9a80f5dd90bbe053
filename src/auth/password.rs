//! Password hashes: which kinds there are, how they are made and compared.
//!
//! Knows no account and no file. A session thread hashes here while its client waits; `argon` and
//! `crypt` compute, and `work_area` bounds what a crowd of logins may cost.

use crate::{
    auth::{
        argon::{self, Argon2Hash},
        crypt,
        work_area::WorkArea,
    },
    proto::Secret,
};
use std::{error, fmt, str::FromStr};

/// Bytes that a password may have. A longer one is refused before any work is done for it.
pub const MAX_PASSWORD_BYTES: usize = 512;

/// A hash that no known password opens, as costly as those of [`hash_password`]: what an unknown
/// name is compared with where no account has a hash that it could be compared with.
pub(super) const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                                     $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A kind of hash. All but the first are for accounts that come from elsewhere or are shared with
/// other programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashKind {
    /// `$argon2id$` and its kin.
    #[default]
    Argon2,
    /// `$y$`, that of today's /etc/shadow.
    Yescrypt,
    /// `$2a$`, `$2b$`, `$2y$`.
    Bcrypt,
    /// `$6$`.
    Sha512,
    /// `$5$`.
    Sha256,
}

impl HashKind {
    /// What the kinds are called, the best first.
    pub const WORDS: [(&'static str, HashKind); 5] = [
        ("argon2id", HashKind::Argon2),
        ("yescrypt", HashKind::Yescrypt),
        ("bcrypt", HashKind::Bcrypt),
        ("sha512", HashKind::Sha512),
        ("sha256", HashKind::Sha256),
    ];

    /// The kind of a hash, by what it begins with.
    pub fn of(hash: &str) -> Option<HashKind> {
        let (id, _) = hash.strip_prefix('$')?.split_once('$')?;
        match id {
            "argon2id" | "argon2i" | "argon2d" => Some(HashKind::Argon2),
            "y" => Some(HashKind::Yescrypt),
            "2a" | "2b" | "2y" => Some(HashKind::Bcrypt),
            "6" => Some(HashKind::Sha512),
            "5" => Some(HashKind::Sha256),
            _ => None,
        }
    }

    /// Whether hashes of this kind are made and compared by this build: all are, unless the feature
    /// `crypt-hashes` was left out, and those of argon2 always.
    pub fn is_built_in(self) -> bool {
        self == HashKind::Argon2 || crypt::IS_BUILT_IN
    }
}

impl FromStr for HashKind {
    type Err = String;

    fn from_str(text: &str) -> Result<HashKind, String> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let words = Self::WORDS.map(|(word, _)| word).join(", ");
            format!("'{text}' is no kind of hash; it is one of {words}")
        })
    }
}

impl fmt::Display for HashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::WORDS.iter().find(|(_, kind)| kind == self);
        f.write_str(found.map_or("", |(word, _)| word))
    }
}

/// The argon2id hash of `password` under a new random salt (19 MiB, 2 passes, 1 lane).
pub fn hash_password(password: &Secret) -> Result<String, PasswordError> {
    hash_password_as(password, HashKind::Argon2)
}

/// The same as another kind. bcrypt takes shorter passwords only.
pub fn hash_password_as(password: &Secret, kind: HashKind) -> Result<String, PasswordError> {
    match (password.expose().len(), kind) {
        (0, _) => Err(PasswordError::Empty),
        (1..=MAX_PASSWORD_BYTES, HashKind::Argon2) => {
            argon::hash(password.expose()).map_err(|error| PasswordError::Failed(error.to_string()))
        }
        (1..=MAX_PASSWORD_BYTES, kind) => crypt::hash(password.expose(), kind),
        _ => Err(PasswordError::TooLong),
    }
}

/// Whether `password` is the one that `hash` was made of; the outputs are compared in constant
/// time. A hash of a form that the users file refuses fits no password. Waits for its turn when as
/// many hashes are being computed as the machine has processors.
pub fn verify_password(password: &Secret, hash: &str) -> bool {
    let password = password.expose();
    if password.len() > MAX_PASSWORD_BYTES {
        return false;
    }
    match HashKind::of(hash) {
        Some(HashKind::Argon2) => Argon2Hash::parse(hash).is_ok_and(|parsed| {
            let blocks = parsed.blocks();
            let mut area = WorkArea::take();
            parsed.opens_to(password, area.blocks(blocks))
        }),
        Some(kind) if crypt::check(hash, kind).is_ok() => {
            let _turn = WorkArea::take();
            crypt::opens_to(hash, password, kind)
        }
        _ => false,
    }
}

/// Says what is wrong with a hash that [`verify_password`] could never accept.
pub(super) fn check_hash(hash: &str) -> Result<(), String> {
    match HashKind::of(hash) {
        Some(HashKind::Argon2) => Argon2Hash::parse(hash).map(drop),
        Some(kind) => crypt::check(hash, kind),
        None => Err("the password's hash is no hash that is known".to_owned()),
    }
}

/// The kind of `hash`, if this build has none of that kind.
pub(super) fn left_out(hash: &str) -> Option<HashKind> {
    HashKind::of(hash).filter(|kind| !kind.is_built_in())
}

/// Why a password was not hashed.
#[derive(Debug)]
#[non_exhaustive]
pub enum PasswordError {
    /// It has no bytes.
    Empty,
    /// It has more than [`MAX_PASSWORD_BYTES`].
    TooLong,
    /// The system gave no random salt, or not enough memory.
    Failed(String),
    /// This kind of hash takes no more than so many bytes.
    TooLongFor(HashKind, usize),
    /// This kind of hash was left out of this build.
    NotBuiltIn(HashKind),
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PasswordError::Empty => f.write_str("the password is empty"),
            PasswordError::TooLong => {
                write!(f, "the password is longer than {MAX_PASSWORD_BYTES} bytes")
            }
            PasswordError::Failed(cause) => write!(f, "cannot hash the password: {cause}"),
            PasswordError::TooLongFor(kind, bytes) => {
                write!(f, "{kind} takes passwords of {bytes} bytes at most")
            }
            PasswordError::NotBuiltIn(kind) => write!(f, "{kind} is not built in"),
        }
    }
}

impl error::Error for PasswordError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_opens_to_its_password_alone() {
        let hash = hash_password(&Secret::new("sesame")).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (password, opens) in
            [("sesame", true), ("Sesame", false), ("sesame ", false), ("", false)]
        {
            assert_eq!(verify_password(&Secret::new(password), &hash), opens, "{password:?}");
        }
    }

    #[test]
    fn salts_differ() {
        let password = Secret::new("sesame");
        assert_ne!(hash_password(&password).unwrap(), hash_password(&password).unwrap());
    }

    #[test]
    fn hashes_of_other_tools_open() {
        // Made by the reference tool: `printf password | argon2 somesalt -id -t 2 -m 16`, and -i.
        for hash in [
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ\
             $CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ\
             $wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        ] {
            assert!(verify_password(&Secret::new("password"), hash), "{hash}");
        }
    }

    #[test]
    fn passwords_of_513_bytes_are_refused_and_512_are_not() {
        let longest = Secret::new(vec![b'x'; MAX_PASSWORD_BYTES]);
        let too_long = Secret::new(vec![b'x'; MAX_PASSWORD_BYTES + 1]);
        let hash = hash_password(&longest).unwrap();
        assert!(verify_password(&longest, &hash));
        assert!(matches!(hash_password(&too_long), Err(PasswordError::TooLong)));
        assert!(!verify_password(&too_long, &hash));
        assert!(matches!(hash_password(&Secret::new("")), Err(PasswordError::Empty)));
    }

    #[test]
    fn the_dummy_hash_costs_what_a_real_one_costs_and_opens_to_nothing() {
        let real = hash_password(&Secret::new("sesame")).unwrap();
        let cost = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(cost(DUMMY_HASH), cost(&real));
        assert_eq!(DUMMY_HASH.len(), real.len());
        assert_eq!(check_hash(DUMMY_HASH), Ok(()));
        assert!(!verify_password(&Secret::new("sesame"), DUMMY_HASH));
    }

    #[test]
    fn what_is_no_hash_fits_no_password() {
        let greedy = DUMMY_HASH.replace("m=19456", "m=262145");
        for bad in [
            "",
            "!",
            "sesame",
            "$6$salt$hash",
            "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=20$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=1,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            &greedy,
        ] {
            assert!(check_hash(bad).is_err(), "{bad}");
            assert!(!verify_password(&Secret::new("sesame"), bad), "{bad}");
        }
    }
}
