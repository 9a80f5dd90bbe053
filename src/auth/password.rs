//! Password hashes: argon2id (RFC 9106) in PHC strings, `$argon2id$v=19$m=…`.
//!
//! Knows no account and no file. A session thread hashes here while its client waits, so what a
//! crowd of logins can cost is bounded here too.

use crate::proto::Secret;
use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, PasswordHasher, Version, password_hash,
    password_hash::phc::Output,
};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::{error, fmt, sync::LazyLock, thread};

/// Bytes that a password may have. A longer one is refused before any work is done for it.
pub const MAX_PASSWORD_BYTES: usize = 512;

/// A hash that no known password opens, as costly as those of [`hash_password`]: comparing with
/// it makes an unknown name take as long as a wrong password.
pub(super) const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                                     $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Memory that one hash may ask for. A users file with a greater one is refused as a whole,
/// before a client can make the server allocate it.
const MAX_HASH_MEMORY_KIB: u32 = 256 * 1024;

/// Hashes that are computed at a time, on a machine with that many processors.
const MAX_PARALLEL_HASHES: usize = 8;

/// The PHC string of `password` under a new random salt (argon2id, 19 MiB, 2 passes, 1 lane).
pub fn hash_password(password: &Secret) -> Result<String, PasswordError> {
    match password.expose().len() {
        0 => Err(PasswordError::Empty),
        1..=MAX_PASSWORD_BYTES => Ok(Argon2::default()
            .hash_password(password.expose())
            .map_err(PasswordError::Failed)?
            .to_string()),
        _ => Err(PasswordError::TooLong),
    }
}

/// Whether `password` is the one that `hash` was made of; the outputs are compared in constant
/// time. A hash of a form that the users file refuses fits no password. Waits for its turn when as many
/// hashes are being computed as the machine has processors.
pub fn verify_password(password: &Secret, hash: &str) -> bool {
    if password.expose().len() > MAX_PASSWORD_BYTES {
        return false;
    }
    let Ok(recipe) = Recipe::parse(hash) else { return false };
    let blocks = recipe.params.block_count();
    let argon2 = Argon2::new(recipe.algorithm, recipe.version, recipe.params);
    let mut output = vec![0; recipe.output.len()];
    let mut area = WorkArea::take(blocks);
    argon2
        .hash_password_into_with_memory(
            password.expose(),
            &recipe.salt,
            &mut output,
            &mut area.blocks[..blocks],
        )
        // `Output` compares in constant time; a slice would not.
        .is_ok_and(|()| Output::new(&output).is_ok_and(|found| found == recipe.output))
}

/// Says what is wrong with a hash that [`verify_password`] could never accept.
pub(super) fn check_hash(hash: &str) -> Result<(), String> {
    Recipe::parse(hash).map(drop)
}

/// A PHC string, taken apart.
struct Recipe {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Output,
}

impl Recipe {
    fn parse(hash: &str) -> Result<Recipe, String> {
        let malformed = |what: &str| format!("the password hash is not an argon2 one: {what}");
        let phc = PasswordHash::new(hash).map_err(|error| malformed(&error.to_string()))?;
        let algorithm = Algorithm::try_from(phc.algorithm.as_str())
            .map_err(|_| malformed("unknown algorithm"))?;
        let version = match phc.version {
            None => Version::default(),
            Some(number) => Version::try_from(number).map_err(|_| malformed("unknown version"))?,
        };
        let params = Params::try_from(&phc).map_err(|error| malformed(&error.to_string()))?;
        if params.m_cost() > MAX_HASH_MEMORY_KIB {
            return Err(format!("the password hash asks for {} KiB of memory", params.m_cost()));
        }
        let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
            return Err(malformed("salt or output missing"));
        };
        Ok(Recipe { algorithm, version, params, salt: salt.to_vec(), output })
    }
}

/// Memory to hash in, lent by a fixed set.
///
/// Each hash fills 19 MiB. Hundreds of clients may log in at once, so the set is the limit; and
/// it is kept, because malloc would leave such a block behind in the arena of each session thread.
struct WorkArea {
    blocks: Vec<Block>,
}

/// The set: whoever takes an area may hash, and gives it back.
struct WorkAreas {
    give: Sender<Vec<Block>>,
    take: Receiver<Vec<Block>>,
}

static WORK_AREAS: LazyLock<WorkAreas> = LazyLock::new(|| {
    // More than one a processor would cost memory and gain no time.
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let count = processors.min(MAX_PARALLEL_HASHES);
    let (give, take) = bounded(count);
    for _ in 0..count {
        let _ = give.send(Vec::new()); // never full: it holds `count`
    }
    WorkAreas { give, take }
});

impl WorkArea {
    /// Waits for an area and makes it at least `blocks` large.
    fn take(blocks: usize) -> WorkArea {
        let mut area = WorkArea { blocks: WORK_AREAS.take.recv().unwrap_or_default() };
        if area.blocks.len() < blocks {
            area.blocks.resize(blocks, Block::default());
        }
        area
    }
}

impl Drop for WorkArea {
    fn drop(&mut self) {
        let _ = WORK_AREAS.give.send(std::mem::take(&mut self.blocks)); // never full, never closed
    }
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
    Failed(password_hash::Error),
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PasswordError::Empty => f.write_str("the password is empty"),
            PasswordError::TooLong => {
                write!(f, "the password is longer than {MAX_PASSWORD_BYTES} bytes")
            }
            PasswordError::Failed(cause) => write!(f, "cannot hash the password: {cause}"),
        }
    }
}

impl error::Error for PasswordError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            PasswordError::Failed(cause) => Some(cause),
            PasswordError::Empty | PasswordError::TooLong => None,
        }
    }
}

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
    fn what_is_no_argon2_hash_fits_no_password() {
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

    #[test]
    fn more_logins_than_processors_wait_for_each_other_and_end() {
        let hash = hash_password(&Secret::new("sesame")).unwrap();
        thread::scope(|scope| {
            for _ in 0..3 * MAX_PARALLEL_HASHES {
                scope.spawn(|| assert!(verify_password(&Secret::new("sesame"), &hash)));
            }
        });
    }
}
