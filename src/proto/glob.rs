//! Patterns for names: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before a byte that means itself. No
//! braces, and no `**`: what a pattern can cost is known from its length.
//!
//! A pattern is a set of positions, as bits. Each byte of a name moves all of them at once, so that
//! the time of a match is the length of the name times a constant, whatever the pattern is.

use crate::proto::PathArg;

/// The parts of a pattern, a byte or a class each, that fit the set of positions. A name on Linux
/// has no more bytes.
pub const MAX_PARTS: usize = 255;

/// The components of a path from the first that holds a pattern on. Each is a directory kept open.
pub const MAX_COMPONENTS: usize = 8;

/// A pattern for one name.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    /// Which positions a byte moves on from, to the next one.
    moves: Vec<Bits>,
    /// The positions that any byte stays in: those before a `*`'s next part.
    stays: Bits,
    /// The positions that the further bytes of a UTF-8 character stay in: those behind a `?` or
    /// a class.
    continues: Bits,
    /// The position behind the last part.
    end: usize,
    /// Whether it begins with a dot, as it must to match a hidden name.
    begins_with_dot: bool,
}

impl Glob {
    /// Understands `pattern`; `None` when it has more than [`MAX_PARTS`] parts. A `[` without its
    /// `]` stands for itself.
    pub fn new(pattern: &[u8]) -> Option<Glob> {
        let mut glob = Glob {
            moves: vec![Bits::default(); 256],
            stays: Bits::default(),
            continues: Bits::default(),
            end: 0,
            begins_with_dot: pattern.starts_with(b".") || pattern.starts_with(b"\\."),
        };
        let mut rest = pattern;
        while let [first, behind @ ..] = rest {
            rest = behind;
            match first {
                b'*' => glob.stays.set(glob.end),
                b'?' => glob.part(Class::any())?,
                b'[' => match Class::parse(behind) {
                    Some((class, behind)) => {
                        rest = behind;
                        glob.part(class)?;
                    }
                    None => glob.byte(b'[')?,
                },
                b'\\' if !behind.is_empty() => {
                    rest = &behind[1..];
                    glob.byte(behind[0])?;
                }
                byte => glob.byte(*byte)?,
            }
        }
        Some(glob)
    }

    /// Whether `name` is written with this pattern. A name that begins with a dot is only matched
    /// by a pattern that does.
    pub fn matches(&self, name: &[u8]) -> bool {
        (!name.starts_with(b".") || self.begins_with_dot) && self.matches_hidden(name)
    }

    /// As [`Glob::matches`], but a dot is a byte like any other.
    pub fn matches_hidden(&self, name: &[u8]) -> bool {
        let mut at = Bits::default();
        at.set(0);
        for byte in name {
            let mut next = at.and(&self.moves[usize::from(*byte)]).shifted();
            next.add(&at.and(&self.stays));
            if is_continuation(*byte) {
                next.add(&at.and(&self.continues));
            }
            if next == Bits::default() {
                return false;
            }
            at = next;
        }
        at.has(self.end)
    }

    /// Whether `name` holds a byte that means more than itself in a pattern.
    pub fn is_pattern(name: &[u8]) -> bool {
        name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        let position = self.next()?;
        self.moves[usize::from(byte)].set(position);
        Some(())
    }

    fn part(&mut self, class: Class) -> Option<()> {
        let position = self.next()?;
        for byte in 0..=u8::MAX {
            if class.holds(byte) && !is_continuation(byte) {
                self.moves[usize::from(byte)].set(position);
            }
        }
        self.continues.set(position + 1);
        Some(())
    }

    fn next(&mut self) -> Option<usize> {
        let position = self.end;
        if position >= MAX_PARTS {
            return None;
        }
        self.end += 1;
        Some(position)
    }
}

impl std::fmt::Debug for Glob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Glob(of {} parts)", self.end)
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// One bit a position, the one behind the last part included.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Bits([u64; 4]);

