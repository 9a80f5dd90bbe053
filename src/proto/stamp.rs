//! The time stamps of `MDTM` and the `modify` fact: `YYYYMMDDHHMMSS[.fraction]` in UTC
//! (RFC 3659 §2.3).

use jiff::{Timestamp, civil, tz::TimeZone};

/// Prints a time in UTC, with milliseconds when there are any.
pub fn print(time: Timestamp) -> String {
    let utc = time.to_zoned(TimeZone::UTC);
    let seconds = utc.strftime("%Y%m%d%H%M%S").to_string();
    match utc.millisecond() {
        0 => seconds,
        millis => format!("{seconds}.{millis:03}"),
    }
}

/// Reads what [`print`] wrote, and any longer fraction; `None` when it is no time.
pub fn parse(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let field = |from: usize, to: usize| whole[from..to].parse::<i16>().ok();
    let small = |from: usize| field(from, from + 2).and_then(|value| i8::try_from(value).ok());
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    // A leap second is a second of the minute (RFC 3659 §2.3); the calendar has no name for it.
    let second = small(12)?.min(if small(12)? == 60 { 59 } else { 60 });
    civil::DateTime::new(field(0, 4)?, small(4)?, small(6)?, small(8)?, small(10)?, second, nanos)
        .ok()?
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_as_it_was_printed() {
        for text in ["20260203040506", "19991231235959.001", "20240229000000.120"] {
            let time = parse(text).unwrap();
            assert_eq!(print(time), text);
        }
        assert_eq!(parse("20161231235960"), parse("20161231235959"), "a leap second");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in ["", "2026", "20260230000000", "2026020304050x", "20260203040506.1.2"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
