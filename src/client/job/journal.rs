//! What is done of a job, in a file that only grows: after a kill -9 the next run goes on where this
//! one ended. JSON, a line for each thing; a line that was cut is one that was not written.

use crate::client::{ClientError, Entry, TreePath, job::decide::Earlier};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Line {
    /// The first: which job this is, `SOURCE TARGET`.
    Job(String),
    /// A file is about to be written. Its path, percent-encoded.
    Begun(String),
    /// It arrived.
    Done(Entry),
}

/// The journal of a job under way. While it is open, nobody else does the same job.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    known: Known,
}

/// What the lines of a journal say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Known {
    begun: HashSet<TreePath>,
    done: HashMap<TreePath, Entry>,
    /// How many bytes were whole lines.
    end: u64,
}

/// No path is longer than 4096 bytes, and nothing else in a line is long.
const MAX_LINE_BYTES: u64 = 64 * 1024;

impl Journal {
    /// Opens the journal of `job`, or begins it.
    pub fn open(path: &Path, job: &str) -> Result<Journal, ClientError> {
        let failed = |error| ClientError::Local(path.to_owned(), error);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).map_err(failed)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| failed(io::Error::other("the same job is running already")))?;
        let known = Known::read(BufReader::new(&file), job).map_err(failed)?;
        let mut journal = Journal { file, path: path.to_owned(), known };
        // What was cut is overwritten.
        journal.file.set_len(journal.known.end).map_err(failed)?;
        journal.file.seek(SeekFrom::Start(journal.known.end)).map_err(failed)?;
        if journal.known.end == 0 {
            journal.write(&Line::Job(job.to_owned()))?;
        }
        Ok(journal)
    }

    /// Whether nothing was done before.
    pub fn is_new(&self) -> bool {
        self.known.begun.is_empty() && self.known.done.is_empty()
    }

    /// What an earlier run wrote down of a file.
    pub fn earlier(&self, path: &TreePath) -> Earlier<'_> {
        match self.known.done.get(path) {
            Some(entry) => Earlier::Done(entry),
            None if self.known.begun.contains(path) => Earlier::Begun,
            None => Earlier::Unknown,
        }
    }

    /// What arrived in an earlier run.
    pub fn entry(&self, path: &TreePath) -> Option<Entry> {
        self.known.done.get(path).cloned()
    }

    /// A file is about to be written. Said before the first byte of it can be: half a file that
    /// nobody knows of would pass for a whole one.
    pub fn begin(&self, path: &TreePath) -> Result<(), ClientError> {
        self.write(&Line::begun(path))
    }

    /// It arrived.
    pub fn done(&self, entry: &Entry) -> Result<(), ClientError> {
        self.write(&Line::Done(entry.clone()))
    }

    /// Makes sure that what was written survives a loss of power.
    pub fn sync(&self) -> Result<(), ClientError> {
        self.file.sync_data().map_err(|error| self.failed(error))
    }

    /// The job is done, and nothing is left to go on with.
    pub fn finish(&self) -> Result<(), ClientError> {
        fs::remove_file(&self.path).map_err(|error| self.failed(error))
    }

    fn write(&self, line: &Line) -> Result<(), ClientError> {
        // One write, so that a kill leaves whole lines and at most one that is cut, and so that the
        // lines of several lanes do not mix.
        (&self.file).write_all(&line.encode()).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> ClientError {
        ClientError::Local(self.path.clone(), error)
    }
}

impl Line {
    fn begun(path: &TreePath) -> Line {
        Line::Begun(percent_encode(path.as_bytes(), NON_ALPHANUMERIC).to_string())
    }

    fn encode(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("strings and numbers are JSON");
        text.push(b'\n');
        text
    }
}

/// For the fuzzers: the reverse of [`Known::read`].
#[cfg(any(test, fuzzing))]
impl Known {
    /// How many bytes were whole lines.
    pub fn whole_bytes(&self) -> u64 {
        self.end
    }

    /// The journal of `job` that says this.
    pub fn encode(&self, job: &str) -> Vec<u8> {
        let mut lines = vec![Line::Job(job.to_owned())];
        lines.extend(self.begun.iter().map(Line::begun));
        lines.extend(self.done.values().cloned().map(Line::Done));
        lines.iter().flat_map(Line::encode).collect()
    }

    /// Whether both say the same, however long they are.
    pub fn says_the_same(&self, other: &Known) -> bool {
        (&self.begun, &self.done) == (&other.begun, &other.done)
    }
}

