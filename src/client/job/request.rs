//! What is wanted: from where to where, which files, and what becomes of those that are there.

use crate::client::{
    ClientError, Connection, Credentials, Filter, Place, Plan, ProtocolLog, RemotePath, Setup, Site,
};
use std::{fmt, path::PathBuf, sync::Arc};

/// What it takes to log in to a server, as often as there are lanes.
#[derive(Clone)]
pub struct Login {
    /// The server.
    pub site: Site,
    /// As whom.
    pub credentials: Credentials,
    /// How.
    pub setup: Setup,
}

impl Login {
    pub(super) fn open(&self) -> Result<Connection, ClientError> {
        Connection::open(self.site.clone(), self.credentials.clone(), self.setup.clone())
    }

    /// For another lane, whose lines in the log are `host:port#2 > …`.
    pub(super) fn of_lane(&self, lane: usize) -> Login {
        let mut login = self.clone();
        login.setup.log = self.setup.log.clone().map(|log| -> ProtocolLog {
            Arc::new(move |line| {
                let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
                log(&format!("{name}#{} {rest}", lane + 1));
            })
        });
        login
    }
}

/// One end of a job.
#[derive(Clone)]
pub enum JobEnd {
    /// A path on a server.
    Remote(Box<Login>, RemotePath),
    /// A path here.
    Local(PathBuf),
}

impl JobEnd {
    /// Whether its spelling says that it is a directory.
    pub(super) fn is_spelt_as_directory(&self) -> bool {
        self.place().is_spelt_as_directory()
    }

    fn place(&self) -> Place {
        match self {
            JobEnd::Remote(login, path) => Place::Remote(crate::client::Location {
                site: login.site.clone(),
                path: path.clone(),
            }),
            JobEnd::Local(path) => Place::Local(path.clone()),
        }
    }
}

impl fmt::Display for JobEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place().fmt(f)
    }
}

/// Which files are copied, where the target has one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExisting {
    /// All; those of the target are replaced.
    Overwrite,
    /// None of these.
    Skip,
    /// All but those that are equal already; half ones are continued. See [`crate::Existing`].
    Resume,
    /// Those that are newer at the source.
    IfNewer,
    /// Those whose size or time of modification differs. Where the target cannot keep the time of
    /// a file, one that is older there than at the source differs.
    IfDifferent,
    /// Those whose size or hash differs.
    IfHashDiffers,
}

/// A job. Its methods are its use.
#[derive(Clone)]
pub struct Request {
    /// Where the files are: a file, a tree, or a pattern in the last component of a remote path.
    pub source: JobEnd,
    /// Where they go. One that ends in `/` keeps the source's name; what a source ends in `/` names
    /// is what is in it.
    pub target: JobEnd,
    /// Whether directories are copied, with what is in them.
    pub recursive: bool,
    /// How many components a path may have at most; what is deeper is not looked at. Without it,
    /// what is deeper than [`crate::DEFAULT_DEPTH`] is a failure.
    pub max_depth: Option<usize>,
    /// Which of them.
    pub filter: Filter,
    /// Which of them, where the target has them.
    pub on_existing: OnExisting,
    /// Whether what the target has and the source has not is deleted there.
    pub delete: bool,
    /// Whether times and permissions are carried over, where the target can keep them.
    pub preserve: bool,
    /// How many files are copied at once. At least 1.
    pub lanes: usize,
    /// How many bytes a second are moved at most, by all of them together. Between two servers one
    /// of them has to be able to keep to it.
    pub max_rate: Option<u64>,
    /// How often a file is tried again after a failure that may pass.
    pub retries: u32,
    /// Where it is written down what is done; a job with the same one goes on there.
    pub journal: Option<PathBuf>,
    /// Where it is written down what arrived.
    pub manifest: Option<PathBuf>,
    /// The way between the two servers that is tried first.
    pub preferred: Option<Plan>,
}

/// Tries after the first.
const RETRIES: u32 = 4;

impl Request {
    /// One file, replaced where it is there, without journal and manifest.
    pub fn new(source: JobEnd, target: JobEnd) -> Request {
        Request {
            source,
            target,
            recursive: false,
            max_depth: None,
            filter: Filter::default(),
            on_existing: OnExisting::Overwrite,
            delete: false,
            preserve: false,
            lanes: 1,
            max_rate: None,
            retries: RETRIES,
            journal: None,
            manifest: None,
            preferred: None,
        }
    }
}
