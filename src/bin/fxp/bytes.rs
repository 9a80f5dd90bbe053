//! Bytes in a unit that people can read.

use std::fmt;

/// So many bytes: `17 B`, `1.50 KiB`, `4.66 GiB`.
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        // The unit's place: how often 1024 goes into the bytes.
        match self.0.checked_ilog2().unwrap_or(0) / 10 {
            0 => write!(f, "{} B", self.0),
            power => {
                let size = self.0 as f64 / 1024_f64.powi(power as i32);
                write!(f, "{size:.2} {}", units[power as usize - 1])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_largest_unit_that_they_fill() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1 << 20, "1.00 MiB"),
            (5_000_000_000, "4.66 GiB"),
            (u64::MAX, "16.00 EiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
