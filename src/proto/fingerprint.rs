//! The name by which a certificate is known: in `XPEER`, in settings, in records.

use std::{fmt, str::FromStr};

/// The SHA-256 of a certificate's DER form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// From the digest itself.
    pub(crate) fn from_digest(digest: [u8; 32]) -> Fingerprint {
        Fingerprint(digest)
    }

    /// 64 hexadecimal digits, in any case, and nothing else.
    pub(crate) fn from_hex(digits: &str) -> Option<Fingerprint> {
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Fingerprint(bytes))
    }

    /// 64 hexadecimal digits in lower case.
    pub(crate) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Fingerprint {
    /// `SHA256:` and 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", self.hex())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    /// Reads what `Display` printed; `openssl x509 -fingerprint` puts colons between the bytes,
    /// which are taken too.
    fn from_str(text: &str) -> Result<Fingerprint, String> {
        let digits = text.strip_prefix("SHA256:").map(|digits| digits.replace(':', ""));
        digits
            .and_then(|digits| Fingerprint::from_hex(&digits))
            .ok_or_else(|| format!("'{text}' is no fingerprint: SHA256: and 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fingerprint_is_read_as_printed() {
        let print = Fingerprint(std::array::from_fn(|at| at as u8 * 7));
        let printed = print.to_string();
        assert_eq!(printed.len(), 7 + 64);
        assert_eq!(printed.parse(), Ok(print));
        assert_eq!(Fingerprint::from_hex(&print.hex().to_uppercase()), Some(print));
        for bad in ["", "SHA256:", "SHA256:zz", &printed[7..], &printed[..70]] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
        assert_eq!(Fingerprint::from_hex(&format!("+{}", &print.hex()[1..])), None);
    }

    proptest! {
        #[test]
        fn every_fingerprint_is_read_as_printed(digest: [u8; 32]) {
            let print = Fingerprint(digest);
            prop_assert_eq!(print.to_string().parse(), Ok(print));
            prop_assert_eq!(Fingerprint::from_hex(&print.hex()), Some(print));
            let pairs: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
            prop_assert_eq!(format!("SHA256:{}", pairs.join(":")).parse(), Ok(print));
        }
    }
}
