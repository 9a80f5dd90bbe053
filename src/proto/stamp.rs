//! The time stamps of `MDTM` and the `modify` fact: `YYYYMMDDHHMMSS[.fraction]` in UTC
//! (RFC 3659 §2.3).

use jiff::{Timestamp, civil, tz::TimeZone};

/// The earliest time that a year of four digits can tell. A file system may keep earlier ones, and
/// `-0044` is no year to a client.
pub const FIRST: civil::DateTime = civil::datetime(0, 1, 1, 0, 0, 0, 0);

/// Prints a time in UTC, with milliseconds when there are any; [`FIRST`] if it is before that.
pub fn print(time: Timestamp) -> String {
    let utc = time.to_zoned(TimeZone::UTC).datetime().max(FIRST);
    let seconds = utc.strftime("%Y%m%d%H%M%S").to_string();
    match utc.millisecond() {
        0 => seconds,
        millis => format!("{seconds}.{millis:03}"),
    }
}

/// Reads what [`print()`] wrote, and fractions of up to nine digits; `None` when it is no time.
pub fn parse(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (text, "0"),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let small = |from: usize| whole[from..from + 2].parse::<i8>().ok();
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    // A leap second is a second of its minute (RFC 3659 §2.3); our calendar has no name for it.
    let second = if small(12)? == 60 { 59 } else { small(12)? };
    let year = whole[..4].parse().ok()?;
    let time =
        civil::DateTime::new(year, small(4)?, small(6)?, small(8)?, small(10)?, second, nanos);
    Some(time.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stamp_is_in_utc_with_milliseconds_where_there_are_any() {
        for (time, stamp) in [
            ("2026-02-03T04:05:06Z", "20260203040506"),
            ("2026-02-03T04:05:06.789123Z", "20260203040506.789"),
            ("1999-12-31T23:59:59.001Z", "19991231235959.001"),
            ("2026-02-03T04:05:06+02:00", "20260203020506"),
            ("-000044-03-15T12:00:00Z", "00000101000000"),
        ] {
            assert_eq!(print(time.parse().unwrap()), stamp);
        }
    }

    #[test]
    fn a_stamp_is_read_back_as_it_was_printed() {
        for text in ["20260203040506", "19991231235959.001", "20240229000000.120"] {
            assert_eq!(print(parse(text).unwrap()), text);
        }
        assert_eq!(parse("20161231235960"), parse("20161231235959"), "a leap second");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "2026",
            "20260230000000",
            "2026020304050x",
            "20260203040506.",
            "20260203040561",
            "20260203040506.1.2",
            "+2026020304050",
            "20260203040506.1234567890",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_time_is_read_as_printed(milliseconds in -62_167_219_200_000..=253_402_207_200_000_i64) {
            let time = Timestamp::from_millisecond(milliseconds).unwrap();
            prop_assert_eq!(parse(&print(time)), Some(time));
        }

        #[test]
        fn whatever_is_read_prints_as_a_stamp(text in "[0-9]{14}(\\.[0-9]{1,9})?|\\PC*") {
            if let Some(time) = parse(&text) {
                prop_assert!(text.starts_with(&print(time)[..12]), "{} is {}", text, time);
            }
        }
    }
}
