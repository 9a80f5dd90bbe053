//! The lines of `MLSD` and `MLST` as a client reads them (RFC 3659 §7): the reverse of `facts`.

use crate::proto::{
    listed::{Listed, ListedKind, Moment},
    stamp,
};

/// One line of facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactLine {
    /// What the line speaks of.
    pub place: Place,
    /// What it says. `MLST` may put a whole path in place of the name.
    pub item: Listed,
}

/// What a line of facts speaks of (RFC 3659 §7.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Something in the directory, or what `MLST` was asked about.
    Inside,
    /// The directory itself: `cdir`.
    Itself,
    /// A directory above: `pdir`.
    Above,
}

impl FactLine {
    /// Reads a line without its end. `None` when it has no name, or words in place of facts. Facts that are unknown or badly
    /// written are passed over: servers may have some of their own (RFC 3659 §7.6).
    pub fn parse(line: &[u8]) -> Option<FactLine> {
        let blank = line.iter().position(|byte| *byte == b' ')?;
        let (facts, name) = (&line[..blank], &line[blank + 1..]);
        if name.is_empty() || !(facts.is_empty() || facts.contains(&b'=')) {
            return None;
        }
        let kind = ListedKind::Other;
        let item = Listed { name: name.to_vec(), kind, size: None, modified: None, mode: None };
        let mut line = FactLine { place: Place::Inside, item };
        for fact in facts.split(|byte| *byte == b';') {
            let text = std::str::from_utf8(fact).unwrap_or_default();
            if let Some((name, value)) = text.split_once('=') {
                line.add(&name.to_ascii_lowercase(), value);
            }
        }
        Some(line)
    }

    fn add(&mut self, name: &str, value: &str) {
        let item = &mut self.item;
        match name {
            "type" => (self.place, item.kind) = type_fact(value),
            "size" => item.size = value.parse().ok(),
            "modify" => item.modified = stamp::parse(value).map(Moment::exact),
            "unix.mode" => {
                item.mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777)
            }
            _ => {}
        }
    }
}

/// Links have no type of their own in the RFC: proftpd says `OS.unix=symlink`, others
/// `OS.unix=slink:/where/to`.
fn type_fact(value: &str) -> (Place, ListedKind) {
    let value = value.to_ascii_lowercase();
    match value.as_str() {
        "file" => (Place::Inside, ListedKind::File),
        "dir" => (Place::Inside, ListedKind::Directory),
        "cdir" => (Place::Itself, ListedKind::Directory),
        "pdir" => (Place::Above, ListedKind::Directory),
        "os.unix=symlink" => (Place::Inside, ListedKind::Link),
        value if value.starts_with("os.unix=slink") => (Place::Inside, ListedKind::Link),
        _ => (Place::Inside, ListedKind::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Access, Entry, Facts, Kind, Link, entry::sample};
    use proptest::prelude::*;

    fn item(line: &[u8]) -> Listed {
        FactLine::parse(line).unwrap().item
    }

    #[test]
    fn lines_of_real_servers_are_read() {
        let moment = |text: &str| Some(Moment::exact(text.parse().unwrap()));
        // proftpd 1.3.8
        let line = b"modify=20260203040506;perm=adfrw;size=1234;type=file;unique=801U2A;\
                     UNIX.group=100;UNIX.groupname=users;UNIX.mode=0640;UNIX.owner=1000; a b";
        let expected = Listed {
            name: b"a b".to_vec(),
            kind: ListedKind::File,
            size: Some(1234),
            modified: moment("2026-02-03T04:05:06Z"),
            mode: Some(0o640),
        };
        assert_eq!(item(line), expected);
        // pure-ftpd 1.0.50
        let line =
            b"type=dir;sizd=4096;modify=20260203040506;UNIX.mode=0755;UNIX.uid=0;unique=1g2;  x";
        let directory = item(line);
        assert_eq!((directory.kind, directory.size), (ListedKind::Directory, None));
        assert_eq!((&directory.name[..], directory.mode), (&b" x"[..], Some(0o755)));
        // FileZilla Server, and IIS with milliseconds
        let line = b"type=file;size=5;modify=20260203040506.789;perms=awrfd; caf\xe9;x=1";
        let file = item(line);
        assert_eq!(file.name, b"caf\xe9;x=1");
        assert_eq!((file.modified, file.mode), (moment("2026-02-03T04:05:06.789Z"), None));
    }

    #[test]
    fn what_a_line_speaks_of_is_told_by_its_type() {
        use ListedKind::{Directory, File, Link, Other};
        for (fact, place, kind) in [
            ("type=file;", Place::Inside, File),
            ("Type=DIR;", Place::Inside, Directory),
            ("type=cdir;", Place::Itself, Directory),
            ("type=pdir;", Place::Above, Directory),
            ("type=OS.unix=slink:/a;", Place::Inside, Link),
            ("type=OS.unix=symlink;", Place::Inside, Link),
            ("type=OS.unix=blkdev;", Place::Inside, Other),
            ("", Place::Inside, Other),
        ] {
            let line = FactLine::parse(format!("{fact} x").as_bytes()).unwrap();
            assert_eq!((line.place, line.item.kind), (place, kind), "{fact}");
        }
    }

    #[test]
    fn bad_facts_are_passed_over_and_a_line_without_a_name_is_none() {
        let bad = item(b"size=-1;modify=yesterday;UNIX.mode=rwx;=;;\xff=1;type=file; x");
        assert_eq!(bad.kind, ListedKind::File);
        assert_eq!((bad.size, bad.modified, bad.mode), (None, None, None));
        assert_eq!(item(b"unix.mode=77777; x").mode, None);
        assert_eq!(item(b"size=99999999999999999999; x").size, None);
        for bad in [&b""[..], b"x", b"type=file;", b" ", b"type=file; ", b"total 8"] {
            assert_eq!(FactLine::parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    /// A name that our own lines show as it is.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        let text = "[ -~\u{a1}-\u{2027}\u{1f600}-\u{1f64f}]{1,40}".prop_map(String::into_bytes);
        prop_oneof![text, prop::collection::vec(0xe0..=0xffu8, 1..9)]
    }

    proptest! {
        #[test]
        fn what_we_print_we_read(
            name in name(), size: u64, mode in 0..=0o777u32,
            millisecond in 0..4_000_000_000_000i64,
            what in prop::sample::select(vec![
                (Kind::File, Link::No, ListedKind::File),
                (Kind::File, Link::Followed, ListedKind::File),
                (Kind::Directory, Link::No, ListedKind::Directory),
                (Kind::Other, Link::Dangling, ListedKind::Link),
                (Kind::Other, Link::No, ListedKind::Other),
            ]),
        ) {
            let (kind, link, shown) = what;
            let modified = jiff::Timestamp::from_millisecond(millisecond).unwrap();
            let entry = Entry { name, link, size, modified, ..sample(kind, mode) };
            let mut line = Vec::new();
            entry.mlsd_line(Facts::ALL, Access::ReadWrite, &mut line);
            let read = FactLine::parse(line.strip_suffix(b"\r\n").unwrap()).unwrap();
            prop_assert_eq!(read.place, Place::Inside);
            prop_assert_eq!(read.item, Listed {
                name: entry.name,
                kind: shown,
                size: (kind == Kind::File).then_some(size),
                modified: Some(Moment::exact(modified)),
                mode: Some(mode),
            });
        }

        #[test]
        fn no_line_is_too_strange(line: Vec<u8>) {
            let _ = FactLine::parse(&line); // it returns
        }
    }
}
