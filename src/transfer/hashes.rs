//! Hashes that were computed once, shared by all sessions of a server. What is remembered belongs
//! to one state of one file, so that nothing has to be told when a file changes: its new state is
//! simply unknown.
//!
//! Two changes within one tick of a file system's clock can look like one state. Linux since 6.13
//! keeps them apart, as each state that we ask for is told from the next.

use crate::{proto::Algorithm, storage::Version};
use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Hashes that are remembered at most. Each takes some hundred bytes.
const MAX_HASHES: usize = 4096;

/// The hash of one state of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which state.
    pub version: Version,
    /// By which function.
    pub algorithm: Algorithm,
    /// In lower-case hexadecimal digits.
    pub hash: String,
}

/// The hashes that are remembered. Those that nobody asked for are forgotten first.
#[derive(Default)]
pub struct Hashes {
    generations: Mutex<Generations>,
}

type Generation = HashMap<(Version, Algorithm), String>;

/// When the young ones are half of all that may be, they become the old ones, and the old ones go.
#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

impl Hashes {
    /// Remembers one more.
    pub fn remember(&self, known: Known) {
        self.lock().add((known.version, known.algorithm), known.hash);
    }

    /// The hash of a file in this state, if it is remembered.
    pub fn find(&self, version: Version, algorithm: Algorithm) -> Option<String> {
        let key = (version, algorithm);
        let mut generations = self.lock();
        if let Some(hash) = generations.young.get(&key) {
            return Some(hash.clone());
        }
        let hash = generations.old.remove(&key)?;
        generations.add(key, hash.clone());
        Some(hash)
    }

    /// Both maps are whole at every moment, so a panic elsewhere does not spoil them.
    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn add(&mut self, key: (Version, Algorithm), hash: String) {
        if self.young.len() >= MAX_HASHES / 2 {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(inode: u64) -> Version {
        Version { object: (1, inode), size: 5, modified_ns: 7, changed: 7 }
    }

    fn remember(hashes: &Hashes, inode: u64) {
        let hash = format!("{inode:x}");
        hashes.remember(Known { version: version(inode), algorithm: Algorithm::Md5, hash });
    }

    #[test]
    fn only_the_same_state_and_function_are_found() {
        let hashes = Hashes::default();
        remember(&hashes, 10);
        assert_eq!(hashes.find(version(10), Algorithm::Md5).as_deref(), Some("a"));
        assert_eq!(hashes.find(version(10), Algorithm::Sha1), None);
        for other in [
            version(11),
            Version { object: (2, 10), ..version(10) },
            Version { size: 6, ..version(10) },
            Version { modified_ns: 8, ..version(10) },
            Version { changed: 8, ..version(10) },
        ] {
            assert_eq!(hashes.find(other, Algorithm::Md5), None);
        }
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_is_asked_for() {
        let hashes = Hashes::default();
        for inode in 0..3 * MAX_HASHES as u64 {
            remember(&hashes, inode);
            assert!(hashes.find(version(0), Algorithm::Md5).is_some(), "asked for all the time");
        }
        let generations = hashes.lock();
        assert!(generations.young.len() + generations.old.len() <= MAX_HASHES);
        drop(generations);
        assert!(hashes.find(version(1), Algorithm::Md5).is_none(), "never asked for");
    }
}
