//! Which paths of a tree are wanted: rules of `--include` and `--exclude`, in order.

use crate::{client::TreePath, proto::Glob};
use std::fmt;

/// What a rule says of a path that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is wanted.
    Include,
    /// It is not, and neither is anything inside.
    Exclude,
}

/// Rules, of which the first that matches decides; a path that none matches is wanted.
///
/// - A pattern without `/` is for the last component, anywhere in the tree: `*.o`.
/// - One with `/` inside or at the beginning is for the whole path below the root: `doc/*.html`,
///   `/build`. There `**` is any number of components, none included: `src/**/test`.
/// - One that ends in `/` is for directories alone: `.git/`.
///
/// In a component, `*`, `?`, `[a-z]`, `[!a-z]` and `\` mean what they do in a shell, but a dot at the
/// beginning is a letter like any other.
///
/// What is in an excluded directory is never looked at. To have some files only, include the
/// directories first: include `*/`, include `*.txt`, exclude `*`.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    rules: Vec<(Verdict, Pattern)>,
}

/// A pattern that nothing is looked for with: empty, too long, or too deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern(pub String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pattern '{}' is empty, or longer than what can be looked for", self.0)
    }
}

impl std::error::Error for BadPattern {}

impl Filter {
    /// Adds a rule behind the others.
    pub fn add(&mut self, verdict: Verdict, pattern: &[u8]) -> Result<(), BadPattern> {
        let bad = || BadPattern(String::from_utf8_lossy(pattern).into_owned());
        let pattern = Pattern::new(pattern).ok_or_else(bad)?;
        self.rules.push((verdict, pattern));
        Ok(())
    }

    /// Whether a path is wanted, if the directory that it is in is. The root always is.
    pub fn wants(&self, path: &TreePath, is_directory: bool) -> bool {
        let first = self.rules.iter().find(|(_, pattern)| pattern.matches(path, is_directory));
        path.is_root() || first.is_none_or(|(verdict, _)| *verdict == Verdict::Include)
    }
}

/// Components of a pattern, `**` included: each is a bit in [`Pattern::matches`].
const MAX_COMPONENTS: usize = 63;

#[derive(Clone, Debug)]
struct Pattern {
    parts: Vec<Part>,
    reach: Reach,
    only_directories: bool,
}

#[derive(Clone, Debug)]
enum Part {
    /// One component.
    One(Glob),
    /// `**`
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    LastComponent,
    WholePath,
}

impl Pattern {
    fn new(pattern: &[u8]) -> Option<Pattern> {
        let only_directories = pattern.ends_with(b"/");
        let bare = pattern.strip_suffix(b"/").unwrap_or(pattern);
        let reach = if bare.contains(&b'/') { Reach::WholePath } else { Reach::LastComponent };
        let part = |name: &[u8]| match name {
            b"**" => Some(Part::Any),
            name => Glob::new(name).map(Part::One),
        };
        let names = bare.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        let parts = names.map(part).collect::<Option<Vec<_>>>()?;
        let fits = !parts.is_empty() && parts.len() <= MAX_COMPONENTS;
        fits.then_some(Pattern { parts, reach, only_directories })
    }

    /// By a set of positions, as a [`Glob`] does: the time is that of one look at each component
    /// of the path with each part, whatever stands where.
    fn matches(&self, path: &TreePath, is_directory: bool) -> bool {
        if self.only_directories && !is_directory {
            return false;
        }
        let skipped = match self.reach {
            Reach::WholePath => 0,
            Reach::LastComponent => path.components().count().saturating_sub(1),
        };
        let mut at = self.past_any(1);
        for name in path.components().skip(skipped) {
            let mut next = 0;
            for (position, part) in self.parts.iter().enumerate().filter(|(n, _)| at >> n & 1 == 1)
            {
                next |= match part {
                    Part::Any => 1 << position,
                    Part::One(glob) => u64::from(glob.matches_hidden(name)) << (position + 1),
                };
            }
            at = self.past_any(next);
        }
        at >> self.parts.len() & 1 == 1
    }

    /// `**` may be no component at all.
    fn past_any(&self, mut at: u64) -> u64 {
        for (position, part) in self.parts.iter().enumerate() {
            if matches!(part, Part::Any) {
                at |= (at >> position & 1) << (position + 1);
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text.as_bytes()).unwrap()
    }

    /// A filter of rules as `+pattern` and `-pattern`.
    fn filter(rules: &[&str]) -> Filter {
        let mut filter = Filter::default();
        for rule in rules {
            let (sign, pattern) = rule.split_at(1);
            let verdict = if sign == "+" { Verdict::Include } else { Verdict::Exclude };
            filter.add(verdict, pattern.as_bytes()).unwrap();
        }
        filter
    }

    #[test]
    fn a_pattern_reaches_as_far_as_its_slashes_say() {
        for (pattern, good, bad) in [
            ("*.o", &["a.o", "x/y/a.o", ".o"][..], &["a.c", "a.o/x"][..]),
            ("build", &["build", "x/build"], &["build/x", "builds"]),
            ("/build", &["build"], &["x/build"]),
            ("doc/*.html", &["doc/a.html"], &["x/doc/a.html", "doc/x/a.html"]),
            ("src/**/test", &["src/test", "src/a/test", "src/a/b/test"], &["test", "src/testa"]),
            ("**/a", &["a", "x/a", "x/y/a"], &["b", "a/b"]),
            ("a/**", &["a", "a/b", "a/b/c"], &["b", "b/a"]),
            ("**", &["a", "a/b"], &[]),
            ("a//b", &["a/b"], &["a"]),
        ] {
            let filter = filter(&[&format!("-{pattern}")]);
            for good in good {
                assert!(!filter.wants(&path(good), false), "{pattern} is for {good}");
            }
            for bad in bad {
                assert!(filter.wants(&path(bad), false), "{pattern} is not for {bad}");
            }
        }
    }

    #[test]
    fn a_slash_at_the_end_is_for_directories() {
        let filter = filter(&["-.git/", "-a/b/"]);
        for (text, directory) in [(".git", true), ("x/.git", true), ("a/b", true)] {
            assert!(!filter.wants(&path(text), directory), "{text}");
            assert!(filter.wants(&path(text), !directory), "{text}");
        }
        assert!(filter.wants(&path("x/a/b"), true));
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let texts = filter(&["+*/", "-secret*", "+*.txt", "-*"]);
        for (text, directory, wanted) in [
            ("a", true, true),
            ("a/x.txt", false, true),
            ("a/secret.txt", false, false),
            ("secret", true, true),
            ("x.c", false, false),
            ("", true, true),
        ] {
            assert_eq!(texts.wants(&path(text), directory), wanted, "{text}");
        }
        assert!(Filter::default().wants(&path("a"), false));
        assert!(filter(&["-*"]).wants(&TreePath::root(), true), "the root");
    }

    #[test]
    fn a_pattern_has_an_end() {
        for bad in ["", "/", "//", &"x".repeat(256), &"a/".repeat(64)] {
            let added = Filter::default().add(Verdict::Exclude, bad.as_bytes());
            assert_eq!(added, Err(BadPattern(bad.to_owned())));
        }
        let deepest = "a/".repeat(63);
        assert!(
            !filter(&[&format!("-{deepest}")]).wants(&path(deepest.trim_end_matches('/')), true)
        );
        let stars = filter(&[&format!("-{}x", "**/".repeat(62))]);
        assert!(!stars.wants(&path(&format!("{}x", "a/".repeat(500))), false));
        assert!(stars.wants(&path("a/".repeat(500).trim_end_matches('/')), false));
    }
}
