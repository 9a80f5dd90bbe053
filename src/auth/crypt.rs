//! The hashes of crypt(5) that accounts are brought along with: bcrypt (`$2a$`, `$2b$`, `$2y$`),
//! SHA-256 and SHA-512 crypt (`$5$`, `$6$`), yescrypt (`$y$`).
//!
//! What a hash may cost is bounded here: a users file with a dearer one is refused as a whole.

use crate::auth::password::{HashKind, PasswordError};
use bcrypt::HashParts;
use sha_crypt::{PasswordHasher, PasswordVerifier, ShaCrypt};
use yescrypt::Yescrypt;

/// What is in this file can be left out, see `no_crypt`.
pub(super) const IS_BUILT_IN: bool = true;

/// bcrypt's exponent, 2^16 of its rounds: some seconds. [`hash`] takes bcrypt's own default, 12.
const MAX_BCRYPT_COST: u32 = 16;
/// bcrypt looks at no more of a password.
const MAX_BCRYPT_PASSWORD_BYTES: usize = 71;

/// Rounds of SHA crypt, some seconds as well, and those of [`hash`]; 5000 when a hash tells none.
const MAX_SHA_ROUNDS: u32 = 2_000_000;
const SHA_ROUNDS: u32 = 200_000;

/// Memory that one yescrypt may ask for: that of argon2.
const MAX_YESCRYPT_BYTES: u64 = 256 * 1024 * 1024;
/// Flavor, N and r: what crypt_gensalt(3) writes. The rare parameters behind them multiply the time.
const MAX_YESCRYPT_PARAMETERS: usize = 4;

/// The hash of `password` under a new random salt. `kind` is any but argon2.
pub(super) fn hash(password: &[u8], kind: HashKind) -> Result<String, PasswordError> {
    let failed = |error: &dyn std::fmt::Display| PasswordError::Failed(error.to_string());
    let sha = |crypt: ShaCrypt, password| {
        // Twelve bytes are the sixteen characters that a salt has.
        let hash = crypt.hash_password_with_salt(password, &random::<12>()?);
        hash.map(|hash| hash.to_string()).map_err(|error| failed(&error))
    };
    let rounds = sha_crypt::Params::new(SHA_ROUNDS).map_err(|error| failed(&error))?;
    match kind {
        HashKind::Bcrypt if password.len() > MAX_BCRYPT_PASSWORD_BYTES => {
            Err(PasswordError::TooLongFor(HashKind::Bcrypt, MAX_BCRYPT_PASSWORD_BYTES))
        }
        HashKind::Bcrypt => bcrypt::non_truncating_hash(password, bcrypt::DEFAULT_COST)
            .map_err(|error| failed(&error)),
        HashKind::Sha256 => sha(ShaCrypt::new(sha_crypt::Algorithm::Sha256Crypt, rounds), password),
        HashKind::Sha512 => sha(ShaCrypt::new(sha_crypt::Algorithm::Sha512Crypt, rounds), password),
        HashKind::Yescrypt | HashKind::Argon2 => Yescrypt::default()
            .hash_password_with_salt(password, &random::<16>()?)
            .map(|hash| hash.to_string())
            .map_err(|error| failed(&error)),
    }
}

/// Whether `hash`, which [`check`] has passed, was made of `password`. All compare in constant time.
pub(super) fn opens_to(hash: &str, password: &[u8], kind: HashKind) -> bool {
    match kind {
        HashKind::Bcrypt => bcrypt::verify(password, hash).unwrap_or(false),
        HashKind::Sha256 | HashKind::Sha512 => {
            ShaCrypt::default().verify_password(password, hash).is_ok()
        }
        HashKind::Yescrypt => Yescrypt::default().verify_password(password, hash).is_ok(),
        HashKind::Argon2 => false,
    }
}

/// Says what is wrong with a hash that is malformed, or that would take too long.
pub(super) fn check(hash: &str, kind: HashKind) -> Result<(), String> {
    match kind {
        HashKind::Bcrypt => check_bcrypt(hash),
        HashKind::Sha256 => check_sha(hash, 43),
        HashKind::Sha512 => check_sha(hash, 86),
        HashKind::Yescrypt => check_yescrypt(hash),
        HashKind::Argon2 => Ok(()),
    }
}

