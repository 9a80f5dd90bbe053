//! What a server has: its directories listed, single paths looked at, patterns expanded. With `MLSD`
//! and `MLST` (RFC 3659 §7) where the server has them, else with what RFC 959 left us.
//!
//! The answers of a server are not trusted: their size is bounded, and a name that is not one
//! component of a path is skipped with a warning in the log.

use crate::{
    client::{
        ClientError, Connection, Extension, RemotePath,
        connection::Outstanding,
        data::{self, Patience, explain, final_reply},
        tree::lines::{Limit, Lines},
    },
    proto::{Code, FactLine, Glob, Listed, ListedKind, Moment, Place, Reply, stamp},
};
use jiff::Timestamp;

/// A directory of more is given up: nobody mirrors it, and its names fill the memory.
const MAX_ENTRIES: usize = 1_000_000;

const BLOCK_BYTES: usize = 64 * 1024;

/// Replies of a server that does not know what it is asked to do, or does not have it for this.
pub(super) const NOT_BUILT: [Code; 4] =
    [Code::UNKNOWN_COMMAND, Code::BAD_ARGUMENT, Code::NOT_BUILT, Code::PARAMETER_NOT_BUILT];

impl Connection {
    /// What is in a directory, hidden names included, sorted by name.
    ///
    /// Without `MLSD` the times are not exact (see [`crate::Precision`]); [`Connection::look`] may
    /// know better. Whatever `SSCN` was set to stays so.
    pub fn list(&mut self, directory: &RemotePath) -> Result<Vec<Listed>, ClientError> {
        self.settle()?;
        let mut items = match self.features().has(Extension::Mlst) {
            true => self.list_by_facts(directory)?,
            false => self.list_by_lines(directory)?,
        };
        items.sort_by(|one, other| one.name.cmp(&other.name));
        // What a later line says of the same name is either the same or a trick.
        items.dedup_by(|one, other| one.name == other.name);
        Ok(items)
    }

    /// What a path is; `None` when nothing is there that we may see. The name is the path's last
    /// component, empty for the login directory.
    pub fn look(&mut self, path: &RemotePath) -> Result<Option<Listed>, ClientError> {
        self.settle()?;
        if self.features().has(Extension::Mlst) {
            let reply = self.ask("MLST", &wire(path))?;
            match reply.code() {
                Code::ACTION_DONE => return self.read_mlst(path, &reply).map(Some),
                code if NOT_BUILT.contains(&code) => {} // the line in FEAT spoke of MLSD
                Code::UNAVAILABLE | Code::NAME_REFUSED => return Ok(None),
                _ => return Err(self.refused("MLST", path, reply)),
            }
        }
        self.look_by_verbs(path)
    }

    /// What a pattern in the last component of a path stands for, sorted by name: `*`, `?`, `[a-z]`
    /// and `\` before a byte that means itself. A hidden name is only meant by a pattern that
    /// begins with a dot. Nothing, if nothing is there.
    pub fn expand(&mut self, pattern: &RemotePath) -> Result<Vec<Listed>, ClientError> {
        let name = pattern.file_name().unwrap_or_default();
        let Some(glob) = Glob::new(name) else {
            return Err(ClientError::TooMuch("a pattern".to_owned(), "255 parts".to_owned()));
        };
        let mut items = self.list(&pattern.parent())?;
        items.retain(|item| glob.matches(&item.name));
        Ok(items)
    }

    fn list_by_facts(&mut self, directory: &RemotePath) -> Result<Vec<Listed>, ClientError> {
        let path = RemotePath::new(wire(directory)).expect("it was one before");
        let mut items = Items::new(self);
        self.read_lines("MLSD", &path, |line| match FactLine::parse(line) {
            Some(line) if line.place == Place::Inside => items.take(line.item),
            _ => Ok(()),
        })?;
        Ok(items.items)
    }

    /// `LIST` takes its argument for options, or for a pattern, or cuts it at a blank: it is told
    /// nothing, in the directory itself.
    fn list_by_lines(&mut self, directory: &RemotePath) -> Result<Vec<Listed>, ClientError> {
        if directory.as_bytes().is_empty() {
            return self.list_here();
        }
        match self.inside(directory, Connection::list_here)? {
            Ok(items) => Ok(items),
            Err(reply) => Err(self.refused("CWD", directory, reply)),
        }
    }

    /// With `-a`, for hidden names. One that takes that for a name finds nothing or refuses; where
    /// it is an option, the directory itself is listed at least.
    fn list_here(&mut self) -> Result<Vec<Listed>, ClientError> {
        let all = RemotePath::new("-a").expect("it has no line end");
        match self.list_with(&all) {
            Ok((items, lines)) if lines > 0 => return Ok(items),
            Ok(_) => {}
            Err(ClientError::Refused(_, _, reply)) if reply.code().number() / 100 == 5 => {}
            Err(error) => return Err(error),
        }
        Ok(self.list_with(&RemotePath::default())?.0)
    }

