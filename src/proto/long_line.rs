//! The lines of `LIST` as a client reads them: those of `ls -l` and of MS-DOS. RFC 959 leaves them to
//! the server, and for a server without `MLSD` they are all there is.

use crate::proto::listed::{Listed, ListedKind, Moment, Precision};
use jiff::{Timestamp, ToSpan, civil::DateTime, tz::TimeZone};

/// Where the month may stand among the words of a line, likely places first: behind mode, links,
/// owner, group and size; without group; without links as well; with words too many.
const DATE_PLACES: [usize; 5] = [5, 4, 3, 6, 7];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// What IIS puts between `<DIR>` and the name.
const DOS_GAP: usize = 10;

impl Listed {
    /// Reads a line of `LIST` without its end; `None` for one that lists nothing, `total 8` say.
    /// `now` tells the year of a time without one.
    pub fn parse_long(line: &[u8], now: Timestamp) -> Option<Listed> {
        match line.first()? {
            b'0'..=b'9' => parse_dos(line),
            _ => parse_unix(line, now),
        }
    }
}

/// A word of a line and where it ends.
struct Word<'a> {
    text: &'a str,
    end: usize,
}

/// The first words of a line: enough for any place of the date. One that is not UTF-8 is empty, as
/// none that is looked at can be.
fn words(line: &[u8]) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    while words.len() < 12 {
        at += line[at..].iter().take_while(|byte| **byte == b' ' || **byte == b'\t').count();
        let end = at + line[at..].iter().take_while(|byte| !matches!(byte, b' ' | b'\t')).count();
        if end == at {
            break;
        }
        words.push(Word { text: std::str::from_utf8(&line[at..end]).unwrap_or_default(), end });
        at = end;
    }
    words
}

/// `-rw-r--r--   1 ann      users       1234 Feb  3 04:05 name`
fn parse_unix(line: &[u8], now: Timestamp) -> Option<Listed> {
    let words = words(line);
    let (kind, mode) = mode_word(words.first()?.text)?;
    let dated = DATE_PLACES.into_iter().find_map(|at| {
        let (modified, end) = date(&words, at, now)?;
        let size = words[at - 1].text.parse().ok()?;
        Some((size, modified, end))
    });
    let (size, modified, end): (u64, _, _) = dated?;
    // One blank: any more belong to the name.
    let mut name = line.get(end + 1..)?;
    if kind == ListedKind::Link {
        let arrow = name.windows(4).position(|four| four == b" -> ");
        name = &name[..arrow.unwrap_or(name.len())];
    }
    let size = (kind == ListedKind::File).then_some(size);
    (!name.is_empty()).then(|| Listed {
        name: name.to_vec(),
        kind,
        size,
        modified: Some(modified),
        mode,
    })
}

/// `drwxr-sr-x+`: kind and permission bits.
fn mode_word(word: &str) -> Option<(ListedKind, Option<u32>)> {
    let kind = match word.bytes().next()? {
        b'-' => ListedKind::File,
        b'd' => ListedKind::Directory,
        b'l' => ListedKind::Link,
        b'b' | b'c' | b'p' | b's' | b'D' => ListedKind::Other,
        _ => return None,
    };
    let letters = word.as_bytes().get(1..10)?;
    let mut mode = 0;
    for (at, letter) in letters.iter().enumerate() {
        // The third letter of three also tells setuid, setgid and sticky.
        let (bit, special) = (1 << (8 - at), if at % 3 == 2 { 0o4000 >> (at / 3) } else { 0 });
        mode |= match letter {
            b'-' => 0,
            b'r' | b'w' | b'x' => bit,
            b's' | b't' if special != 0 => bit | special,
            b'S' | b'T' if special != 0 => special,
            // Some other notation of rights: the line may be good all the same.
            _ => return Some((kind, None)),
        };
    }
    Some((kind, Some(mode)))
}

/// The date that begins with the word at `at`, and where it ends.
fn date(words: &[Word<'_>], at: usize, now: Timestamp) -> Option<(Moment, usize)> {
    let first = words.get(at)?;
    let second = words.get(at + 1)?;
    if let Some((year, month, day)) = iso_date(first.text) {
        let (hour, minute) = clock(second.text)?;
        return Some((moment(year, month, day, Some((hour, minute)))?, second.end));
    }
    let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(first.text))?;
    let month = i8::try_from(month + 1).ok()?;
    let day = number(second.text, 1..=2)?;
    let third = words.get(at + 2)?;
    let moment = match clock(third.text) {
        Some(time) => last_such_day(month, day, time, now)?,
        None => moment(number(third.text, 4..=4)?, month, day, None)?,
    };
    Some((moment, third.end))
}