fn check_bcrypt(hash: &str) -> Result<(), String> {
    let parts: HashParts = hash.parse().map_err(|error| format!("the bcrypt hash: {error}"))?;
    match parts.get_cost() {
        4..=MAX_BCRYPT_COST => Ok(()),
        cost => Err(format!("the bcrypt hash has cost {cost}; 4 to {MAX_BCRYPT_COST} are taken")),
    }
}

/// `$6$[rounds=N$]SALT$OUTPUT`; the output has `length` characters.
fn check_sha(hash: &str, length: usize) -> Result<(), String> {
    let fields: Vec<&str> = hash.split('$').skip(2).collect();
    let (rounds, salt, output) = match *fields.as_slice() {
        [salt, output] => (None, salt, output),
        [rounds, salt, output] => (Some(rounds), salt, output),
        _ => return Err("the SHA crypt hash is not of the form $6$SALT$OUTPUT".to_owned()),
    };
    let rounds: u32 = match rounds {
        None => 5000,
        Some(field) => field
            .strip_prefix("rounds=")
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| format!("the SHA crypt hash has '{field}' for its rounds"))?,
    };
    if !(1000..=MAX_SHA_ROUNDS).contains(&rounds) {
        return Err(format!(
            "the SHA crypt hash has {rounds} rounds; 1000 to {MAX_SHA_ROUNDS} are taken"
        ));
    }
    let is_crypt64 = |text: &str| text.bytes().all(is_crypt64);
    if salt.len() > 16 || !is_crypt64(salt) || output.len() != length || !is_crypt64(output) {
        return Err("the SHA crypt hash is malformed".to_owned());
    }
    Ok(())
}

/// `$y$PARAMETERS$SALT$OUTPUT`.
fn check_yescrypt(hash: &str) -> Result<(), String> {
    let malformed = || "the yescrypt hash is malformed".to_owned();
    let fields: Vec<&str> = hash.split('$').skip(2).collect();
    let [parameters, salt, output] = *fields.as_slice() else { return Err(malformed()) };
    if parameters.len() > MAX_YESCRYPT_PARAMETERS {
        return Err("the yescrypt hash has parameters that are not taken".to_owned());
    }
    let parameters: yescrypt::Params = parameters.parse().map_err(|_| malformed())?;
    let bytes = parameters.n().checked_mul(128 * u64::from(parameters.r()));
    if bytes.is_none_or(|bytes| bytes > MAX_YESCRYPT_BYTES) {
        return Err("the yescrypt hash asks for more than 256 MiB of memory".to_owned());
    }
    // Salts of up to 64 bytes (86 characters), outputs of 32 (43).
    let is_text = |text: &str| text.bytes().all(is_crypt64);
    if salt.len() > 86 || !is_text(salt) || output.len() != 43 || !is_text(output) {
        return Err(malformed());
    }
    Ok(())
}

