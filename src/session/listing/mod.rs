//! What is there: `LIST`, `NLST`, `MLSD` over a data connection, `MLST` and `STAT` over the control
//! connection (RFC 959 §4.1.3, RFC 3659 §7). Entries are sent as they are read, so that memory does
//! not grow with a directory.
//!
//! `report` makes lines of what a source gives. There are four sources: one entry, `arranged` (the
//! entries of a directory), `below` (`ls -R`), `matching` (patterns).

mod arranged;
mod below;
mod matching;
mod report;

use crate::{
    net::Wait,
    proto::{
        Code, Entry, Form, Hidden, Kind, ListArg, ListOptions, LongForm, Order, PathArg,
        PathPattern, Payload, Reach, Reply, VirtualPath,
    },
    session::{
        ListOwner, Session,
        data::{About, Data},
        refusal::{Handled, Refusal},
    },
    storage::{self, Tree},
    transfer::{Coding, Direction, Outlet, TransferError},
};
use arranged::{Arranged, Wanted};
use below::Below;
use jiff::{Timestamp, tz::TimeZone};
use matching::Matching;
use report::{Ending, Limits, Report, Source, Style};
use std::cell::Cell;

/// Sent at a time.
const BLOCK_BYTES: usize = 64 << 10;

/// A reply of `STAT` shows no more lines than this: it is held in memory.
const MAX_STAT_LINES: usize = 1000;

impl Session {
    /// `LIST`: for people, and for clients that know nothing else.
    pub(super) fn list(&mut self, argument: ListArg) -> Handled {
        let (report, _) = self.report(argument, Form::Long)?;
        self.send_report(report)
    }

    /// `NLST`: names alone, for machines.
    pub(super) fn nlst(&mut self, argument: ListArg) -> Handled {
        let (report, _) = self.report(argument, Form::Name)?;
        self.send_report(report)
    }

    /// `MLSD`: a directory's entries with their facts, in the storage's order.
    pub(super) fn mlsd(&mut self, name: Option<PathArg>) -> Handled {
        let facts = self.negotiated.facts;
        let member = self.member()?;
        let path = name.as_ref().map_or(member.cwd.clone(), |name| member.cwd.join(name));
        if member.tree.entry(&path)?.kind != Kind::Directory {
            return Err(Reply::new(Code::BAD_ARGUMENT, "Not a directory: use MLST.").into());
        }
        let unsorted = ListOptions { order: Order::Storage, ..ListOptions::default() };
        let entries = Arranged::open(&*member.tree, &path, Wanted::All, unsorted)?;
        let style = Style::Facts(facts, member.account.access);
        self.send_report(Report::new(Box::new(entries), style, None))
    }

    /// `MLST`: one entry's facts (RFC 3659 §7.2), with its whole path (§7.3.1).
    pub(super) fn mlst(&mut self, name: Option<PathArg>) -> Handled {
        let facts = self.negotiated.facts;
        let member = self.member()?;
        let path = name.as_ref().map_or(member.cwd.clone(), |name| member.cwd.join(name));
        let entry = member.tree.entry(&path)?;
        let mut line = entry.facts(facts, member.account.access).into_bytes();
        line.push(b' ');
        line.extend_from_slice(path.as_bytes());
        Ok(Reply::lines(Code::ACTION_DONE, "Begin", [line], "End"))
    }

