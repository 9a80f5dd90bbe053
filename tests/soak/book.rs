//! What clients know of their transfers, and whether the logs of the servers say the same.
//!
//! Every file of the soak has a name of its own, so that each record of a log has one line in the
//! book that it belongs to.

use super::logs::Record;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

/// Which way the bytes go, in the words of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    In,
    Out,
}

/// The transfers of one file, one way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub server: usize,
    pub way: Way,
    pub path: String,
}

/// How they ended, as clients saw it.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// 226 was heard, and every byte was right.
    acknowledged: u64,
    acknowledged_bytes: u64,
    /// It began and was then refused.
    failed: u64,
    /// The client has left before its end was heard, if it ever began.
    unheard: u64,
}

/// The same of many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    pub acknowledged: u64,
    pub bytes: u64,
    pub failed: u64,
    pub unheard: u64,
}

#[derive(Default)]
pub struct Book {
    lines: Mutex<BTreeMap<Key, Line>>,
}

impl Book {
    /// A transfer is asked for. Whoever forgets it has not heard its end.
    pub fn opens(&self, server: usize, way: Way, path: &str, size: u64) -> Transfer<'_> {
        let path = format!("/{}", path.trim_start_matches('/'));
        Transfer { book: self, key: Key { server, way, path }, size, end: End::Unheard }
    }

    /// All of one server.
    pub fn sums(&self, server: usize) -> Sums {
        let lines = self.lines();
        let its = lines.iter().filter(|(key, _)| key.server == server);
        its.fold(Sums::default(), |sums, (_, line)| Sums {
            acknowledged: sums.acknowledged + line.acknowledged,
            bytes: sums.bytes + line.acknowledged_bytes,
            failed: sums.failed + line.failed,
            unheard: sums.unheard + line.unheard,
        })
    }

    /// Whether an upload of this name was ever asked for.
    pub fn knows_upload(&self, server: usize, path: &str) -> bool {
        self.lines().contains_key(&Key { server, way: Way::In, path: format!("/{path}") })
    }

    /// What the records of a server's log say otherwise.
    pub fn contradictions(&self, server: usize, records: &[Record]) -> Vec<String> {
        let mut logged: BTreeMap<Key, Vec<&Record>> = BTreeMap::new();
        for record in records {
            let key = Key { server, way: record.way, path: record.path.clone() };
            logged.entry(key).or_default().push(record);
        }
        let lines = self.lines();
        let unknown = logged.iter().filter(|(key, _)| !lines.contains_key(*key));
        let unknown = unknown.map(|(key, records)| format!("nobody moved {key:?}: {records:?}"));
        let its = lines.iter().filter(|(key, _)| key.server == server);
        let contradicted = its.filter_map(|(key, line)| {
            let records = logged.get(key).map_or(&[][..], |records| records);
            (!line.agrees_with(records)).then(|| format!("{key:?}: {line:?}, logged {records:?}"))
        });
        unknown.chain(contradicted).collect()
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<Key, Line>> {
        self.lines.lock().unwrap()
    }
}

impl Line {
    /// One record for each transfer that has ended, and at most one for each that was left.
    fn agrees_with(&self, records: &[&Record]) -> bool {
        let whole = records.iter().filter(|record| record.complete);
        let bytes: u64 = whole.clone().map(|record| record.bytes).sum();
        let (whole, all) = (whole.count() as u64, records.len() as u64);
        let ended = self.acknowledged + self.failed;
        let is_whole = (self.acknowledged..=self.acknowledged + self.unheard).contains(&whole);
        let is_cut = (self.failed..=self.failed + self.unheard).contains(&(all - whole));
        let bytes_agree = whole > self.acknowledged || bytes == self.acknowledged_bytes;
        is_whole && is_cut && bytes_agree && (ended..=ended + self.unheard).contains(&all)
    }
}

#[derive(Clone, Copy)]
enum End {
    Acknowledged,
    Failed,
    /// It never began.
    Refused,
    Unheard,
}

/// A transfer that was asked for. It is in the book when dropped.
pub struct Transfer<'a> {
    book: &'a Book,
    key: Key,
    size: u64,
    end: End,
}

impl Transfer<'_> {
    /// 226, and its bytes were those that they should be.
    pub fn acknowledged(mut self) {
        self.end = End::Acknowledged;
    }

    /// Refused after it had begun.
    pub fn failed(mut self) {
        self.end = End::Failed;
    }

    /// Refused before.
    pub fn refused(mut self) {
        self.end = End::Refused;
    }
}

impl Drop for Transfer<'_> {
    fn drop(&mut self) {
        let mut lines = self.book.lines();
        let line = lines.entry(self.key.clone()).or_default();
        match self.end {
            End::Acknowledged => {
                line.acknowledged += 1;
                line.acknowledged_bytes += self.size;
            }
            End::Failed => line.failed += 1,
            End::Refused => {}
            End::Unheard => line.unheard += 1,
        }
    }
}

#[test]
fn the_book_sees_what_a_log_lacks_has_twice_or_has_made_up() {
    let book = Book::default();
    let record = |path: &str, bytes, complete| Record {
        way: Way::In,
        path: path.to_owned(),
        bytes,
        complete,
        foreign: None,
    };
    book.opens(0, Way::In, "whole", 5).acknowledged();
    book.opens(0, Way::In, "cut", 5).failed();
    drop(book.opens(0, Way::In, "left", 5));
    book.opens(0, Way::In, "refused", 5).refused();
    let right = [record("/whole", 5, true), record("/cut", 3, false)];
    let with = |more: Record| [&right[..], &[more]].concat();
    for (records, contradictions) in [
        (right.to_vec(), 0),
        (with(record("/left", 5, true)), 0),
        (with(record("/left", 2, false)), 0),
        (right[..1].to_vec(), 1),
        (with(record("/whole", 5, true)), 1),
        (with(record("/whole", 0, false)), 1),
        (with(record("/refused", 0, false)), 1),
        (with(record("/other", 0, true)), 1),
        (vec![record("/whole", 4, true), right[1].clone()], 1),
        (vec![record("/whole", 5, false), right[1].clone()], 1),
    ] {
        assert_eq!(book.contradictions(0, &records).len(), contradictions, "{records:?}");
    }
}
