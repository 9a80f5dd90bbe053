//! `sites.toml`: short names for servers, each with what it takes to reach it.

use crate::{
    access::{Access, ClearText, KeyPair, MAX_TIMEOUT_S},
    files::Named,
    located::{self, Located},
    toml_value::{Read, boolean, number, string, text, word},
};
use fxpd::{Fingerprint, Location, Newest, Place, RemotePath, Site};
use std::{
    env,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The sites that the user has named.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    entries: Vec<Entry>,
    file: PathBuf,
}

/// One of them.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    /// Its server, and the directory there where its paths begin.
    base: Location,
    access: Access,
}

/// A site as it is read.
#[derive(Default)]
struct Draft {
    /// What relative paths begin with.
    directory: PathBuf,
    url: Option<Location>,
    user: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    access: Access,
}

/// A key of a site, and what it does.
type Setting = (&'static str, fn(&mut Draft, &DeValue<'_>) -> Read<()>);

const SETTINGS: [Setting; 9] = [
    ("url", |draft, value| {
        let parsed = string(value, "a URL")?.parse::<Location>();
        draft.url = Some(parsed.map_err(|fault| fault.to_string())?);
        Ok(())
    }),
    ("user", |draft, value| text(value).map(|user| draft.user = Some(user))),
    ("pins", |draft, value| pins(value).map(|pins| draft.access.pins = pins)),
    ("cacert", |draft, value| draft.file(value).map(|file| draft.access.authorities = Some(file))),
    ("cert", |draft, value| draft.file(value).map(|file| draft.certificate = Some(file))),
    ("key", |draft, value| draft.file(value).map(|file| draft.key = Some(file))),
    ("tls", |draft, value| {
        let newest = word(value, &[("1.2", Newest::Tls12), ("1.3", Newest::Tls13)])?;
        draft.access.newest = Some(newest);
        Ok(())
    }),
    ("timeout", |draft, value| {
        let seconds = number(value, 1..=MAX_TIMEOUT_S)?;
        draft.access.timeout = Some(Duration::from_secs(seconds as u64));
        Ok(())
    }),
    ("allow_clear", |draft, value| {
        let allow = boolean(value)?;
        draft.access.clear_text = if allow { ClearText::Allow } else { ClearText::Refuse };
        Ok(())
    }),
];

impl Sites {
    /// Reads the file; one that nobody has named need not exist. An error names the place.
    pub fn read(file: &Path, named: Named) -> Result<Sites, String> {
        let toml = match fs::read_to_string(file) {
            Ok(toml) => toml,
            Err(error) if error.kind() == io::ErrorKind::NotFound && named == Named::ByNobody => {
                String::new()
            }
            Err(error) => return Err(format!("cannot read {}: {error}", file.display())),
        };
        Sites::parse(&toml, file)
    }

    /// Understands the text of `file`.
    pub fn parse(toml: &str, file: &Path) -> Result<Sites, String> {
        let entries = parse(toml, file.parent().unwrap_or(Path::new("")));
        let entries = entries.map_err(|located| located.at(file, toml))?;
        Ok(Sites { entries, file: file.to_owned() })
    }

    /// What a word of the command line means: a URL, a path at a site (`NAME:path`), or a path here.
    /// An error where it looks like a site and is none.
    pub fn place(&self, word: &str) -> Result<Place, String> {
        let (name, path) = match word.split_once(':') {
            Some((name, path)) if is_name(name) && !path.starts_with("//") => (name, path),
            // The text is not repeated: it may hold a password.
            _ => return Place::parse(OsStr::new(word)).map_err(|fault| fault.to_string()),
        };
        match self.entry(name) {
            Some(entry) => entry.location(path).map(Place::Remote),
            None if Path::new(word).symlink_metadata().is_ok() => Ok(Place::Local(word.into())),
            None => Err(format!(
                "no site '{name}' in {}, and no file '{word}' here (a new one is written ./{word})",
                self.file.display()
            )),
        }
    }

    /// The server of this name.
    pub fn site(&self, name: &str) -> Option<&Site> {
        self.entry(name).map(|entry| &entry.base.site)
    }