    /// `STAT`: of the server, or a listing without a data connection, for clients that send
    /// `STAT -l` to spare themselves one.
    pub(super) fn stat(&mut self, argument: Option<ListArg>) -> Handled {
        let Some(argument) = argument else { return self.status() };
        let (report, kind) = self.report(argument, Form::Long)?;
        let mut report = report.within(Limits::REPLY);
        let tree = &*self.member()?.tree;
        let mut text = Vec::new();
        let (mut lines, mut ending) = (0, None);
        while ending.is_none() && lines < MAX_STAT_LINES {
            let before = text.len();
            ending = report.step(tree, &mut text)?;
            lines += text[before..].iter().filter(|byte| **byte == b'\n').count();
        }
        let tail = match ending {
            Some(Ending::Whole) => "End",
            Some(Ending::Unmatched) => return Err(unmatched()),
            Some(Ending::Cut(_)) | None => "End of what is shown; LIST shows all.",
        };
        let code = match kind {
            Kind::Directory => Code::DIRECTORY_STATUS,
            _ => Code::FILE_STATUS,
        };
        // Names hold no line ends any more.
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let lines = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec);
        Ok(Reply::lines(code, "Status:", lines, tail))
    }

    /// What `LIST`, `NLST` and `STAT` show, in the verb's own form unless an option says another;
    /// and what kind of thing it is of. Refused when there is nothing to show.
    fn report(&mut self, argument: ListArg, own: Form) -> Result<(Report, Kind), Refusal> {
        let ListArg { options, path: name } = argument;
        let long = self.long_form()?;
        let member = self.member()?;
        let (tree, cwd) = (&*member.tree, &member.cwd);
        let style = |prefix: Vec<u8>| match options.form.unwrap_or(own) {
            Form::Long => Style::Long(long, options.marks),
            Form::Name => Style::Name(prefix, options.marks),
        };
        let path = name.as_ref().map_or(cwd.clone(), |name| cwd.join(name));
        let entry = match (tree.entry(&path), &name) {
            (Ok(entry), _) => entry,
            (Err(error), None) => return Err(error.into()),
            // A name that holds a `*` is itself, if something has it.
            (Err(error), Some(name)) => {
                let pattern = PathPattern::parse(name).ok_or(error)?;
                let base = pattern.base.as_ref().map_or(cwd.clone(), |base| cwd.join(base));
                let matching = Matching::open(tree, &base, pattern, options)?;
                let limits = matching.is_wide().then_some(Limits::WIDE);
                return Ok((
                    Report::new(Box::new(matching), style(Vec::new()), limits),
                    Kind::Directory,
                ));
            }
        };
        let kind = entry.kind;
        let written = name.as_ref().map_or(&b"."[..], PathArg::as_bytes);
        // Programs that ask for names do not want to find the directory itself among them.
        let dots = if own == Form::Long { options.hidden } else { Hidden::Shown };
        let (source, prefix, limits) = match options.reach {
            Reach::Inside if kind == Kind::Directory => {
                let prefix = prefix(name.as_ref(), own);
                (inside(tree, &path, options, dots)?, prefix, None)
            }
            Reach::Below if kind == Kind::Directory => {
                let below = Below::open(tree, path, written, options, dots)?;
                (Box::new(below) as Box<dyn Source>, Vec::new(), Some(Limits::WIDE))
            }
            _ => {
                let entry = Entry { name: written.to_vec(), ..entry };
                (Box::new(Some(entry)) as Box<dyn Source>, Vec::new(), None)
            }
        };
        Ok((Report::new(source, style(prefix), limits), kind))
    }

    /// What the long lines of a listing that begins now have in common.
    fn long_form(&mut self) -> Result<LongForm, Refusal> {
        let owner = self.services.settings.list_owner;
        let account = self.member()?.account.name.as_str();
        let names = match owner {
            ListOwner::Numeric => None,
            ListOwner::Account => Some([account, "ftp"]),
        };
        Ok(LongForm::new(Timestamp::now(), TimeZone::system(), names))
    }

    fn send_report(&mut self, mut report: Report) -> Handled {
        let (direction, mut about) = (Direction::Outgoing, About::default());
        let mut data =
            self.open_data(Payload::Listing, direction, "Here comes the listing.", &mut about)?;
        let (coding, stall) = self.manner();
        let ending = self.watched_in_tree(stall, &Cell::new(0), |tree, watch| {
            write_lines(&mut report, tree, &mut data, coding, watch)
        })??;
        self.linger(&mut data)?;
        match ending {
            Ending::Whole => Ok(Reply::new(Code::TRANSFER_DONE, "Listing complete.")),
            Ending::Unmatched => Err(unmatched()),
            // Not 226: whoever mirrors by it would delete what it does not show. Not 4xx: it would
            // be tried again, to the same end.
            Ending::Cut(limit) => {
                let text = format!("The listing was cut short: {limit}.");
                Err(Reply::new(Code::UNAVAILABLE, text).into())
            }
        }
    }
}

fn inside(
    tree: &dyn Tree,
    path: &VirtualPath,
    options: ListOptions,
    dots: Hidden,
) -> storage::Result<Box<dyn Source>> {
    let entries = Arranged::open(tree, path, Wanted::inside(&options), options)?;
    Ok(Box::new(match dots {
        Hidden::WithDots => entries.with_dots(tree, path)?,
        _ => entries,
    }))
}

/// What stands before the names in a directory: in `NLST`, the directory, so that each can be
/// asked for as it is shown.
fn prefix(name: Option<&PathArg>, own: Form) -> Vec<u8> {
    let mut prefix = match (name, own) {
        (Some(name), Form::Name) => name.as_bytes().to_vec(),
        _ => Vec::new(),
    };
    if prefix.last().is_some_and(|last| *last != b'/') {
        prefix.push(b'/');
    }
    prefix
}

fn write_lines(
    report: &mut Report,
    tree: &dyn Tree,
    data: &mut Data,
    coding: Coding,
    wait: &mut dyn Wait,
) -> Result<Ending, TransferError> {
    let mut outlet = Outlet::new(&mut data.stream, coding.deflate);
    let mut block = Vec::new();
    loop {
        let ending = report.step(tree, &mut block)?;
        wait.between_blocks()?;
        if ending.is_some() || block.len() >= BLOCK_BYTES {
            outlet.write(&block, wait)?;
            block.clear();
        }
        if let Some(ending) = ending {
            outlet.finish(wait)?;
            return Ok(ending);
        }
    }
}

fn unmatched() -> Refusal {
    Reply::new(Code::UNAVAILABLE, "Nothing is called like that.").into()
}

/// The current directory, as the client knows it.
pub(super) fn shown(path: &VirtualPath, text: &str) -> Reply {
    Reply::quoted_path(path.as_bytes(), text)
}
