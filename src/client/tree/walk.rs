//! A walk through a tree: depth first, each directory before what is in it, names sorted by their
//! bytes. The same tree gives the same walk at both ends.

use crate::{
    client::{
        ClientError, TreePath,
        tree::{End, Filter},
    },
    proto::{Listed, ListedKind, Moment},
};

/// So deep a walk goes, if not told otherwise. A directory linked into itself has an end here.
pub const DEFAULT_DEPTH: usize = 64;

/// Something in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where, from the root.
    pub path: TreePath,
    /// What it is. A link is not followed, whatever it leads to.
    pub kind: ListedKind,
    /// Size in bytes, of a file.
    pub size: Option<u64>,
    /// Time of last modification, as far as it is known.
    pub modified: Option<Moment>,
    /// Permission bits, `0o7777` at most.
    pub mode: Option<u32>,
}

/// A place where a walk could not look. It goes on behind it.
#[derive(Debug)]
pub struct Stumble {
    /// Where, from the root: bytes as they were met, perhaps no [`TreePath`].
    pub path: Vec<u8>,
    /// Why not.
    pub error: ClientError,
}

/// A walk under way. It holds no connection: between two steps the end can do other work.
#[derive(Debug)]
pub struct Walk {
    filter: Filter,
    max_depth: usize,
    /// A directory that was shown and not yet entered.
    entering: Option<TreePath>,
    /// What is left of each directory that we are in, from the root on, last first.
    rest: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    directory: TreePath,
    items: Vec<Listed>,
}

impl Walk {
    /// A walk from the root, which is not itself shown.
    pub fn new(filter: Filter) -> Walk {
        let entering = Some(TreePath::root());
        Walk { filter, max_depth: DEFAULT_DEPTH, entering, rest: Vec::new() }
    }

    /// Enters directories of so many components at most: with 0 only the root.
    #[must_use]
    pub fn max_depth(mut self, components: usize) -> Walk {
        self.max_depth = components;
        self
    }

    /// The next thing found; `None` at the end. Excluded ones are passed over, and not entered.
    pub fn next(&mut self, end: &mut dyn End) -> Option<Result<Found, Stumble>> {
        if let Some(directory) = self.entering.take()
            && let Err(error) = self.enter(&directory, end)
        {
            return Some(Err(Stumble { path: directory.as_bytes().to_vec(), error }));
        }
        loop {
            let level = self.rest.last_mut()?;
            let Some(item) = level.items.pop() else {
                self.rest.pop();
                continue;
            };
            let Some(path) = level.directory.child(&item.name) else {
                let mut path = level.directory.as_bytes().to_vec();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(&item.name);
                return Some(Err(Stumble { path, error: ClientError::BadText("a file name") }));
            };
            let is_directory = item.kind == ListedKind::Directory;
            if !self.filter.wants(&path, is_directory) {
                continue;
            }
            self.entering = is_directory.then(|| path.clone());
            let Listed { kind, size, modified, mode, .. } = item;
            return Some(Ok(Found { path, kind, size, modified, mode }));
        }
    }

    /// Does not enter the directory that was shown last.
    pub fn pass(&mut self) {
        self.entering = None;
    }

    /// The walk as an iterator, for an end that has nothing else to do.
    pub fn over(self, end: &mut dyn End) -> Over<'_> {
        Over { walk: self, end }
    }

    fn enter(&mut self, directory: &TreePath, end: &mut dyn End) -> Result<(), ClientError> {
        if directory.components().count() > self.max_depth {
            let limit = format!("{} levels", self.max_depth);
            return Err(ClientError::TooMuch("the way to this directory".to_owned(), limit));
        }
        let mut items = end.list(directory)?;
        items.sort_by(|one, other| other.name.cmp(&one.name));
        self.rest.push(Level { directory: directory.clone(), items });
        Ok(())
    }
}

/// A [`Walk`] as an iterator.
pub struct Over<'a> {
    walk: Walk,
    end: &'a mut dyn End,
}

