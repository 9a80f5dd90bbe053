//! What must be true when everybody has left: nothing is left of them but their files.

use super::{
    logs::{self, Record},
    scene::Scene,
    server::{Figures, LONGEST_SILENCE_S, Server},
};
use crate::{ftp::Ftp, site::PATIENCE};
use rustix::process::Signal;
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// More than this may not have come on top of what there was after the warm-up. The clerks may be
/// removing a file. Of threads there may be none more: each would be a session that does not end.
const MORE_DESCRIPTORS: usize = 3;
const MORE_KIB: usize = 16 << 10;

/// Beyond the longest silence, for a busy host.
const MARGIN: Duration = Duration::from_secs(15);

impl Scene {
    pub fn figures(&self) -> [Figures; 2] {
        self.servers.each_ref().map(|server| server.figures())
    }

    /// Waits until no session is left but those of the clerks, who go on working. What each server
    /// then holds.
    pub fn falls_quiet(&self, idle: &[Figures; 2], clerks: &mut [Ftp; 2]) -> [Figures; 2] {
        let deadline = Instant::now() + Duration::from_secs(LONGEST_SILENCE_S) + MARGIN;
        loop {
            let now = self.figures();
            if (0..2).all(|at| now[at].threads <= idle[at].threads) || Instant::now() > deadline {
                return now;
            }
            self.observes("clerk", || self.sweeps(clerks));
            thread::sleep(Duration::from_millis(300)); // only /proc tells of threads
        }
    }

    /// The servers stop. Their records, and what is wrong with them and was in their logs.
    pub fn stops(&self, complaints: &mut Vec<String>) -> [Vec<Record>; 2] {
        let records = [0, 1].map(|at| {
            let server = &self.servers[at];
            server.daemon.signal(Signal::TERM);
            server.ends_within(PATIENCE);
            complaints.extend(server.faults());
            let (records, contradictions) = self.contradictions(at);
            complaints.extend(contradictions);
            records
        });
        for role in ["accept", "connect"] {
            if !records.iter().flatten().any(|record| record.is_copy_as(role)) {
                complaints.push(format!("no copy was made in the TLS role {role}"));
            }
        }
        records
    }

    /// Whether `SITE QUOTA` says what is on the disk.
    #[track_caller]
    pub fn keeps_count(&self, ftp: &mut Ftp, server: usize, account: &str) {
        let told = ftp.says("SITE QUOTA", 200);
        let (bytes, names) = told["200 Kept: ".len()..].split_once(", ").unwrap();
        let first = |part: &str| part.split(' ').next().unwrap().parse::<u64>().unwrap();
        let there = usage(&self.servers[server].daemon.path(account));
        assert_eq!((first(bytes), first(names)), there, "bytes and names of {account}: {told}");
    }

    /// Every acknowledged file is there, and nothing that nobody has stored.
    pub fn strays(&self) -> Vec<String> {
        let mut strays = Vec::new();
        let known: BTreeSet<_> =
            self.shelf.all().into_iter().map(|item| (item.server, item.name)).collect();
        for (at, server) in self.servers.iter().enumerate() {
            for name in names(&server.daemon.path("ann")) {
                let is_known =
                    known.contains(&(at, name.clone())) || self.book.knows_upload(at, &name);
                if name.starts_with('.') || !is_known {
                    strays.push(format!("{name} is left at {}", server.host));
                }
            }
        }
        for item in self.shelf.all() {
            let path = self.servers[item.server].daemon.path("ann").join(&item.name);
            if fs::read(path).ok() != Some(item.bytes()) {
                strays.push(format!("{item:?} is not what was acknowledged"));
            }
        }
        strays
    }

    /// What the logs of a server say that its clients do not.
    fn contradictions(&self, at: usize) -> (Vec<Record>, Vec<String>) {
        let (records, mut told) = logs::read(&self.servers[at].daemon.path(""));
        told.extend(self.book.contradictions(at, &records));
        let unverified = records.iter().filter(|record| {
            record.complete && matches!(record.foreign, Some((_, is_verified)) if !is_verified)
        });
        told.extend(unverified.map(|record| format!("not verified: {record:?}")));
        (records, told)
    }
}

impl Server {
    /// What has come on top of `before`, where it is too much.
    pub fn growth(&self, before: &Figures, after: &Figures) -> Option<String> {
        let too_much = after.descriptors > before.descriptors + MORE_DESCRIPTORS
            || after.threads > before.threads
            || after.kib > before.kib + MORE_KIB;
        too_much.then(|| format!("{} has grown from {before:?} to {after:?}", self.host))
    }
}

/// The names in a directory, hidden ones included.
fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Bytes of the files below, and how many names there are.
fn usage(directory: &Path) -> (u64, u64) {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.fold((0, 0), |(bytes, names), entry| {
        let about = entry.metadata().unwrap();
        let below = if about.is_dir() { usage(&entry.path()) } else { (about.len(), 0) };
        (bytes + below.0, names + below.1 + 1)
    })
}
