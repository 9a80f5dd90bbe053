//! Files that people or other programs write, or that a kill has cut: accounts, manifests, journals,
//! answers, books of uploads.

use super::first_line;
use crate::{
    auth::{Answer, UserLine, UserOptions, parse_users},
    client::{Entry, Known, read_entries},
    storage::BookEntry,
};
use std::path::Path;

/// A users file prints as one with the same accounts, and so does each of its lines.
pub fn users(text: &[u8]) {
    if let Ok(lines) = parse_users(Path::new("users"), text) {
        let printed: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let again = parse_users(Path::new("users"), printed.as_bytes());
        assert_eq!(again.map_err(|error| error.to_string()), Ok(lines.clone()), "{printed}");
        for mut line in lines {
            line.lock();
            assert!(line.is_locked());
            assert_eq!(line.to_string().parse(), Ok(line.clone()));
        }
    }
    let text = String::from_utf8_lossy(text);
    if let Ok(options) = text.parse::<UserOptions>() {
        assert_eq!(options.to_string().parse(), Ok(options));
    }
    if let Ok(line) = text.parse::<UserLine>() {
        assert_eq!(line.to_string().parse(), Ok(line));
    }
}

/// A manifest prints as one with the same entries, none of which leads out of a tree.
pub fn manifest(text: &[u8]) {
    let Ok(entries) = read_entries(text) else { return };
    let printed: String = entries.iter().map(|entry| entry.to_line() + "\n").collect();
    assert_eq!(read_entries(printed.as_bytes()), Ok(entries.clone()));
    for entry in entries {
        let path = entry.tree_path().unwrap();
        assert!(!path.is_root());
        let named = Entry::new(path.as_bytes(), entry.size, entry.proof);
        assert_eq!(named.tree_path(), Some(path));
    }
}

/// A page of a book of uploads names nothing but a hidden name in an absolute home, and prints as one
/// that says the same.
pub fn book(page: &[u8]) {
    let Ok(Some(entry)) = BookEntry::parse(page) else { return };
    assert!(entry.home.starts_with(b"/"));
    assert!(entry.name.starts_with(b".fxpd.") && !entry.name.contains(&b'/'));
    // Numbers may come with zeros before them, and an entry then takes less than it did.
    let again = entry.print().unwrap();
    assert_eq!(BookEntry::parse(&again), Ok(Some(entry)));
}

/// A journal means the same when its last line was cut, and prints as one that says the same.
pub fn journal(text: &[u8]) {
    const JOB: &str = "a b";
    let Ok(known) = Known::read(text, JOB) else { return };
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    assert_eq!(known.whole_bytes(), whole as u64);
    let read = |text: &[u8]| Known::read(text, JOB).map_err(|error| error.to_string());
    assert_eq!(read(&text[..whole]).as_ref(), Ok(&known));
    let printed = known.encode(JOB);
    let again = read(&printed).unwrap();
    assert_eq!(again.whole_bytes(), printed.len() as u64);
    assert!(again.says_the_same(&known));
}

/// An answer of a login program is understood or not, but never as the answer to two questions.
pub fn answer(text: &[u8]) {
    let (line, _) = first_line(text);
    if let Ok(answer) = serde_json::from_slice::<Answer>(line) {
        let again = serde_json::from_slice::<Answer>(line.trim_ascii()).unwrap();
        assert_eq!(again, answer);
        if let Some(options) = answer.options.and_then(|text| text.parse::<UserOptions>().ok()) {
            assert_eq!(options.to_string().parse(), Ok(options));
        }
    }
}
