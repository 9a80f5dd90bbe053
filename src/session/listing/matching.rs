//! What a pattern matches: one open directory for each component of the pattern, no more. A
//! directory that is matched is shown as one entry, never what is in it.

use super::{
    arranged::{Arranged, Next, Wanted},
    below::is_passed_over,
    report::{Ending, Source, Step},
};
use crate::{
    proto::{Component, Entry, Kind, ListOptions, Order, PathPattern, VirtualPath},
    storage::{Result, Tree},
};

/// A walk along a pattern.
pub struct Matching {
    components: Vec<Component>,
    options: ListOptions,
    /// From the first component on: directories that are being read.
    levels: Vec<Level>,
    ending: Ending,
}

struct Level {
    component: usize,
    path: VirtualPath,
    /// The path as the client wrote it, up to its last `/`.
    shown: Vec<u8>,
    entries: Arranged,
}

impl Matching {
    /// Looks for `pattern`, whose base means `path`.
    pub fn open(
        tree: &dyn Tree,
        path: &VirtualPath,
        pattern: PathPattern,
        options: ListOptions,
    ) -> Result<Matching> {
        let shown = pattern.base.as_ref().map_or(Vec::new(), |base| base.as_bytes().to_vec());
        let (components, levels) = (pattern.components, Vec::new());
        let mut walk = Matching { components, options, levels, ending: Ending::Unmatched };
        walk.enter(tree, path.clone(), shown, 0)?;
        Ok(walk)
    }

    /// Whether more than one directory may have to be read.
    pub fn is_wide(&self) -> bool {
        self.components.len() > 1
    }

    /// Goes on in the directory `path` with the component of this number: names are looked up,
    /// patterns open the directory.
    fn enter(
        &mut self,
        tree: &dyn Tree,
        mut path: VirtualPath,
        mut shown: Vec<u8>,
        mut component: usize,
    ) -> Result<Step> {
        loop {
            let is_last = component + 1 == self.components.len();
            match &self.components[component] {
                Component::Glob(glob) => {
                    let wanted = Wanted::Matching(glob.clone(), self.options.hidden);
                    // Only what is shown is worth being held for a wished order.
                    let order = if is_last { self.options } else { by_name() };
                    let entries = Arranged::open(tree, &path, wanted, order)?;
                    self.levels.push(Level { component, path, shown, entries });
                    return Ok(Step::Nothing);
                }
                Component::Name(name) => {
                    path = path.child(name);
                    shown.extend_from_slice(name);
                    if is_last {
                        let entry = tree.entry(&path)?;
                        return Ok(self.matched(Entry { name: shown, ..entry }));
                    }
                    shown.push(b'/');
                    component += 1;
                }
            }
        }
    }

    fn matched(&mut self, entry: Entry) -> Step {
        if self.ending == Ending::Unmatched {
            self.ending = Ending::Whole;
        }
        Step::Entry(entry)
    }
}

fn by_name() -> ListOptions {
    ListOptions { order: Order::Name, ..ListOptions::default() }
}

impl Source for Matching {
    fn step(&mut self, tree: &dyn Tree) -> Result<Step> {
        let Some(level) = self.levels.last_mut() else { return Ok(Step::End(self.ending)) };
        let entry = match level.entries.next()? {
            Next::Nothing => return Ok(Step::Nothing),
            Next::End => {
                self.levels.pop();
                return Ok(Step::Nothing);
            }
            Next::Entry(entry) => entry,
        };
        let mut shown = level.shown.clone();
        shown.extend_from_slice(&entry.name);
        if level.component + 1 == self.components.len() {
            return Ok(self.matched(Entry { name: shown, ..entry }));
        }
        if entry.kind != Kind::Directory {
            return Ok(Step::Nothing);
        }
        shown.push(b'/');
        let (path, component) = (level.path.child(&entry.name), level.component + 1);
        match self.enter(tree, path, shown, component) {
            Err(error) if is_passed_over(&error) => Ok(Step::Nothing),
            other => other,
        }
    }
}