    /// How to reach a server, if it is one of these; by whichever name or URL it was named.
    pub fn access(&self, site: &Site) -> Option<&Access> {
        self.entries.iter().find(|entry| entry.base.site == *site).map(|entry| &entry.access)
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

impl Entry {
    /// A path of the user's: it begins at the site's directory, unless it is absolute.
    fn location(&self, path: &str) -> Result<Location, String> {
        let path = match path {
            "" => Some(self.base.path.clone()),
            path if path.starts_with('/') => RemotePath::new(path),
            path => self.base.path.child(path.as_bytes()),
        };
        let path = path.ok_or("a path must not hold a line end or NUL")?;
        Ok(Location { site: self.base.site.clone(), path })
    }
}

/// What may stand before the colon.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(fits)
}

fn parse(toml: &str, directory: &Path) -> Result<Vec<Entry>, Located> {
    let mut entries: Vec<Entry> = Vec::new();
    let file = located::table(toml)?;
    for (name, table) in file.get_ref() {
        let offset = name.span().start;
        let wrong = |what: String| Located { offset, what };
        let name = name.get_ref().as_ref();
        if !is_name(name) {
            return Err(wrong(format!("'{name}' is no name: letters, digits, '-', '_' and '.'")));
        }
        let DeValue::Table(settings) = table.get_ref() else {
            return Err(wrong(format!("'{name}' stands before any [site]")));
        };
        let draft = Draft { directory: directory.to_owned(), ..Draft::default() };
        let entry = read(name, settings, draft, offset)?;
        // By a URL a server has no name, so its options must not depend on one.
        let same = entries.iter().find(|other| other.base.site == entry.base.site);
        if let Some(other) = same.filter(|other| other.access != entry.access) {
            let other = &other.name;
            return Err(wrong(format!(
                "'{name}' is the same account as '{other}', with other options"
            )));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn read(
    name: &str,
    settings: &DeTable<'_>,
    mut draft: Draft,
    offset: usize,
) -> Result<Entry, Located> {
    for (key, value) in settings {
        set(&mut draft, key.get_ref(), value).map_err(|what| {
            let known = SETTINGS.iter().any(|setting| setting.0 == key.get_ref());
            let offset = if known { value.span().start } else { key.span().start };
            Located { offset, what }
        })?;
    }
    finish(name, draft).map_err(|what| Located { offset, what: format!("{name}: {what}") })
}

fn set(draft: &mut Draft, key: &str, value: &Spanned<DeValue<'_>>) -> Read<()> {
    match SETTINGS.iter().find(|setting| setting.0 == key) {
        Some((_, set)) => set(draft, value.get_ref()).map_err(|what| format!("{key}: {what}")),
        None => {
            let known: Vec<_> = SETTINGS.iter().map(|setting| setting.0).collect();
            Err(format!("unknown key '{key}', known are {}", known.join(", ")))
        }
    }
}

fn finish(name: &str, draft: Draft) -> Read<Entry> {
    let mut base = draft.url.ok_or("url is missing")?;
    base.site.user = match (base.site.user, draft.user) {
        (Some(_), Some(_)) => return Err("the user stands in url and in user".to_owned()),
        (in_url, user) => in_url.or(user),
    };
    if !base.path.is_directory() {
        let directory = [base.path.as_bytes(), b"/"].concat();
        base.path = RemotePath::new(directory).ok_or("url: a line end in the path")?;
    }
    let mut access = draft.access;
    access.identity = KeyPair::new(draft.certificate, draft.key).ok_or("key needs cert")?;
    Ok(Entry { name: name.to_owned(), base, access })
}

impl Draft {
    /// The path of a file: `~/` is the user's home, and what is relative begins beside `sites.toml`.
    fn file(&self, value: &DeValue<'_>) -> Read<PathBuf> {
        let path = text(value)?;
        let home = path.strip_prefix("~/").zip(env::var_os("HOME"));
        Ok(match home {
            Some((path, home)) => PathBuf::from(home).join(path),
            None => self.directory.join(path),
        })
    }
}

/// An array of fingerprints; one alone counts as an array of one.
fn pins(value: &DeValue<'_>) -> Read<Vec<Fingerprint>> {
    let pin = |value: &DeValue<'_>| string(value, "a fingerprint")?.parse();
    match value.as_array() {
        Some(array) => array.iter().map(|item| pin(item.get_ref())).collect(),
        None => Ok(vec![pin(value)?]),
    }
}
