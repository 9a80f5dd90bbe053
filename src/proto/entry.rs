//! One listed item, and the two lines that show it: MLSx facts (RFC 3659 §7) and `ls -l`.
//!
//! A name's bytes pass through unchanged unless they could end the line: then they are escaped,
//! so that no name can forge a second entry.

use crate::proto::stamp;
use jiff::{Timestamp, tz::TimeZone};

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file: the only kind that can be sent or received.
    File,
    /// A directory.
    Directory,
    /// A device, a socket, a FIFO, or a link that leads nowhere.
    Other,
}

/// What an account may do with what it sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Look and download.
    ReadOnly,
    /// Change things as well.
    #[default]
    ReadWrite,
}

/// One item of a directory, with links already followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name without its directory; empty for the root of a tree.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Size in bytes.
    pub size: u64,
    /// Time of last modification.
    pub modified: Timestamp,
    /// Permission bits, `0o777` at most.
    pub mode: u32,
    /// Numeric owner.
    pub owner: u32,
    /// Numeric group.
    pub group: u32,
    /// Number of hard links.
    pub links: u64,
    /// What tells this object from every other of the tree: device and inode.
    pub unique: (u64, u64),
}

/// A change of what is recorded of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The time of last modification.
    Modified(Timestamp),
    /// The permission bits, of `0o777` at most.
    Mode(u32),
}

impl Entry {
    /// The wanted facts of `MLSD` and `MLST`, each ending in `;` (RFC 3659 §7.2).
    pub fn facts(&self, wanted: Facts, access: Access) -> String {
        let mut facts = String::new();
        for name in wanted.names() {
            let value = match name {
                "type" => self.type_fact().to_owned(),
                "size" if self.kind == Kind::File => self.size.to_string(),
                "modify" => stamp::print(self.modified),
                "perm" => self.perm(access).to_owned(),
                "unique" => format!("{:x}g{:x}", self.unique.0, self.unique.1),
                "unix.mode" => format!("0{:03o}", self.mode),
                "unix.owner" => self.owner.to_string(),
                "unix.group" => self.group.to_string(),
                _ => continue,
            };
            facts.push_str(&format!("{name}={value};"));
        }
        facts
    }

    /// The line of `MLSD`: facts, one blank, the name, CRLF.
    pub fn mlsd_line(&self, wanted: Facts, access: Access, into: &mut Vec<u8>) {
        into.extend_from_slice(self.facts(wanted, access).as_bytes());
        into.push(b' ');
        push_name(&self.name, into);
        into.extend_from_slice(b"\r\n");
    }

    /// The line of `LIST`, as `ls -l` prints it in the C locale, times in `zone`. Times within
    /// half a year before `now` show the hour, all others the year.
    pub fn list_line(&self, now: Timestamp, zone: &TimeZone, into: &mut Vec<u8>) {
        let local = self.modified.to_zoned(zone.clone());
        let age = now.duration_since(self.modified).as_secs();
        let form = if (0..HALF_A_YEAR_S).contains(&age) { "%b %e %H:%M" } else { "%b %e  %Y" };
        let line = format!(
            "{}{} {:>3} {:<8} {:<8} {:>12} {} ",
            match self.kind {
                Kind::File => '-',
                Kind::Directory => 'd',
                Kind::Other => 's',
            },
            permission_letters(self.mode),
            self.links,
            self.owner,
            self.group,
            self.size,
            local.strftime(form),
        );
        into.extend_from_slice(line.as_bytes());
        push_name(&self.name, into);
        into.extend_from_slice(b"\r\n");
    }

    /// The line of `NLST`: the name alone.
    pub fn nlst_line(&self, prefix: &[u8], into: &mut Vec<u8>) {
        push_name(prefix, into);
        push_name(&self.name, into);
        into.extend_from_slice(b"\r\n");
    }

    fn type_fact(&self) -> &'static str {
        match self.kind {
            Kind::File => "file",
            Kind::Directory => "dir",
            Kind::Other => "OS.unix=special",
        }
    }

    /// The `perm` fact (RFC 3659 §7.5.5) for an account that has `access`.
    fn perm(&self, access: Access) -> &'static str {
        let readable = self.mode & 0o444 != 0;
        let writable = self.mode & 0o222 != 0 && access == Access::ReadWrite;
        match (self.kind, readable, writable) {
            (Kind::File, true, true) => "adfrw",
            (Kind::File, true, false) => "r",
            (Kind::File, false, true) => "adfw",
            (Kind::Directory, true, true) => "cdeflmp",
            (Kind::Directory, true, false) => "el",
            (Kind::Directory, false, true) => "cdefmp",
            _ => "",
        }
    }
}

