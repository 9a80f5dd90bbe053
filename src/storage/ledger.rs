//! How much a tree holds, for those who may fill it up to a quota only.
//!
//! Nothing of it is stored: it is counted when it is first needed, and kept up to date by
//! [`super::metered`] from then on. So no crash can leave it wrong, and what other programs do in the
//! tree is seen at the next count.

use super::{Result, StorageError, Tree};
use crate::proto::{Entry, Kind, Link, VirtualPath};
use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// What is held, or may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of regular files.
    pub bytes: u64,
    /// Names: those of files, directories and links.
    pub files: u64,
}

impl Usage {
    /// What an entry of a directory takes.
    pub fn of(entry: &Entry) -> Usage {
        let is_file = entry.kind == Kind::File && entry.link == Link::No;
        Usage { bytes: if is_file { entry.size } else { 0 }, files: 1 }
    }

    /// So many bytes of a file that is there.
    pub fn bytes(bytes: u64) -> Usage {
        Usage { bytes, files: 0 }
    }

    /// A name, with nothing behind it.
    pub const NAME: Usage = Usage { bytes: 0, files: 1 };

    fn plus(self, more: Usage) -> Usage {
        let bytes = self.bytes.saturating_add(more.bytes);
        Usage { bytes, files: self.files.saturating_add(more.files) }
    }

    fn minus(self, less: Usage) -> Usage {
        let bytes = self.bytes.saturating_sub(less.bytes);
        Usage { bytes, files: self.files.saturating_sub(less.files) }
    }
}

/// A count older than this is made anew by the next who comes, if nobody else is on.
const RECOUNT_AFTER: Duration = Duration::from_secs(600);

/// Trees that are remembered while nobody is on.
const MAX_IDLE: usize = 1024;

/// Whoever finds a count being made looks this often whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The ledgers of a storage, one for each home. All sessions of a home share it.
#[derive(Default)]
pub struct Ledgers {
    by_home: Mutex<HashMap<OsString, (Arc<Ledger>, Instant)>>,
}

impl Ledgers {
    /// That of `home`.
    pub fn of(&self, home: &OsStr) -> Arc<Ledger> {
        let now = Instant::now();
        let mut by_home = self.by_home.lock().unwrap_or_else(PoisonError::into_inner);
        let is_on = |ledger: &Arc<Ledger>| Arc::strong_count(ledger) > 1;
        by_home.retain(|_, (ledger, since)| is_on(ledger) || now - *since < RECOUNT_AFTER);
        if by_home.len() >= MAX_IDLE {
            by_home.retain(|_, (ledger, _)| is_on(ledger));
        }
        let fresh = || (Arc::default(), now);
        Arc::clone(&by_home.entry(home.to_owned()).or_insert_with(fresh).0)
    }
}

/// What one tree holds.
#[derive(Default)]
pub struct Ledger {
    books: Mutex<Books>,
    order: Mutex<()>,
}

#[derive(Default)]
struct Books {
    state: State,
    used: Usage,
    /// Uploads that are under way: what they have written cannot be told from what was there.
    uploads: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Nobody knows, or something has happened that nobody could follow.
    #[default]
    Uncounted,
    /// Somebody is counting.
    Counting,
    /// Somebody is, and what is found will not be right.
    CountingInVain,
    Counted,
}

impl Ledger {
    /// Counts what `tree` holds, unless that is known. `go_on` is asked between entries.
    pub fn count<E>(
        &self,
        tree: &dyn Tree,
        go_on: &mut dyn FnMut() -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        loop {
            let mut books = self.books();
            match books.state {
                State::Counted => return Ok(()),
                // With what is known, until the uploads have ended.
                State::Uncounted if books.uploads > 0 => return Ok(()),
                State::Uncounted => {
                    books.state = State::Counting;
                    drop(books);
                    let found = walk(tree, go_on);
                    let mut books = self.books();
                    let in_vain = books.state == State::CountingInVain || found.is_err();
                    books.state = if in_vain { State::Uncounted } else { State::Counted };
                    books.used = found?;
                }
                State::Counting | State::CountingInVain => {
                    drop(books);
                    go_on()?;
                    thread::sleep(LOOK_EVERY);
                }
            }
        }
    }

