//! One process: a line to its standard input, a line from its standard output, and a deadline.

use super::words::{self, Answer};
use crate::{
    auth::Visitor,
    proto::Secret,
    sys::poll::{self, Interest},
};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::{
    io::{self, ErrorKind, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

/// The longest answer. A process that says more in one line is not one to believe.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A running program. Dropping it ends it.
pub struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    asked: u64,
}

impl Process {
    /// Starts `program`, with the server's environment and standard error.
    pub fn start(program: &Path) -> io::Result<Process> {
        let mut command = Command::new(program);
        // A group of its own: Ctrl-C is for the server, whose end it then sees at its input.
        command.current_dir("/").process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            return Err(ErrorKind::BrokenPipe.into());
        };
        for fd in [input.as_fd(), output.as_fd()] {
            fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        }
        Ok(Process { child, input, output, asked: 0 })
    }

    /// Whether it has not ended, and has not said anything that nobody has asked.
    pub fn is_alive(&mut self) -> bool {
        let silent = matches!(self.output.read(&mut [0]), Err(error) if is_wait(&error));
        silent && matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks. After an error it is of no use any more.
    pub fn ask(
        &mut self,
        visitor: &Visitor<'_>,
        password: &Secret,
        deadline: Instant,
    ) -> io::Result<Answer> {
        self.asked += 1;
        let question = words::question(self.asked, visitor, password);
        self.say(&question, deadline)?;
        let line = self.hear(deadline)?;
        let answer: Answer = serde_json::from_slice(&line)
            .map_err(|error| other(format!("it gives no answer: {error}")))?;
        if answer.id == self.asked {
            Ok(answer)
        } else {
            Err(other(format!("it answers question {} of {}", answer.id, self.asked)))
        }
    }

    fn say(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.input.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if is_wait(&error) => {
                    wait(self.input.as_fd(), Interest::Write, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A line, and nothing behind it.
    pub(super) fn hear(&mut self, deadline: Instant) -> io::Result<Vec<u8>> {
        let (mut line, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            match self.output.read(&mut buffer) {
                Ok(0) => return Err(other("it has ended without an answer".to_owned())),
                Ok(count) => line.extend_from_slice(&buffer[..count]),
                Err(error) if is_wait(&error) => {
                    wait(self.output.as_fd(), Interest::Read, deadline)?;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            match line.iter().position(|byte| *byte == b'\n') {
                Some(end) if end + 1 == line.len() => return Ok(line),
                Some(_) => return Err(other("it says more than an answer".to_owned())),
                None if line.len() > MAX_ANSWER_BYTES => {
                    return Err(other("its answer is too long".to_owned()));
                }
                None => {}
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait(); // no zombie stays; after SIGKILL this takes no time
    }
}

fn wait(fd: BorrowedFd<'_>, interest: Interest, deadline: Instant) -> io::Result<()> {
    match poll::ready(&[(fd, interest)], deadline)? {
        [true, ..] => Ok(()),
        _ => Err(other("it has not answered in time".to_owned())),
    }
}

fn is_wait(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

fn other(what: String) -> io::Error {
    io::Error::other(what)
}
