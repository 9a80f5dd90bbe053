//! Asking for a password on the terminal, without echo. A signal that ends the program gives the
//! echo back first, or the user's shell would be mute. Both programs include this file.

use fxpd::Secret;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr},
};
use signal_hook::{
    SigId,
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    flag, low_level,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use zeroize::Zeroizing;

/// A longer password is not typed by hand.
const MAX_BYTES: usize = 4096;

/// Asks on the controlling terminal, even when input or output is redirected.
pub fn secret(question: &str) -> io::Result<Secret> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    // The signals first: from the moment of silence on, none must end the program unseen.
    let mut signals = Signals::begin()?;
    let silence = Silence::begin(&terminal)?;
    write!(&terminal, "{question}: ")?;
    let answer = first_line(Interruptible { terminal: &terminal, signals: &mut signals });
    drop(silence);
    writeln!(&terminal)?;
    signals.obey()?;
    answer
}

/// Reads up to the end of a line, into memory that is wiped. The end of the file will do, but not
/// at the beginning.
pub fn first_line(mut from: impl Read) -> io::Result<Secret> {
    let mut line = Zeroizing::new([0; MAX_BYTES]);
    let mut length = 0;
    while length < line.len() {
        // One byte at a time: what follows the line is not ours to take.
        match from.read(&mut line[length..=length])? {
            0 if length == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => return Ok(Secret::new(&line[..length])),
            _ if line[length] == b'\n' => {
                let line = &line[..length];
                return Ok(Secret::new(line.strip_suffix(b"\r").unwrap_or(line)));
            }
            _ => length += 1,
        }
    }
    Err(io::Error::other("the password is too long"))
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
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

/// The signals that would end the program, held back while this lives.
struct Signals {
    held: Vec<SigId>,
    /// Readable when one has come.
    wake: UnixStream,
    /// Which; 0 is none.
    which: Arc<AtomicUsize>,
}

impl Signals {
    fn begin() -> io::Result<Signals> {
        let (wake, awaken) = UnixStream::pair()?;
        let mut signals = Signals { held: Vec::new(), wake, which: Arc::default() };
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let which = Arc::clone(&signals.which);
            signals.held.push(flag::register_usize(signal, which, signal as usize)?);
            signals.held.push(low_level::pipe::register(signal, awaken.try_clone()?)?);
        }
        Ok(signals)
    }

    /// Does what the signal that has come does to a program that knows nothing of it.
    fn obey(&self) -> io::Result<()> {
        match self.which.load(Ordering::SeqCst) {
            0 => Ok(()),
            signal => low_level::emulate_default_handler(signal as i32),
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in &self.held {
            low_level::unregister(*id);
        }
    }
}

/// A terminal whose reader hears of signals.
struct Interruptible<'a> {
    terminal: &'a File,
    signals: &'a mut Signals,
}

impl Read for Interruptible<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut waited = [
                PollFd::new(&self.signals.wake, PollFlags::IN),
                PollFd::new(self.terminal, PollFlags::IN),
            ];
            match poll(&mut waited, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [signal, typed] = waited.map(|fd| !fd.revents().is_empty());
            if signal {
                return Err(io::Error::other("a signal came"));
            }
            if typed {
                return self.terminal.read(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        for (input, password) in [
            (&b"sesame\nrest"[..], &b"sesame"[..]),
            (b"sesame\r\n", b"sesame"),
            (b"sesame", b"sesame"),
            (b" two words \n", b" two words "),
            (b"\n", b""),
        ] {
            assert_eq!(first_line(input).unwrap().expose(), password);
        }
        assert_eq!(first_line(&b""[..]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(first_line(&[b'x'; MAX_BYTES + 1][..]).is_err());
    }
}
