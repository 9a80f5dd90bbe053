//! argon2 (RFC 9106) in PHC strings, `$argon2id$v=19$m=…`.
//!
//! The memory of a hash is the caller's to lend: `work_area` bounds what a crowd of logins can take.

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, PasswordHasher, Version, password_hash,
    password_hash::phc::Output,
};

/// Memory that one hash may ask for. A users file with a greater one is refused as a whole,
/// before a client can make the server allocate it.
const MAX_HASH_MEMORY_KIB: u32 = 256 * 1024;

/// The PHC string of `password` under a new random salt (argon2id, 19 MiB, 2 passes, 1 lane).
pub(super) fn hash(password: &[u8]) -> Result<String, password_hash::Error> {
    Ok(Argon2::default().hash_password(password)?.to_string())
}

/// A PHC string, taken apart.
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Output,
}

impl Argon2Hash {
    pub(super) fn parse(hash: &str) -> Result<Argon2Hash, String> {
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
        Ok(Argon2Hash { algorithm, version, params, salt: salt.to_vec(), output })
    }

    /// Blocks of memory that [`Argon2Hash::opens_to`] wants.
    pub(super) fn blocks(&self) -> usize {
        self.params.block_count()
    }

    /// Whether it was made of `password`; the outputs are compared in constant time.
    pub(super) fn opens_to(self, password: &[u8], memory: &mut [Block]) -> bool {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params);
        let mut output = vec![0; self.output.len()];
        argon2
            .hash_password_into_with_memory(password, &self.salt, &mut output, memory)
            // `Output` compares in constant time; a slice would not.
            .is_ok_and(|()| Output::new(&output).is_ok_and(|found| found == self.output))
    }
}
