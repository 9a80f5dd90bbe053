//! A client program in a test's hands: run to its end, never for longer than a test may wait, and
//! never with the settings of whoever runs the tests.

use openssl::symm::{Cipher, encrypt};
use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// Then the program is killed and the test fails. Some take half a minute for 100 MB on a busy host.
pub const DEADLINE_S: &str = "180";

/// What `timeout` exits with when the deadline has passed, and when there is no such program.
const TIMED_OUT: i32 = 124;
const NOT_FOUND: i32 = 127;

/// A program and the directory that is its home, and where it runs.
pub struct Program {
    name: &'static str,
    /// Debian's package of it.
    package: &'static str,
    home: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Program {
    pub fn new(name: &'static str, package: &'static str) -> Program {
        Program { name, package, home: tempfile::tempdir().unwrap() }
    }

    /// Where a file of its home is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The same as an argument.
    pub fn word(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }

    /// Puts a file into its home.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// A file of its home, or nothing.
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path(name)).ok()
    }

    /// All names in its home, hidden ones not, sorted.
    pub fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.home.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn runs<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Outcome {
        self.runs_with(arguments, &[])
    }

    /// Runs it to its end, with these variables in its environment.
    #[track_caller]
    pub fn runs_with<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        variables: &[(&str, &str)],
    ) -> Outcome {
        self.ends(arguments, variables, Stdio::null())
    }

    /// Runs it to its end, with this text to read.
    #[track_caller]
    pub fn runs_on<S: AsRef<OsStr>>(&self, arguments: &[S], text: &str) -> Outcome {
        self.put(".input", text.as_bytes());
        self.ends(arguments, &[], File::open(self.path(".input")).unwrap().into())
    }

    /// Starts it, for one who follows what it writes to standard output. What it writes to standard
    /// error is added to the file `.errors` of its home.
    pub fn starts<S: AsRef<OsStr>>(&self, arguments: &[S], variables: &[(&str, &str)]) -> Child {
        let errors = OpenOptions::new().create(true).append(true).open(self.path(".errors"));
        let mut command = Command::new(self.name);
        command.args(arguments).env("HOME", self.home.path()).env("LC_ALL", "C.UTF-8");
        command.envs(variables.iter().copied()).current_dir(self.home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors.unwrap());
        command.spawn().unwrap()
    }

    #[track_caller]
    fn ends<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        variables: &[(&str, &str)],
        input: Stdio,
    ) -> Outcome {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=2", DEADLINE_S, self.name]).args(arguments);
        command.env("HOME", self.home.path()).env("LC_ALL", "C.UTF-8");
        command.envs(variables.iter().copied());
        command.current_dir(self.home.path()).stdin(input);
        let output = command.output().expect("the program timeout, of coreutils");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = output.status.code().or(output.status.signal().map(|signal| 128 + signal));
        let outcome = Outcome {
            status: status.unwrap(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        let (name, package) = (self.name, self.package);
        assert_ne!(outcome.status, NOT_FOUND, "no {name}: apt-get install {package}");
        assert_ne!(outcome.status, TIMED_OUT, "{name} does not end: {outcome:?}");
        outcome
    }
}

impl Outcome {
    #[track_caller]
    pub fn succeeds(self) -> Outcome {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn fails(self, status: i32, words: &str) -> Outcome {
        assert_eq!(self.status, status, "{}{}", self.out, self.err);
        assert!(self.err.contains(words), "no '{words}' in: {}", self.err);
        self
    }

    /// Its output holds these words.
    #[track_caller]
    pub fn says(self, words: &str) -> Outcome {
        assert!(self.out.contains(words), "no '{words}' in: {}", self.out);
        self
    }
}

/// Bytes that do not repeat and that no compression shortens, the same each time: a cipher's stream,
/// which OpenSSL makes faster than a disk reads.
pub fn sample(count: u32) -> Vec<u8> {
    encrypt(Cipher::chacha20(), &[7; 32], Some(&[0; 16]), &vec![0; count as usize]).unwrap()
}
