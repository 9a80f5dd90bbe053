//! Names as clients write them, and the absolute paths they mean.
//!
//! Both are bytes: a name that is not UTF-8 travels unchanged (RFC 2640 asks for UTF-8, old
//! clients do not listen). `.` and `..` are resolved here, by name alone, so that what `PWD` says
//! and what storage opens never differ. Nothing here knows the host's file system.

use std::fmt;

/// A path as the client wrote it: not empty, without NUL, CR or LF.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PathArg(Vec<u8>);

impl PathArg {
    /// Takes the bytes of a command's argument; `None` when they cannot be a path.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<PathArg> {
        let bytes = bytes.into();
        let ok = !bytes.is_empty() && !bytes.iter().any(|b| matches!(b, 0 | b'\r' | b'\n'));
        ok.then_some(PathArg(bytes))
    }

    /// The bytes as they came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PathArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PathArg({})", self.0.escape_ascii())
    }
}

/// An absolute, normalised path in the tree an account sees: `/` or `/a/b`, never `..`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VirtualPath(Vec<u8>);

impl VirtualPath {
    /// The top of the tree.
    pub fn root() -> VirtualPath {
        VirtualPath(b"/".to_vec())
    }

    /// What `name` means when this directory is the current one. `..` at the top stays there.
    pub fn join(&self, name: &PathArg) -> VirtualPath {
        let bytes = name.as_bytes();
        let mut parts: Vec<&[u8]> =
            if bytes.starts_with(b"/") { Vec::new() } else { self.components().collect() };
        for part in bytes.split(|b| *b == b'/') {
            match part {
                b"" | b"." => {}
                b".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let mut joined = Vec::with_capacity(bytes.len() + self.0.len() + 1);
        for part in &parts {
            joined.push(b'/');
            joined.extend_from_slice(part);
        }
        if parts.is_empty() { VirtualPath::root() } else { VirtualPath(joined) }
    }

    /// This directory's entry called `name`, which is one component.
    pub fn child(&self, name: &[u8]) -> VirtualPath {
        let mut bytes = if self.is_root() { Vec::new() } else { self.0.clone() };
        bytes.push(b'/');
        bytes.extend_from_slice(name);
        VirtualPath(bytes)
    }

    /// The directory that holds this entry; the root is its own parent.
    pub fn parent(&self) -> VirtualPath {
        match self.0.iter().rposition(|b| *b == b'/') {
            Some(cut) if cut > 0 => VirtualPath(self.0[..cut].to_vec()),
            _ => VirtualPath::root(),
        }
    }

    /// The last component; `None` for the root.
    pub fn name(&self) -> Option<&[u8]> {
        let cut = self.0.iter().rposition(|b| *b == b'/')?;
        Some(&self.0[cut + 1..]).filter(|name| !name.is_empty())
    }

    /// The components from the top down; none for the root.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|b| *b == b'/').filter(|part| !part.is_empty())
    }

    /// Whether this is the top of the tree.
    pub fn is_root(&self) -> bool {
        self.0 == b"/"
    }

    /// The path's bytes, beginning with `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a component holds an ASCII control byte: such names are not created.
    pub fn has_control_bytes(&self) -> bool {
        self.0.iter().any(u8::is_ascii_control)
    }
}

impl fmt::Display for VirtualPath {
    /// For logs: bytes outside printable ASCII are escaped, so that a name cannot forge a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtualPath({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn join(cwd: &str, name: &str) -> String {
        let cwd = VirtualPath::root().join(&PathArg::new(cwd).unwrap());
        cwd.join(&PathArg::new(name).unwrap()).to_string()
    }

    #[test]
    fn a_name_is_joined_and_normalised() {
        for (cwd, name, meant) in [
            ("/", "a", "/a"),
            ("/a", "b/c", "/a/b/c"),
            ("/a/b", "..", "/a"),
            ("/a/b", "../../../..", "/"),
            ("/a", "/b//c/./d/", "/b/c/d"),
            ("/a", ".", "/a"),
            ("/a", "..b", "/a/..b"),
            ("/a", "/..", "/"),
            ("/", "a b", "/a b"),
            ("/", "-l", "/-l"),
        ] {
            assert_eq!(join(cwd, name), meant, "{name} in {cwd}");
        }
    }

    #[test]
    fn what_cannot_be_a_path_is_refused() {
        for bad in [&b""[..], b"a\0b", b"a\rb", b"a\nb"] {
            assert!(PathArg::new(bad).is_none(), "{}", bad.escape_ascii());
        }
        assert!(PathArg::new(&b"\xff\xfe"[..]).is_some(), "names are bytes");
    }

    #[test]
    fn parent_and_name_take_a_path_apart() {
        let path = VirtualPath::root().join(&PathArg::new("a/b").unwrap());
        assert_eq!(path.name(), Some(&b"b"[..]));
        assert_eq!(path.parent().to_string(), "/a");
        assert_eq!(path.parent().parent(), VirtualPath::root());
        assert_eq!(VirtualPath::root().name(), None);
        assert_eq!(VirtualPath::root().parent(), VirtualPath::root());
        assert_eq!(path.parent().child(b"b"), path);
        assert_eq!(VirtualPath::root().child(b"a"), path.parent());
    }

    proptest! {
        #[test]
        fn every_path_means_itself_and_stays_in_the_tree(
            cwd in "[a./]{0,20}", name in prop_oneof!["[ab./]{1,40}".prop_map(String::into_bytes), prop::collection::vec(14..=0xff_u8, 1..40)],
        ) {
            let cwd = PathArg::new(cwd).map_or_else(VirtualPath::root, |it| VirtualPath::root().join(&it));
            let path = cwd.join(&PathArg::new(name).unwrap());
            let again = PathArg::new(path.as_bytes()).unwrap();
            prop_assert_eq!(&VirtualPath::root().join(&again), &path);
            prop_assert_eq!(&cwd.join(&again), &path);
            prop_assert!(path.components().all(|part| !matches!(part, b"." | b"..")));
        }
    }
}
