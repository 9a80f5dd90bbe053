//! What moves one file: between two servers, from one, or to one. Each keeps its connections for the
//! next file.

use crate::client::{
    Carried, ClientError, Connection, Copied, Entry, Existing, Plan, Progress, Proof, RemotePath,
    Run, TreePath, download, job::end, partial, proof, upload,
};
use crate::proto::Moment;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// A file that has arrived.
pub(super) struct Arrival {
    pub entry: Entry,
    /// Bytes that were moved for it.
    pub moved: u64,
    pub elapsed: Duration,
    /// The way between two servers.
    pub plan: Option<Plan>,
}

/// Moves files from one root to another. `from` and `to` are below them.
pub(super) trait Carrier {
    fn carry(
        &mut self,
        from: &TreePath,
        to: &TreePath,
        existing: Existing,
        progress: &mut dyn Progress,
    ) -> Result<Arrival, ClientError>;

    /// The proof that both ends have the same file, if there is one by a hash.
    fn compare(&mut self, from: &TreePath, to: &TreePath) -> Result<Option<Proof>, ClientError>;

    /// Gives the target's file this time and these permissions.
    fn preserve(
        &mut self,
        to: &TreePath,
        modified: Option<Moment>,
        mode: Option<u32>,
    ) -> Result<(), ClientError>;

    /// Makes sure that the servers hear us, after a failure.
    fn revive(&mut self) -> Result<(), ClientError>;

    /// Takes back what is there of a file that found no room, so that smaller ones do. What a server
    /// has may be the file that was there before, and stays.
    fn make_room(&mut self, _: &TreePath) {}

    /// Which way between two servers to try first.
    fn prefer(&mut self, _: Plan) {}
}

/// From server to server.
pub(super) struct Between<'a> {
    pub run: Run<'a>,
    pub source: &'a RemotePath,
    pub target: &'a RemotePath,
}

impl Carrier for Between<'_> {
    fn carry(
        &mut self,
        from: &TreePath,
        to: &TreePath,
        existing: Existing,
        progress: &mut dyn Progress,
    ) -> Result<Arrival, ClientError> {
        let (source, target) = (from.below(self.source), to.below(self.target));
        let copied = self.run.file(&source, &target, existing, progress)?;
        let Copied { bytes, resumed_at, elapsed, plan, verified, ref proof, .. } = copied;
        let mut entry = Entry::proved(to, bytes, proof);
        entry.route = Some(plan.to_string());
        entry.verified = Some(verified.word().to_owned());
        entry.tls = Some(format!("control {}", self.run.tls_versions().join(", ")));
        let moved = bytes.unwrap_or_default().saturating_sub(resumed_at);
        Ok(Arrival { entry, moved, elapsed, plan: Some(plan) })
    }

    fn compare(&mut self, from: &TreePath, to: &TreePath) -> Result<Option<Proof>, ClientError> {
        self.run.compare(&from.below(self.source), &to.below(self.target))
    }

    fn preserve(
        &mut self,
        to: &TreePath,
        modified: Option<Moment>,
        mode: Option<u32>,
    ) -> Result<(), ClientError> {
        end::preserve(self.run.target(), &to.below(self.target), modified, mode)
    }

    fn revive(&mut self) -> Result<(), ClientError> {
        self.run.revive()
    }

    fn prefer(&mut self, plan: Plan) {
        self.run.prefer(plan);
    }
}

/// From a server to the local disk.
pub(super) struct Down<'a> {
    pub source: &'a mut Connection,
    pub root: &'a RemotePath,
    pub target: &'a Path,
}

impl Carrier for Down<'_> {
    fn carry(
        &mut self,
        from: &TreePath,
        to: &TreePath,
        _: Existing,
        progress: &mut dyn Progress,
    ) -> Result<Arrival, ClientError> {
        let target = to.below_local(self.target);
        // What a cut download has left is ours alone, and proved before it is continued.
        let existing = Existing::Continue;
        let source = from.below(self.root);
        let carried = download(self.source, &source, &target, existing, progress)?;
        Ok(Arrival::carried(to, &carried, "download"))
    }

    fn compare(&mut self, from: &TreePath, to: &TreePath) -> Result<Option<Proof>, ClientError> {
        let target = to.below_local(self.target);
        proof::of_local(self.source, &from.below(self.root), &target)
    }

    fn preserve(
        &mut self,
        to: &TreePath,
        modified: Option<Moment>,
        mode: Option<u32>,
    ) -> Result<(), ClientError> {
        end::preserve_local(&to.below_local(self.target), modified, mode)
    }

    fn make_room(&mut self, to: &TreePath) {
        partial::remove(&to.below_local(self.target));
    }

    fn revive(&mut self) -> Result<(), ClientError> {
        self.source.revive()
    }
}

/// From the local disk to a server.
pub(super) struct Up<'a> {
    pub source: PathBuf,
    pub target: &'a mut Connection,
    pub root: &'a RemotePath,
}

impl Carrier for Up<'_> {
    fn carry(
        &mut self,
        from: &TreePath,
        to: &TreePath,
        existing: Existing,
        progress: &mut dyn Progress,
    ) -> Result<Arrival, ClientError> {
        let source = from.below_local(&self.source);
        let carried = upload(&source, self.target, &to.below(self.root), existing, progress)?;
        Ok(Arrival::carried(to, &carried, "upload"))
    }

    fn compare(&mut self, from: &TreePath, to: &TreePath) -> Result<Option<Proof>, ClientError> {
        proof::of_local(self.target, &to.below(self.root), &from.below_local(&self.source))
    }

    fn preserve(
        &mut self,
        to: &TreePath,
        modified: Option<Moment>,
        mode: Option<u32>,
    ) -> Result<(), ClientError> {
        end::preserve(self.target, &to.below(self.root), modified, mode)
    }

    fn revive(&mut self) -> Result<(), ClientError> {
        self.target.revive()
    }
}

impl Arrival {
    /// A file that was not moved: the target has it.
    pub fn already_there(path: &TreePath, size: Option<u64>, proof: &Proof) -> Arrival {
        let entry = Entry::proved(path, size, proof);
        Arrival { entry, moved: 0, elapsed: Duration::ZERO, plan: None }
    }

    fn carried(path: &TreePath, carried: &Carried, route: &str) -> Arrival {
        let mut entry = Entry::proved(path, Some(carried.bytes), &carried.proof);
        entry.route = Some(route.to_owned());
        entry.tls = Some(carried.tls_version.to_owned());
        let moved = carried.bytes - carried.resumed_at;
        Arrival { entry, moved, elapsed: carried.elapsed, plan: None }
    }
}
