//! A path below the root of a tree: the same on a server and on the local disk.

use crate::client::RemotePath;
use std::{
    ffi::OsStr,
    fmt,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A relative path of components with `/` between them; empty for the root. No component is empty,
/// `.` or `..`, and none holds NUL, CR or LF: joined to a directory, it stays inside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// The root.
    pub const fn root() -> TreePath {
        TreePath(Vec::new())
    }

    /// Takes a path apart; `None` when it is not such a path.
    pub fn new(path: &[u8]) -> Option<TreePath> {
        if path.is_empty() {
            return Some(TreePath::root());
        }
        path.split(|byte| *byte == b'/').try_fold(TreePath::root(), |path, name| path.child(name))
    }

    /// The entry `name` of this directory; `None` when that is not one good component.
    pub fn child(&self, name: &[u8]) -> Option<TreePath> {
        let forbidden = |byte: &u8| matches!(byte, b'/' | 0 | b'\r' | b'\n');
        if matches!(name, b"" | b"." | b"..") || name.iter().any(forbidden) {
            return None;
        }
        let mut path = self.0.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Some(TreePath(path))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components; none for the root.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
    }

    /// The last component; `None` for the root.
    pub fn name(&self) -> Option<&[u8]> {
        self.components().last()
    }

    /// The directory that it is in; `None` for the root.
    pub fn parent(&self) -> Option<TreePath> {
        let slash = self.0.iter().rposition(|byte| *byte == b'/');
        (!self.is_root()).then(|| TreePath(self.0[..slash.unwrap_or(0)].to_vec()))
    }

    /// Where it is when the root is this directory of a server. The root itself is `root` as it is.
    pub fn below(&self, root: &RemotePath) -> RemotePath {
        match self.is_root() {
            true => root.clone(),
            false => root.child(&self.0).expect("no byte of it can end a command"),
        }
    }

    /// Where it is when the root is this local directory.
    pub fn below_local(&self, root: &Path) -> PathBuf {
        match self.is_root() {
            true => root.to_owned(),
            false => root.join(OsStr::from_bytes(&self.0)),
        }
    }
}

/// By components, as a walk meets them: `a/b` is before `a-b`.
impl Ord for TreePath {
    fn cmp(&self, other: &TreePath) -> std::cmp::Ordering {
        self.components().cmp(other.components())
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &TreePath) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for TreePath {
    /// For people: control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.below(&RemotePath::default()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn no_path_leads_out() {
        for bad in
            ["/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\nb", "a\0", "\r"]
        {
            assert_eq!(TreePath::new(bad.as_bytes()), None, "{bad:?}");
        }
        for bad in ["", ".", "..", "a/b", "/", "\n"] {
            assert_eq!(path("x").child(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_path_is_joined_and_taken_apart() {
        let deep = path("a/b c/..d");
        assert_eq!(deep.components().collect::<Vec<_>>(), [&b"a"[..], b"b c", b"..d"]);
        assert_eq!((deep.name(), deep.parent()), (Some(&b"..d"[..]), Some(path("a/b c"))));
        assert_eq!((path("").name(), path("").parent()), (None, None));
        assert_eq!(path("a").parent(), Some(TreePath::root()));
        assert_eq!(path("a").child(b"b"), Some(path("a/b")));
        for (root, joined, bare) in
            [("", "a", ""), ("/", "/a", "/"), ("x", "x/a", "x"), ("x/", "x/a", "x/")]
        {
            let root = RemotePath::new(root).unwrap();
            assert_eq!(path("a").below(&root).as_bytes(), joined.as_bytes());
            assert_eq!(TreePath::root().below(&root).as_bytes(), bare.as_bytes());
        }
        assert_eq!(path("a/b").below_local(Path::new("/x")), Path::new("/x/a/b"));
        assert_eq!(TreePath::root().below_local(Path::new("x")), Path::new("x"));
    }

    #[test]
    fn paths_are_in_the_order_of_a_walk() {
        let sorted = ["", "a", "a/b", "a/b/c", "a-b", "a.b", "b"].map(path);
        assert!(sorted.is_sorted() && !sorted.iter().rev().is_sorted());
    }

    proptest! {
        #[test]
        fn every_path_is_read_from_its_bytes(parts in prop::collection::vec(prop::collection::vec(14..=0xff_u8, 1..9), 0..6)) {
            let mut path = TreePath::root();
            for part in &parts {
                let Some(child) = path.child(part) else { continue };
                prop_assert_eq!(child.parent(), Some(path));
                prop_assert_eq!(child.name(), Some(&part[..]));
                path = child;
            }
            prop_assert_eq!(TreePath::new(path.as_bytes()), Some(path.clone()));
            prop_assert!(path.below_local(Path::new("/x")).starts_with("/x"));
        }
    }
}
