//! A tree that holds no more than a quota: what is made in it is taken from the [`Ledger`] before, and
//! what goes is given back afterwards.

use super::{
    Download, Kept, Ledger, Listing, Quota, Result, Start, StorageError, Tree, Upload, Usage,
    Version,
};
use crate::proto::{Change, Entry, Kind, Link, PathArg, VirtualPath};
use std::{mem, os::fd::BorrowedFd, sync::Arc};

/// A tree with a quota.
pub struct Metered {
    tree: Arc<dyn Tree>,
    account: Account,
}

/// Where is taken from, and how much there is.
#[derive(Clone)]
struct Account {
    ledger: Arc<Ledger>,
    quota: Quota,
}

impl Metered {
    /// `tree`, which the `ledger` is of, up to `quota`.
    pub fn new(tree: Box<dyn Tree>, ledger: Arc<Ledger>, quota: Quota) -> Metered {
        Metered { tree: tree.into(), account: Account { ledger, quota } }
    }

    /// Makes a name by `make`.
    fn named(&self, make: impl FnOnce(&dyn Tree) -> Result<()>) -> Result<()> {
        let Account { ledger, quota } = &self.account;
        ledger.take(Usage::NAME, *quota, 0)?;
        make(&*self.tree).inspect_err(|_| ledger.give_back(Usage::NAME))
    }
}

impl Tree for Metered {
    fn directory(&self) -> Option<BorrowedFd<'_>> {
        self.tree.directory()
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        self.tree.entry(path)
    }

    fn list(&self, path: &VirtualPath) -> Result<Listing> {
        self.tree.list(path)
    }

    fn open(&self, path: &VirtualPath, offset: u64) -> Result<Box<dyn Download>> {
        self.tree.open(path, offset)
    }

    fn create(&self, path: &VirtualPath, start: Start) -> Result<Box<dyn Upload>> {
        let Account { ledger, quota } = &self.account;
        let before = size_at(&*self.tree, path);
        let upload = self.tree.create(path, start)?;
        // A file that is to be replaced makes room for its successor.
        let credit = if upload.is_in_place() { 0 } else { before.unwrap_or(0) };
        let adds = before.is_none() || start == Start::End;
        if adds && quota.bytes.is_some_and(|most| ledger.used().bytes >= most) {
            return Err(StorageError::QuotaExceeded);
        }
        if before.is_none() {
            ledger.take(Usage::NAME, *quota, 0)?;
        }
        ledger.begin_upload();
        let size = size_at(&*self.tree, path).unwrap_or(0);
        let place = upload.is_in_place().then(|| Place::new(start, size));
        Ok(Box::new(MeteredUpload {
            upload: Some(upload),
            tree: Arc::clone(&self.tree),
            path: path.clone(),
            account: self.account.clone(),
            credit,
            made_name: before.is_none(),
            taken: 0,
            place,
        }))
    }

    fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        self.named(|tree| tree.make_directory(path))
    }

    fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        self.tree.remove_directory(path)?;
        self.account.ledger.give_back(Usage::NAME);
        Ok(())
    }

    fn remove_file(&self, path: &VirtualPath) -> Result<()> {
        let _order = self.account.ledger.in_order();
        let entry = self.tree.entry(path);
        self.tree.remove_file(path)?;
        match entry {
            Ok(entry) => self.account.ledger.give_back(Usage::of(&entry)),
            Err(_) => self.account.ledger.doubt(),
        }
        Ok(())
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        let _order = self.account.ledger.in_order();
        let (source, target) = (self.tree.entry(from), self.tree.entry(to));
        self.tree.rename(from, to)?;
        if let Ok(target) = target {
            // Two names of one file: then rename(2) does nothing.
            let is_same = source.is_ok_and(|source| {
                source.unique == target.unique && source.link == Link::No && target.link == Link::No
            });
            if !is_same {
                self.account.ledger.give_back(Usage::of(&target));
            }
        }
        Ok(())
    }

    fn change(&self, path: &VirtualPath, change: Change) -> Result<()> {
        self.tree.change(path, change)
    }

    fn make_link(&self, target: &PathArg, path: &VirtualPath) -> Result<()> {
        self.named(|tree| tree.make_link(target, path))
    }

    /// What the quota leaves, or the disk, if that is less.
    fn available_bytes(&self, path: &VirtualPath) -> Result<Option<u64>> {
        let on_disk = self.tree.available_bytes(path)?;
        let Some(most) = self.account.quota.bytes else { return Ok(on_disk) };
        let left = most.saturating_sub(self.account.ledger.used().bytes);
        Ok(Some(on_disk.map_or(left, |room| room.min(left))))
    }
}

