//! One run of a hook: its user, its environment, its output, its end.

use crate::{hooks::HookSettings, logging::printable};
use fxpd::{Algorithm, Ids, PeerProof, TransferRecord};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::ioctl_fionbio,
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};
use std::{
    ffi::{OsStr, OsString},
    io::{self, PipeReader, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, process::CommandExt},
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Between SIGTERM and SIGKILL, and between that and giving up.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What is logged of the output of one run.
const MAX_OUTPUT_BYTES: usize = 16 << 10;

/// Where programs find others, if the server was not told.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Runs the program of `hook` for `record` to its end, for so long at most as it is given or until
/// `over` is closed, and logs what it says and how it ends.
pub fn run(hook: &str, settings: &HookSettings, record: &TransferRecord, over: &PipeReader) {
    let user = settings.user(record);
    let started = start(settings.program(hook), record, user).and_then(|(child, output)| {
        let pid = Pid::from_child(&child);
        let name = format!("{hook}[{}]", pid.as_raw_nonzero());
        log::debug!("{name}: started for {}", record.path);
        let watched = pidfd_open(pid, PidfdFlags::empty())?;
        let ids = record.ids.clone();
        Ok(Run { name, pid, ids, child, watched, output: Output::new(output) })
    });
    match started {
        Ok(run) => run.see_through(settings.timeout, over),
        Err(error) => {
            let who = user.map_or(String::new(), |ids| {
                format!(" by {}, who is uid {}", record.account.escape_debug(), ids.uid)
            });
            log::error!("{hook} cannot be run for {}{who}: {error}", record.path);
        }
    }
}

/// A group of its own, so that all of it can be ended; std gives it signals as they are by
/// default, and our descriptors close by themselves.
fn start(
    argv: &[String],
    record: &TransferRecord,
    user: Option<&Ids>,
) -> io::Result<(Child, PipeReader)> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let (output, their_end) = io::pipe()?;
    ioctl_fionbio(&output, true)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into()))
        .envs(variables(record))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(their_end.try_clone()?)
        .stderr(their_end)
        .process_group(0);
    let child = match user {
        Some(ids) => ids.spawn(command)?,
        None => command.spawn()?,
    };
    Ok((child, output))
}

/// What a program is told; fxpd.conf(5) has the list. What is not known is not there.
fn variables(record: &TransferRecord) -> Vec<(&'static str, OsString)> {
    let path = record.path.as_bytes();
    let below_home = path.strip_prefix(b"/").unwrap_or(path);
    let file = Path::new(&record.home).join(OsStr::from_bytes(below_home));
    let yes_or_no = |truth| if truth { "yes" } else { "no" };
    let mut variables = vec![
        ("FXPD_ACCOUNT", record.account.clone().into()),
        ("FXPD_PATH", OsStr::from_bytes(path).to_owned()),
        ("FXPD_FILE", file.into_os_string()),
        ("FXPD_BYTES", record.bytes.to_string().into()),
        ("FXPD_SECONDS", format!("{:.3}", record.took.as_secs_f64()).into()),
        ("FXPD_CLIENT", record.client.to_string().into()),
        ("FXPD_RESULT", if record.complete { "complete" } else { "incomplete" }.into()),
        ("FXPD_FOREIGN", yes_or_no(record.foreign).into()),
        ("FXPD_VERIFIED", yes_or_no(record.proof == PeerProof::Proved).into()),
    ];
    if let Some(peer) = record.peer {
        variables.push(("FXPD_PEER", peer.to_string().into()));
    }
    if let Some(host) = &record.host {
        variables.push(("FXPD_HOST", host.into()));
    }
    if let Some((Algorithm::Sha256, hash)) = &record.hash {
        variables.push(("FXPD_SHA256", hash.into()));
    }
    variables
}

/// A program that runs.
struct Run {
    name: String,
    pid: Pid,
    /// Whose it is, or may have become.
    ids: Option<Ids>,
    child: Child,
    /// Readable when the program has ended.
    watched: OwnedFd,
    output: Output,
}

