//! The facts of `MLSD` and `MLST` (RFC 3659 §7): which a client wants, and the line that shows
//! them.

use crate::proto::{Access, Entry, Kind, Link, Permits, entry::push_name, stamp};

/// Which facts a client wants to see, of those we know (RFC 3659 §7.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts(u16);

const FACTS: [&str; 9] =
    ["type", "size", "modify", "create", "perm", "unique", "unix.mode", "unix.owner", "unix.group"];

impl Facts {
    /// All of them.
    pub const ALL: Facts = Facts(u16::MAX);

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

impl Entry {
    /// The wanted facts, each ending in `;` (RFC 3659 §7.2). One that is not known is left out.
    pub fn facts(&self, wanted: Facts, access: Access) -> String {
        let mut facts = String::new();
        for name in wanted.names() {
            let value = match (name, self.created) {
                ("type", _) => self.type_fact().to_owned(),
                ("size", _) if self.kind == Kind::File => self.size.to_string(),
                ("modify", _) => stamp::print(self.modified),
                ("create", Some(time)) => stamp::print(time),
                ("perm", _) => self.perm(access),
                ("unique", _) => format!("{:x}g{:x}", self.unique.0, self.unique.1),
                ("unix.mode", _) => format!("0{:03o}", self.mode),
                ("unix.owner", _) => self.owner.to_string(),
                ("unix.group", _) => self.group.to_string(),
                _ => continue,
            };
            facts.push_str(name);
            facts.push('=');
            facts.push_str(&value);
            facts.push(';');
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

    fn type_fact(&self) -> &'static str {
        match (self.kind, self.link) {
            (_, Link::Dangling) => "OS.unix=symlink",
            (Kind::File, _) => "file",
            (Kind::Directory, _) => "dir",
            (Kind::Other, _) => "OS.unix=special",
        }
    }

    /// The `perm` fact (RFC 3659 §7.5.5): what an account with `access` may do, as far as the
    /// storage tells. `d` of a directory does not mean that it is empty.
    fn perm(&self, access: Access) -> String {
        let letters: &[(char, Permits)] = match self.kind {
            Kind::File => &FILE_PERMITS,
            Kind::Directory => &DIRECTORY_PERMITS,
            Kind::Other => &OTHER_PERMITS,
        };
        let looks = |letter: char| matches!(letter, 'e' | 'l' | 'r');
        letters
            .iter()
            .filter(|(letter, _)| access == Access::ReadWrite || looks(*letter))
            .filter(|(_, needed)| self.permits.has(*needed))
            .map(|(letter, _)| *letter)
            .collect()
    }
}

/// The letters of `perm`, and what each takes: `APPE`, `DELE`, `RNFR`, `RETR`, `STOR`.
const FILE_PERMITS: [(char, Permits); 5] = [
    ('a', Permits::WRITE),
    ('d', Permits::MOVE),
    ('f', Permits::MOVE),
    ('r', Permits::READ),
    ('w', Permits::REPLACE),
];

/// `STOR` in it, `RMD`, `CWD`, `RNFR`, `LIST`, `MKD` in it, `DELE` in it. Our listings ask about
/// every name, so that they take the permission to enter as well.
const DIRECTORY_PERMITS: [(char, Permits); 7] = [
    ('c', WRITE_INSIDE),
    ('d', Permits::MOVE),
    ('e', Permits::SEARCH),
    ('f', Permits::MOVE),
    ('l', Permits::READ.and(Permits::SEARCH)),
    ('m', WRITE_INSIDE),
    ('p', WRITE_INSIDE),
];

const OTHER_PERMITS: [(char, Permits); 2] = [('d', Permits::MOVE), ('f', Permits::MOVE)];

const WRITE_INSIDE: Permits = Permits::WRITE.and(Permits::SEARCH);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::entry::sample;

    fn text(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn mlsd_shows_facts_and_name() {
        let mut line = Vec::new();
        let mut file = sample(Kind::File, 0o640);
        file.created = Some("2025-01-02T03:04:05Z".parse().unwrap());
        file.mlsd_line(Facts::ALL, Access::ReadWrite, &mut line);
        assert_eq!(
            text(line),
            "type=file;size=1234;modify=20260203040506.789;create=20250102030405;perm=adfrw;\
             unique=801g2a;unix.mode=0640;unix.owner=1000;unix.group=100; a b\r\n"
        );
        let mut line = Vec::new();
        sample(Kind::Directory, 0o755).mlsd_line(Facts::ALL, Access::ReadOnly, &mut line);
        assert_eq!(
            text(line),
            "type=dir;modify=20260203040506.789;perm=el;unique=801g2a;\
             unix.mode=0755;unix.owner=1000;unix.group=100; a b\r\n"
        );
    }

    #[test]
    fn perm_tells_what_storage_and_account_allow() {
        use Access::{ReadOnly, ReadWrite};
        let in_place = Permits::READ.and(Permits::WRITE);
        let enter = Permits::SEARCH;
        for (kind, permits, access, perm) in [
            (Kind::File, Permits::ALL, ReadWrite, "adfrw"),
            (Kind::File, Permits::ALL, ReadOnly, "r"),
            (Kind::File, Permits::READ, ReadWrite, "r"),
            (Kind::File, in_place, ReadWrite, "ar"),
            (Kind::File, Permits::MOVE, ReadWrite, "df"),
            (Kind::File, Permits::NONE, ReadWrite, ""),
            (Kind::Directory, Permits::ALL, ReadWrite, "cdeflmp"),
            (Kind::Directory, Permits::ALL, ReadOnly, "el"),
            (Kind::Directory, enter, ReadWrite, "e"),
            (Kind::Directory, Permits::READ, ReadWrite, ""),
            (Kind::Directory, enter.and(Permits::WRITE), ReadWrite, "cemp"),
            (Kind::Directory, Permits::ALL.without(Permits::MOVE), ReadWrite, "celmp"),
            (Kind::Other, Permits::ALL, ReadWrite, "df"),
            (Kind::Other, Permits::ALL, ReadOnly, ""),
        ] {
            let entry = Entry { permits, ..sample(kind, 0o777) };
            let wanted = Facts::named("perm");
            assert_eq!(
                entry.facts(wanted, access),
                format!("perm={perm};"),
                "{kind:?} {permits:?}"
            );
        }
    }

    #[test]
    fn a_client_chooses_facts() {
        let some = Facts::named("Size;type;colour;");
        let file = sample(Kind::File, 0o644);
        assert_eq!(file.facts(some, Access::ReadOnly), "type=file;size=1234;");
        assert_eq!(
            some.feature(),
            "type*;size*;modify;create;perm;unique;unix.mode;unix.owner;unix.group;"
        );
        assert_eq!(file.facts(Facts::named(""), Access::ReadOnly), "");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_a_link() {
        let link = Entry { link: Link::Dangling, ..sample(Kind::Other, 0o777) };
        assert_eq!(link.facts(Facts::named("type"), Access::ReadOnly), "type=OS.unix=symlink;");
        let link = Entry { link: Link::Followed, ..sample(Kind::Directory, 0o777) };
        assert_eq!(link.facts(Facts::named("type"), Access::ReadOnly), "type=dir;");
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        let mut forger = sample(Kind::File, 0o644);
        forger.name = b"a\r\ntype=dir; b\x1b[2J".to_vec();
        let mut line = Vec::new();
        forger.mlsd_line(Facts::ALL, Access::ReadWrite, &mut line);
        assert!(text(line).ends_with(" a??type=dir; b?[2J\r\n"));
    }
}
