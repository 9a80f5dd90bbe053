//! What is there: `LIST`, `NLST`, `MLSD` over a data connection, `MLST` and `STAT` over the control
//! connection (RFC 959 §4.1.3, RFC 3659 §7). Entries are sent as they are read, so that memory does
//! not grow with a directory.

use crate::{
    proto::{Access, Code, Entry, Facts, Kind, ListArg, PathArg, Payload, Reply, VirtualPath},
    session::{
        Session,
        data::{About, Data},
        refusal::{Handled, Refusal},
    },
    storage::Listing,
    transfer::{Direction, TransferError},
};
use jiff::{Timestamp, tz::TimeZone};
use std::cell::Cell;

/// Sent at a time.
const BLOCK_BYTES: usize = 64 << 10;

/// A reply of `STAT` shows no more entries than this: it is held in memory.
const MAX_STAT_ENTRIES: usize = 1000;

/// How one entry is shown.
enum Style {
    /// `LIST`: as `ls -l`, the time zone and now given.
    Long(TimeZone, Timestamp),
    /// `NLST`: the name, behind the directory as the client wrote it.
    Name(Vec<u8>),
    /// `MLSD`: facts and name.
    Facts(Facts, Access),
}

impl Style {
    fn line(&self, entry: &Entry, into: &mut Vec<u8>) {
        match self {
            Style::Long(zone, now) => entry.list_line(*now, zone, into),
            Style::Name(prefix) => entry.nlst_line(prefix, into),
            Style::Facts(wanted, access) => entry.mlsd_line(*wanted, *access, into),
        }
    }
}

impl Session {
    /// `LIST`: for people. Options are taken and, but for hidden names, make no difference.
    pub(super) fn list(&mut self, argument: ListArg) -> Handled {
        let style = Style::Long(TimeZone::system(), Timestamp::now());
        self.send_names(argument, style)
    }

    /// `NLST`: names alone, for machines.
    pub(super) fn nlst(&mut self, argument: ListArg) -> Handled {
        let mut prefix = argument.path.as_ref().map_or(Vec::new(), |path| path.as_bytes().to_vec());
        if prefix.last().is_some_and(|last| *last != b'/') {
            prefix.push(b'/');
        }
        self.send_names(argument, Style::Name(prefix))
    }

    /// `MLSD`: a directory's entries with their facts.
    pub(super) fn mlsd(&mut self, name: Option<PathArg>) -> Handled {
        let facts = self.negotiated.facts;
        let member = self.member()?;
        let path = name.as_ref().map_or(member.cwd.clone(), |name| member.cwd.join(name));
        if member.tree.entry(&path)?.kind != Kind::Directory {
            return Err(Reply::new(Code::BAD_ARGUMENT, "Not a directory: use MLST.").into());
        }
        let entries = member.tree.list(&path)?;
        let style = Style::Facts(facts, member.account.access);
        self.send_entries(entries, &style)
    }

    /// `MLST`: one entry's facts (RFC 3659 §7.2), with its whole path.
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

    /// `STAT`: of the server, or a listing without a data connection.
    pub(super) fn stat(&mut self, name: Option<PathArg>) -> Handled {
        let Some(name) = name else { return self.status() };
        let (entries, is_directory) = self.entries_of(Some(&name))?;
        let style = Style::Long(TimeZone::system(), Timestamp::now());
        let mut lines = Vec::new();
        for entry in entries.take(MAX_STAT_ENTRIES) {
            let mut line = Vec::new();
            style.line(&entry?, &mut line);
            line.truncate(line.len().saturating_sub(b"\r\n".len()));
            lines.push(line);
        }
        let code = if is_directory { Code::DIRECTORY_STATUS } else { Code::FILE_STATUS };
        let tail = match lines.len() {
            MAX_STAT_ENTRIES => "End of what is shown; LIST shows all.",
            _ => "End",
        };
        Ok(Reply::lines(code, "Status:", lines, tail))
    }

    fn send_names(&mut self, argument: ListArg, style: Style) -> Handled {
        let shows_hidden = argument.options.contains(['a', 'A']);
        let (entries, is_directory) = self.entries_of(argument.path.as_ref())?;
        let style = match style {
            // A single file's name is the path itself.
            Style::Name(_) if !is_directory => Style::Name(Vec::new()),
            style => style,
        };
        let entries = entries.filter(move |entry| {
            let hidden = entry.as_ref().is_ok_and(|entry| entry.name.starts_with(b"."));
            shows_hidden || !is_directory || !hidden
        });
        self.send_entries(Box::new(entries), &style)
    }

    /// The entries of a directory, or the one that a path names, under the path's own name; and
    /// which of the two it was.
    fn entries_of(&mut self, name: Option<&PathArg>) -> Result<(Listing, bool), Refusal> {
        let member = self.member()?;
        let path = name.map_or(member.cwd.clone(), |name| member.cwd.join(name));
        let mut entry = member.tree.entry(&path)?;
        if entry.kind == Kind::Directory {
            return Ok((member.tree.list(&path)?, true));
        }
        if let Some(name) = name {
            entry.name = name.as_bytes().to_vec();
        }
        Ok((Box::new(std::iter::once(Ok(entry))), false))
    }

    fn send_entries(&mut self, entries: Listing, style: &Style) -> Handled {
        let (direction, mut about) = (Direction::Outgoing, About::default());
        let mut data =
            self.open_data(Payload::Listing, direction, "Here comes the listing.", &mut about)?;
        let (_, stall) = self.pace();
        self.watched(stall, &Cell::new(0), |watch| {
            write_entries(entries, style, &mut data, watch)
        })??;
        self.linger(&mut data)?;
        Ok(Reply::new(Code::TRANSFER_DONE, "Listing complete."))
    }
}

fn write_entries(
    entries: Listing,
    style: &Style,
    data: &mut Data,
    wait: &mut dyn crate::net::Wait,
) -> Result<(), TransferError> {
    let mut block = Vec::new();
    for entry in entries {
        style.line(&entry?, &mut block);
        if block.len() >= BLOCK_BYTES {
            data.stream.write_all(&block, wait)?;
            wait.between_blocks()?;
            block.clear();
        }
    }
    data.stream.write_all(&block, wait)?;
    Ok(data.stream.finish(wait)?)
}

/// The current directory, as the client knows it.
pub(super) fn shown(path: &VirtualPath, text: &str) -> Reply {
    Reply::quoted_path(path.as_bytes(), text)
}
