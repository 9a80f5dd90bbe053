//! Messages for syslogd, in the form of RFC 3164 that syslog(3) sends to `/dev/log`.

use crate::lossy::Drain;
use jiff::{Timestamp, tz::TimeZone};
use std::{
    io,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process,
    sync::LazyLock,
};

/// The facility `ftp`.
const FACILITY: u8 = 11;

/// The time zone of the system when the log began: a session that is locked into its tree writes
/// messages too, and cannot read it.
static ZONE: LazyLock<TimeZone> = LazyLock::new(TimeZone::system);

/// A longer message is cut: syslogd would, or would refuse it.
const MAX_BYTES: usize = 8192;

/// The syslogd that listens at a path, there already or not.
pub struct Syslog {
    socket: io::Result<UnixDatagram>,
    path: PathBuf,
}

impl Syslog {
    /// The one at `path`.
    pub fn new(path: &Path) -> Syslog {
        LazyLock::force(&ZONE);
        let socket = UnixDatagram::unbound()
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
        Syslog { socket, path: path.to_owned() }
    }

    /// `<PRI>Mmm dd hh:mm:ss TAG[PID]: text` (RFC 3164 §4.1; without a host name, as locally).
    pub fn message(severity: u8, text: &str) -> String {
        let priority = FACILITY * 8 + severity;
        let time = Timestamp::now().to_zoned(ZONE.clone()).strftime("%b %e %H:%M:%S");
        format!("<{priority}>{time} fxpd[{}]: {text}", process::id())
    }
}

impl Drain for Syslog {
    /// It is looked up anew each time, since it may be restarted.
    fn take(&mut self, message: &[u8]) -> bool {
        let cut = &message[..message.len().min(MAX_BYTES)];
        self.socket.as_ref().is_ok_and(|socket| socket.send_to(cut, &self.path).is_ok())
    }

    fn form(&self, severity: u8, text: &str) -> String {
        Syslog::message(severity, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lossy::Lossy;
    use std::io::Write;

    #[test]
    fn what_is_lost_is_counted_and_told() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        let mut syslog = Lossy::new(Syslog::new(&path));
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
