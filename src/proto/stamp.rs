//! The time stamps of `MDTM` and the `modify` fact: `YYYYMMDDHHMMSS[.fraction]` in UTC
//! (RFC 3659 §2.3).

use jiff::{Timestamp, tz::TimeZone};

/// Prints a time in UTC, with milliseconds when there are any.
pub fn print(time: Timestamp) -> String {
    let utc = time.to_zoned(TimeZone::UTC);
    let seconds = utc.strftime("%Y%m%d%H%M%S").to_string();
    match utc.millisecond() {
        0 => seconds,
        millis => format!("{seconds}.{millis:03}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_in_utc_with_milliseconds_where_there_are_any() {
        for (time, stamp) in [
            ("2026-02-03T04:05:06Z", "20260203040506"),
            ("2026-02-03T04:05:06.789123Z", "20260203040506.789"),
            ("1999-12-31T23:59:59.001Z", "19991231235959.001"),
            ("2026-02-03T04:05:06+02:00", "20260203020506"),
        ] {
            assert_eq!(print(time.parse().unwrap()), stamp);
        }
    }
}