impl Known {
    /// Understands the journal of `job`. A last line without its end is passed over.
    pub fn read(mut lines: impl BufRead, job: &str) -> io::Result<Known> {
        let mut known = Known::default();
        for number in 1.. {
            let mut line = Vec::new();
            let read = io::Read::take(&mut lines, MAX_LINE_BYTES).read_until(b'\n', &mut line);
            let count = read? as u64;
            if count == 0 || (!line.ends_with(b"\n") && count < MAX_LINE_BYTES) {
                break;
            }
            let damaged = || {
                let why = format!("line {number} is damaged; remove the file to begin anew");
                io::Error::other(why)
            };
            match serde_json::from_slice(&line) {
                Ok(Line::Job(name)) if number == 1 && name == job => {}
                Ok(Line::Job(name)) if number == 1 => {
                    return Err(io::Error::other(format!("it is of another job: {name}")));
                }
                Ok(Line::Begun(path)) if number > 1 => {
                    let path: Vec<u8> = percent_decode_str(&path).collect();
                    known.begun.insert(TreePath::new(&path).ok_or_else(damaged)?);
                }
                Ok(Line::Done(entry)) if number > 1 => {
                    let path = entry.tree_path().ok_or_else(damaged)?;
                    known.done.insert(path, entry);
                }
                _ => return Err(damaged()),
            }
            known.end += count;
        }
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ProofKind;
    use crate::client::job::manifest::entry;
    use proptest::prelude::*;

    fn path(text: &[u8]) -> TreePath {
        TreePath::new(text).unwrap()
    }

    #[test]
    fn the_next_run_knows_what_was_done() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("new/journal");
        let journal = Journal::open(&file, "a b").unwrap();
        assert!(journal.is_new());
        assert!(Journal::open(&file, "a b").is_err(), "the job is running");
        let entry = Entry::new(b"x", Some(5), ProofKind::Size);
        journal.begin(&path(b"x")).unwrap();
        journal.done(&entry).unwrap();
        journal.begin(&path(b"\xff %\"")).unwrap();
        journal.sync().unwrap();
        drop(journal);

        // A kill in the middle of a line.
        let whole = fs::read(&file).unwrap();
        fs::write(&file, [&whole[..], b"{\"done\":{\"pa"].concat()).unwrap();
        let journal = Journal::open(&file, "a b").unwrap();
        assert!(matches!(journal.earlier(&path(b"x")), Earlier::Done(done) if *done == entry));
        assert!(matches!(journal.earlier(&path(b"\xff %\"")), Earlier::Begun));
        assert!(matches!(journal.earlier(&path(b"y")), Earlier::Unknown));
        journal.begin(&path(b"y")).unwrap();
        drop(journal);
        let journal = Journal::open(&file, "a b").unwrap();
        assert!(matches!(journal.earlier(&path(b"y")), Earlier::Begun), "the cut line is gone");
        journal.finish().unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn another_job_and_a_damaged_file_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("journal");
        drop(Journal::open(&file, "a b").unwrap());
        let refused = Journal::open(&file, "a c").unwrap_err().to_string();
        assert!(refused.contains("another job: a b"), "{refused}");
        let long = format!("{{\"begun\":\"{}\"}}\n", "x".repeat(MAX_LINE_BYTES as usize));
        let others =
            ["rubbish\n", "{\"begun\":\"..\"}\n", "{\"job\":\"a b\"}\n", "{\"done\":{}}\n"];
        for bad in others.into_iter().chain([&*long]) {
            fs::write(&file, format!("{{\"job\":\"a b\"}}\n{bad}{{\"begun\":\"x\"}}\n")).unwrap();
            let refused = Journal::open(&file, "a b").unwrap_err().to_string();
            assert!(refused.contains("line 2 is damaged"), "{bad}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn every_journal_is_read_as_written(
            job in "\\PC*", begun in prop::collection::vec(entry(), 0..9), done in prop::collection::vec(entry(), 0..9),
            cut in 0..9_usize,
        ) {
            let path = |entry: &Entry| entry.tree_path().unwrap();
            let known = Known {
                begun: begun.iter().map(path).collect(),
                done: done.into_iter().map(|entry| (path(&entry), entry)).collect(),
                end: 0,
            };
            let text = [known.encode(&job), b"{\"begun\""[..cut].to_vec()].concat();
            let read = Known::read(&text[..], &job).unwrap();
            prop_assert_eq!(read.end, (text.len() - cut) as u64);
            prop_assert!(read.says_the_same(&known));
            if job != "x" {
                prop_assert!(Known::read(&text[..], "x").is_err());
            }
        }
    }
}
