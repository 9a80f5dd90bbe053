//! `ls -R`: a directory and all below it, one directory after the other, without recursion. What is
//! held is the names of the directories still to be shown.

use super::{
    arranged::{Arranged, Next, Wanted},
    report::{Ending, Source, Step},
};
use crate::{
    proto::{Entry, Hidden, Kind, Link, ListOptions, VirtualPath},
    storage::{Result, StorageError, Tree},
};
use std::vec;

/// Directories within each other.
pub const MAX_DEPTH: usize = 64;

/// Names of directories that wait for their turn.
pub const MAX_WAITING: usize = 10_000;

/// A walk through a directory and all below it.
pub struct Below {
    options: ListOptions,
    /// Whether `.` and `..` are shown.
    dots: Hidden,
    here: Place,
    entries: Option<Arranged>,
    /// Directories found here so far.
    found: Vec<Vec<u8>>,
    /// From the top down: the directories that were shown, and those in them that were not.
    above: Vec<(Place, vec::IntoIter<Vec<u8>>)>,
    waiting: usize,
    is_announced: bool,
    ending: Ending,
}

/// A directory, and how `ls` calls it.
struct Place {
    path: VirtualPath,
    shown: Vec<u8>,
}

impl Place {
    fn child(&self, name: &[u8]) -> Place {
        let mut shown = self.shown.clone();
        if !shown.ends_with(b"/") {
            shown.push(b'/');
        }
        shown.extend_from_slice(name);
        Place { path: self.path.child(name), shown }
    }
}

impl Below {
    /// From `path` on, which the client called `shown`.
    pub fn open(
        tree: &dyn Tree,
        path: VirtualPath,
        shown: &[u8],
        options: ListOptions,
        dots: Hidden,
    ) -> Result<Below> {
        let kept = shown.iter().rposition(|byte| *byte != b'/').map_or(1, |last| last + 1);
        let here = Place { path, shown: shown[..kept.min(shown.len())].to_vec() };
        let mut walk = Below {
            options,
            dots,
            here,
            entries: None,
            found: Vec::new(),
            above: Vec::new(),
            waiting: 0,
            is_announced: false,
            ending: Ending::Whole,
        };
        walk.entries = Some(walk.open_here(tree)?);
        Ok(walk)
    }

    fn open_here(&self, tree: &dyn Tree) -> Result<Arranged> {
        let path = &self.here.path;
        let entries = Arranged::open(tree, path, Wanted::inside(&self.options), self.options)?;
        match self.dots {
            Hidden::WithDots => entries.with_dots(tree, path),
            _ => Ok(entries),
        }
    }

    /// Remembers a directory, unless a link leads to it: then it stands elsewhere, maybe above.
    fn remember(&mut self, entry: &Entry) {
        let is_dot = matches!(entry.name.as_slice(), b"." | b"..");
        if entry.kind != Kind::Directory || entry.link != Link::No || is_dot {
            return;
        }
        if self.above.len() + 1 >= MAX_DEPTH {
            self.ending = Ending::Cut("directories too deep within each other");
        } else if self.waiting >= MAX_WAITING {
            self.ending = Ending::Cut("too many directories");
        } else {
            self.waiting += 1;
            self.found.push(entry.name.clone());
        }
    }

    /// Goes to the next directory that waits. One that vanished, or may not be read, is shown
    /// without entries, as `ls` does.
    fn go_on(&mut self, tree: &dyn Tree) -> Result<Step> {
        while let Some((place, names)) = self.above.last_mut() {
            let Some(name) = names.next() else {
                self.above.pop();
                continue;
            };
            self.waiting -= 1;
            self.here = place.child(&name);
            self.entries = match self.open_here(tree) {
                Ok(entries) => Some(entries),
                Err(error) if is_passed_over(&error) => None,
                Err(error) => return Err(error),
            };
            return Ok(Step::Header(self.here.shown.clone()));
        }
        Ok(Step::End(self.ending))
    }
}

impl Source for Below {
    fn step(&mut self, tree: &dyn Tree) -> Result<Step> {
        if !self.is_announced {
            self.is_announced = true;
            return Ok(Step::Header(self.here.shown.clone()));
        }
        let Some(entries) = &mut self.entries else { return self.go_on(tree) };
        match entries.next()? {
            Next::Nothing => Ok(Step::Nothing),
            Next::Entry(entry) => {
                self.remember(&entry);
                Ok(Step::Entry(entry))
            }
            Next::End => {
                self.entries = None;
                let names = std::mem::take(&mut self.found).into_iter();
                let (path, shown) = (self.here.path.clone(), self.here.shown.clone());
                self.above.push((Place { path, shown }, names));
                Ok(Step::Nothing)
            }
        }
    }
}

/// Whether a directory's refusal leaves the rest of a listing as it is.
pub fn is_passed_over(error: &StorageError) -> bool {
    matches!(
        error,
        StorageError::NotFound
            | StorageError::NotADirectory
            | StorageError::NotPermitted
            | StorageError::InvalidName
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Memory, Storage};
    use std::ffi::OsStr;

    #[test]
    fn no_more_directories_wait_than_are_remembered() {
        let tree = Memory::new().tree(OsStr::new("home")).unwrap();
        let top = VirtualPath::root();
        for number in 0..=MAX_WAITING {
            tree.make_directory(&top.child(number.to_string().as_bytes())).unwrap();
        }
        let options = ListOptions::default();
        let mut walk = Below::open(&*tree, top, b".", options, Hidden::Left).unwrap();
        let (mut entries, mut headers) = (0, 0);
        let ending = loop {
            match walk.step(&*tree).unwrap() {
                Step::Entry(_) => entries += 1,
                Step::Header(_) => headers += 1,
                Step::Nothing => {}
                Step::End(ending) => break ending,
            }
            assert!(walk.waiting <= MAX_WAITING);
        };
        assert_eq!((entries, headers), (MAX_WAITING + 1, MAX_WAITING + 1));
        assert_eq!(ending, Ending::Cut("too many directories"));
    }
}
