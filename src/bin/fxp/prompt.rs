//! Asking for a password on the terminal, without echo.

use fxpd::Secret;
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
};

/// A longer password is not typed by hand.
const MAX_BYTES: usize = 1024;

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const CTRL_U: u8 = 21;
const BACKSPACE: [u8; 2] = [8, 127];

/// Asks on the controlling terminal, even when input or output is redirected.
pub fn password(question: &str) -> io::Result<Secret> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let _silence = Silence::begin(&terminal)?;
    write!(terminal, "{question}: ")?;
    let answer = read_line(&mut terminal);
    writeln!(terminal)?;
    answer
}

/// Asks on the controlling terminal what only `yes` answers with yes.
pub fn confirm(question: &str) -> io::Result<bool> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    write!(terminal, "{question}: ")?;
    let mut answer = String::new();
    BufReader::new(terminal).take(MAX_BYTES as u64).read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// Reads to the end of the line, and does what the terminal would do about its editing keys.
fn read_line(from: &mut impl Read) -> io::Result<Secret> {
    let mut line = zeroize::Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    let mut byte = [0];
    loop {
        if from.read(&mut byte)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match byte[0] {
            b'\r' | b'\n' => return Ok(Secret::new(line.as_slice())),
            CTRL_C => return Err(io::ErrorKind::Interrupted.into()),
            CTRL_D if line.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            CTRL_U => line.clear(),
            key if BACKSPACE.contains(&key) => drop(line.pop()),
            byte if line.len() < MAX_BYTES => line.push(byte),
            _ => return Err(io::Error::other("the password is too long")),
        }
    }
}

/// The terminal without echo, until dropped. Nor does it send signals: an interrupt would end the
/// program and leave the terminal mute.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn begin(terminal: &File) -> io::Result<Silence> {
        let before = termios::tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        termios::tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Silence { terminal: terminal.try_clone()?, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editing_keys_work_and_the_length_is_limited() {
        let read = |mut keys: &[u8]| read_line(&mut keys);
        for (keys, password) in [
            (&b"secret\n"[..], &b"secret"[..]),
            (b"sex\x7fcret\r", b"secret"),
            (b"oops\x15secret\n", b"secret"),
            (b"\x08\n", b""),
        ] {
            assert_eq!(read(keys).unwrap().expose(), password);
        }
        assert_eq!(read(b"abc\x03").unwrap_err().kind(), io::ErrorKind::Interrupted);
        assert!(read(b"\x04").is_err());
        assert!(read(b"no end").is_err());
        assert!(read(&[b'x'; MAX_BYTES + 1]).is_err());
    }
}
