//! The lines of `LIST` and `NLST`, in the one form that every client's parser knows: `ls -l` in
//! the C locale, whatever the locale here is.

use crate::proto::{Entry, Kind, Marks, entry::push_name, stamp};
use jiff::{Timestamp, tz::TimeZone};

/// What all long lines of a listing have in common.
#[derive(Clone, Debug)]
pub struct LongForm {
    /// The moment that tells young files from old ones.
    pub now: Timestamp,
    /// Where the times are local.
    pub zone: TimeZone,
    /// Shown instead of every entry's owner and group; their numbers if `None`.
    pub names: Option<[String; 2]>,
}

impl LongForm {
    /// With the words for owner and group made safe: one word each, for parsers count words.
    pub fn new(now: Timestamp, zone: TimeZone, names: Option<[&str; 2]>) -> LongForm {
        let word = |name: &str| -> String {
            let graphic = |c: char| if c.is_whitespace() || c.is_control() { '_' } else { c };
            name.chars().map(graphic).collect()
        };
        LongForm { now, zone, names: names.map(|names| names.map(word)) }
    }
}

impl Entry {
    /// The line of `ls -l`, times in the form's zone. Times within half a year before its moment
    /// show the hour, all others the year.
    pub fn long_line(&self, form: &LongForm, marks: Marks, into: &mut Vec<u8>) {
        let local = self.modified.to_zoned(form.zone.clone()).datetime().max(stamp::FIRST);
        let age = form.now.duration_since(self.modified).as_secs();
        let date = if (0..HALF_A_YEAR_S).contains(&age) { "%b %e %H:%M" } else { "%b %e  %Y" };
        let (owner, group) = match &form.names {
            Some([owner, group]) => (owner.clone(), group.clone()),
            None => (self.owner.to_string(), self.group.to_string()),
        };
        let line = format!(
            "{}{} {:>3} {owner:<8} {group:<8} {:>12} {} ",
            // A letter `l` would promise ` -> ` behind the name: there are clients that refuse a
            // listing without.
            match self.kind {
                Kind::File => '-',
                Kind::Directory => 'd',
                Kind::Other => 's',
            },
            permission_letters(self.mode),
            self.links,
            self.size,
            local.strftime(date),
        );
        into.extend_from_slice(line.as_bytes());
        self.name_line(b"", marks, into);
    }

    /// The line of `NLST`: the name alone, behind the directory that the client gave.
    pub fn name_line(&self, prefix: &[u8], marks: Marks, into: &mut Vec<u8>) {
        push_name(prefix, into);
        push_name(&self.name, into);
        into.extend(marks.of(self));
        into.extend_from_slice(b"\r\n");
    }
}

/// The line before the entries of one directory of `ls -R`.
pub fn header_line(directory: &[u8], into: &mut Vec<u8>) {
    push_name(directory, into);
    into.extend_from_slice(b":\r\n");
}

/// `ls` shows the hour for times younger than half a Gregorian year.
const HALF_A_YEAR_S: i64 = 31_556_952 / 2;

fn permission_letters(mode: u32) -> String {
    (0..9)
        .rev()
        .zip("rwxrwxrwx".chars())
        .map(|(bit, c)| if mode >> bit & 1 == 1 { c } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::entry::sample;

    fn form(now: &str, names: Option<[&str; 2]>) -> LongForm {
        LongForm::new(now.parse().unwrap(), TimeZone::UTC, names)
    }

    fn long(entry: &Entry, form: &LongForm) -> String {
        let mut line = Vec::new();
        entry.long_line(form, Marks::Kinds, &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_long_line_shows_the_hour_of_young_files_and_the_year_of_others() {
        for (now, date) in [
            ("2026-03-01T00:00:00Z", "Feb  3 04:05"),
            ("2026-08-04T18:59:42Z", "Feb  3 04:05"),
            ("2026-08-04T18:59:43Z", "Feb  3  2026"),
            ("2027-03-01T00:00:00Z", "Feb  3  2026"),
            ("2026-01-01T00:00:00Z", "Feb  3  2026"),
        ] {
            assert_eq!(
                long(&sample(Kind::File, 0o644), &form(now, None)),
                format!("-rw-r--r--   1 1000     100              1234 {date} a b\r\n"),
                "{now}"
            );
        }
    }

    #[test]
    fn a_year_has_four_digits() {
        let caesar = Entry {
            modified: "-000044-03-15T12:00:00Z".parse().unwrap(),
            ..sample(Kind::File, 0o644)
        };
        let line = long(&caesar, &form("2026-03-01T00:00:00Z", None));
        assert!(line.contains(" Jan  1  0000 a b"), "{line}");
    }

    #[test]
    fn owners_are_words() {
        let form = form("2026-03-01T00:00:00Z", Some(["ann of\t\nhere", "ftp"]));
        assert_eq!(
            long(&sample(Kind::Directory, 0o751), &form),
            "drwxr-x--x   1 ann_of__here ftp              1234 Feb  3 04:05 a b/\r\n"
        );
    }

    #[test]
    fn times_are_local() {
        let zone = TimeZone::posix("IST-5:30").unwrap();
        let form = LongForm::new("2026-03-01T00:00:00Z".parse().unwrap(), zone, None);
        assert!(long(&sample(Kind::File, 0o644), &form).contains(" Feb  3 09:35 a b"));
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        let mut forger = sample(Kind::File, 0o644);
        forger.name = b"a\r\n-rw-r--r-- b\x1b[2J".to_vec();
        let mut line = Vec::new();
        forger.name_line(b"d\n/", Marks::None, &mut line);
        header_line(b"d\r\ne", &mut line);
        assert_eq!(line, b"d?/a??-rw-r--r-- b?[2J\r\nd??e:\r\n");
        let shown = long(&forger, &form("2026-03-01T00:00:00Z", None));
        assert!(shown.ends_with(" a??-rw-r--r-- b?[2J\r\n") && shown.matches('\n').count() == 1);
    }
}