/// The size of the file at `path`, links followed; `None` when there is none.
fn size_at(tree: &dyn Tree, path: &VirtualPath) -> Option<u64> {
    tree.entry(path).ok().filter(|entry| entry.kind == Kind::File).map(|entry| entry.size)
}

/// Where an upload writes within a file that it found.
struct Place {
    /// The size that the ledger knows.
    counted: u64,
    /// What the first write cuts it to.
    cut_to: Option<u64>,
    /// Where the next byte goes.
    at: u64,
}

impl Place {
    fn new(start: Start, size: u64) -> Place {
        let (at, cut_to) = match start {
            Start::Fresh | Start::Unique => (0, Some(0)),
            Start::At(n) => (n, Some(n)),
            Start::Over(n) => (n, None),
            Start::End => (size, None),
        };
        Place { counted: size, cut_to, at }
    }

    fn cut(&mut self, ledger: &Ledger) {
        if let Some(size) = self.cut_to.take() {
            ledger.give_back(Usage::bytes(self.counted.saturating_sub(size)));
            self.counted = size;
        }
    }
}

struct MeteredUpload {
    /// Gone once it is committed or kept.
    upload: Option<Box<dyn Upload>>,
    tree: Arc<dyn Tree>,
    path: VirtualPath,
    account: Account,
    /// Bytes of the file that this one replaces.
    credit: u64,
    /// Whether the name was taken from the ledger.
    made_name: bool,
    /// Bytes of a new file that were taken from the ledger.
    taken: u64,
    /// For an upload in place.
    place: Option<Place>,
}

impl MeteredUpload {
    fn upload(&mut self) -> Result<Box<dyn Upload>> {
        self.upload.take().ok_or(StorageError::Unsupported)
    }

    /// Whether what it replaces, of `size` by now, makes too little room: somebody has removed it.
    fn is_over(&self, size: Option<u64>) -> bool {
        let Account { ledger, quota } = &self.account;
        let room = |most: u64| most.saturating_add(size.unwrap_or(0));
        self.place.is_none() && quota.bytes.is_some_and(|most| ledger.used().bytes > room(most))
    }

    /// Nothing of it is left.
    fn give_all_back(&mut self) {
        let counted = self.place.as_ref().map_or(0, |place| place.counted);
        let bytes = mem::take(&mut self.taken) + if self.made_name { counted } else { 0 };
        self.account.ledger.give_back(Usage { bytes, files: self.made_name.into() });
    }
}