impl Bits {
    fn set(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    fn add(&mut self, other: &Bits) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    fn and(&self, other: &Bits) -> Bits {
        Bits(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    /// Every position moved on by one.
    fn shifted(&self) -> Bits {
        let carry = |word: usize| if word == 0 { 0 } else { self.0[word - 1] >> 63 };
        Bits(std::array::from_fn(|word| self.0[word] << 1 | carry(word)))
    }
}

/// `[a-z]`: a set of bytes. A character outside ASCII is known by its first byte alone.
struct Class([bool; 256]);

impl Class {
    fn any() -> Class {
        Class([true; 256])
    }

    fn holds(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// What stands behind `[`, up to its `]`, and what follows. A `]` at the beginning, and a `-`
    /// at either end, mean themselves.
    fn parse(text: &[u8]) -> Option<(Class, &[u8])> {
        let (rest, outside) = match text {
            [b'!' | b'^', rest @ ..] => (rest, true),
            _ => (text, false),
        };
        let close = 1 + rest.iter().skip(1).position(|byte| *byte == b']')?;
        let mut set = [false; 256];
        let mut members = &rest[..close];
        while let [from, behind @ ..] = members {
            let (to, behind) = match behind {
                [b'-', to, behind @ ..] => (to, behind),
                _ => (from, behind),
            };
            (*from..=*to).for_each(|byte| set[usize::from(byte)] = true);
            members = behind;
        }
        let set = if outside { set.map(|holds| !holds) } else { set };
        Some((Class(set), &rest[close + 1..]))
    }
}

/// A path whose last components hold patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// What stands before the first pattern, with its `/`; the current directory if `None`.
    pub base: Option<PathArg>,
    /// The components from the first pattern on; the first is a [`Component::Glob`].
    pub components: Vec<Component>,
}

/// One component of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Component {
    /// This name.
    Name(Vec<u8>),
    /// Every name that this matches.
    Glob(Glob),
}

impl PathPattern {
    /// `None` when the path holds no pattern, or one that nothing is looked for with: too long,
    /// more than [`MAX_COMPONENTS`] deep, or with `..` behind a pattern.
    pub fn parse(path: &PathArg) -> Option<PathPattern> {
        let bytes = path.as_bytes();
        let first =
            bytes.split_inclusive(|byte| *byte == b'/').take_while(|c| !Glob::is_pattern(c));
        let (base, rest) = bytes.split_at(first.map(<[u8]>::len).sum());
        let mut components = Vec::new();
        for name in rest.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => continue,
                b".." => return None,
                name if Glob::is_pattern(name) => {
                    components.push(Component::Glob(Glob::new(name)?))
                }
                name => components.push(Component::Name(name.to_vec())),
            }
        }
        let fits = !components.is_empty() && components.len() <= MAX_COMPONENTS;
        fits.then(|| PathPattern { base: PathArg::new(base), components })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::new(pattern.as_bytes()).unwrap().matches(name.as_bytes())
    }

