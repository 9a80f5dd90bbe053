//! The entries of one directory: those wanted, in the order asked for, as far as we hold so many.

use crate::{
    proto::{Entry, Glob, Hidden, ListOptions, Order, VirtualPath},
    storage::{Listing, Result, Tree},
};
use std::{iter::Fuse, vec};

/// Entries held to be sorted, when the client asks for an order: some hundred bytes each. A
/// directory that has more is shown whole all the same, in the order of the storage.
pub const MAX_SORTED: usize = 50_000;

/// As many when it does not ask. People like names in order, programs like them soon.
pub const MAX_SORTED_UNASKED: usize = 5_000;

/// Which names of a directory are shown.
#[derive(Clone, Debug)]
pub enum Wanted {
    All,
    /// Those that do not begin with a dot.
    Visible,
    Matching(Glob, Hidden),
}

/// A directory's entries on their way out. One step reads one entry at most.
pub struct Arranged {
    entries: Fuse<Listing>,
    wanted: Wanted,
    options: ListOptions,
    /// What comes first: `.` and `..`.
    dots: vec::IntoIter<Entry>,
    held: Held,
}

enum Held {
    /// They are read, to be sorted when all are here.
    Gathering(Vec<Entry>),
    /// They are here, or too many: these go out, then what is still to be read.
    Releasing(vec::IntoIter<Entry>),
}

/// What one step gave.
pub enum Next {
    Entry(Entry),
    /// Something was read that is not shown, or not yet.
    Nothing,
    End,
}

impl Wanted {
    /// What the options show of a directory.
    pub fn inside(options: &ListOptions) -> Wanted {
        if options.hidden == Hidden::Left { Wanted::Visible } else { Wanted::All }
    }

    fn has(&self, name: &[u8]) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Visible => !name.starts_with(b"."),
            Wanted::Matching(glob, Hidden::Left) => glob.matches(name),
            Wanted::Matching(glob, _) => glob.matches_hidden(name),
        }
    }
}

impl Arranged {
    /// The entries of the directory `path`, of which none has been read yet.
    pub fn open(
        tree: &dyn Tree,
        path: &VirtualPath,
        wanted: Wanted,
        options: ListOptions,
    ) -> Result<Arranged> {
        let entries = tree.list(path)?.fuse();
        let held = match options.order {
            Order::Storage => Held::Releasing(Vec::new().into_iter()),
            _ => Held::Gathering(Vec::new()),
        };
        Ok(Arranged { entries, wanted, options, dots: Vec::new().into_iter(), held })
    }

    /// The same with `.` and `..` before all others.
    pub fn with_dots(mut self, tree: &dyn Tree, path: &VirtualPath) -> Result<Arranged> {
        let here = Entry { name: b".".to_vec(), ..tree.entry(path)? };
        let above = Entry { name: b"..".to_vec(), ..tree.entry(&path.parent())? };
        self.dots = vec![here, above].into_iter();
        Ok(self)
    }

    pub fn next(&mut self) -> Result<Next> {
        if let Some(dot) = self.dots.next() {
            return Ok(Next::Entry(dot));
        }
        match &mut self.held {
            Held::Gathering(_) => self.gather(),
            Held::Releasing(held) => match held.next() {
                Some(entry) => Ok(Next::Entry(entry)),
                None => self.read(),
            },
        }
    }

    fn gather(&mut self) -> Result<Next> {
        let read = self.read()?;
        let Held::Gathering(held) = &mut self.held else { return Ok(read) };
        let most = if self.options.asks_for_order() { MAX_SORTED } else { MAX_SORTED_UNASKED };
        let is_whole = matches!(read, Next::End);
        if let Next::Entry(entry) = read {
            held.push(entry);
        }
        if is_whole {
            held.sort_unstable_by(|a, b| self.options.compare(a, b));
        }
        if is_whole || held.len() >= most {
            self.held = Held::Releasing(std::mem::take(held).into_iter());
        }
        Ok(Next::Nothing)
    }

    fn read(&mut self) -> Result<Next> {
        Ok(match self.entries.next().transpose()? {
            None => Next::End,
            Some(entry) if self.wanted.has(&entry.name) => Next::Entry(entry),
            Some(_) => Next::Nothing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Memory, Storage};
    use std::ffi::OsStr;

    /// The names that come out, `count` having been put in, for `letters` as options.
    fn names(count: usize, letters: &[u8]) -> Vec<Vec<u8>> {
        let memory = Memory::new();
        let tree = memory.tree(OsStr::new("home")).unwrap();
        for number in 0..count {
            tree.make_directory(&VirtualPath::root().child(format!("{number:06}").as_bytes()))
                .unwrap();
        }
        let mut options = ListOptions::default();
        letters.iter().for_each(|letter| options.take(*letter));
        let root = VirtualPath::root();
        let mut entries = Arranged::open(&*tree, &root, Wanted::All, options).unwrap();
        let mut names = Vec::new();
        loop {
            match entries.next().unwrap() {
                Next::Entry(entry) => names.push(entry.name),
                Next::Nothing => {}
                Next::End => return names,
            }
        }
    }

    #[test]
    fn what_is_too_much_to_be_sorted_comes_whole_in_the_order_of_the_storage() {
        // Memory gives the names in order: backwards shows who sorted.
        let few = names(100, b"r");
        assert!(few.windows(2).all(|pair| pair[0] > pair[1]));
        let many = names(MAX_SORTED + 10, b"r");
        assert_eq!(many.len(), MAX_SORTED + 10);
        assert!(many.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(names(MAX_SORTED_UNASKED + 10, b"").len(), MAX_SORTED_UNASKED + 10);
    }
}
