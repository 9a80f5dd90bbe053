//! What a caller hears while a job runs, and what he has at the end.

use crate::client::{ClientError, Entry, Plan, Step, TreePath, Why};
use std::time::Duration;

/// Something that happened. A lane is one of the files that are copied at once, counted from 0.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// So many things were found at the source by now.
    Surveying(u64),
    /// It is known what is to be done: files and bytes to copy (as far as sizes are known).
    Surveyed {
        /// Files to copy.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A directory was made, or something deleted.
    Changed(&'a Step),
    /// This is left as it is.
    Skipped(&'a TreePath, Why),
    /// A file begins.
    Begun {
        /// Where.
        lane: usize,
        /// Which.
        path: &'a TreePath,
        /// Its size, where it is known.
        bytes: Option<u64>,
    },
    /// So many bytes of it are there.
    At {
        /// Where.
        lane: usize,
        /// From the beginning of the file.
        bytes: u64,
    },
    /// Two servers are still copying.
    Waiting {
        /// Where.
        lane: usize,
    },
    /// It failed, and is tried again.
    Retrying {
        /// Where.
        lane: usize,
        /// Which.
        path: &'a TreePath,
        /// What happened.
        error: &'a ClientError,
        /// When.
        pause: Duration,
    },
    /// It arrived.
    Done {
        /// Where.
        lane: usize,
        /// Which.
        path: &'a TreePath,
        /// What is known of it.
        entry: &'a Entry,
        /// Bytes that were moved for it.
        moved: u64,
        /// How long that took.
        elapsed: Duration,
    },
    /// It did not arrive, or something could not be looked at, made or deleted.
    Failed {
        /// Which: bytes that may be no path.
        path: &'a [u8],
        /// Why.
        error: &'a ClientError,
    },
    /// The lane has nothing more to do.
    Idle {
        /// Which.
        lane: usize,
    },
}

/// Is told what happens. The methods return at once: the job waits for them.
pub trait Observer {
    /// Something happened.
    fn event(&mut self, event: &Event<'_>);
}

/// Hears nothing.
impl Observer for () {
    fn event(&mut self, _: &Event<'_>) {}
}

/// How a job ended.
#[derive(Debug, Default)]
pub struct Summary {
    /// Files that arrived.
    pub copied: u64,
    /// Files that were left as they are, as the request wants it.
    pub skipped: u64,
    /// Files and directories deleted at the target.
    pub deleted: u64,
    /// Bytes that were moved.
    pub bytes: u64,
    /// From the first step to the last.
    pub elapsed: Duration,
    /// The way that the files went between two servers.
    pub plan: Option<Plan>,
    /// Files that were not even tried, since going on made no sense.
    pub untried: u64,
    /// How many things failed.
    pub failed: u64,
    /// The first of them.
    pub first_failure: Option<ClientError>,
}
