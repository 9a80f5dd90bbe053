//! What must hold whatever bytes come: for each parser a function that takes bytes and panics where
//! a promise is broken. The fuzzers in `fuzz/` call them with what they make up, the test below with
//! the inputs in `fuzz/seeds`. Built for these two alone: no program and no embedder has it.
#![allow(clippy::unwrap_used)] // what panics here is a finding

mod commands;
mod files;
mod globs;
mod listings;
mod paths;
mod replies;
mod session;
mod spelling;

pub use commands::{argument, command, line};
pub use files::{answer, book, journal, manifest, users};
pub use globs::glob;
pub use listings::listing;
pub use paths::{location, path};
pub use replies::{endpoint, proxy, reply_read, reply_said};
pub use session::session;

#[cfg(test)]
type Target = (&'static str, fn(&[u8]));

/// Every function, by the name of its target.
#[cfg(test)]
const TARGETS: [Target; 17] = [
    ("answer", answer),
    ("argument", argument),
    ("book", book),
    ("command", command),
    ("endpoint", endpoint),
    ("glob", glob),
    ("journal", journal),
    ("line", line),
    ("listing", listing),
    ("location", location),
    ("manifest", manifest),
    ("path", path),
    ("proxy", proxy),
    ("reply_read", reply_read),
    ("reply_said", reply_said),
    ("session", session),
    ("users", users),
];

/// The input up to its first line end, and what stands behind.
fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, b""),
    }
}

/// What a line can hold: anything but NUL, CR and LF.
fn without_line_ends(data: &[u8]) -> Vec<u8> {
    data.iter().copied().filter(|byte| !matches!(byte, 0 | b'\r' | b'\n')).collect()
}

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_of_the_fuzzers_hold_every_promise() {
        for (target, body) in TARGETS {
            replay::seeds_of(target, body);
        }
    }
}
