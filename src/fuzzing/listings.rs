//! Listings: what other servers' lines are read as, and what our own can be read as.

use super::{first_line, without_line_ends};
use crate::{
    client::Lines,
    proto::{
        Access, Entry, FactLine, Facts, Kind, Link, Listed, ListedKind, LongForm, Marks, Permits,
        header_line, stamp,
    },
};
use jiff::{Timestamp, tz::TimeZone};

/// A listing is cut into the same lines in whatever blocks it comes; a line is read as an item whose
/// name stands in it, or as none; and an entry with any name and time is printed as one line, from
/// which a clean name is read back.
pub fn listing(data: &[u8]) {
    let lines = cut(data, data.len().max(1));
    assert_eq!(cut(data, 1), lines);
    assert_eq!(cut(data, 3), lines);
    let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    for line in &lines {
        let read = [FactLine::parse(line).map(|line| line.item), Listed::parse_long(line, now)];
        read.iter().flatten().for_each(|item| is_in(item, line));
        printed(line, now);
    }
}

fn cut(listing: &[u8], block: usize) -> Vec<Vec<u8>> {
    let mut seen = Vec::new();
    let mut each = |line: &[u8]| {
        seen.push(line.to_vec());
        Ok(())
    };
    let mut lines = Lines::new();
    for block in listing.chunks(block) {
        if lines.take(block, &mut each).is_err() {
            return seen; // a line that is too long
        }
    }
    lines.finish(&mut each).unwrap();
    seen
}

fn is_in(item: &Listed, line: &[u8]) {
    assert!(!item.name.is_empty());
    assert!(line.windows(item.name.len()).any(|part| part == item.name));
    assert!(item.mode.is_none_or(|mode| mode <= 0o7777));
    if item.is_inside() {
        assert!(!item.name.contains(&b'/') && item.name != b"." && item.name != b"..");
    }
}

/// An entry made of bytes: nine for its time and kind, all for its name.
fn entry(data: &[u8]) -> Entry {
    let byte = |at: usize| data.get(at).copied().unwrap_or_default();
    let seconds = i64::from_le_bytes(std::array::from_fn(byte)) >> (byte(8) % 64);
    let range = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    let seconds = seconds.clamp(*range.start(), *range.end());
    let modified = Timestamp::new(seconds, i32::from(byte(9)) * 1_000_000).unwrap_or_default();
    let (kind, link) = match byte(8) % 3 {
        0 => (Kind::File, Link::No),
        1 => (Kind::Directory, Link::Followed),
        _ => (Kind::Other, Link::Dangling),
    };
    Entry {
        name: without_line_ends(data),
        kind,
        link,
        size: seconds.unsigned_abs(),
        modified,
        created: Some(modified),
        mode: u32::from(byte(10)),
        owner: u32::from(byte(11)),
        group: u32::MAX,
        links: u64::from(byte(12)),
        unique: (seconds.unsigned_abs(), 0),
        permits: Permits::ALL,
    }
}

fn printed(data: &[u8], now: Timestamp) {
    let entry = entry(data);
    let names = Some([first_line(data).0, data].map(String::from_utf8_lossy));
    let names = names.as_ref().map(|names| names.each_ref().map(|name| name.as_ref()));
    let long = LongForm::new(now, TimeZone::UTC, names);
    let mut lines = vec![Vec::new(); 4];
    entry.mlsd_line(Facts::ALL, Access::ReadWrite, &mut lines[0]);
    entry.long_line(&long, Marks::None, &mut lines[1]);
    entry.name_line(b"", Marks::Kinds, &mut lines[2]);
    header_line(&entry.name, &mut lines[3]);
    for line in &lines {
        let text = line.strip_suffix(b"\r\n").unwrap();
        assert!(!text.iter().any(u8::is_ascii_control), "{}", text.escape_ascii());
    }
    if entry.name.is_empty() {
        return;
    }
    let read = FactLine::parse(lines[0].strip_suffix(b"\r\n").unwrap()).unwrap().item;
    let moment = read.modified.map(|moment| moment.time);
    let first = stamp::FIRST.to_zoned(TimeZone::UTC).unwrap().timestamp();
    assert_eq!(moment, Some(entry.modified.max(first)), "{}", lines[0].escape_ascii());
    assert_eq!(read.size, (entry.kind == Kind::File).then_some(entry.size));
    assert_eq!(read.mode, Some(entry.mode));
    let is_clean = lines[0].ends_with(&[b" ", &entry.name[..], b"\r\n"].concat());
    if is_clean {
        assert_eq!(read.name, entry.name);
    }
    // A listing of `ls` cannot say that a name begins with a blank, nor that it is a link.
    let listed = Listed::parse_long(lines[1].strip_suffix(b"\r\n").unwrap(), now).unwrap();
    let kind = match entry.kind {
        Kind::File => ListedKind::File,
        Kind::Directory => ListedKind::Directory,
        Kind::Other => ListedKind::Other,
    };
    assert_eq!((listed.kind, listed.mode), (kind, Some(entry.mode)));
    if is_clean {
        assert_eq!(listed.name, entry.name, "{}", lines[1].escape_ascii());
    }
}
