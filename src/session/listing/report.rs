//! A listing in the making: what is shown, how, and how much of it.

use super::arranged::{Arranged, Next};
use crate::{
    proto::{Access, Entry, Facts, LongForm, Marks, header_line},
    storage::{Result, Tree},
};
use std::time::{Duration, Instant};

/// Where entries come from. One step looks at one entry at most, so that whoever steps can listen
/// to the control connection in between.
pub trait Source {
    fn step(&mut self, tree: &dyn Tree) -> Result<Step>;
}

/// What a step gave.
pub enum Step {
    Entry(Entry),
    /// What follows is in this directory.
    Header(Vec<u8>),
    /// Something was looked at that is not shown, or not yet.
    Nothing,
    End(Ending),
}

/// How a listing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All was shown.
    Whole,
    /// A limit was met, this one.
    Cut(&'static str),
    /// No name was like the pattern.
    Unmatched,
}

/// How one entry is shown.
pub enum Style {
    /// `LIST`.
    Long(LongForm, Marks),
    /// `NLST`: the name, behind the directory as the client wrote it.
    Name(Vec<u8>, Marks),
    /// `MLSD`.
    Facts(Facts, Access),
}

/// What a listing of more than one directory may come to. One directory is shown whole, however
/// large it is: it costs no more than a file of its size.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub steps: u64,
    pub bytes: u64,
    pub time: Duration,
}

impl Limits {
    /// For `-R`, and for patterns of several components.
    pub const WIDE: Limits =
        Limits { steps: 1_000_000, bytes: 256 << 20, time: Duration::from_secs(600) };

    /// For what is held in memory and made while nobody listens to the client.
    pub const REPLY: Limits =
        Limits { steps: 100_000, bytes: 256 << 10, time: Duration::from_secs(5) };
}

/// A listing in the making.
pub struct Report {
    source: Box<dyn Source>,
    style: Style,
    limits: Option<Limits>,
    began: Instant,
    steps: u64,
    bytes: u64,
    headers: u64,
}

impl Report {
    /// What `source` gives, shown in `style`, cut at `limits`.
    pub fn new(source: Box<dyn Source>, style: Style, limits: Option<Limits>) -> Report {
        let began = Instant::now();
        Report { source, style, limits, began, steps: 0, bytes: 0, headers: 0 }
    }

    /// The same within narrower limits.
    pub fn within(self, limits: Limits) -> Report {
        Report { limits: Some(limits), ..self }
    }

    /// Adds the next lines to `into`, if they are ready; tells when there are no more.
    pub fn step(&mut self, tree: &dyn Tree, into: &mut Vec<u8>) -> Result<Option<Ending>> {
        if let Some(limit) = self.limit_met() {
            return Ok(Some(Ending::Cut(limit)));
        }
        let before = into.len();
        match self.source.step(tree)? {
            Step::Entry(entry) => self.style.line(&entry, into),
            Step::Header(directory) => {
                if self.headers > 0 {
                    into.extend_from_slice(b"\r\n");
                }
                self.headers += 1;
                header_line(&directory, into);
            }
            Step::Nothing => {}
            Step::End(ending) => return Ok(Some(ending)),
        }
        self.steps += 1;
        self.bytes += (into.len() - before) as u64;
        Ok(None)
    }

    fn limit_met(&self) -> Option<&'static str> {
        let limits = self.limits?;
        if self.steps >= limits.steps {
            return Some("too many entries");
        }
        if self.bytes >= limits.bytes {
            return Some("too many bytes");
        }
        (self.began.elapsed() >= limits.time).then_some("it took too long")
    }
}

impl Style {
    fn line(&self, entry: &Entry, into: &mut Vec<u8>) {
        match self {
            Style::Long(form, marks) => entry.long_line(form, *marks, into),
            Style::Name(prefix, marks) => entry.name_line(prefix, *marks, into),
            Style::Facts(wanted, access) => entry.mlsd_line(*wanted, *access, into),
        }
    }
}

/// One entry alone.
impl Source for Option<Entry> {
    fn step(&mut self, _: &dyn Tree) -> Result<Step> {
        Ok(self.take().map_or(Step::End(Ending::Whole), Step::Entry))
    }
}

/// The entries of one directory.
impl Source for Arranged {
    fn step(&mut self, _: &dyn Tree) -> Result<Step> {
        Ok(match self.next()? {
            Next::Entry(entry) => Step::Entry(entry),
            Next::Nothing => Step::Nothing,
            Next::End => Step::End(Ending::Whole),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Memory, Storage};
    use std::ffi::OsStr;

    /// A source without end.
    struct Endless(Step);

    impl Source for Endless {
        fn step(&mut self, _: &dyn Tree) -> Result<Step> {
            Ok(match &self.0 {
                Step::Header(name) => Step::Header(name.clone()),
                _ => Step::Nothing,
            })
        }
    }

    /// How a listing without end is cut, and what it said until then.
    fn cut(gives: Step, limits: Limits) -> (Ending, Vec<u8>) {
        let tree = Memory::new().tree(OsStr::new("home")).unwrap();
        let style = Style::Name(Vec::new(), Marks::None);
        let mut report = Report::new(Box::new(Endless(gives)), style, Some(limits));
        let mut said = Vec::new();
        loop {
            if let Some(ending) = report.step(&*tree, &mut said).unwrap() {
                return (ending, said);
            }
        }
    }

    #[test]
    fn every_limit_ends_a_listing() {
        let wide = Limits::WIDE;
        let few = Limits { steps: 3, ..wide };
        assert_eq!(cut(Step::Nothing, few), (Ending::Cut("too many entries"), Vec::new()));
        let short = Limits { bytes: 10, ..wide };
        let (ending, said) = cut(Step::Header(b"dir".to_vec()), short);
        assert_eq!(ending, Ending::Cut("too many bytes"));
        assert_eq!(said, b"dir:\r\n\r\ndir:\r\n");
        let soon = Limits { time: Duration::from_millis(5), ..wide };
        assert_eq!(cut(Step::Nothing, soon).0, Ending::Cut("it took too long"));
    }
}