impl Run {
    fn see_through(mut self, timeout: Duration, over: &PipeReader) {
        let mut deadline = Instant::now() + timeout;
        // What comes next when the time is up.
        let mut threats = [(Signal::TERM, "SIGTERM"), (Signal::KILL, "SIGKILL")].into_iter();
        let mut heeds_over = true;
        loop {
            match self.wait(deadline, heeds_over.then_some(over)) {
                Event::Ended => break,
                Event::Output => self.output.take(&self.name),
                event @ (Event::Late | Event::Over) => {
                    let why =
                        if matches!(event, Event::Late) { "takes too long" } else { "must end" };
                    heeds_over = false;
                    deadline = Instant::now() + LAST_WORDS;
                    let Some((signal, called)) = threats.next() else {
                        return log::error!("{} does not end and is left", self.name);
                    };
                    log::warn!("{} {why}: {called}", self.name);
                    self.signal(signal);
                }
            }
        }
        // Until it is waited for, the group's number is its own: nobody else's group is hit.
        self.signal(Signal::KILL); // as a rule there is nobody left
        self.output.take(&self.name);
        self.output.finish(&self.name);
        match self.child.wait() {
            Ok(status) if status.success() => log::debug!("{}: {status}", self.name),
            Ok(status) => log::warn!("{}: {status}", self.name),
            Err(error) => log::error!("{}: {error}", self.name),
        }
    }

    /// To all of its group. Without further capabilities root cannot signal the account's processes.
    fn signal(&self, signal: Signal) {
        let send = || kill_process_group(self.pid, signal);
        // They may be gone this moment; and whoever cannot be told to end is told of as left.
        let _ = self.ids.as_ref().map_or_else(|| Ok(send()), |ids| ids.signalling(send));
    }

    fn wait(&self, deadline: Instant, over: Option<&PipeReader>) -> Event {
        let of = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let ended = self.watched.as_fd();
        // A descriptor that tells nothing any more is not asked: the program's end takes its place.
        let output = self.output.pipe.as_ref().map_or(ended, AsFd::as_fd);
        let over = over.map_or(ended, AsFd::as_fd);
        loop {
            let mut fds = [of(ended), of(output), of(over)];
            let left = deadline.saturating_duration_since(Instant::now());
            let left =
                Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            let _ = poll(&mut fds, Some(&left)); // interrupted or not, what counts is seen below
            let [ended, output, over] = fds.map(|fd| !fd.revents().is_empty());
            match () {
                () if ended => return Event::Ended,
                () if over => return Event::Over,
                () if Instant::now() >= deadline => return Event::Late,
                () if output => return Event::Output,
                () => {}
            }
        }
    }
}

enum Event {
    Ended,
    Output,
    Late,
    Over,
}

/// What a program says: into the log line by line, up to a bound.
struct Output {
    pipe: Option<PipeReader>,
    /// A line that has not ended.
    line: Vec<u8>,
    logged: usize,
    lost: usize,
}

impl Output {
    fn new(pipe: PipeReader) -> Output {
        Output { pipe: Some(pipe), line: Vec::new(), logged: 0, lost: 0 }
    }

    /// Takes what is there, up to a bound: a program may write faster than it can be read.
    fn take(&mut self, name: &str) {
        let mut bytes = [0; MAX_OUTPUT_BYTES];
        let Some(pipe) = &mut self.pipe else { return };
        match pipe.read(&mut bytes) {
            Ok(0) => self.pipe = None,
            Ok(count) => self.put(&bytes[..count], name),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.pipe = None,
        }
    }

    fn put(&mut self, bytes: &[u8], name: &str) {
        let room = MAX_OUTPUT_BYTES - self.logged;
        let (taken, left) = bytes.split_at(bytes.len().min(room));
        self.logged += taken.len();
        self.lost += left.len();
        for piece in taken.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.say(name);
            }
        }
    }

    fn say(&mut self, name: &str) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(line.trim_ascii_end());
        log::info!("{name}: {}", printable(&text));
    }

    fn finish(&mut self, name: &str) {
        if !self.line.is_empty() {
            self.say(name);
        }
        if self.lost > 0 {
            log::warn!("{name}: {} bytes more are not logged", self.lost);
        }
    }
}
