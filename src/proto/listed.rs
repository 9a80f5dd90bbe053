//! What a client reads in a listing: the reverse of `entry`. A server says less than it knows, and
//! not always exactly, so that most of it may be missing.
//!
//! The lines are read elsewhere: MLSx facts in `facts_line`, those of `ls` and of MS-DOS in
//! `long_line`.

use jiff::Timestamp;

/// One item of a server's or a local directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name, without its directory. See [`Listed::is_inside`] before it is used.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: ListedKind,
    /// Size in bytes, of a file.
    pub size: Option<u64>,
    /// Time of last modification.
    pub modified: Option<Moment>,
    /// Permission bits, `0o7777` at most.
    pub mode: Option<u32>,
}

/// What a listed name is. Unlike [`Kind`](crate::Kind), a symbolic link may be told from what it
/// leads to: a server that does is asked nothing more about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListedKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link. (Servers may also show what a link leads to in its place.)
    Link,
    /// Anything else, or what the server did not tell.
    Other,
}

/// A time as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The beginning of it.
    pub time: Timestamp,
    /// How exactly it is known.
    pub precision: Precision,
}

/// How exactly a time is known, exact first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// To the second or better, in UTC.
    Second,
    /// To the minute, in a zone that the server does not tell: UTC is supposed.
    Minute,
    /// To the day, in a zone that the server does not tell: UTC is supposed.
    Day,
}

impl Moment {
    /// A time that is known to the second or better.
    pub fn exact(time: Timestamp) -> Moment {
        Moment { time, precision: Precision::Second }
    }

    /// Whether both may be the same time, as far as the less exact one tells. Fractions of a second
    /// do not count: few servers have them.
    pub fn agrees(&self, other: &Moment) -> bool {
        let unit_s = match self.precision.max(other.precision) {
            Precision::Second => 1,
            Precision::Minute => 60,
            Precision::Day => 24 * 3600,
        };
        let units = |moment: &Moment| floor_second(moment.time).div_euclid(unit_s);
        units(self) == units(other)
    }
}

/// jiff rounds towards 1970.
fn floor_second(time: Timestamp) -> i64 {
    time.as_second() - i64::from(time.subsec_nanosecond() < 0)
}

impl Listed {
    /// Whether the name is one component, of a thing inside the listed directory. A server that
    /// lists `../.ssh/authorized_keys` or `/etc/passwd` shall not have it written; and CR, LF and
    /// NUL cannot be sent back to it.
    pub fn is_inside(&self) -> bool {
        let forbidden = |byte: &u8| matches!(byte, b'/' | 0 | b'\r' | b'\n');
        !matches!(&self.name[..], b"" | b"." | b"..") && !self.name.iter().any(forbidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &[u8]) -> Listed {
        let kind = ListedKind::File;
        Listed { name: name.to_vec(), kind, size: None, modified: None, mode: None }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_known() {
        for good in [&b"a"[..], b"...", b" ", b"-rf", b"a\\b", b"\xff", b".a", b"C:"] {
            assert!(named(good).is_inside(), "{}", good.escape_ascii());
        }
        for bad in
            [&b""[..], b".", b"..", b"/", b"a/b", b"../a", b"/etc", b"a/", b"a\0", b"a\rb", b"a\n"]
        {
            assert!(!named(bad).is_inside(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn times_agree_as_far_as_the_less_exact_one_tells() {
        let at = |text: &str, precision| Moment { time: text.parse().unwrap(), precision };
        let exact = at("2026-02-03T04:05:06.7Z", Precision::Second);
        for (time, precision, agrees) in [
            ("2026-02-03T04:05:06Z", Precision::Second, true),
            ("2026-02-03T04:05:07Z", Precision::Second, false),
            ("2026-02-03T04:05:00Z", Precision::Minute, true),
            ("2026-02-03T04:06:00Z", Precision::Minute, false),
            ("2026-02-03T00:00:00Z", Precision::Day, true),
            ("2026-02-04T00:00:00Z", Precision::Day, false),
        ] {
            let other = at(time, precision);
            assert_eq!(exact.agrees(&other), agrees, "{time}");
            assert_eq!(other.agrees(&exact), agrees, "{time}");
        }
        let before = Moment::exact("1969-12-31T23:59:59.5Z".parse().unwrap());
        assert!(before.agrees(&Moment::exact("1969-12-31T23:59:59Z".parse().unwrap())));
        assert!(!before.agrees(&Moment::exact("1970-01-01T00:00:00Z".parse().unwrap())));
    }
}
