//! The forms of `SITE`: what Unix servers have and RFC 959 has no verb for.

use crate::proto::{PathArg, argument::split_at_blank};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// What `SITE` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteArg {
    /// What it can ask for.
    Help,
    /// New permission bits for an entry.
    Chmod(u32, PathArg),
    /// A new time of last modification for an entry.
    Utime(Timestamp, PathArg),
    /// A link to the first name, under the second.
    Symlink(PathArg, PathArg),
    /// How long this session may be idle, in seconds; `None` asks.
    Idle(Option<u64>),
    /// What the account keeps, and what it may.
    Quota,
    /// How fast this session's transfers go, in bytes a second; `None` asks, 0 is no wish.
    Rate(Option<u64>),
    /// Who is on.
    Who,
}

/// Why a line is none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteFault {
    /// There is no such word.
    Unknown,
    /// The word's argument does not have its form.
    Argument,
}

impl SiteArg {
    /// The words and their arguments, as `SITE HELP` shows them.
    pub const FORMS: [&'static str; 8] = [
        "CHMOD <mode> <path>",
        "HELP",
        "IDLE [<seconds>]",
        "QUOTA",
        "RATE [<bytes a second>]",
        "SYMLINK <target> <path>",
        "UTIME <time> <path>",
        "WHO",
    ];

    /// Understands what stands behind `SITE` and a blank.
    pub fn parse(bytes: &[u8]) -> Result<SiteArg, SiteFault> {
        let (word, rest) = split_at_blank(bytes);
        let parsed = match word.to_ascii_uppercase().as_slice() {
            b"HELP" => Some(SiteArg::Help),
            b"CHMOD" => chmod(rest),
            b"UTIME" => utime(rest),
            b"SYMLINK" => symlink(rest),
            b"IDLE" => number_or_none(rest).map(SiteArg::Idle),
            b"QUOTA" => Some(SiteArg::Quota),
            b"RATE" => number_or_none(rest).map(SiteArg::Rate),
            b"WHO" => Some(SiteArg::Who),
            _ => return Err(SiteFault::Unknown),
        };
        parsed.ok_or(SiteFault::Argument)
    }
}

/// Permission bits in octal, with or without leading zeros: `0o777` at most.
pub fn parse_mode(text: &str) -> Option<u32> {
    let octal = (3..=5).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    u32::from_str_radix(text, 8).ok().filter(|mode| octal && *mode <= 0o777)
}

fn chmod(rest: &[u8]) -> Option<SiteArg> {
    let (mode, path) = split_at_blank(rest);
    let mode = parse_mode(std::str::from_utf8(mode).ok()?)?;
    Some(SiteArg::Chmod(mode, PathArg::new(path)?))
}

fn symlink(rest: &[u8]) -> Option<SiteArg> {
    let (target, path) = split_at_blank(rest);
    Some(SiteArg::Symlink(PathArg::new(target)?, PathArg::new(path)?))
}

/// `time path`, or `path atime mtime ctime UTC` as lftp and others have it.
fn utime(rest: &[u8]) -> Option<SiteArg> {
    let words: Vec<&[u8]> = rest.split(|b| *b == b' ').collect();
    if let [.., _, modified, _, zone] = words[..]
        && zone.eq_ignore_ascii_case(b"UTC")
        && let Some(time) = parse_time(modified)
    {
        let path = words[..words.len() - 4].join(&b' ');
        return Some(SiteArg::Utime(time, PathArg::new(path)?));
    }
    let (time, path) = split_at_blank(rest);
    Some(SiteArg::Utime(parse_time(time)?, PathArg::new(path)?))
}

/// `YYYYMMDDhhmm` or `YYYYMMDDhhmmss`, in UTC.
fn parse_time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let form = if text.len() == 12 { "%Y%m%d%H%M" } else { "%Y%m%d%H%M%S" };
    let ok = matches!(text.len(), 12 | 14) && text.bytes().all(|b| b.is_ascii_digit());
    let time = DateTime::strptime(form, text).ok().filter(|_| ok)?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The number that stands there, if one does; the outer `None` for anything else.
fn number_or_none(rest: &[u8]) -> Option<Option<u64>> {
    match rest.trim_ascii() {
        b"" => Some(None),
        text => digits(text).map(Some),
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    let ok = text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| ok)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathArg {
        PathArg::new(name).unwrap()
    }

    #[test]
    fn good_forms_are_understood() {
        let time: Timestamp = "2026-02-03T04:05:06Z".parse().unwrap();
        for (text, meant) in [
            ("help", SiteArg::Help),
            ("chmod 0644 a b", SiteArg::Chmod(0o644, path("a b"))),
            ("CHMOD 755 a", SiteArg::Chmod(0o755, path("a"))),
            ("UTIME 20260203040506 a b", SiteArg::Utime(time, path("a b"))),
            (
                "UTIME a b 20200101000000 20260203040506 20200101000000 UTC",
                SiteArg::Utime(time, path("a b")),
            ),
            ("SYMLINK ../x y z", SiteArg::Symlink(path("../x"), path("y z"))),
            ("IDLE", SiteArg::Idle(None)),
            ("IDLE 60", SiteArg::Idle(Some(60))),
            ("quota", SiteArg::Quota),
            ("rate", SiteArg::Rate(None)),
            ("RATE 0", SiteArg::Rate(Some(0))),
            ("RATE 102400 ", SiteArg::Rate(Some(102_400))),
            ("WHO", SiteArg::Who),
        ] {
            assert_eq!(SiteArg::parse(text.as_bytes()), Ok(meant), "{text}");
        }
    }

    #[test]
    fn bad_forms_are_refused() {
        for (text, fault) in [
            ("", SiteFault::Unknown),
            ("EXEC ls", SiteFault::Unknown),
            ("CHMOD", SiteFault::Argument),
            ("CHMOD 644", SiteFault::Argument),
            ("CHMOD 4755 a", SiteFault::Argument),
            ("CHMOD 888 a", SiteFault::Argument),
            ("CHMOD +644 a", SiteFault::Argument),
            ("CHMOD u+x a", SiteFault::Argument),
            ("UTIME 2026 a", SiteFault::Argument),
            ("UTIME 20261303040506 a", SiteFault::Argument),
            ("SYMLINK a", SiteFault::Argument),
            ("IDLE soon", SiteFault::Argument),
            ("IDLE -1", SiteFault::Argument),
            ("RATE 1M", SiteFault::Argument),
            ("RATE -1", SiteFault::Argument),
            ("RATE 18446744073709551616", SiteFault::Argument),
        ] {
            assert_eq!(SiteArg::parse(text.as_bytes()), Err(fault), "{text}");
        }
    }
}
