//! Jobs: many files copied as one thing to do, from a server or the local disk to another.
//!
//! A [`Request`] says what is wanted. [`survey`] looks at both ends and makes [`Step`]s of it, by the
//! rules of [`decide`]. [`work`] does them, in as many lanes as were asked for; [`lane`] tries a file
//! until a [`carrier`] has moved it. [`journal`] keeps what is done, so that a second run goes on where the first
//! one ended, and [`manifest`] writes it down for [`verify`].

mod carrier;
mod decide;
mod end;
mod event;
mod journal;
mod lane;
mod manifest;
mod patience;
mod request;
mod roots;
mod survey;
mod verify;
mod work;

#[cfg(any(test, fuzzing))]
pub use journal::Known;
#[cfg(any(test, fuzzing))]
pub use manifest::read_entries;

pub use event::{Event, Observer, Summary};
pub use manifest::{Entry, ManifestError, ProofKind, read_manifest};
pub use request::{JobEnd, Login, OnExisting, Request};
pub use survey::{Act, Prospect, ServerFacts, Step, Why};
pub use verify::{Finding, verify};