/// The alphabet of crypt(3).
fn is_crypt64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/')
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], PasswordError> {
    let mut random = [0; BYTES];
    getrandom::fill(&mut random).map_err(|error| PasswordError::Failed(error.to_string()))?;
    Ok(random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::password::{check_hash, hash_password_as, verify_password},
        proto::Secret,
    };

    /// Made of `sesame` by crypt(3) of libxcrypt.
    const BY_CRYPT: [&str; 8] = [
        "$y$j9T$abcdefghijklmnop$L4lJtNsQpwDPAc/uwWwUGeg57p5fCEdn3sN6zeDRtN1",
        "$6$saltsalt$g3uPFdehVnKoLXdidvSAg1zlVgYomPr0X/xgdXSBn2LuxZUOGgYW4IULZkguZ77fzYteIur49AGHmF9iek6Sf1",
        "$5$rounds=2000$saltsalt$3ADaY2ldUm3uYB3lRfm.P9O3TAExAHYovlu3bluUL5A",
        "$2a$05$abcdefghijklmnopqrstuOb.a0qFFHNVANvX6ash0hCYLaiAMGWM.",
        "$2b$04$ABCDEFGHIJKLMNOPQRSTUO/x.SDlqeU0q1hbnPTCUal3Ao3N5gqGC",
        "$2y$06$......................vl5fGBCX7CgyIhD9rxqDW1EBV1ihMkq",
        "$5$0123456789abcdef$VQhIYVJGutRxsR2YA1c328IJH3HTsXmMTyV1wgdeYS5",
        "$y$j75$zzzzzzzz$bCjBICxisqszAq7Euc2lyP8uVsX32o4AEld0W6kels2",
    ];

    #[test]
    fn hashes_of_crypt_open_to_their_password_alone() {
        for hash in BY_CRYPT {
            assert_eq!(check_hash(hash), Ok(()), "{hash}");
            assert!(verify_password(&Secret::new("sesame"), hash), "{hash}");
            for wrong in ["Sesame", "sesame ", ""] {
                assert!(!verify_password(&Secret::new(wrong), hash), "{hash} {wrong:?}");
            }
        }
    }

    #[test]
    fn what_is_malformed_or_too_dear_is_refused_and_opens_to_nothing() {
        let [yescrypt, sha512, sha256, bcrypt, ..] = BY_CRYPT;
        for (bad, what) in [
            (sha512.replace("$6$", "$6$rounds=2000001$"), "2000001 rounds"),
            (sha512.replace("$6$", "$6$rounds=999$"), "999 rounds"),
            (sha512.replace("$6$", "$6$rounds=x$"), "'rounds=x' for its rounds"),
            (sha512.replace("$6$", "$6$5000$"), "'5000' for its rounds"),
            (sha512.replace("$6$", "$5$"), "malformed"),
            (sha512.replace("saltsalt", "saltsaltsaltsalts"), "malformed"),
            (sha256.replace("saltsalt", "s lt"), "malformed"),
            ("$6$saltsalt".to_owned(), "not of the form"),
            (bcrypt.replace("$05$", "$17$"), "cost 17"),
            (bcrypt.replace("$05$", "$03$"), "cost 3"),
            (bcrypt.replace("$2a$", "$2x$"), "no hash that is known"),
            (bcrypt.replace("$05$", "$0x$"), "not a number"),
            (bcrypt[..59].to_owned(), "60"),
            (yescrypt.replace("$j9T$", "$jHT$"), "more than 256 MiB"),
            (yescrypt.replace("$j9T$", "$jyT$"), "malformed"),
            (yescrypt.replace("$j9T$", "$j9T..$"), "not taken"),
            (yescrypt.replace("$j9T$", "$$"), "malformed"),
            (yescrypt.replace("fCEdn3", "fCE"), "malformed"),
        ] {
            let found = check_hash(&bad).expect_err(&bad);
            assert!(found.contains(what), "{bad}: {found}");
            assert!(!verify_password(&Secret::new("sesame"), &bad), "{bad}");
        }
    }

    #[test]
    fn every_kind_is_made_with_a_new_salt_and_opens_to_its_password() {
        let password = Secret::new("sesame");
        for (word, kind) in HashKind::WORDS {
            let [one, two] = [(); 2].map(|()| hash_password_as(&password, kind).unwrap());
            assert_ne!(one, two, "{word}");
            assert_eq!((HashKind::of(&one), check_hash(&one)), (Some(kind), Ok(())), "{one}");
            assert!(verify_password(&password, &one), "{one}");
            assert!(!verify_password(&Secret::new("Sesame"), &one), "{one}");
        }
    }

    #[test]
    fn bcrypt_is_not_given_what_it_would_cut_off() {
        let longest = Secret::new(vec![b'x'; 71]);
        let hash = hash_password_as(&longest, HashKind::Bcrypt).unwrap();
        assert!(verify_password(&longest, &hash));
        let refused = hash_password_as(&Secret::new(vec![b'x'; 72]), HashKind::Bcrypt);
        assert_eq!(refused.unwrap_err().to_string(), "bcrypt takes passwords of 71 bytes at most");
    }
}
