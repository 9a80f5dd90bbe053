//! The record of what arrived: JSON, a line for each file, in the order in which they arrived.

use crate::client::{ClientError, Proof, TreePath};
use serde::{Deserialize, Serialize};
use std::{
    error, fmt,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

/// A file that is at the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Where, from the target's root, if that is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The path's bytes in hexadecimal digits, if they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When it was modified at the source: `YYYYMMDDHHMMSS` in UTC, as far as that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// `SHA-256:` or another algorithm's name, and the hash in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// How it is known to be there.
    pub proof: ProofKind,
    /// The way it took between two servers, or `upload` or `download`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The TLS version of the data connection where it was ours, else those of the two control
    /// connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// Which of the two servers made sure who the other is: `both`, `source`, `target`
    /// or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<String>,
}

/// How a file is known to be at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofKind {
    /// Its size and hash were compared after the copy.
    Hash,
    /// Its size was.
    Size,
    /// Both ends said that they are done.
    Replies,
    /// It was there before, with the size and time of the source's.
    SizeAndTime,
}

impl Entry {
    /// A file of which no more is known.
    pub fn new(path: &[u8], size: Option<u64>, proof: ProofKind) -> Entry {
        let text = std::str::from_utf8(path).ok();
        let hex = || path.iter().map(|byte| format!("{byte:02x}")).collect();
        Entry {
            path: text.map(str::to_owned),
            path_hex: if text.is_none() { Some(hex()) } else { None },
            size,
            modified: None,
            hash: None,
            proof,
            route: None,
            tls: None,
            verified: None,
        }
    }

    /// A file that was proved.
    pub(super) fn proved(path: &TreePath, size: Option<u64>, proof: &Proof) -> Entry {
        let (kind, hash) = match proof {
            Proof::Hash(algorithm, hash, _) => {
                (ProofKind::Hash, Some(format!("{algorithm}:{hash}")))
            }
            Proof::Size(_) => (ProofKind::Size, None),
            Proof::Replies => (ProofKind::Replies, None),
        };
        Entry { hash, ..Entry::new(path.as_bytes(), proof.size().or(size), kind) }
    }

    /// The path; `None` when it is none that stays below a root.
    pub fn tree_path(&self) -> Option<TreePath> {
        let bytes = match (&self.path, &self.path_hex) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(hex)) => parse_hex(hex)?,
            _ => return None,
        };
        TreePath::new(&bytes)
    }

    /// The line that it is in a manifest, without its end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers are JSON")
    }
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let all_digits = digits.iter().all(u8::is_ascii_hexdigit);
    (all_digits && digits.len().is_multiple_of(2)).then(|| digits.chunks(2).map(byte).collect())?
}

/// Why a manifest cannot be read.
#[derive(Debug)]
pub struct ManifestError {
    path: PathBuf,
    line: usize,
    why: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.why)
    }
}

impl error::Error for ManifestError {}

/// No path is longer than 4096 bytes, and nothing else in a line is long.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Reads a manifest. Every line has to be understood.
pub fn read_manifest(path: &Path) -> Result<Vec<Entry>, ManifestError> {
    let bad = |(line, why)| ManifestError { path: path.to_owned(), line, why };
    let file = File::open(path).map_err(|error| bad((0, error.to_string())))?;
    read_entries(BufReader::new(file)).map_err(bad)
}

/// Reads the lines of a manifest. An error is the number of the first bad line, and why it is one.
pub fn read_entries(mut lines: impl BufRead) -> Result<Vec<Entry>, (usize, String)> {
    let mut entries = Vec::new();
    loop {
        let number = entries.len() + 1;
        let mut line = Vec::new();
        let read = io::Read::take(&mut lines, MAX_LINE_BYTES).read_until(b'\n', &mut line);
        if read.map_err(|error| (number, error.to_string()))? == 0 {
            return Ok(entries);
        }
        let entry: Entry =
            serde_json::from_slice(&line).map_err(|error| (number, error.to_string()))?;
        if entry.tree_path().is_none_or(|path| path.is_root()) {
            return Err((number, "a path must be relative, without . and ..".to_owned()));
        }
        entries.push(entry);
    }
}

