//! Messages for syslogd, in the form of RFC 3164 that syslog(3) sends to `/dev/log`.

use jiff::Zoned;
use std::{
    io::{self, Write},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process,
};

/// The facility `ftp`.
const FACILITY: u8 = 11;

/// Severity of a word about messages that were lost: a warning.
const WARNING: u8 = 4;

/// A longer message is cut: syslogd would, or would refuse it.
const MAX_BYTES: usize = 8192;

/// Sends what each call of `write` gets as one message. It never waits and never fails: a message
/// that syslogd does not take is lost, and the next one that it takes is followed by their number.
pub struct Syslog {
    socket: io::Result<UnixDatagram>,
    path: PathBuf,
    lost: u64,
}

impl Syslog {
    /// To the syslogd that listens at `path`, there already or not.
    pub fn new(path: &Path) -> Syslog {
        let socket = UnixDatagram::unbound()
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
        Syslog { socket, path: path.to_owned(), lost: 0 }
    }

    /// `<PRI>Mmm dd hh:mm:ss TAG[PID]: text` (RFC 3164 §4.1; without a host name, as locally).
    pub fn message(severity: u8, text: &str) -> String {
        let priority = FACILITY * 8 + severity;
        let time = Zoned::now().strftime("%b %e %H:%M:%S");
        format!("<{priority}>{time} fxpd[{}]: {text}", process::id())
    }

    /// Whether syslogd has taken it. It is looked up anew each time, since it may be restarted.
    fn send(&self, message: &[u8]) -> bool {
        let cut = &message[..message.len().min(MAX_BYTES)];
        self.socket.as_ref().is_ok_and(|socket| socket.send_to(cut, &self.path).is_ok())
    }
}

impl Write for Syslog {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        if !self.send(message) {
            self.lost += 1;
        } else if self.lost > 0 {
            let text = format!("{} messages before this one were lost", self.lost);
            if self.send(Syslog::message(WARNING, &text).as_bytes()) {
                self.lost = 0;
            }
        }
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_counted_and_told() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        let mut syslog = Syslog::new(&path);
        for _ in 0..3 {
            assert_eq!(syslog.write(b"<94>gone").unwrap(), 8, "a lost message is no error");
        }
        let daemon = UnixDatagram::bind(&path).unwrap();
        syslog.write_all(b"<94>here").unwrap();
        syslog.write_all(b"<94>again").unwrap();
        let mut heard = [0; 200];
        let mut next = || {
            let count = daemon.recv(&mut heard).unwrap();
            String::from_utf8_lossy(&heard[..count]).into_owned()
        };
        assert_eq!(next(), "<94>here");
        let told = next();
        assert!(
            told.starts_with("<92>") && told.ends_with("]: 3 messages before this one were lost")
        );
        assert_eq!(next(), "<94>again");
    }
}
