//! The transfer log: a bounded channel from the sessions to one thread that owns the files.
//!
//! A full queue holds a session up for a moment at most and then costs the record its place in the
//! files, not its existence: it goes to the program's log. So does what a file does not take. A
//! broken file stops no transfer.

use crate::{
    server::{json_log, log_file::LogFile, xferlog},
    transfer::TransferRecord,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use jiff::tz::TimeZone;
use std::{io, path::PathBuf, sync::Arc, thread, time::Duration};

/// Records that may wait for the files.
const MAX_QUEUED: usize = 1024;

/// How long a session waits for room in the queue.
const PATIENCE: Duration = Duration::from_secs(1);

/// Called with every record.
pub type Watcher = Box<dyn FnMut(&TransferRecord) + Send>;

/// What the sessions call with a record.
pub type Sink = Arc<dyn Fn(TransferRecord) + Send + Sync>;

enum Message {
    Record(Box<TransferRecord>),
    Reopen,
    Finish,
}

/// Where records go, besides whoever watches.
#[derive(Debug, Default)]
pub struct Paths {
    /// In the form of xferlog(5).
    pub xferlog: Option<PathBuf>,
    /// As JSON.
    pub json: Option<PathBuf>,
}

/// A log that is open, with no thread yet.
pub struct TransferLog {
    xferlog: Option<LogFile>,
    json: Option<LogFile>,
    watcher: Option<Watcher>,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
}

impl TransferLog {
    /// Opens the files that there shall be.
    pub fn open(paths: Paths, watcher: Option<Watcher>) -> io::Result<TransferLog> {
        let (sender, receiver) = crossbeam_channel::bounded(MAX_QUEUED);
        let open = |path: Option<PathBuf>| path.map(LogFile::open).transpose();
        let (xferlog, json) = (open(paths.xferlog)?, open(paths.json)?);
        Ok(TransferLog { xferlog, json, watcher, sender, receiver })
    }

    /// What the sessions are handed.
    pub fn sink(&self) -> Sink {
        let sender = self.sender.clone();
        // Asked for now: a session that is locked into its tree cannot read it.
        let zone = TimeZone::system();
        Arc::new(move |record| {
            let unsent = sender.send_timeout(Message::Record(Box::new(record)), PATIENCE);
            if let Err(error) = unsent
                && let Message::Record(record) = error.into_inner()
            {
                let line = xferlog::line(&record, &zone);
                log::error!("the transfer log is behind: {}", text(&line));
            }
        })
    }

    /// Starts the thread that writes.
    pub fn start(mut self) -> io::Result<Writer> {
        let sender = self.sender.clone();
        let (finished, ended) = crossbeam_channel::bounded(0);
        thread::Builder::new().name("transfer log".into()).spawn(move || {
            let _finished: Sender<()> = finished; // dropped at the end, which `ended` hears
            self.run();
        })?;
        Ok(Writer { sender, ended })
    }

    fn run(&mut self) {
        let zone = TimeZone::system();
        while let Ok(message) = self.receiver.recv() {
            match message {
                Message::Record(record) => self.write(&record, &zone),
                Message::Reopen => self.files().for_each(LogFile::reopen),
                Message::Finish => break,
            }
        }
        self.files().for_each(|file| file.tell_of_lost());
    }

    fn write(&mut self, record: &TransferRecord, zone: &TimeZone) {
        if let Some(watcher) = &mut self.watcher {
            watcher(record);
        }
        if let Some(file) = &mut self.xferlog {
            file.put(&xferlog::line(record, zone));
        }
        if let Some(file) = &mut self.json {
            file.put(&json_log::line(record));
        }
    }

    fn files(&mut self) -> impl Iterator<Item = &mut LogFile> {
        self.xferlog.iter_mut().chain(&mut self.json)
    }
}

/// A line for the program's log.
fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.trim_ascii_end()).into_owned()
}

/// The thread that writes.
pub struct Writer {
    sender: Sender<Message>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// A file that takes nothing must not keep a server from stopping.
const FINISH_TIMEOUT: Duration = Duration::from_secs(10);

impl Writer {
    /// Goes on in a file opened by its name again.
    pub fn reopen(&self) {
        if self.sender.try_send(Message::Reopen).is_err() {
            log::error!("the transfer log is behind and was not opened again");
        }
    }

    /// Writes what has come so far, and ends.
    pub fn finish(self) {
        let told = self.sender.send_timeout(Message::Finish, FINISH_TIMEOUT);
        if told.is_ok() && self.ended.recv_timeout(FINISH_TIMEOUT) == Err(RecvTimeoutError::Timeout)
        {
            log::error!("the transfer log could not be written to its end");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::xferlog::tests::record;

    #[test]
    fn no_more_records_wait_to_be_written_than_that() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths { xferlog: Some(home.path().join("xferlog")), json: None };
        // Nobody writes: it is not started.
        let log = TransferLog::open(paths, None).unwrap();
        let sink = log.sink();
        (0..MAX_QUEUED).for_each(|_| sink(record(b"1")));
        assert!(log.sender.is_full());
    }

    #[test]
    fn records_are_written_in_order_and_before_the_end() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("xferlog");
        let paths = Paths { xferlog: Some(path.clone()), json: None };
        let log = TransferLog::open(paths, None).unwrap();
        let (sink, writer) = (log.sink(), log.start().unwrap());
        sink(record(b"1"));
        sink(record(b"2"));
        writer.reopen();
        sink(record(b"3"));
        writer.finish();
        let text = std::fs::read_to_string(&path).unwrap();
        let names: Vec<_> = text.lines().map(|line| line.split(' ').nth(8).unwrap()).collect();
        assert_eq!(names, ["/1", "/2", "/3"]);
    }
}
