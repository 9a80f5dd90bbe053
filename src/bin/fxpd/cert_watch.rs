//! Whether the files of certificates and keys have changed, by a look at each now and then. What a
//! change leads to is not decided here.

use crate::{config::Config, failure::Failure};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

/// What tells one state of a file from another: a file that takes another's name has another
/// number, whatever its times.
type Stamp = Option<(u64, u64, i64, i64)>;

/// The files as they were when last read, and when they are looked at again.
pub struct CertWatch {
    every: Option<Duration>,
    due: Instant,
    /// Of the files that are in force.
    in_force: Vec<Stamp>,
    /// Of the last look.
    seen: Vec<Stamp>,
    /// Of files that could not be used: said once, tried again.
    refused: Option<Vec<Stamp>>,
}

impl CertWatch {
    /// Of the files that `config` names, and that are read after this.
    pub fn new(config: &Config) -> CertWatch {
        let every = Some(config.certificate_check).filter(|time| !time.is_zero());
        let seen = stamps(config);
        let due = Instant::now() + config.certificate_check;
        CertWatch { every, due, in_force: seen.clone(), seen, refused: None }
    }

    /// When it is time for the next look, if there is one.
    pub fn due(&self) -> Option<Instant> {
        self.every.map(|_| self.due)
    }

    /// Looks, if it is time to, and tells whether the files are others than those in force.
    pub fn have_changed(&mut self, config: &Config) -> bool {
        let Some(every) = self.every.filter(|_| self.due <= Instant::now()) else { return false };
        self.due = Instant::now() + every;
        self.seen = stamps(config);
        self.seen != self.in_force
    }

    /// Those of the last look are in force. A change since then is seen with the next look.
    pub fn accept(&mut self) {
        self.in_force.clone_from(&self.seen);
        self.refused = None;
    }

    /// Those of the last look cannot be used: often the key is still to come.
    pub fn refuse(&mut self, failure: &Failure) {
        if self.refused.as_ref() != Some(&self.seen) {
            log::error!("certificates were not renewed: {failure}");
            self.refused = Some(self.seen.clone());
        }
    }
}

fn stamps(config: &Config) -> Vec<Stamp> {
    let of_hosts = config.hosts.iter().flat_map(|host| [&host.certificate, &host.key]);
    [&config.certificate, &config.key].into_iter().chain(of_hosts).map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Stamp {
    let about = fs::metadata(path).ok()?;
    Some((about.dev(), about.ino(), about.mtime(), about.mtime_nsec()))
}
