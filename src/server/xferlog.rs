//! The transfer log: a bounded channel from the sessions to one thread that owns the file.
//!
//! A full queue holds a session up for a moment at most and then costs the record its place in the
//! file, not its existence: it goes to the program's log. A broken file stops no transfer.

use crate::{
    proto::Representation,
    transfer::{Direction, TransferRecord},
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use jiff::tz::TimeZone;
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

/// Records that may wait for the file.
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

/// A log that is open, with no thread yet.
pub struct TransferLog {
    path: Option<PathBuf>,
    file: Option<File>,
    watcher: Option<Watcher>,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
}

impl TransferLog {
    /// Opens the file, if there shall be one.
    pub fn open(path: Option<PathBuf>, watcher: Option<Watcher>) -> io::Result<TransferLog> {
        let file = path.as_ref().map(open).transpose()?;
        let (sender, receiver) = crossbeam_channel::bounded(MAX_QUEUED);
        Ok(TransferLog { path, file, watcher, sender, receiver })
    }

    /// What the sessions are handed.
    pub fn sink(&self) -> Sink {
        let sender = self.sender.clone();
        Arc::new(move |record| {
            let unsent = sender.send_timeout(Message::Record(Box::new(record)), PATIENCE);
            if let Err(error) = unsent
                && let Message::Record(record) = error.into_inner()
            {
                let line = line(&record, &TimeZone::system());
                log::error!("the transfer log is behind: {}", String::from_utf8_lossy(&line));
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
                Message::Reopen => self.reopen(),
                Message::Finish => return,
            }
        }
    }

    fn write(&mut self, record: &TransferRecord, zone: &TimeZone) {
        if let Some(watcher) = &mut self.watcher {
            watcher(record);
        }
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(&line(record, zone))
        {
            log::error!("cannot write the transfer log: {error}");
        }
    }

    fn reopen(&mut self) {
        match self.path.as_ref().map(open).transpose() {
            Ok(file) => self.file = file,
            Err(error) => log::error!("cannot open the transfer log again: {error}"),
        }
    }
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

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// One line of xferlog(5): 18 fields with a blank between them, the time being five.
fn line(record: &TransferRecord, zone: &TimeZone) -> Vec<u8> {
    let time = record.ended.to_zoned(zone.clone());
    let seconds = record.took.as_secs_f64().round().max(1.0);
    let head = format!(
        "{} {seconds} {} {} ",
        time.strftime("%a %b %d %H:%M:%S %Y"),
        record.client,
        record.bytes
    );
    let mut line = head.into_bytes();
    push_field(record.path.as_bytes(), &mut line);
    let kind = match record.representation {
        Representation::Ascii => 'a',
        Representation::Image => 'b',
    };
    let direction = match record.direction {
        Direction::Outgoing => 'o',
        Direction::Incoming => 'i',
    };
    line.extend_from_slice(format!(" {kind} _ {direction} r ").as_bytes());
    push_field(record.account.as_bytes(), &mut line);
    let completion = if record.complete { 'c' } else { 'i' };
    line.extend_from_slice(format!(" ftp 0 * {completion}\n").as_bytes());
    line
}

/// Adds a name in which nothing can end a field or a line: what could becomes `_`.
fn push_field(name: &[u8], line: &mut Vec<u8>) {
    let plain = |byte: &u8| if byte.is_ascii_control() || *byte == b' ' { b'_' } else { *byte };
    line.extend(name.iter().map(plain));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        proto::{PathArg, TlsRole, VirtualPath},
        transfer::PeerProof,
    };

    fn record(path: &[u8]) -> TransferRecord {
        TransferRecord {
            ended: "2026-02-03T04:05:06Z".parse().unwrap(),
            took: Duration::from_millis(2600),
            client: "192.0.2.1".parse().unwrap(),
            account: "ann lee".into(),
            path: VirtualPath::root().child(path),
            bytes: 1234,
            direction: Direction::Incoming,
            representation: Representation::Image,
            complete: true,
            peer: None,
            foreign: false,
            proof: PeerProof::Unasked,
            role: TlsRole::Accept,
            tls: None,
        }
    }

    #[test]
    fn a_line_is_that_of_xferlog_byte_for_byte() {
        let line = |record| String::from_utf8(super::line(&record, &TimeZone::UTC)).unwrap();
        assert_eq!(
            line(record(b"a b")),
            "Tue Feb 03 04:05:06 2026 3 192.0.2.1 1234 /a_b b _ i r ann_lee ftp 0 * c\n"
        );
        let cut = TransferRecord {
            complete: false,
            direction: Direction::Outgoing,
            representation: Representation::Ascii,
            took: Duration::ZERO,
            ..record(b"x")
        };
        assert_eq!(
            line(cut),
            "Tue Feb 03 04:05:06 2026 1 192.0.2.1 1234 /x a _ o r ann_lee ftp 0 * i\n"
        );
    }

    #[test]
    fn no_name_can_forge_a_line() {
        let forged = line(&record(b"a\nTue Feb\t03\r"), &TimeZone::UTC);
        assert_eq!(forged.iter().filter(|b| **b == b'\n').count(), 1);
        assert_eq!(forged.split(|b| *b == b' ').count(), 18);
        assert!(PathArg::new(&b"a\nb"[..]).is_none(), "nor can it be asked for");
    }

    #[test]
    fn records_are_written_in_order_and_before_the_end() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("xferlog");
        let log = TransferLog::open(Some(path.clone()), None).unwrap();
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