/// `2026-02-03`
fn iso_date(text: &str) -> Option<(i16, i8, i8)> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let date = (number(year, 4..=4)?, number(month, 2..=2)?, number(day, 2..=2)?);
    parts.next().is_none().then_some(date)
}

/// `04:05`, or `04:05PM`
fn clock(text: &str) -> Option<(i8, i8)> {
    let (hour, minute) = text.split_once(':')?;
    let (minute, half) = minute.split_at_checked(2)?;
    let hour: i8 = number(hour, 1..=2)?;
    let hour = match half.to_ascii_uppercase().as_str() {
        "" => hour,
        "AM" => hour % 12,
        "PM" => hour % 12 + 12,
        _ => return None,
    };
    Some((hour, number(minute, 2..=2)?))
}

/// A number of so many digits.
fn number<N: std::str::FromStr>(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<N> {
    let fits = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn moment(year: i16, month: i8, day: i8, time: Option<(i8, i8)>) -> Option<Moment> {
    let precision = if time.is_some() { Precision::Minute } else { Precision::Day };
    let (hour, minute) = time.unwrap_or((0, 0));
    let time = DateTime::new(year, month, day, hour, minute, 0, 0).ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Moment { time, precision })
}

/// A date without year is of the last twelve months. A day's grace: the server's zone is not ours.
fn last_such_day(month: i8, day: i8, time: (i8, i8), now: Timestamp) -> Option<Moment> {
    let latest = now.checked_add(24.hours()).ok()?;
    let year = latest.to_zoned(TimeZone::UTC).year();
    // A 29 February may lie further back: from 2104 to 2096, at most.
    let mut years = (year - 8..=year).rev().filter_map(|year| moment(year, month, day, Some(time)));
    years.find(|moment| moment.time <= latest)
}

/// `02-03-26  04:05PM       <DIR>          name`
fn parse_dos(line: &[u8]) -> Option<Listed> {
    let words = words(line);
    let [day, time, what, ..] = &words[..] else { return None };
    let (year, month, day) = dos_date(day.text)?;
    let modified = moment(year, month, day, Some(clock(time.text)?))?;
    let rest = &line[what.end..];
    let (kind, size, name) = match what.text {
        "<DIR>" => {
            let gap = rest.iter().take(DOS_GAP).take_while(|byte| **byte == b' ').count();
            (ListedKind::Directory, None, &rest[gap..])
        }
        "<SYMLINK>" | "<SYMLINKD>" | "<JUNCTION>" => {
            let name = rest.trim_ascii_start();
            let target = name.windows(2).position(|two| two == b" [");
            (ListedKind::Link, None, &name[..target.unwrap_or(name.len())])
        }
        size => (ListedKind::File, Some(size.replace(',', "").parse().ok()?), rest.get(1..)?),
    };
    let name = (!name.is_empty()).then(|| name.to_vec())?;
    Some(Listed { name, kind, size, modified: Some(modified), mode: None })
}

/// `02-03-26` or `02-03-2026`: month, day, year.
fn dos_date(text: &str) -> Option<(i16, i8, i8)> {
    let mut parts = text.split(['-', '/']);
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    let (month, day) = (number(month, 2..=2)?, number(day, 2..=2)?);
    let year: i16 = match year.len() {
        2 => number(year, 2..=2)
            .map(|year: i16| if year < 70 { 2000 + year } else { 1900 + year })?,
        _ => number(year, 4..=4)?,
    };
    parts.next().is_none().then_some((year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Entry, Kind, Link, LongForm, Marks, entry::sample};
    use ListedKind::{Directory, File, Link as Symlink, Other};
    use proptest::prelude::*;

    const NOW: &str = "2026-03-01T00:00:00Z";

    fn parse(line: &[u8]) -> Option<Listed> {
        Listed::parse_long(line, NOW.parse().unwrap())
    }

    /// Name, kind, size, time and mode of a line, in short.
    #[track_caller]
    fn reads(line: &str, kind: ListedKind, name: &str, size: u64, time: &str, mode: u32) {
        let listed = parse(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        let expected = Moment {
            time: time.parse().unwrap(),
            precision: if time.contains("T00:00:00") { Precision::Day } else { Precision::Minute },
        };
        assert_eq!((listed.kind, &listed.name[..]), (kind, name.as_bytes()), "{line}");
        assert_eq!(listed.size, (kind == File).then_some(size), "{line}");
        assert_eq!(listed.modified, Some(expected), "{line}");
        assert_eq!(listed.mode, (mode != NO_MODE).then_some(mode), "{line}");
    }

    const NO_MODE: u32 = u32::MAX;

    #[test]
    fn lines_of_ls_are_read() {
        for (line, kind, name, size, time, mode) in [
            // vsftpd, proftpd, pure-ftpd, and our own
            (
                "-rw-r--r--    1 1000     100          1234 Feb 03 04:05 a b",
                File,
                "a b",
                1234,
                "2026-02-03T04:05:00Z",
                0o644,
            ),
            (
                "-rw-r--r--   1 ann      users        1234 Feb  3 04:05 a",
                File,
                "a",
                1234,
                "2026-02-03T04:05:00Z",
                0o644,
            ),
            (
                "drwxr-sr-x    2 0          0                4096 Dec 31  1999 .",
                Directory,
                ".",
                0,
                "1999-12-31T00:00:00Z",
                0o2755,
            ),
            (
                "drwxrwxrwt   9 ftp      ftp          4096 Dec 31 23:59 tmp",
                Directory,
                "tmp",
                0,
                "2025-12-31T23:59:00Z",
                0o1777,
            ),
            // a name with blanks before and behind it, and one that is a date
            (
                "-rw-r--r-- 1 a b 5 Feb  3  2020   x ",
                File,
                "  x ",
                5,
                "2020-02-03T00:00:00Z",
                0o644,
            ),
            (
                "-rw-r--r-- 1 a b 5 Feb  3  2020 7 Mar 1 2021",
                File,
                "7 Mar 1 2021",
                5,
                "2020-02-03T00:00:00Z",
                0o644,
            ),
        ] {
            reads(line, kind, name, size, time, mode);
        }
    }

    #[test]
    fn lines_of_ls_with_other_columns_are_read() {
        for (line, kind, name, size, time, mode) in [
            // no group, neither group nor links, an owner of two words, an owner like a month
            ("-rw-r--r-- 1 ftp 5 Feb  3  2020 x", File, "x", 5, "2020-02-03T00:00:00Z", 0o644),
            ("-rw------- ftp 5 Feb  3  2020 x", File, "x", 5, "2020-02-03T00:00:00Z", 0o600),
            (
                "-rw-r--r-- 1 Domain Users grp 5 Feb  3  2020 x",
                File,
                "x",
                5,
                "2020-02-03T00:00:00Z",
                0o644,
            ),
            ("-rw-r--r-- 1 jan 1 5 Feb  3  2020 x", File, "x", 5, "2020-02-03T00:00:00Z", 0o644),
            // access lists, rights in another notation, ISO dates
            ("-rwsr-xr-T+ 1 0 0 7 Feb  3  2020 x", File, "x", 7, "2020-02-03T00:00:00Z", 0o5754),
            ("-rw-r--r-- 1 0 0 7 2026-02-03 04:05 x", File, "x", 7, "2026-02-03T04:05:00Z", 0o644),
        ] {
            reads(line, kind, name, size, time, mode);
        }
    }

    #[test]
    fn lines_of_ls_about_links_and_devices_are_read() {
        for (line, kind, name, size, time, mode) in [
            // links, with and without what they lead to
            (
                "lrwxrwxrwx 1 0 0 4 Feb  3  2020 l -> a -> b",
                Symlink,
                "l",
                0,
                "2020-02-03T00:00:00Z",
                0o777,
            ),
            ("lrwxrwxrwx 1 0 0 4 Feb  3  2020 l", Symlink, "l", 0, "2020-02-03T00:00:00Z", 0o777),
            // a device, a socket
            (
                "crw-rw-rw- 1 0 0 1, 3 Feb  3  2020 null",
                Other,
                "null",
                0,
                "2020-02-03T00:00:00Z",
                0o666,
            ),
            ("srwxr-xr-x 1 0 0 0 Feb  3  2020 s", Other, "s", 0, "2020-02-03T00:00:00Z", 0o755),
        ] {
            reads(line, kind, name, size, time, mode);
        }
    }

    #[test]
    fn lines_of_ms_dos_are_read() {
        for (line, kind, name, size, time) in [
            (
                "02-03-26  04:05PM                 1234 a b",
                File,
                "a b",
                1234,
                "2026-02-03T16:05:00Z",
            ),
            (
                "02-03-26  12:05AM       <DIR>          d e",
                Directory,
                "d e",
                0,
                "2026-02-03T00:05:00Z",
            ),
            (
                "02-03-1999  12:05PM     <DIR>            x",
                Directory,
                "  x",
                0,
                "1999-02-03T12:05:00Z",
            ),
            ("02/03/99  16:05          1,234 x", File, "x", 1234, "1999-02-03T16:05:00Z"),
            (
                "02-03-26  04:05PM    <JUNCTION>     j [C:\\x]",
                Symlink,
                "j",
                0,
                "2026-02-03T16:05:00Z",
            ),
        ] {
            reads(line, kind, name, size, time, NO_MODE);
        }
    }

    #[test]
    fn a_date_without_year_is_of_the_last_twelve_months() {
        for (now, date, time) in [
            (NOW, "Mar  1 23:59", "2026-03-01T23:59:00Z"), // in a zone east of here
            (NOW, "Mar  2 00:01", "2025-03-02T00:01:00Z"),
            ("2026-12-31T23:00:00Z", "Jan  1 04:00", "2027-01-01T04:00:00Z"),
            (NOW, "Feb 29 04:05", "2024-02-29T04:05:00Z"),
        ] {
            let line = format!("-rw-r--r-- 1 0 0 7 {date} x");
            let listed = Listed::parse_long(line.as_bytes(), now.parse().unwrap()).unwrap();
            assert_eq!(listed.modified.unwrap().time, time.parse().unwrap(), "{date}");
        }
    }

    #[test]
    fn what_lists_nothing_is_none() {
        for line in [
            "",
            " ",
            "total 8",
            "./a:",
            "d [RWCEAFMS] admin 512 Oct 13 2004 netware",
            "-rw-r--r--",
            "-rw-r--r-- 1 0 0 7 Feb  3  2020",
            "-rw-r--r-- 1 0 0 7 Feb  3  2020 ",
            "-rw-r--r-- 1 0 0 x Feb  3  2020 x",
            "-rw-r--r-- 1 0 0 7 Feb 30  2020 x",
            "-rw-r--r-- 1 0 0 7 Feb  3 24:05 x",
            "02-03-26",
            "02-03-26  04:05PM",
            "02-03-26  04:05PM  <DIR>",
            "02-03-26  04:05PM 1234",
            "13-03-26  04:05PM 1 x",
            "1 2 3 4",
            "ls: x: No such file or directory",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
        assert_eq!(parse(b"-rw-r--r-- 1 caf\xe9 0 7 Feb  3  2020 \xff").unwrap().name, b"\xff");
    }

    proptest! {
        #[test]
        fn what_we_print_we_read(
            name in "[!-~\u{a1}-\u{2027}][ -~\u{a1}-\u{2027}]{0,40}", size: u64, mode in 0..=0o777u32,
            second in 0..1_800_000_000i64, directory: bool, owners: bool,
        ) {
            let kind = if directory { Kind::Directory } else { Kind::File };
            let modified = Timestamp::from_second(second).unwrap();
            let name = name.into_bytes();
            let entry = Entry { name, size, modified, link: Link::No, ..sample(kind, mode) };
            let now: Timestamp = NOW.parse().unwrap();
            let names = owners.then_some(["ann", "users"]);
            let mut line = Vec::new();
            entry.long_line(&LongForm::new(now, TimeZone::UTC, names), Marks::None, &mut line);
            let read = parse(line.strip_suffix(b"\r\n").unwrap()).unwrap();
            let shown = if directory { Directory } else { File };
            prop_assert_eq!(read.kind, shown);
            prop_assert_eq!(&read.name, &entry.name);
            prop_assert_eq!(read.size, (!directory).then_some(size));
            prop_assert_eq!(read.mode, Some(mode));
            prop_assert!(read.modified.unwrap().agrees(&Moment::exact(modified)));
        }

        #[test]
        fn no_line_is_too_strange(line: Vec<u8>, tail in "[ -~]{0,60}") {
            let _ = parse(&line); // it returns
            let _ = parse(format!("-rw-r--r-- {tail}").as_bytes());
            let _ = parse(format!("02-03-26 {tail}").as_bytes());
        }
    }
}
