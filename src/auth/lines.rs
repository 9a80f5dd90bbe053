//! Lines from and to another process, each until a deadline: how programs that know accounts are
//! talked to. What the lines say is in `words`.

use crate::sys::poll::{self, Interest};
use std::{
    io::{self, ErrorKind, Read, Write},
    os::fd::{AsFd, BorrowedFd},
    time::Instant,
};
use zeroize::Zeroizing;

/// The longest line. A process that says more in one is not one to believe.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Says all of it to one that must not block.
pub fn say<T: Write + AsFd>(to: &mut T, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if is_wait(&error) => wait(to.as_fd(), Interest::Write, deadline)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A line, its end included, and nothing behind it. It is wiped when it is dropped.
pub fn hear<T: Read + AsFd>(from: &mut T, deadline: Instant) -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE_BYTES));
    let mut buffer = Zeroizing::new([0; 4096]);
    loop {
        match from.read(&mut *buffer) {
            Ok(0) => return Err(other("it has ended without an answer")),
            Ok(count) if line.len() + count > MAX_LINE_BYTES => {
                return Err(other("its answer is too long"));
            }
            Ok(count) => line.extend_from_slice(&buffer[..count]),
            Err(error) if is_wait(&error) => {
                wait(from.as_fd(), Interest::Read, deadline)?;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        match line.iter().position(|byte| *byte == b'\n') {
            Some(end) if end + 1 == line.len() => return Ok(line),
            Some(_) => return Err(other("it says more than an answer")),
            None => {}
        }
    }
}

/// Whether an error says no more than that there is nothing yet.
pub fn is_wait(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

fn wait(fd: BorrowedFd<'_>, interest: Interest, deadline: Instant) -> io::Result<()> {
    match poll::ready(&[(fd, interest)], deadline)? {
        [true, ..] => Ok(()),
        _ => Err(other("it has not answered in time")),
    }
}

fn other(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}
