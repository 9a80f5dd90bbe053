//! Hash functions: their names in `HASH` (draft-bryan-ftpext-hash), and the verbs that ask for one
//! of them alone. How they are computed is not known here.

use std::fmt;

/// A hash function, best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // each is the function of its name
pub enum Algorithm {
    #[default]
    Sha256,
    Sha512,
    Sha1,
    Md5,
    Crc32,
}

/// Each with its name in `HASH`, the digits of a hash, and the verbs that ask for it alone.
const ALGORITHMS: [(Algorithm, &str, usize, &[&str]); 5] = [
    (Algorithm::Sha256, "SHA-256", 64, &["XSHA256"]),
    (Algorithm::Sha512, "SHA-512", 128, &["XSHA512"]),
    (Algorithm::Sha1, "SHA-1", 40, &["XSHA1", "XSHA"]),
    (Algorithm::Md5, "MD5", 32, &["XMD5"]),
    (Algorithm::Crc32, "CRC32", 8, &["XCRC"]),
];

impl Algorithm {
    /// By its name in `HASH`, in any case.
    pub fn by_name(name: &str) -> Option<Algorithm> {
        let mut rows = ALGORITHMS.iter();
        rows.find(|(_, known, ..)| known.eq_ignore_ascii_case(name)).map(|row| row.0)
    }

    /// By a verb of its own, in capitals.
    pub fn by_verb(word: &str) -> Option<(Algorithm, &'static str)> {
        ALGORITHMS.iter().find_map(|(algorithm, _, _, verbs)| {
            let verb = verbs.iter().find(|verb| **verb == word)?;
            Some((*algorithm, *verb))
        })
    }

    /// Its name in `HASH`.
    pub fn name(self) -> &'static str {
        ALGORITHMS.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// How many hexadecimal digits a hash has.
    pub fn hex_digits(self) -> usize {
        ALGORITHMS.iter().find(|row| row.0 == self).map_or(0, |row| row.2)
    }

    /// What `FEAT` shows: all names, with `*` behind the chosen one.
    pub fn feature(chosen: Algorithm) -> String {
        let name = |algorithm: Algorithm| match algorithm == chosen {
            true => format!("{algorithm}*"),
            false => algorithm.to_string(),
        };
        ALGORITHMS.map(|row| name(row.0)).join(";")
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::verb::{VERBS, Verb, find};

    #[test]
    fn names_and_verbs_lead_back_to_their_function() {
        for (algorithm, name, digits, verbs) in ALGORITHMS {
            assert_eq!(Algorithm::by_name(&name.to_lowercase()), Some(algorithm));
            assert_eq!((algorithm.name(), algorithm.hex_digits()), (name, digits));
            for verb in verbs {
                assert_eq!(Algorithm::by_verb(verb), Some((algorithm, *verb)));
                assert_eq!(find(verb.as_bytes()).map(|row| row.verb), Some(Verb::HashBy), "{verb}");
            }
        }
        for row in VERBS.iter().filter(|row| row.verb == Verb::HashBy) {
            assert!(Algorithm::by_verb(row.name).is_some(), "{}", row.name);
        }
        assert_eq!((Algorithm::by_name("SHA"), Algorithm::by_verb("XSHA3")), (None, None));
    }

    #[test]
    fn the_chosen_one_bears_a_star() {
        assert_eq!(Algorithm::feature(Algorithm::Md5), "SHA-256;SHA-512;SHA-1;MD5*;CRC32");
    }
}
