//! Asking for a password: on the terminal without echo, or from standard input.

use fxpd::{MAX_PASSWORD_BYTES, Secret};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::fd::AsFd,
};
use zeroize::Zeroizing;

/// The first line of standard input, without its end.
pub fn from_stdin() -> io::Result<Secret> {
    // A handle of our own: std's keeps a buffer that is never wiped.
    first_line(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Asks on the terminal, wherever standard input comes from. What is typed is not shown.
pub fn on_terminal(question: &str) -> io::Result<Secret> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(question.as_bytes())?;
    let silence = Silence::begin(&terminal)?;
    let answer = first_line(&terminal);
    drop(silence);
    terminal.write_all(b"\n")?;
    answer
}

/// A terminal that shows nothing; dropping it brings the echo back.
struct Silence<'a> {
    terminal: &'a File,
    before: Termios,
}

impl Silence<'_> {
    fn begin(terminal: &File) -> io::Result<Silence<'_>> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Silence { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // Nothing can be done when the terminal is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Reads up to the end of a line, into memory that is wiped. A line that is too long is cut one
/// byte behind what a password may have, so that whoever hashes it refuses it.
fn first_line(mut from: impl Read) -> io::Result<Secret> {
    let mut line = Zeroizing::new([0; MAX_PASSWORD_BYTES + 1]);
    let mut length = 0;
    while length < line.len() {
        // One byte at a time: what follows the line is not ours to take.
        let read = from.read(&mut line[length..=length])?;
        if read == 0 || line[length] == b'\n' {
            break;
        }
        length += 1;
    }
    let line = &line[..length];
    Ok(Secret::new(line.strip_suffix(b"\r").unwrap_or(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        let long = [b'x'; MAX_PASSWORD_BYTES + 9];
        for (input, password) in [
            (&b"sesame\nrest"[..], &b"sesame"[..]),
            (b"sesame\r\n", b"sesame"),
            (b"sesame", b"sesame"),
            (b" two words \n", b" two words "),
            (b"\n", b""),
            (b"", b""),
            (&long, &long[..=MAX_PASSWORD_BYTES]),
        ] {
            assert_eq!(first_line(input).unwrap().expose(), password);
        }
    }
}
