//! Directories, on servers and on the local disk: to look at, to walk through, and to change.
//!
//! [`remote`] asks a server what is there, [`change`] changes it, [`Walk`] goes through a tree at
//! either [`End`]. Which file is copied where, is the affair of those who use them.

mod change;
mod end;
mod filter;
mod lines;
mod path;
mod remote;
mod walk;

#[cfg(any(test, fuzzing))]
pub use lines::Lines;

pub(super) use end::listed;
pub use end::{End, LocalEnd, RemoteEnd};
pub use filter::{BadPattern, Filter, Verdict};
pub use path::TreePath;
pub use walk::{DEFAULT_DEPTH, Found, Over, Stumble, Walk};