/// A manifest that is being written.
pub(super) struct Manifest {
    file: File,
    path: PathBuf,
}

impl Manifest {
    /// Begins anew.
    pub fn create(path: &Path) -> Result<Manifest, ClientError> {
        let file =
            File::create(path).map_err(|error| ClientError::Local(path.to_owned(), error))?;
        Ok(Manifest { file, path: path.to_owned() })
    }

    /// Adds a line, at once.
    pub fn add(&mut self, entry: &Entry) -> Result<(), ClientError> {
        let line = entry.to_line() + "\n";
        let written = io::Write::write_all(&mut self.file, line.as_bytes());
        written.map_err(|error| ClientError::Local(self.path.clone(), error))
    }
}

/// Any file at all, for the tests of what is written.
#[cfg(test)]
pub(super) fn entry() -> impl proptest::strategy::Strategy<Value = Entry> {
    use proptest::{collection::vec, option::of, prelude::*};
    let kinds =
        [ProofKind::Hash, ProofKind::Size, ProofKind::Replies, ProofKind::SizeAndTime].to_vec();
    let name = vec(prop_oneof![b' '..=b'-', b'0'..=b'~', 0x0e..=0x1f_u8, 0x80..=0xff_u8], 1..9);
    let text = || of("\\PC{0,20}");
    let words = (text(), text(), text(), text(), text());
    let facts = (of(any::<u64>()), prop::sample::select(kinds), words);
    (vec(name, 1..4), facts).prop_map(|(names, (size, proof, words))| {
        let (modified, hash, route, tls, verified) = words;
        let entry = Entry::new(&names.join(&b'/'), size, proof);
        Entry { modified, hash, route, tls, verified, ..entry }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_back() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("manifest");
        let hash = Proof::Hash(crate::proto::Algorithm::Sha256, "ab".repeat(32), 7);
        let mut first = Entry::proved(&TreePath::new(b"a b/\xc3\xa4").unwrap(), None, &hash);
        first.route = Some("source passive, target TLS client by SSCN".to_owned());
        let second = Entry::new(b"\xff\xfe", None, ProofKind::Replies);
        let mut manifest = Manifest::create(&path).unwrap();
        manifest.add(&first).unwrap();
        manifest.add(&second).unwrap();
        let read = read_manifest(&path).unwrap();
        assert_eq!(read, [first, second]);
        assert_eq!(read[0].size, Some(7));
        assert_eq!(read[1].tree_path().unwrap().as_bytes(), b"\xff\xfe");
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("manifest");
        let long =
            format!("{{\"path\":\"{}\",\"proof\":\"size\"}}", "x".repeat(MAX_LINE_BYTES as usize));
        for bad in [
            &*long,
            "{\"path\":\"../x\",\"proof\":\"size\"}",
            "{\"path\":\"/x\",\"proof\":\"size\"}",
            "{\"path\":\"\",\"proof\":\"size\"}",
            "{\"path_hex\":\"2e2e\",\"proof\":\"size\"}",
            "{\"path_hex\":\"+1\",\"proof\":\"size\"}",
            "{\"path\":\"x\",\"path_hex\":\"61\",\"proof\":\"size\"}",
            "{\"path\":\"x\"}",
            "{\"path\":\"x\",\"proof\":\"magic\"}",
            "{\"path\":\"x\",\"proof\":\"size\",\"extra\":1}",
            "x",
        ] {
            std::fs::write(&path, format!("{{\"path\":\"a\",\"proof\":\"size\"}}\n{bad}\n"))
                .unwrap();
            let error = read_manifest(&path).unwrap_err().to_string();
            assert!(error.contains("manifest:2: "), "{bad}: {error}");
        }
        assert!(read_manifest(&home.path().join("no")).is_err());
    }

    proptest! {
        #[test]
        fn every_line_is_read_as_written(entries in prop::collection::vec(entry(), 0..9)) {
            let text: String = entries.iter().map(|entry| entry.to_line() + "\n").collect();
            prop_assert_eq!(read_entries(text.as_bytes()), Ok(entries));
        }
    }
}
