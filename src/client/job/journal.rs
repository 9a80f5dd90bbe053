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
    begun: HashSet<TreePath>,
    done: HashMap<TreePath, Entry>,
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
        let (begun, done) = (HashSet::new(), HashMap::new());
        let mut journal = Journal { file, path: path.to_owned(), begun, done };
        let end = journal.read(job)?;
        // What was cut is overwritten.
        journal.file.set_len(end).map_err(failed)?;
        journal.file.seek(SeekFrom::Start(end)).map_err(failed)?;
        if end == 0 {
            journal.write(&Line::Job(job.to_owned()))?;
        }
        Ok(journal)
    }

    /// Whether nothing was done before.
    pub fn is_new(&self) -> bool {
        self.begun.is_empty() && self.done.is_empty()
    }

    /// What an earlier run wrote down of a file.
    pub fn earlier(&self, path: &TreePath) -> Earlier<'_> {
        match self.done.get(path) {
            Some(entry) => Earlier::Done(entry),
            None if self.begun.contains(path) => Earlier::Begun,
            None => Earlier::Unknown,
        }
    }

    /// What arrived in an earlier run.
    pub fn entry(&self, path: &TreePath) -> Option<Entry> {
        self.done.get(path).cloned()
    }

    /// A file is about to be written. Said before the first byte of it can be: half a file that
    /// nobody knows of would pass for a whole one.
    pub fn begin(&self, path: &TreePath) -> Result<(), ClientError> {
        self.write(&Line::Begun(percent_encode(path.as_bytes(), NON_ALPHANUMERIC).to_string()))
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

    /// Reads what is there; how many bytes of it are whole lines.
    fn read(&mut self, job: &str) -> Result<u64, ClientError> {
        let failed = |error| ClientError::Local(self.path.clone(), error);
        let damaged = |line: usize| {
            failed(io::Error::other(format!(
                "line {line} is damaged; remove the file to begin anew"
            )))
        };
        let mut lines = BufReader::new(&self.file);
        let mut end = 0;
        for number in 1.. {
            let mut line = Vec::new();
            let read = io::Read::take(&mut lines, MAX_LINE_BYTES).read_until(b'\n', &mut line);
            let count = read.map_err(failed)? as u64;
            if count == 0 || (!line.ends_with(b"\n") && count < MAX_LINE_BYTES) {
                break;
            }
            match serde_json::from_slice(&line) {
                Ok(Line::Job(name)) if number == 1 && name == job => {}
                Ok(Line::Job(name)) if number == 1 => {
                    return Err(failed(io::Error::other(format!("it is of another job: {name}"))));
                }
                Ok(Line::Begun(path)) if number > 1 => {
                    let path: Vec<u8> = percent_decode_str(&path).collect();
                    self.begun.insert(TreePath::new(&path).ok_or_else(|| damaged(number))?);
                }
                Ok(Line::Done(entry)) if number > 1 => {
                    let path = entry.tree_path().ok_or_else(|| damaged(number))?;
                    self.done.insert(path, entry);
                }
                _ => return Err(damaged(number)),
            }
            end += count;
        }
        Ok(end)
    }

    fn write(&self, line: &Line) -> Result<(), ClientError> {
        let mut text = serde_json::to_vec(line).expect("strings and numbers are JSON");
        text.push(b'\n');
        // One write, so that a kill leaves whole lines and at most one that is cut, and so that the
        // lines of several lanes do not mix.
        (&self.file).write_all(&text).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> ClientError {
        ClientError::Local(self.path.clone(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ProofKind;

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
        for bad in ["rubbish\n", "{\"begun\":\"..\"}\n", "{\"job\":\"a b\"}\n", "{\"done\":{}}\n"] {
            fs::write(&file, format!("{{\"job\":\"a b\"}}\n{bad}{{\"begun\":\"x\"}}\n")).unwrap();
            let refused = Journal::open(&file, "a b").unwrap_err().to_string();
            assert!(refused.contains("line 2 is damaged"), "{bad}: {refused}");
        }
    }
}
