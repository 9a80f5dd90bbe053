//! One process: a line to its standard input, a line from its standard output, and a deadline.

use crate::{
    auth::{
        Visitor,
        lines::{self, is_wait},
        words::{self, Answer},
    },
    proto::Secret,
};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::{
    io::{self, ErrorKind, Read},
    os::{fd::AsFd, unix::process::CommandExt},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

/// A running program. Dropping it ends it.
pub struct Process {
    child: Child,
    input: ChildStdin,
    pub(super) output: ChildStdout,
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
        lines::say(&mut self.input, &question, deadline)?;
        Answer::read(&lines::hear(&mut self.output, deadline)?, self.asked)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait(); // no zombie stays; after SIGKILL this takes no time
    }
}
