//! Hashes of files: `HASH` (draft-bryan-ftpext-hash), `XCRC` and its kin, and which transfers are
//! hashed as they move, so that the proof of a copy reads no file again.

use crate::{
    net::NetError,
    proto::{Algorithm, ByteRange, Code, PathArg, Reply, Representation, VirtualPath},
    session::{
        HashTransfers, Session,
        data::About,
        refusal::{Handled, Refusal},
        state::Portion,
    },
    storage::{Download, StorageError, Tree},
    transfer::{self, Hasher, Known, Part, TransferError},
};
use std::{cell::Cell, sync::Arc};

/// A hash, and of how many bytes it is.
struct Found {
    hash: String,
    bytes: u64,
}

impl Session {
    /// `HASH`: by the function that `OPTS HASH` chose, of the range that `RANG` named.
    pub(super) fn hash(&mut self, name: &PathArg) -> Handled {
        let range = match self.portion.take() {
            Some(Portion::Range(range)) => Some(range),
            Some(Portion::From(_)) | None => None,
        };
        self.negotiated.hash_used = true;
        let algorithm = self.negotiated.hash;
        let file = self.open_to_hash(name, range).map_err(Refusal::not_to_hash)?;
        if range.is_some_and(|range| range.start >= file.size()) {
            return Err(StorageError::BeyondEnd.into());
        }
        let Found { hash, bytes } = self.find_hash(file, algorithm, range)?;
        let mut text = match range {
            // A whole file is told as proftpd tells it: to before the size.
            None => format!("{algorithm} 0-{bytes} {hash} "),
            // And a range as RANG counts: to the last octet.
            Some(ByteRange { start, .. }) => {
                format!("{algorithm} {start}-{} {hash} ", start + bytes.saturating_sub(1))
            }
        }
        .into_bytes();
        text.extend_from_slice(name.as_bytes());
        Ok(Reply::new(Code::FILE_STATUS, text))
    }

    /// `XCRC` and its kin. The range must lie within the file, as proftpd wants it.
    pub(super) fn hash_by(
        &mut self,
        algorithm: Algorithm,
        name: &PathArg,
        range: Option<ByteRange>,
    ) -> Handled {
        let file = self.open_to_hash(name, range)?;
        if range.is_some_and(|range| range.end > file.size()) {
            return Err(Reply::new(Code::BAD_ARGUMENT, "The file ends before the range.").into());
        }
        let found = self.find_hash(file, algorithm, range)?;
        Ok(Reply::new(Code::ACTION_DONE, found.hash.to_ascii_uppercase()))
    }

    /// `OPTS HASH`: tells the hash function, or chooses it.
    pub(super) fn opts_hash(&mut self, wish: Option<Algorithm>) -> Handled {
        self.negotiated.hash_used = true;
        if let Some(algorithm) = wish {
            self.negotiated.hash = algorithm;
        }
        Ok(Reply::new(Code::OK, self.negotiated.hash.name()))
    }

    /// A hasher for a transfer, if it is one that shall be hashed as it moves. What is sent as text
    /// differs from what the file holds, and a part of a file proves nothing of it.
    pub(super) fn hasher_for(&self, about: &About, whole: bool) -> Option<Hasher> {
        let wanted = match self.services.settings.hash_transfers {
            HashTransfers::None => false,
            HashTransfers::Foreign => about.foreign || self.negotiated.hash_used,
            HashTransfers::All => true,
        };
        let image = self.negotiated.representation == Representation::Image;
        if wanted && whole && image { Hasher::begin(self.negotiated.hash) } else { None }
    }

    /// Remembers what a transfer or a reading has shown.
    pub(super) fn remember(&self, known: Option<Known>) {
        if let Some(known) = known {
            self.host.hashes.remember(known);
        }
    }

    fn open_to_hash(
        &mut self,
        name: &PathArg,
        range: Option<ByteRange>,
    ) -> Result<Box<dyn Download>, StorageError> {
        let Ok(member) = self.member() else { return Err(StorageError::NotPermitted) };
        open_part(&*member.tree, &member.cwd.join(name), range)
    }

    /// The hash of what is left to read of `file`: all of it, unless there is a `range`.
    fn find_hash(
        &mut self,
        mut file: Box<dyn Download>,
        algorithm: Algorithm,
        range: Option<ByteRange>,
    ) -> Result<Found, Refusal> {
        let before = file.version().filter(|_| range.is_none());
        if let Some(version) = before
            && let Some(hash) = self.host.hashes.find(version, algorithm)
        {
            return Ok(Found { hash, bytes: version.size });
        }
        let mut hasher = Hasher::begin(algorithm).ok_or_else(|| {
            let text = format!("This system does not compute {algorithm}.");
            Refusal::from(Reply::new(Code::PARAMETER_NOT_BUILT, text))
        })?;
        self.read_through(&mut *file, &mut hasher)?;
        let bytes = hasher.bytes();
        let hash = hasher.end().map_err(|error| {
            log::error!("cannot hash: {error}");
            Refusal::from(Reply::new(Code::LOCAL_ERROR, "The hash cannot be computed."))
        })?;
        if let Some(version) = before
            && before == file.version()
            && version.size == bytes
        {
            self.remember(Some(Known { version, algorithm, hash: hash.clone() }));
        }
        Ok(Found { hash, bytes })
    }

    /// Waits for a turn and reads, both under the watch: no deadline but the client's own.
    fn read_through(
        &mut self,
        file: &mut dyn Download,
        hasher: &mut Hasher,
    ) -> Result<(), Refusal> {
        let services = Arc::clone(&self.services);
        let read = Cell::new(0);
        // A limit of each wait for a data connection: there is none, and so no deadline at all.
        let (_, limit) = self.manner();
        let outcome = self.watched(limit, &read, |watch| {
            let _turn = services.turns.take(watch)?;
            transfer::hash(file, hasher, &read, watch)
        })?;
        outcome.map_err(|error| match error {
            TransferError::Net(NetError::Timeout) => {
                Reply::new(Code::FILE_BUSY, "Too many files are being hashed: try later.").into()
            }
            error => error.into(),
        })
    }
}

/// Opens a file, or the part of it that is within `range`. What begins behind the end is empty.
pub(super) fn open_part(
    tree: &dyn Tree,
    path: &VirtualPath,
    range: Option<ByteRange>,
) -> Result<Box<dyn Download>, StorageError> {
    let Some(range) = range else { return tree.open(path, 0) };
    match tree.open(path, range.start) {
        Ok(file) => Ok(Box::new(Part::new(file, range.length()))),
        // draft-bryan-ftp-range §4.3: then nothing is sent.
        Err(StorageError::BeyondEnd) => Ok(Box::new(Part::new(tree.open(path, 0)?, 0))),
        Err(error) => Err(error),
    }
}
