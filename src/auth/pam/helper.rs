//! The helper: all that stays root. It starts a worker for each socket that it is handed, and ends
//! those that are late. It reads nothing that a client has sent.

use super::apart;
use crate::sys::handoff::{self, Received};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, setsid},
    thread::set_name,
};
use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command},
    time::{Duration, Instant},
};

/// Workers at a time. Most of them only wait: PAM has those that refuse a password sleep for some
/// seconds.
const MAX_WORKERS: usize = 32;

/// A worker is late when nobody waits for it any more: the server's own deadline comes first, and the
/// log tells of it.
const GRACE: Duration = Duration::from_secs(1);

/// Until a worker that was told to end is told so again.
const AGAIN: Duration = Duration::from_secs(5);

/// Helps the server at standard input until it is gone: commands made by `worker`, which call
/// [`super::pam_worker`], answer its questions, for `timeout` at most each.
pub fn pam_helper(worker: impl Fn() -> Command, timeout: Duration) -> io::Result<()> {
    let server = handoff::take_standard_input()?;
    // Ctrl-C is for the server, whose end is then seen here. A leader of a group has its own already.
    let _ = setsid();
    let _ = set_name(c"fxpd-pam-helper"); // for ps(1) alone
    let mut workers: Vec<Worker> = Vec::new();
    loop {
        match next(&server, &workers)? {
            Event::Question => match handoff::receive(server.as_fd())? {
                Received::Descriptor(socket) => {
                    workers.extend(Worker::start(worker(), socket, timeout));
                }
                Received::Nothing => {}
                Received::End => break,
            },
            Event::End => break,
            Event::Worker => {}
        }
        workers.retain_mut(|worker| !worker.is_over());
    }
    workers.iter_mut().for_each(Worker::kill);
    Ok(())
}

enum Event {
    /// The server hands something over, or is gone.
    Question,
    /// It is gone.
    End,
    /// A worker has ended or is late.
    Worker,
}

/// Waits for the next. While there are workers enough, questions wait.
fn next(server: &OwnedFd, workers: &[Worker]) -> io::Result<Event> {
    let is_full = workers.len() >= MAX_WORKERS;
    let of_server = if is_full { PollFlags::empty() } else { PollFlags::IN };
    let mut fds = vec![PollFd::new(server, of_server)];
    fds.extend(workers.iter().map(|worker| PollFd::new(&worker.ended, PollFlags::IN)));
    let until = workers.iter().map(|worker| worker.deadline).min();
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    let left = left.map(|it| Timespec {
        tv_sec: it.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: it.subsec_nanos().into(),
    });
    match poll(&mut fds, left.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let heard = fds[0].revents();
    Ok(match (heard.is_empty(), is_full) {
        (true, _) => Event::Worker,
        (false, false) => Event::Question,
        (false, true) => Event::End,
    })
}

/// A worker that runs.
struct Worker {
    child: Child,
    /// Readable when it has ended.
    ended: OwnedFd,
    deadline: Instant,
}

impl Worker {
    /// For the question at `socket`, if somebody still waits for its answer. One that cannot be
    /// started leaves a socket that ends.
    fn start(mut command: Command, socket: OwnedFd, timeout: Duration) -> Option<Worker> {
        if has_hung_up(socket.as_fd()) {
            return None;
        }
        apart(&mut command, socket);
        let mut child = command.process_group(0).spawn().ok()?;
        match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(ended) => Some(Worker { child, ended, deadline: Instant::now() + timeout + GRACE }),
            Err(_) => {
                let _ = child.kill().and_then(|()| child.wait()); // it has done nothing yet
                None
            }
        }
    }

    /// Whether it has ended. One that is late is told to, again and again: a process that waits for
    /// a disk that is gone ends when it comes back, and nobody must wait for that.
    fn is_over(&mut self) -> bool {
        let now = Instant::now();
        if self.deadline <= now {
            self.kill();
            self.deadline = now + AGAIN;
        }
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The whole group: modules start programs.
    fn kill(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL); // it may have ended
    }
}

fn has_hung_up(socket: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(socket, PollFlags::empty())];
    let looked = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    looked.is_ok() && fds[0].revents().contains(PollFlags::HUP)
}
