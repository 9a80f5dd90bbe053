//! Programs of the operator that run behind uploads. They wait in a queue of their own with threads
//! of their own: no transfer, no reply and no record ever waits for one.

use crate::{config::Config, hook_run};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use fxpd::{Direction, Ids, TransferRecord};
use std::{
    io::{self, PipeReader, PipeWriter},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Uploads that may wait for their program.
const MAX_QUEUED: usize = 1000;

/// Programs that were told to end for good have ended within this time, or are left.
const LAST_WAIT: Duration = Duration::from_secs(15);

/// What the settings say about programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookSettings {
    /// For an upload that was answered 226: the program and its arguments; empty for none.
    pub on_upload: Vec<String>,
    /// For one that failed.
    pub on_upload_failed: Vec<String>,
    /// For one run.
    pub timeout: Duration,
    /// How many run at once.
    pub at_once: usize,
    /// As whom, where sessions take on their accounts' ids.
    pub run_as: RunAs,
}

/// As whom a program runs that is started for an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunAs {
    /// Whom of the system the account is: what it may not touch, its path cannot lead the program to.
    #[default]
    Account,
    /// Whoever the server is.
    Server,
}

/// One run to come.
struct Job {
    hook: &'static str,
    record: Box<TransferRecord>,
}

/// The queue, with nobody at its end yet.
pub struct Hooks {
    settings: Arc<HookSettings>,
    sender: Sender<Job>,
    jobs: Receiver<Job>,
}

impl Hooks {
    /// As the settings say; `None` if they name no program.
    pub fn new(config: &Config) -> Option<Hooks> {
        let settings = Arc::new(config.hooks.clone());
        if settings.on_upload.is_empty() && settings.on_upload_failed.is_empty() {
            return None;
        }
        let (sender, jobs) = crossbeam_channel::bounded(MAX_QUEUED);
        Some(Hooks { settings, sender, jobs })
    }

    /// What is to be shown every record. It never waits.
    pub fn watcher(&self) -> impl FnMut(&TransferRecord) + Send + 'static {
        let mut feeder =
            Feeder { settings: Arc::clone(&self.settings), sender: self.sender.clone(), lost: 0 };
        move |record| feeder.feed(record)
    }

    /// Starts the threads that run programs.
    pub fn start(self) -> io::Result<RunningHooks> {
        let (over, end) = io::pipe()?;
        let (finished, ended) = crossbeam_channel::bounded::<()>(0);
        for _ in 0..self.settings.at_once {
            let (settings, jobs) = (Arc::clone(&self.settings), self.jobs.clone());
            let (over, finished) = (over.try_clone()?, finished.clone());
            thread::Builder::new().name("hook".into()).spawn(move || {
                let _finished = finished; // dropped at the end, which `ended` hears
                jobs.iter().for_each(|job| run(&settings, &job, &over));
            })?;
        }
        Ok(RunningHooks { settings: self.settings, jobs: self.jobs, ended, end })
    }
}

fn run(settings: &HookSettings, job: &Job, over: &PipeReader) {
    hook_run::run(job.hook, settings, &job.record, over);
}

impl HookSettings {
    /// The program of a hook and its arguments.
    pub fn program(&self, hook: &str) -> &[String] {
        if hook == ON_UPLOAD { &self.on_upload } else { &self.on_upload_failed }
    }

    /// Whom of the system a program behind this upload is, if not the server's own user.
    pub fn user<'a>(&self, record: &'a TransferRecord) -> Option<&'a Ids> {
        record.ids.as_ref().filter(|_| self.run_as == RunAs::Account)
    }
}

const ON_UPLOAD: &str = "on_upload";
const ON_UPLOAD_FAILED: &str = "on_upload_failed";

/// The end of the queue that records come in at.
struct Feeder {
    settings: Arc<HookSettings>,
    sender: Sender<Job>,
    lost: u64,
}

impl Feeder {
    fn feed(&mut self, record: &TransferRecord) {
        if record.direction != Direction::Incoming {
            return;
        }
        let hook = if record.complete { ON_UPLOAD } else { ON_UPLOAD_FAILED };
        if self.settings.program(hook).is_empty() {
            return;
        }
        let job = Job { hook, record: Box::new(record.clone()) };
        if self.sender.try_send(job).is_ok() {
            self.tell_of_lost();
            return;
        }
        if self.lost == 0 {
            log::error!("{hook} is behind and not run for {}", record.path);
        }
        self.lost += 1;
    }

    fn tell_of_lost(&mut self) {
        if self.lost > 0 {
            log::error!("hooks were behind and not run for {} uploads", self.lost);
            self.lost = 0;
        }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.tell_of_lost();
    }
}

/// The threads that run programs.
pub struct RunningHooks {
    settings: Arc<HookSettings>,
    jobs: Receiver<Job>,
    /// Disconnected when all threads have ended.
    ended: Receiver<()>,
    /// Closed when programs shall run no longer.
    end: PipeWriter,
}

impl RunningHooks {
    /// How long [`RunningHooks::finish`] may take.
    pub fn patience(&self) -> Duration {
        self.settings.timeout + LAST_WAIT
    }

    /// Lets programs run for the time that one may take, and then no longer. No records come any
    /// more: whoever brought them is gone.
    pub fn finish(self) {
        let RunningHooks { settings, jobs, ended, end } = self;
        let deadline = Instant::now() + settings.timeout;
        if ended.recv_deadline(deadline) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let dropped = jobs.try_iter().count();
        log::error!("the server stops before its hooks: {dropped} are not run");
        drop(end);
        if ended.recv_timeout(LAST_WAIT) == Err(RecvTimeoutError::Timeout) {
            log::error!("a hook does not end and is left");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_program_there_are_no_hooks() {
        assert!(Hooks::new(&Config::default()).is_none());
    }
}
