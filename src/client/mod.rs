//! The client's half of the conversation: log in to servers, and copy a file from one to another
//! under TLS without carrying it ourselves. It never meets `session`, the server's half.
//!
//! From below: [`control`] moves lines, [`Connection`] is one logged-in server, [`plans`] lists the
//! ways two of them can meet, `exchange` walks one way, [`Run`] picks the way and proves the result.

mod carried;
mod complaint;
mod connection;
mod control;
mod copy;
mod data;
mod digest;
mod doctor;
mod download;
mod error;
mod exchange;
mod features;
mod gauge;
mod job;
mod login;
mod meet;
mod partial;
mod place;
mod plan;
mod ports;
mod progress;
mod proof;
mod remote_path;
mod site;
mod tree;
mod trust;
mod upload;
mod verified;
mod wishes;

/// For the fuzzers.
#[cfg(any(test, fuzzing))]
pub use {
    job::{Known, read_entries},
    tree::Lines,
};

pub use carried::Carried;
pub use connection::{Connection, Setup};
pub use control::ProtocolLog;
pub use copy::{Copied, Existing, Run, copy};
pub use doctor::{Ailment, Cause, Diagnosis, Route, RouteOutcome, diagnose};
pub use download::download;
pub use error::{Attempt, ClientError};
pub use features::{Extension, Features, ServerKind};
pub use job::{
    Act, Entry, Event, Finding, JobEnd, Login, ManifestError, Observer, OnExisting, ProofKind,
    Prospect, Request, ServerFacts, Step, Summary, Why, read_manifest, verify,
};
pub use login::Credentials;
pub use meet::{Met, meet};
pub use place::Place;
pub use plan::{Plan, Side, Via, plans};
pub use progress::{Progress, Unseen};
pub use proof::Proof;
pub use remote_path::RemotePath;
pub use site::{Location, Security, Site, SiteFault};
pub use tree::{
    BadPattern, DEFAULT_DEPTH, End, Filter, Found, LocalEnd, Over, RemoteEnd, Stumble, TreePath,
    Verdict, Walk,
};
pub use trust::{ByAuthority, Judge, Pins, Shown};
pub use upload::upload;
pub use verified::{Verification, Verified};
