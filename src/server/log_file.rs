//! A file that lines are added to, whatever becomes of it: what it does not take is counted and goes
//! to the program's log, and a line that was cut short never runs into the next.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// One of the transfer log's files.
pub struct LogFile {
    path: PathBuf,
    file: File,
    state: State,
}

/// What has to be made good once the file takes lines again.
#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    /// The file ends in the middle of a line.
    is_torn: bool,
    /// Lines that are missing in it.
    lost: u64,
}

impl LogFile {
    /// Opens `path`, at its end, and makes it if need be.
    pub fn open(path: PathBuf) -> io::Result<LogFile> {
        Ok(LogFile { file: open(&path)?, path, state: State::default() })
    }

    /// Goes on in the file that is now called so.
    pub fn reopen(&mut self) {
        match open(&self.path) {
            Ok(file) => {
                self.file = file;
                self.state.is_torn = false;
            }
            Err(error) => log::error!("cannot open {} again: {error}", self.path.display()),
        }
    }

    /// Adds one line, which ends as lines do.
    pub fn put(&mut self, line: &[u8]) {
        if let Err(error) = self.state.put(&mut self.file, line) {
            let path = self.path.display();
            let line = String::from_utf8_lossy(line.trim_ascii_end());
            log::error!("cannot write {path}: {error}; the record is: {line}");
        } else {
            self.tell_of_lost();
        }
    }

    /// Says how many lines are missing, if any, and forgets them.
    pub fn tell_of_lost(&mut self) {
        let lost = std::mem::take(&mut self.state.lost);
        if lost > 0 {
            log::error!("{lost} records are missing in {}; see above", self.path.display());
        }
    }
}

impl State {
    /// As one write, that several processes may share the file.
    fn put(&mut self, file: &mut impl Write, line: &[u8]) -> io::Result<()> {
        let whole = if self.is_torn { [b"\n", line].concat() } else { line.to_vec() };
        match write_once(file, &whole) {
            Ok(count) if count == whole.len() => {
                self.is_torn = false;
                Ok(())
            }
            Ok(count) => {
                self.is_torn |= count > 0;
                self.lost += 1;
                Err(io::ErrorKind::StorageFull.into())
            }
            Err(error) => {
                self.lost += 1;
                Err(error)
            }
        }
    }
}

fn write_once(file: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match file.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            written => return written,
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for this many bytes.
    struct Disk {
        room: usize,
        held: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room - self.held.len());
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.held.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_costs_the_lines_it_does_not_take_and_no_other() {
        let mut disk = Disk { room: 9, held: Vec::new() };
        let mut state = State::default();
        assert!(state.put(&mut disk, b"first\n").is_ok());
        assert!(state.put(&mut disk, b"second\n").is_err());
        assert!(state.put(&mut disk, b"third\n").is_err());
        assert_eq!(state, State { is_torn: true, lost: 2 });
        disk.room = 100;
        assert!(state.put(&mut disk, b"fourth\n").is_ok());
        assert!(state.put(&mut disk, b"fifth\n").is_ok());
        assert_eq!(disk.held.escape_ascii().to_string(), r"first\nsec\nfourth\nfifth\n");
    }
}
