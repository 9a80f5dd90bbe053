//! One listed item: what storage knows of it, whatever line shows it.
//!
//! The lines are made elsewhere: MLSx facts in `facts`, those of `ls` in `ls_line`. Names go into
//! either through [`push_name`], so that no name can forge a second line.

use jiff::Timestamp;

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

/// Whether a name is a symbolic link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// It is not.
    #[default]
    No,
    /// It is, and all else of the entry is of what it leads to.
    Followed,
    /// It is, and leads nowhere or where we may not look: all else is of the link itself.
    Dangling,
}

/// What an account may do with what it sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Look and download.
    ReadOnly,
    /// The same, and put new files into the directory `/incoming`, where nothing can be seen.
    Incoming,
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
    /// Whether a link led to it.
    pub link: Link,
    /// Size in bytes.
    pub size: u64,
    /// Time of last modification.
    pub modified: Timestamp,
    /// Time of creation, where the storage knows it.
    pub created: Option<Timestamp>,
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
    /// What the storage would let us do with it.
    pub permits: Permits,
}

/// What the storage would let this process do with an entry, whatever the account may: a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permits(u8);

impl Permits {
    /// Nothing.
    pub const NONE: Permits = Permits(0);
    /// Read what a file holds, or the names in a directory.
    pub const READ: Permits = Permits(1);
    /// Write into a file where it stands, or make and remove names in a directory.
    pub const WRITE: Permits = Permits(2);
    /// Enter a directory.
    pub const SEARCH: Permits = Permits(4);
    /// Replace a file by a new one.
    pub const REPLACE: Permits = Permits(8);
    /// Take its name away, or give it another.
    pub const MOVE: Permits = Permits(16);
    /// Everything.
    pub const ALL: Permits = Permits(31);

    /// These and `others`.
    #[must_use]
    pub const fn and(self, others: Permits) -> Permits {
        Permits(self.0 | others.0)
    }

    /// These, but for `others`.
    #[must_use]
    pub fn without(self, others: Permits) -> Permits {
        Permits(self.0 & !others.0)
    }

    /// Whether all of `others` are among these.
    pub fn has(self, others: Permits) -> bool {
        self.0 & others.0 == others.0
    }
}

/// A change of what is recorded of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The time of last modification.
    Modified(Timestamp),
    /// The permission bits, of `0o777` at most.
    Mode(u32),
}

/// Adds a name, with every character that could end a line for somebody, or move a terminal's
/// cursor, replaced by `?`, as `ls -q` does. Bytes that are not UTF-8 pass: in the encoding they
/// are of they may be letters.
pub(super) fn push_name(name: &[u8], into: &mut Vec<u8>) {
    if name.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        into.extend_from_slice(name);
        return;
    }
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            let c = if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { '?' } else { c };
            into.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        into.extend_from_slice(chunk.invalid());
    }
}

/// A file and a directory to be shown, for the tests of the lines.
#[cfg(test)]
pub(super) fn sample(kind: Kind, mode: u32) -> Entry {
    Entry {
        name: b"a b".to_vec(),
        kind,
        link: Link::No,
        size: 1234,
        modified: "2026-02-03T04:05:06.789Z".parse().unwrap(),
        created: None,
        mode,
        owner: 1000,
        group: 100,
        links: 1,
        unique: (0x801, 0x2a),
        permits: Permits::ALL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_end_a_line_is_replaced_and_all_else_passes() {
        for (name, shown) in [
            (&b"a b"[..], &b"a b"[..]),
            (b"a\r\nb\0\t\x1b[2J\x7f", b"a??b???[2J?"),
            ("ü 日本".as_bytes(), "ü 日本".as_bytes()),
            ("a\u{85}b\u{2028}c\u{2029}d\u{9b}".as_bytes(), b"a?b?c?d?"),
            (b"\xff caf\xe9 \x83\x65\x83\x58", b"\xff caf\xe9 \x83\x65\x83\x58"),
            (b"\xe9\n", b"\xe9?"),
        ] {
            let mut line = Vec::new();
            push_name(name, &mut line);
            assert_eq!(line, shown, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn permits_are_a_set() {
        let some = Permits::READ.and(Permits::MOVE);
        assert!(some.has(Permits::READ) && some.has(some) && !some.has(Permits::ALL));
        assert!(!some.without(Permits::READ).has(Permits::READ));
        assert!(Permits::ALL.has(some) && Permits::NONE.has(Permits::NONE));
    }

    proptest! {
        #[test]
        fn a_name_is_shown_as_it_is_or_without_what_ends_lines(name: Vec<u8>, text in "\\PC{0,40}") {
            let shown = |name: &[u8]| {
                let mut line = Vec::new();
                push_name(name, &mut line);
                line
            };
            let once = shown(&name);
            prop_assert!(!once.iter().any(u8::is_ascii_control));
            prop_assert_eq!(&shown(&once), &once);
            if !text.contains(['\u{2028}', '\u{2029}']) {
                prop_assert_eq!(shown(text.as_bytes()), text.as_bytes());
            }
        }
    }
}