/// Which facts a client wants to see, of those we know (RFC 3659 §7.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts(u8);

const FACTS: [&str; 8] =
    ["type", "size", "modify", "perm", "unique", "unix.mode", "unix.owner", "unix.group"];

impl Facts {
    /// All of them.
    pub const ALL: Facts = Facts(u8::MAX);

    /// Those named in `list`, `;` between them; others are passed over, as RFC 3659 §7.9 says.
    pub fn named(list: &str) -> Facts {
        let is_named = |fact: &str| list.split(';').any(|name| name.eq_ignore_ascii_case(fact));
        let bits = FACTS.iter().enumerate().filter(|(_, fact)| is_named(fact));
        Facts(bits.fold(0, |set, (bit, _)| set | 1 << bit))
    }

    /// The names wanted, in our order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        FACTS.into_iter().enumerate().filter(move |(bit, _)| self.0 >> bit & 1 == 1).map(|(_, n)| n)
    }

    /// What `FEAT` shows: every fact, with `*` behind those wanted.
    pub fn feature(self) -> String {
        let mut line = String::new();
        for (bit, fact) in FACTS.iter().enumerate() {
            let mark = if self.0 >> bit & 1 == 1 { "*" } else { "" };
            line.push_str(&format!("{fact}{mark};"));
        }
        line
    }
}

/// `ls` shows the hour for times younger than half a Gregorian year.
const HALF_A_YEAR_S: i64 = 31_556_952 / 2;

/// Adds a name, with the bytes that could end a line replaced by `?`, as `ls -q` does.
fn push_name(name: &[u8], into: &mut Vec<u8>) {
    into.extend(name.iter().map(|b| if b.is_ascii_control() { b'?' } else { *b }));
}

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

    fn entry(kind: Kind, mode: u32) -> Entry {
        Entry {
            name: b"a b".to_vec(),
            kind,
            size: 1234,
            modified: "2026-02-03T04:05:06.789Z".parse().unwrap(),
            mode,
            owner: 1000,
            group: 100,
            links: 1,
            unique: (0x801, 0x2a),
        }
    }

    fn text(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn mlsd_shows_facts_and_name() {
        let mut line = Vec::new();
        entry(Kind::File, 0o640).mlsd_line(Facts::ALL, Access::ReadWrite, &mut line);
        assert_eq!(
            text(line),
            "type=file;size=1234;modify=20260203040506.789;perm=adfrw;unique=801g2a;\
             unix.mode=0640;unix.owner=1000;unix.group=100; a b\r\n"
        );
        let mut line = Vec::new();
        entry(Kind::Directory, 0o755).mlsd_line(Facts::ALL, Access::ReadOnly, &mut line);
        assert_eq!(
            text(line),
            "type=dir;modify=20260203040506.789;perm=el;unique=801g2a;\
             unix.mode=0755;unix.owner=1000;unix.group=100; a b\r\n"
        );
    }

    #[test]
    fn a_client_chooses_facts() {
        let some = Facts::named("Size;type;colour;");
        assert_eq!(entry(Kind::File, 0o644).facts(some, Access::ReadOnly), "type=file;size=1234;");
        assert_eq!(
            some.feature(),
            "type*;size*;modify;perm;unique;unix.mode;unix.owner;unix.group;"
        );
        assert_eq!(entry(Kind::File, 0o644).facts(Facts::named(""), Access::ReadOnly), "");
    }

    #[test]
    fn list_shows_the_hour_of_young_files_and_the_year_of_others() {
        for (now, date) in [
            ("2026-03-01T00:00:00Z", "Feb  3 04:05"),
            ("2027-03-01T00:00:00Z", "Feb  3  2026"),
            ("2026-01-01T00:00:00Z", "Feb  3  2026"),
        ] {
            let mut line = Vec::new();
            entry(Kind::File, 0o644).list_line(now.parse().unwrap(), &TimeZone::UTC, &mut line);
            assert_eq!(
                text(line),
                format!("-rw-r--r--   1 1000     100              1234 {date} a b\r\n")
            );
        }
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        let mut forger = entry(Kind::File, 0o644);
        forger.name = b"a\r\ntype=dir; b\x1b[2J".to_vec();
        let mut line = Vec::new();
        forger.mlsd_line(Facts::ALL, Access::ReadWrite, &mut line);
        assert!(text(line).ends_with(" a??type=dir; b?[2J\r\n"));
        let mut line = Vec::new();
        forger.nlst_line(b"d\n/", &mut line);
        assert_eq!(text(line), "d?/a??type=dir; b?[2J\r\n");
    }
}