    /// What is listed, and how many lines there were.
    fn list_with(&mut self, options: &RemotePath) -> Result<(Vec<Listed>, usize), ClientError> {
        let now = Timestamp::now();
        let mut items = Items::new(self);
        let mut lines = 0;
        self.read_lines("LIST", options, |line| {
            lines += 1;
            match Listed::parse_long(line, now) {
                Some(item) if matches!(&item.name[..], b"." | b"..") => Ok(()),
                Some(item) => items.take(item),
                None => Ok(()),
            }
        })?;
        Ok((items.items, lines))
    }

    /// Hands every line of a listing to `each`, up to its first error.
    fn read_lines(
        &mut self,
        verb: &'static str,
        path: &RemotePath,
        mut each: impl FnMut(&[u8]) -> Result<(), Limit>,
    ) -> Result<(), ClientError> {
        let mut data = data::open(self, verb, path, 0)?;
        let mut patience = Patience(self.timeout());
        let mut block = vec![0; BLOCK_BYTES];
        let mut lines = Lines::new();
        let name = format!("a listing of {}", self.site());
        loop {
            let count = match data.stream.read(&mut block, &mut patience) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(explain(self, verb, path, error)),
            };
            if let Err(limit) = lines.take(&block[..count], &mut each) {
                self.unsettle(Outstanding::FinalReply);
                return Err(ClientError::TooMuch(name, limit));
            }
        }
        let _ = data.stream.finish(&mut patience); // the server's reply is what counts
        final_reply(self, verb, path, 0)?;
        lines.finish(&mut each).map_err(|limit| ClientError::TooMuch(name, limit))
    }

    fn read_mlst(&mut self, path: &RemotePath, reply: &Reply) -> Result<Listed, ClientError> {
        let lines = reply.text_lines().count();
        // Between the first line and the last. The blank before the facts was the reply's; where
        // no facts follow, it was theirs.
        let mut inner = reply.text_lines().take(lines.saturating_sub(1)).skip(1);
        let Some(mut line) = inner.find_map(FactLine::parse) else {
            let why = format!("it answered MLST with {reply}");
            return Err(ClientError::Protocol(self.site().to_string(), why));
        };
        line.item.name = last_name(path);
        Ok(line.item)
    }

    /// `SIZE` finds files, `CWD` finds directories. A server that has no `SIZE` is asked for the
    /// whole directory around.
    fn look_by_verbs(&mut self, path: &RemotePath) -> Result<Option<Listed>, ClientError> {
        let name = last_name(path);
        if self.features().has(Extension::Size) && !path.is_directory() {
            let reply = self.ask("SIZE", &wire(path))?;
            if reply.code() == Code::FILE_STATUS {
                let size = reply.text().trim().parse().ok();
                let modified = self.modified(path)?;
                let kind = ListedKind::File;
                return Ok(Some(Listed { name, kind, size, modified, mode: None }));
            }
        }
        let to = if path.as_bytes().is_empty() { b".".to_vec() } else { wire(path) };
        let to = RemotePath::new(to).expect("it was one before");
        if self.inside(&to, |_| Ok(()))?.is_ok() {
            let kind = ListedKind::Directory;
            return Ok(Some(Listed { name, kind, size: None, modified: None, mode: None }));
        }
        if self.features().has(Extension::Size) || path.file_name().is_none() {
            return Ok(None);
        }
        match self.list(&path.parent()) {
            Ok(items) => Ok(items.into_iter().find(|item| item.name == name)),
            Err(ClientError::Refused(..)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn modified(&mut self, path: &RemotePath) -> Result<Option<Moment>, ClientError> {
        if !self.features().has(Extension::Mdtm) {
            return Ok(None);
        }
        let reply = self.ask("MDTM", &wire(path))?;
        let told = (reply.code() == Code::FILE_STATUS).then(|| stamp::parse(reply.text().trim()));
        Ok(told.flatten().map(Moment::exact))
    }
}

/// The argument for a path: one that begins with a dash or a blank would be taken for options, or
/// lose its blank.
pub(super) fn wire(path: &RemotePath) -> Vec<u8> {
    match path.as_bytes() {
        bytes @ [b'-' | b' ', ..] => [b"./", bytes].concat(),
        bytes => bytes.to_vec(),
    }
}

/// The last component, whether or not a `/` follows.
fn last_name(path: &RemotePath) -> Vec<u8> {
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    bytes[..end].rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec()
}

/// The entries of a listing so far.
struct Items {
    items: Vec<Listed>,
    site: String,
}

impl Items {
    fn new(connection: &Connection) -> Items {
        Items { items: Vec::new(), site: connection.site().to_string() }
    }

    /// Takes one whose name is good.
    fn take(&mut self, item: Listed) -> Result<(), Limit> {
        if !item.is_inside() {
            log::warn!("{} lists '{}', which is skipped", self.site, item.name.escape_ascii());
        } else if self.items.len() < MAX_ENTRIES {
            self.items.push(item);
        } else {
            return Err(format!("{MAX_ENTRIES} entries"));
        }
        Ok(())
    }
}
