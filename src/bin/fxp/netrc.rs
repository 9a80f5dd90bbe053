//! `~/.netrc`: passwords by machine, as ftp(1) has always kept them. What is read of it is wiped when
//! the one entry that is looked for was found, with the passwords of all others.

use crate::files;
use fxpd::Secret;
use std::{
    io::{self, Read},
    iter::Peekable,
    path::Path,
    str::Chars,
};
use zeroize::Zeroizing;

/// One `machine` or `default`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// `None` is `default`.
    machine: Option<String>,
    pub login: Option<String>,
    pub password: Option<Secret>,
}

/// A longer file is not one that a person wrote.
const MAX_BYTES: u64 = 1 << 20;

/// More than std probes for the end of a file with.
const SPARE_BYTES: usize = 256;

/// The entry for `machine`, and for `login` where one is wanted. The first that fits counts. An
/// error when others than the owner can read the file.
pub fn look_up(path: &Path, machine: &str, login: Option<&str>) -> Result<Option<Entry>, String> {
    let cannot = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let Some(file) = files::open_private(path)? else { return Ok(None) };
    let length = file.metadata().map_err(cannot)?.len().min(MAX_BYTES) as usize;
    // Room for all of it at once, and to see that it has ended: a string that grows, or that is read
    // by way of the stack, leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(length + SPARE_BYTES));
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(cannot)?;
    Ok(find(&text, machine, login))
}

/// The same in the text of such a file.
pub fn find(text: &str, machine: &str, login: Option<&str>) -> Option<Entry> {
    parse(text).into_iter().find(|entry| {
        let machine_fits =
            entry.machine.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(machine));
        let login_fits = match (login, &entry.login) {
            (Some(wanted), Some(login)) => wanted == login,
            _ => true,
        };
        machine_fits && login_fits
    })
}

fn parse(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(word) = word(&mut chars) {
        match word.as_str() {
            "machine" => {
                let machine = self::word(&mut chars).as_deref().cloned();
                entries.push(Entry { machine, ..Entry::default() })
            }
            "default" => entries.push(Entry::default()),
            "macdef" => skip_macro(&mut chars),
            "login" | "password" | "account" => {
                let value = self::word(&mut chars);
                let Some(entry) = entries.last_mut() else { continue };
                match word.as_str() {
                    "login" => entry.login = value.as_deref().cloned(),
                    "password" => entry.password = value.map(|word| Secret::new(word.as_bytes())),
                    _ => {}
                }
            }
            comment if comment.starts_with('#') => while chars.next_if(|c| *c != '\n').is_some() {},
            _ => {}
        }
    }
    entries
}

/// The next word, which may be a password; one in double quotes may hold blanks, and `\` takes what
/// follows as it is.
fn word(chars: &mut Peekable<Chars<'_>>) -> Option<Zeroizing<String>> {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
    let quoted = chars.next_if_eq(&'"').is_some();
    let bytes = letters(&mut chars.clone(), quoted).map(char::len_utf8).sum();
    let mut word = Zeroizing::new(String::with_capacity(bytes)); // it must not grow, as above
    word.extend(letters(chars, quoted));
    let closed = quoted && chars.next().is_some();
    (closed || !word.is_empty()).then_some(word)
}

/// What a word is made of, to before its end.
fn letters(chars: &mut Peekable<Chars<'_>>, quoted: bool) -> impl Iterator<Item = char> {
    std::iter::from_fn(move || {
        let c = chars.next_if(|c| if quoted { *c != '"' } else { !c.is_whitespace() })?;
        let escaped = if quoted && c == '\\' { chars.next() } else { None };
        Some(escaped.unwrap_or(c))
    })
}

/// A macro ends with an empty line.
fn skip_macro(chars: &mut Peekable<Chars<'_>>) {
    let mut last = ' ';
    for c in chars {
        if c == '\n' && last == '\n' {
            return;
        }
        last = c;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    const TEXT: &str = "# mine\nmachine a.example login ann password one\n\
        machine a.example\n\tlogin bob\n\tpassword \"t w\\\"o\"\n\
        macdef init\nmachine evil login x password y\n\n\
        machine c.example password three account x\n\
        default login any password four";

    #[test]
    fn the_first_entry_that_fits_counts() {
        for (machine, login, expected) in [
            ("a.example", None, Some(("ann", "one"))),
            ("A.Example", Some("bob"), Some(("bob", "t w\"o"))),
            ("c.example", Some("eve"), Some(("", "three"))),
            ("evil", None, Some(("any", "four"))),
            ("a.example", Some("eve"), None),
        ] {
            let entry = find(TEXT, machine, login);
            let found = entry.as_ref().map(|entry| {
                let password = entry.password.as_ref().unwrap().expose();
                (entry.login.as_deref().unwrap_or(""), std::str::from_utf8(password).unwrap())
            });
            assert_eq!(found, expected, "{machine} {login:?}");
        }
        for broken in ["", "machine", "password x", "machine a password \"x", "macdef"] {
            assert!(find(broken, "a", None).is_none_or(|entry| entry.login.is_none()), "{broken}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("netrc");
        assert_eq!(look_up(&path, "a", None), Ok(None));
        fs::write(&path, "machine a login b password c").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(look_up(&path, "a", None).unwrap_err().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(look_up(&path, "a", None).unwrap().is_some());
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, " ".repeat(MAX_BYTES as usize) + &text).unwrap();
        assert_eq!(look_up(&path, "a", None), Ok(None), "what stands behind so much is not read");
    }
}
