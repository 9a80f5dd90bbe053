//! One end of a job: a file or directory on a server, or one here.

use crate::client::{Location, SiteFault, site::IN_PATH};
use percent_encoding::percent_encode;
use std::{ffi::OsStr, fmt, os::unix::ffi::OsStrExt, path::PathBuf};

/// A file or directory, wherever it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// On a server.
    Remote(Location),
    /// On the local disk.
    Local(PathBuf),
}

impl Place {
    /// Understands a text as a user writes it: with a scheme it is a URL, any other is a local path,
    /// and `./a://b` is how to say a local path that looks like a URL.
    pub fn parse(text: &OsStr) -> Result<Place, SiteFault> {
        let url = text.to_str().filter(|text| {
            let scheme = text.split_once("://").map(|(scheme, _)| scheme);
            scheme.is_some_and(|scheme| !scheme.contains('/'))
        });
        match url {
            Some(url) => url.parse().map(Place::Remote),
            None => Ok(Place::Local(PathBuf::from(text))),
        }
    }

    /// Whether the spelling says that it is a directory.
    pub fn is_spelt_as_directory(&self) -> bool {
        match self {
            Place::Remote(location) => location.path.is_directory(),
            Place::Local(path) => path.as_os_str().as_bytes().ends_with(b"/"),
        }
    }
}

impl fmt::Display for Place {
    /// For people, and stable: two places that show alike are the same place. A local path that is
    /// not UTF-8 shows as a URL, which no place of this host is understood from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Remote(location) => write!(f, "{location}"),
            Place::Local(path) => match path.to_str() {
                Some(text) => f.write_str(text),
                None => {
                    write!(f, "file://{}", percent_encode(path.as_os_str().as_bytes(), IN_PATH))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<Place, SiteFault> {
        Place::parse(OsStr::new(text))
    }

    #[test]
    fn a_scheme_makes_a_url() {
        assert_eq!(place("a/b"), Ok(Place::Local("a/b".into())));
        assert_eq!(place("./ftps://h/b"), Ok(Place::Local("./ftps://h/b".into())));
        assert!(matches!(place("ftps://ann@h/b"), Ok(Place::Remote(_))));
        assert_eq!(place("gopher://h/b"), Err(SiteFault::Scheme));
        for (text, shown) in [
            ("ftps://ann@h//a b/%25", "ftps://ann@h:21/%2Fa%20b/%25"),
            ("ftps+implicit://[::1]/", "ftps+implicit://[::1]:990/"),
            ("a/b/", "a/b/"),
        ] {
            let shown_place = place(text).unwrap();
            assert_eq!(shown_place.to_string(), shown);
            assert_eq!(place(shown), Ok(shown_place), "read back");
        }
        let latin = Place::Local(OsStr::from_bytes(b"/a b/caf\xe9").into());
        assert_eq!(latin.to_string(), "file:///a%20b/caf%E9", "no other place shows so");
        assert!(place("ftps://h/").unwrap().is_spelt_as_directory());
        assert!(place("/tmp/").unwrap().is_spelt_as_directory());
        assert!(!place("ftps://h/a").unwrap().is_spelt_as_directory());
    }
}