    #[test]
    fn names_are_matched() {
        for (pattern, good, bad) in [
            ("", &[""][..], &["a"][..]),
            ("a", &["a"], &["", "b", "aa"]),
            ("*", &["", "a", "a b", "ü"], &[".a"]),
            ("**", &["", "a"], &[]),
            (".*", &[".a", "."], &["a"]),
            ("\\.*", &[".a"], &["a"]),
            ("?", &["a", "ü", "日", "\u{1f600}"], &["", "ab", "üb", ".", "üü"]),
            ("??", &["ab", "üb", "bü", "日本"], &["a", "ü", "abc"]),
            ("?*?", &["ab", "axb", "üxü"], &["a", "ü"]),
            ("*.txt", &["a.txt", "x.y.txt"], &[".txt", "a.txt ", "atxt", "a.TXT"]),
            ("a*", &["a", "abc"], &["ba"]),
            ("*a*", &["a", "bab"], &["b"]),
            ("a*b*c", &["abc", "axxbxxc", "abcbc"], &["ab", "acb", "abcd"]),
            ("[abc]", &["a", "c"], &["d", "ab"]),
            ("[a-c]x", &["ax", "cx"], &["dx"]),
            ("[!a-c]", &["d", "ü"], &["a"]),
            ("[^a-c]", &["d"], &["b"]),
            ("[]x]", &["]", "x"], &["a"]),
            ("[!]x]", &["a"], &["]", "x"]),
            ("[-a]", &["-", "a"], &["b"]),
            ("[a-]", &["-", "a"], &["b"]),
            ("[z-a]", &[], &["a", "m", "z"]),
            ("[a", &["[a"], &["a"]),
            ("[]", &["[]"], &["]"]),
            ("a\\*b", &["a*b"], &["axb", "a\\*b"]),
            ("a\\", &["a\\"], &["a"]),
            ("{a,b}", &["{a,b}"], &["a", "b"]),
            ("*[0-9]*.gz", &["log.1.gz"], &["log.gz"]),
        ] {
            for name in good {
                assert!(matches(pattern, name), "{pattern} matches {name}");
            }
            for name in bad {
                assert!(!matches(pattern, name), "{pattern} does not match {name}");
            }
        }
    }

    #[test]
    fn names_in_other_encodings_are_matched_by_bytes() {
        let glob = |pattern: &[u8]| Glob::new(pattern).unwrap();
        assert!(glob(b"caf\xe9*").matches(b"caf\xe9 noir"));
        assert!(glob(b"*noir").matches(b"caf\xe9 noir"));
        assert!(glob(b"caf?").matches(b"caf\xe9"));
    }

    #[test]
    fn a_dot_at_the_beginning_can_be_let_pass() {
        assert!(Glob::new(b"*").unwrap().matches_hidden(b".a"));
        assert!(!Glob::new(b"b*").unwrap().matches_hidden(b".a"));
    }

    /// By construction each byte of the name costs four words, whatever the pattern: here is what
    /// is exponential, or quadratic, for matchers that go back.
    #[test]
    fn no_pattern_takes_long() {
        let many = "a*".repeat(120) + "b";
        let name = "a".repeat(1 << 18);
        let glob = Glob::new(many.as_bytes()).unwrap();
        let began = std::time::Instant::now();
        assert!(!glob.matches(name.as_bytes()));
        assert!(glob.matches((name.clone() + "b").as_bytes()));
        assert!(!Glob::new("*?".repeat(120).as_bytes()).unwrap().matches(&[b'a'; 119]));
        // Half a million bytes; going back would take years.
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }

    #[test]
    fn a_pattern_has_an_end() {
        let longest = "x".repeat(MAX_PARTS);
        assert!(matches(&longest, &longest));
        assert!(matches(&format!("*{longest}*"), &longest));
        assert!(Glob::new(format!("{longest}?").as_bytes()).is_none());
        assert!(Glob::new("*".repeat(100_000).as_bytes()).is_some(), "stars are one position");
    }

    #[test]
    fn a_path_is_cut_before_its_first_pattern() {
        let parse = |path: &str| PathPattern::parse(&PathArg::new(path).unwrap());
        for (path, base, count) in [
            ("*.txt", None, 1),
            ("a/b/*.txt", Some("a/b/"), 1),
            ("/*", Some("/"), 1),
            ("../a*/b/c?", Some("../"), 3),
            ("a*//./b", None, 2),
            ("*/*/*/*/*/*/*/*", None, 8),
        ] {
            let pattern = parse(path).unwrap();
            assert_eq!(pattern.base, base.map(|base| PathArg::new(base).unwrap()), "{path}");
            assert_eq!(pattern.components.len(), count, "{path}");
            assert!(matches!(pattern.components[0], Component::Glob(_)), "{path}");
        }
        for none in ["a", "a/b", "*/../b", "*/*/*/*/*/*/*/*/*", "a\\b"] {
            assert!(parse(none).is_none(), "{none}");
        }
    }
}
