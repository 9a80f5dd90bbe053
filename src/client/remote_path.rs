//! A path on a server, as a command's argument carries it.

use std::fmt;

/// A path on a server: bytes without NUL, CR and LF. Relative ones start at the login directory.
/// It may be empty (the login directory) or end in `/` (a directory, to put a file into).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RemotePath(Vec<u8>);

impl RemotePath {
    /// Takes the bytes; `None` when they would end the command line that carries them.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<RemotePath> {
        let bytes = bytes.into();
        let fits = !bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'));
        fits.then_some(RemotePath(bytes))
    }

    /// The bytes for the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the path itself says that it is a directory.
    pub fn is_directory(&self) -> bool {
        self.0.is_empty() || self.0.ends_with(b"/")
    }

    /// The last component; `None` for a directory, `.` and `..`.
    pub fn file_name(&self) -> Option<&[u8]> {
        let name = self.0.rsplit(|byte| *byte == b'/').next()?;
        (!matches!(name, b"" | b"." | b"..")).then_some(name)
    }

    /// The directory of the last component.
    pub fn parent(&self) -> RemotePath {
        let slash = self.0.iter().rposition(|byte| *byte == b'/');
        RemotePath(self.0[..slash.map_or(0, |at| at + 1)].to_vec())
    }

    /// The same without slashes at its end; the root stays what it is.
    pub fn without_slash(&self) -> RemotePath {
        let end = self.0.iter().rposition(|byte| *byte != b'/');
        RemotePath(self.0[..end.map_or(self.0.len().min(1), |at| at + 1)].to_vec())
    }

    /// The entry `name` of this directory.
    pub fn child(&self, name: &[u8]) -> Option<RemotePath> {
        let mut bytes = self.0.clone();
        if !self.is_directory() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        RemotePath::new(bytes)
    }
}

impl fmt::Display for RemotePath {
    /// For people: control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in String::from_utf8_lossy(&self.0).chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).unwrap()
    }

    #[test]
    fn a_directory_is_told_by_its_spelling() {
        for (text, directory, name) in [
            ("", true, None),
            ("a/", true, None),
            ("/", true, None),
            ("a", false, Some("a")),
            ("/a/b", false, Some("b")),
            ("a/..", false, None),
        ] {
            assert_eq!(path(text).is_directory(), directory, "{text}");
            assert_eq!(path(text).file_name(), name.map(str::as_bytes), "{text}");
        }
        for (text, parent) in [("a", ""), ("/a", "/"), ("a/b", "a/"), ("a/b/", "a/b/"), ("", "")] {
            assert_eq!(path(text).parent(), path(parent), "{text}");
        }
        for (text, bare) in [("a", "a"), ("a//", "a"), ("/", "/"), ("//", "/"), ("", "")] {
            assert_eq!(path(text).without_slash(), path(bare), "{text}");
        }
        assert_eq!(path("").child(b"x"), Some(path("x")));
        assert_eq!(path("a/").child(b"x"), Some(path("a/x")));
        assert_eq!(path("a").child(b"x"), Some(path("a/x")));
    }

    #[test]
    fn what_would_end_a_command_is_refused() {
        for bad in ["a\rb", "a\nb", "a\0b"] {
            assert_eq!(RemotePath::new(bad), None);
            assert_eq!(path("").child(bad.as_bytes()), None);
        }
        assert_eq!(path("a\x1bb").to_string(), "a\\u{1b}b");
    }
}
