//! Patterns, against a matcher that goes back and is slow, and plain to read.

use super::{first_line, without_line_ends};
use crate::{
    client::{Filter, TreePath, Verdict},
    proto::{Glob, PathArg, PathPattern},
};

/// A pattern in the first line matches the name in the second if the slow matcher says so; a name
/// with every byte escaped matches itself; a path's pattern has bounds, and so have rules.
pub fn glob(data: &[u8]) {
    let (pattern, name) = first_line(data);
    let name = without_line_ends(name);
    if let Some(glob) = Glob::new(pattern) {
        assert_eq!(glob.matches_hidden(&name), matches(&tokens(pattern), &name));
        let hidden = name.starts_with(b".");
        assert!(!glob.matches(&name) || glob.matches_hidden(&name));
        assert!(hidden || glob.matches(&name) == glob.matches_hidden(&name));
    }
    let escaped: Vec<u8> = name.iter().flat_map(|byte| [b'\\', *byte]).collect();
    if let Some(glob) = Glob::new(&escaped) {
        assert!(glob.matches(&name));
        assert!(!glob.matches(&[&name[..], b"x"].concat()));
    }
    if let Some(pattern) = PathArg::new(pattern).and_then(|path| PathPattern::parse(&path)) {
        assert!((1..=8).contains(&pattern.components.len()));
    }
    let mut filter = Filter::default();
    if filter.add(Verdict::Exclude, pattern).is_ok()
        && let Some(path) = TreePath::new(&name)
    {
        assert!(filter.wants(&TreePath::root(), true));
        // What a rule says of a file it says of a directory; some speak of directories alone.
        assert!(filter.wants(&path, false) || !filter.wants(&path, true));
    }
}

enum Token {
    Star,
    /// One character of these bytes, known by its first.
    OneOf(Box<[bool; 256]>),
    Byte(u8),
}

fn tokens(mut pattern: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let [first, behind @ ..] = pattern {
        pattern = behind;
        tokens.push(match (first, behind) {
            (b'*', _) => Token::Star,
            (b'?', _) => Token::OneOf(Box::new([true; 256])),
            (b'\\', [next, behind @ ..]) => {
                pattern = behind;
                Token::Byte(*next)
            }
            (b'[', _) => match class(behind) {
                Some((set, behind)) => {
                    pattern = behind;
                    Token::OneOf(set)
                }
                None => Token::Byte(b'['),
            },
            (byte, _) => Token::Byte(*byte),
        });
    }
    tokens
}

fn class(text: &[u8]) -> Option<(Box<[bool; 256]>, &[u8])> {
    let negated = matches!(text.first(), Some(b'!' | b'^'));
    let text = &text[usize::from(negated)..];
    let end = (1..text.len()).find(|at| text[*at] == b']')?;
    let mut set = Box::new([false; 256]);
    let mut at = 0;
    while at < end {
        let is_range = at + 2 < end && text[at + 1] == b'-';
        let last = if is_range { text[at + 2] } else { text[at] };
        (text[at]..=last).for_each(|byte| set[usize::from(byte)] = true);
        at += if is_range { 3 } else { 1 };
    }
    if negated {
        set.iter_mut().for_each(|holds| *holds = !*holds);
    }
    Some((set, &text[end + 1..]))
}

/// Whether the tokens can be laid over the name: which of its beginnings each of theirs fits.
fn matches(tokens: &[Token], name: &[u8]) -> bool {
    let mut fits = vec![false; name.len() + 1];
    fits[0] = true;
    let is_inner = |byte: u8| (0x80..0xc0).contains(&byte);
    for token in tokens {
        let mut next = vec![false; name.len() + 1];
        for start in (0..=name.len()).filter(|start| fits[*start]) {
            match token {
                Token::Star => next[start..].iter_mut().for_each(|fits| *fits = true),
                Token::Byte(byte) if name.get(start) == Some(byte) => next[start + 1] = true,
                Token::OneOf(set) => {
                    let Some(first) = name.get(start) else { continue };
                    if set[usize::from(*first)] && !is_inner(*first) {
                        let inner = name[start + 1..].iter().take_while(|byte| is_inner(**byte));
                        (start + 1..=start + 1 + inner.count()).for_each(|end| next[end] = true);
                    }
                }
                Token::Byte(_) => {}
            }
        }
        fits = next;
    }
    fits[name.len()]
}