impl Upload for MeteredUpload {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Account { ledger, quota } = &self.account;
        let count = bytes.len() as u64;
        match &mut self.place {
            None => {
                ledger.take(Usage::bytes(count), *quota, self.credit)?;
                self.taken += count;
            }
            Some(place) => {
                place.cut(ledger);
                let end = place.at + count;
                ledger.take(Usage::bytes(end.saturating_sub(place.counted)), *quota, 0)?;
                place.counted = place.counted.max(end);
                place.at = end;
            }
        }
        let written = self.upload.as_mut().map(|upload| upload.write(bytes));
        let written = written.unwrap_or(Err(StorageError::Unsupported));
        // How much of it is there, nobody knows.
        written.inspect_err(|_| self.account.ledger.doubt())
    }

    fn commit(mut self: Box<Self>) -> Result<Option<Version>> {
        let upload = self.upload()?;
        let ledger = Arc::clone(&self.account.ledger);
        let _order = ledger.in_order();
        if let Some(place) = &mut self.place {
            place.cut(&ledger);
            return upload.commit().inspect_err(|_| ledger.doubt());
        }
        let replaced = size_at(&*self.tree, &self.path);
        if self.is_over(replaced) {
            self.give_all_back();
            return Err(StorageError::QuotaExceeded);
        }
        let outcome = upload.commit();
        match (&outcome, replaced) {
            (Err(_), _) => self.give_all_back(),
            (Ok(_), Some(size)) => {
                ledger.give_back(Usage { bytes: size, files: self.made_name.into() });
            }
            (Ok(_), None) if !self.made_name => ledger.add(Usage::NAME),
            (Ok(_), None) => {}
        }
        outcome
    }

    fn keep_partial(mut self: Box<Self>) -> Result<Kept> {
        let upload = self.upload()?;
        let ledger = Arc::clone(&self.account.ledger);
        let _order = ledger.in_order();
        if self.is_over(size_at(&*self.tree, &self.path)) {
            self.give_all_back();
            return Ok(Kept::Nothing);
        }
        let outcome = upload.keep_partial();
        match outcome {
            Ok(Kept::Partial) if self.place.is_none() && !self.made_name => {
                ledger.add(Usage::NAME);
            }
            Ok(Kept::Partial) => {}
            Ok(Kept::Nothing) | Err(_) => self.give_all_back(),
        }
        outcome
    }

    fn is_in_place(&self) -> bool {
        self.place.is_some()
    }
}

impl Drop for MeteredUpload {
    fn drop(&mut self) {
        if self.upload.take().is_some() {
            self.give_all_back();
        }
        self.account.ledger.end_upload();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Local, LocalOptions, Memory, Storage, contract};
    use std::ffi::OsStr;

    /// Whatever the contract does, the ledger says what a new count would find.
    fn the_ledger_keeps_pace(storage: &dyn Storage, homes: &mut dyn FnMut() -> std::ffi::OsString) {
        let mut last: Option<(Arc<Ledger>, Box<dyn Tree>)> = None;
        let mut rounds = 0;
        contract::keeps_its_promises(&mut || {
            let home = homes();
            let tree = || storage.tree(&home).unwrap();
            let ledger = Arc::new(Ledger::default());
            ledger.count(&*tree(), &mut || Ok::<(), ()>(())).unwrap();
            if let Some((ledger, tree)) = last.replace((Arc::clone(&ledger), tree())) {
                rounds += 1;
                let anew = Ledger::default();
                anew.count(&*tree, &mut || Ok::<(), ()>(())).unwrap();
                assert_eq!(ledger.used(), anew.used(), "in round {rounds}");
            }
            let quota = Quota { bytes: Some(1 << 30), files: Some(1000) };
            Box::new(Metered::new(tree(), ledger, quota))
        });
        assert!(rounds > 5);
    }

    #[test]
    fn the_ledger_keeps_pace_in_memory_and_on_disk() {
        let mut number = 0;
        the_ledger_keeps_pace(&Memory::new(), &mut || {
            number += 1;
            format!("home {number}").into()
        });
        let (local, mut kept) = (Local::new(LocalOptions::default()), Vec::new());
        the_ledger_keeps_pace(&local, &mut || {
            kept.push(tempfile::tempdir().unwrap());
            kept.last().unwrap().path().as_os_str().to_owned()
        });
    }

    #[test]
    fn a_count_that_is_disturbed_is_made_again() {
        let files = Memory::new();
        files.put("home", "/d/a", b"hello");
        let tree = files.tree(OsStr::new("home")).unwrap();
        let ledger = Ledger::default();
        let mut asked = 0;
        let counted = ledger.count(&*tree, &mut || {
            asked += 1;
            if asked == 1 {
                files.put("home", "/b", b"more");
                ledger.add(Usage { bytes: 4, files: 1 });
            }
            Ok::<(), ()>(())
        });
        assert_eq!((counted, ledger.used()), (Ok(()), Usage { bytes: 9, files: 3 }));
        ledger.doubt();
        assert_eq!(ledger.count(&*tree, &mut || Err(())), Err(()));
        assert_eq!(ledger.count(&*tree, &mut || Ok::<(), ()>(())), Ok(()));
        assert_eq!(ledger.used(), Usage { bytes: 9, files: 3 });
    }
}