    /// What is held, as far as that is known.
    pub fn used(&self) -> Usage {
        self.books().used
    }

    /// Takes `more`, if it then does not hold more than `quota` and `credit`, which will be given
    /// back soon.
    pub fn take(&self, more: Usage, quota: Quota, credit: u64) -> Result<()> {
        let mut books = self.books();
        let then = books.used.plus(more);
        let bytes_fit = quota.bytes.is_none_or(|most| then.bytes <= most.saturating_add(credit));
        let files_fit = quota.files.is_none_or(|most| then.files <= most);
        if more.bytes > 0 && !bytes_fit || more.files > 0 && !files_fit {
            return Err(StorageError::QuotaExceeded);
        }
        books.change(then);
        Ok(())
    }

    /// Adds what is there already, whatever the quota.
    pub fn add(&self, more: Usage) {
        let mut books = self.books();
        let then = books.used.plus(more);
        books.change(then);
    }

    /// Gives back what is gone.
    pub fn give_back(&self, less: Usage) {
        let mut books = self.books();
        let then = books.used.minus(less);
        books.change(then);
    }

    /// Something has happened that the ledger cannot follow: it is counted anew.
    pub fn doubt(&self) {
        let mut books = self.books();
        books.state = match books.state {
            State::Counting | State::CountingInVain => State::CountingInVain,
            State::Uncounted | State::Counted => State::Uncounted,
        };
    }

    /// An upload begins.
    pub fn begin_upload(&self) {
        self.books().uploads += 1;
    }

    /// An upload has ended, in whatever way.
    pub fn end_upload(&self) {
        self.books().uploads -= 1;
    }

    /// Held while a name is looked up and then replaced or removed, so that nobody else removes the
    /// same file in between and both give back its bytes. It is held over these calls of the
    /// storage, which keeps waiting only those who share a tree with a quota.
    pub fn in_order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn change(&mut self, used: Usage) {
        self.used = used;
        if self.state == State::Counting {
            self.state = State::CountingInVain;
        }
    }
}

/// How much a tree may hold; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of regular files.
    pub bytes: Option<u64>,
    /// Names: those of files, directories and links.
    pub files: Option<u64>,
}

impl Quota {
    /// Whether there is any.
    pub fn is_set(self) -> bool {
        self != Quota::default()
    }
}

/// Everything below the root, links not followed. What cannot be looked into is not counted.
fn walk<E>(
    tree: &dyn Tree,
    go_on: &mut dyn FnMut() -> std::result::Result<(), E>,
) -> std::result::Result<Usage, E> {
    let mut found = Usage::default();
    let mut directories = vec![VirtualPath::root()];
    while let Some(directory) = directories.pop() {
        let Ok(listing) = tree.list(&directory) else { continue };
        for entry in listing.filter_map(Result::ok) {
            go_on()?;
            found = found.plus(Usage::of(&entry));
            if entry.kind == Kind::Directory && entry.link == Link::No {
                directories.push(directory.child(&entry.name));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_trees_are_remembered_than_that_and_those_in_use_all() {
        let ledgers = Ledgers::default();
        let home = |number: usize| OsString::from(number.to_string());
        let in_use: Vec<_> = (0..MAX_IDLE / 2).map(|number| ledgers.of(&home(number))).collect();
        in_use.iter().for_each(|ledger| ledger.add(Usage::NAME));
        for number in in_use.len()..3 * MAX_IDLE {
            ledgers.of(&home(number)).add(Usage::NAME);
            assert!(ledgers.by_home.lock().unwrap().len() <= MAX_IDLE, "{number}");
        }
        for number in 0..in_use.len() {
            assert_eq!(ledgers.of(&home(number)).used(), Usage::NAME, "{number}");
        }
    }
}