impl Iterator for Over<'_> {
    type Item = Result<Found, Stumble>;

    fn next(&mut self) -> Option<Self::Item> {
        self.walk.next(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{LocalEnd, Verdict};
    use std::{fs, os::unix::fs::symlink, path::Path};

    /// What a walk shows of a local tree, an error as `path!`, and a sign for each kind but files.
    fn shown(root: &Path, walk: Walk) -> Vec<String> {
        let mut end = LocalEnd { root };
        let line = |step: Result<Found, Stumble>| match step {
            Ok(found) => {
                let sign = match found.kind {
                    ListedKind::File => "",
                    ListedKind::Directory => "/",
                    ListedKind::Link => "@",
                    ListedKind::Other => "=",
                };
                format!("{}{sign}", found.path)
            }
            Err(stumble) => format!("{}!", stumble.path.escape_ascii()),
        };
        walk.over(&mut end).map(line).collect()
    }

    fn tree() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for directory in ["a/b/c", "d", "e/.git"] {
            fs::create_dir_all(home.path().join(directory)).unwrap();
        }
        for file in ["a-b", "a/x.o", "a/b/c/y.c", "B", "e/.git/config"] {
            fs::write(home.path().join(file), file).unwrap();
        }
        symlink("/", home.path().join("d/root")).unwrap();
        symlink("..", home.path().join("d/up")).unwrap();
        home
    }

    #[test]
    fn a_tree_is_walked_in_order_and_links_are_not_followed() {
        let home = tree();
        assert_eq!(
            shown(home.path(), Walk::new(Filter::default())),
            [
                "B",
                "a/",
                "a/b/",
                "a/b/c/",
                "a/b/c/y.c",
                "a/x.o",
                "a-b",
                "d/",
                "d/root@",
                "d/up@",
                "e/",
                "e/.git/",
                "e/.git/config"
            ]
        );
        let mut end = LocalEnd { root: home.path() };
        let paths = Walk::new(Filter::default()).over(&mut end).map(|step| step.unwrap().path);
        assert!(paths.is_sorted(), "as TreePath sorts");
    }

    #[test]
    fn what_is_excluded_is_not_entered() {
        let home = tree();
        let mut filter = Filter::default();
        for pattern in ["*.o", ".git/", "a/b"] {
            filter.add(Verdict::Exclude, pattern.as_bytes()).unwrap();
        }
        // If it were entered, there would be an error.
        fs::remove_dir_all(home.path().join("a/b")).unwrap();
        let mut walk = Walk::new(filter);
        let mut end = Watched { end: LocalEnd { root: home.path() }, listed: Vec::new() };
        let mut seen = Vec::new();
        while let Some(step) = walk.next(&mut end) {
            seen.push(step.unwrap().path.to_string());
            if seen.last().unwrap() == "d" {
                walk.pass();
            }
        }
        assert_eq!(seen, ["B", "a", "a-b", "d", "e"]);
        assert_eq!(end.listed, ["", "a", "e"]);
    }

    struct Watched<'a> {
        end: LocalEnd<'a>,
        listed: Vec<String>,
    }

    impl End for Watched<'_> {
        fn list(&mut self, directory: &TreePath) -> Result<Vec<Listed>, ClientError> {
            self.listed.push(directory.to_string());
            self.end.list(directory)
        }
    }

    #[test]
    fn an_error_is_a_step_and_not_the_end() {
        let home = tree();
        fs::write(home.path().join("bad\nname"), "").unwrap();
        fs::write(home.path().join("\u{fc}"), "").unwrap();
        let shown = shown(home.path(), Walk::new(Filter::default()).max_depth(1));
        assert_eq!(
            shown,
            [
                "B",
                "a/",
                "a/b/",
                "a/b!",
                "a/x.o",
                "a-b",
                "bad\\nname!",
                "d/",
                "d/root@",
                "d/up@",
                "e/",
                "e/.git/",
                "e/.git!",
                "\u{fc}"
            ]
        );
        let mut nowhere = LocalEnd { root: &home.path().join("none") };
        let mut walk = Walk::new(Filter::default());
        let stumble = walk.next(&mut nowhere).unwrap().unwrap_err();
        assert!(matches!(stumble.error, ClientError::Local(..)) && stumble.path.is_empty());
        assert!(walk.next(&mut nowhere).is_none(), "it ends");
    }

    #[test]
    fn a_deep_tree_ends_at_its_depth() {
        /// Each directory holds one more.
        struct Endless;
        impl End for Endless {
            fn list(&mut self, _: &TreePath) -> Result<Vec<Listed>, ClientError> {
                let kind = ListedKind::Directory;
                let name = b"d".to_vec();
                Ok(vec![Listed { name, kind, size: None, modified: None, mode: None }])
            }
        }
        let steps: Vec<_> = Walk::new(Filter::default()).over(&mut Endless).collect();
        assert_eq!(steps.len(), DEFAULT_DEPTH + 2);
        let (last, before) = steps.split_last().unwrap();
        assert!(matches!(last, Err(Stumble { error: ClientError::TooMuch(..), .. })), "{last:?}");
        assert!(before.iter().all(Result::is_ok));
    }
}
