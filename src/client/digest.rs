//! Hashes of files, found in what servers reply.

use crate::{
    client::features::HashVerb,
    proto::{Algorithm, Reply},
};

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
