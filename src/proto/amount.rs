//! Numbers of bytes as people write them in settings: `1048576`, `1024K` and `1M` are one.

use std::{fmt, str::FromStr};

/// A number of bytes. `Display` prints the shortest form that reads back as the same number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub u64);

/// What a letter behind a number stands for, the greatest first.
const UNITS: [(char, u64); 4] = [('T', 1 << 40), ('G', 1 << 30), ('M', 1 << 20), ('K', 1 << 10)];

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Amount, String> {
        let unit = UNITS.iter().find(|(letter, _)| text.ends_with(*letter));
        let (digits, factor) = match unit {
            Some((letter, factor)) => (text.trim_end_matches(*letter), *factor),
            None => (text, 1),
        };
        let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit())
            && digits.len() + usize::from(unit.is_some()) == text.len();
        let number = digits.parse::<u64>().ok().filter(|_| is_whole);
        number
            .and_then(|number| number.checked_mul(factor))
            .map(Amount)
            .ok_or_else(|| format!("'{text}' is not a number of bytes, such as 1048576 or 1M"))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Amount(bytes) = *self;
        match UNITS.iter().find(|(_, factor)| bytes >= *factor && bytes % factor == 0) {
            Some((letter, factor)) => write!(f, "{}{letter}", bytes / factor),
            None => write!(f, "{bytes}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_read_back_as_they_print() {
        for (text, bytes, shown) in [
            ("0", 0, "0"),
            ("1000", 1000, "1000"),
            ("1024", 1024, "1K"),
            ("1536", 1536, "1536"),
            ("10K", 10 << 10, "10K"),
            ("2048K", 2 << 20, "2M"),
            ("3G", 3 << 30, "3G"),
            ("5T", 5 << 40, "5T"),
            ("18446744073709551615", u64::MAX, "18446744073709551615"),
        ] {
            assert_eq!(text.parse(), Ok(Amount(bytes)), "{text}");
            assert_eq!(Amount(bytes).to_string(), shown);
        }
        for text in ["", "K", "-1", "+1", "1k", "1KK", "1 K", "1.5M", "18446744073709551615K"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_is_read_as_printed(bytes: u64, zeros in 0..64) {
            let amount = Amount(bytes >> zeros << zeros);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }
    }
}
