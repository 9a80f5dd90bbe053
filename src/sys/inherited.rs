//! What whoever started this process has handed to it: sockets, and a service manager's wishes.
//! Descriptors are taken by their number, and variables out of the environment, before there is a
//! second thread, which is looked up and not believed.

use crate::sys::raw::{close_on_exec, take_handed, take_variable};
use rustix::{
    fs::fstat,
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};
use socket2::{Domain, SockRef, Socket, Type};
use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    net::{TcpListener, TcpStream},
    os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd},
    process,
    time::Duration,
};

/// The first descriptor of `LISTEN_FDS` (sd_listen_fds(3)).
const FIRST_HANDED: RawFd = 3;

/// No service manager hands over more; a larger number is a mistake.
const MAX_HANDED: RawFd = 1024;

/// Sockets that were there when the process started, and what its service manager wants to hear.
#[derive(Debug, Default)]
pub struct Inherited {
    /// The sockets: those of `LISTEN_FDS`, and where there are none, standard input if it is one.
    pub sockets: Vec<HandedSocket>,
    /// Where to report to: `NOTIFY_SOCKET` (sd_notify(3)).
    pub notify_socket: Option<OsString>,
    /// How long the service manager waits for a sign of life: `WATCHDOG_USEC`.
    pub watchdog: Option<Duration>,
    /// Whether standard error led to a client, and now leads nowhere.
    pub stderr_was_socket: bool,
}

/// A TCP socket that somebody else has opened.
#[derive(Debug)]
pub struct HandedSocket {
    /// Whether it listens, and the socket itself.
    pub socket: Handed,
    /// How it came here.
    pub origin: Origin,
}

/// How a socket came to this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By `LISTEN_FDS`, with its name in `LISTEN_FDNAMES` if it has one.
    ListenFds(Option<String>),
    /// As standard input.
    StandardInput,
}

/// What a socket is for, as the kernel tells (`SO_ACCEPTCONN`).
#[derive(Debug)]
pub enum Handed {
    /// Clients are to be accepted from it.
    Listening(TcpListener),
    /// It is one client.
    Connected(TcpStream),
}

impl Inherited {
    /// Takes all there is: the variables leave the environment, the descriptors are closed on
    /// exec, and standard streams that lead to one of the sockets lead to `/dev/null`, so that no
    /// message of this process ever reaches a client.
    ///
    /// To be called first of all. An error when a second thread runs already, when what
    /// `LISTEN_FDS` counts is not there or no TCP socket, or without `/dev/null`.
    pub fn take() -> io::Result<Inherited> {
        let pid = Some(process::id().to_string());
        let listen_pid = take_text("LISTEN_PID")?;
        let count = take_text("LISTEN_FDS")?;
        let names = take_text("LISTEN_FDNAMES")?.unwrap_or_default();
        let watchdog_pid = take_text("WATCHDOG_PID")?;
        let watchdog = take_text("WATCHDOG_USEC")?;
        let notify_socket = take_variable("NOTIFY_SOCKET")?;
        let mut sockets = match count {
            Some(count) if listen_pid == pid => handed(&count, &names)?,
            _ => Vec::new(),
        };
        keep_from_children()?; // behind the sockets: what exec closes was not handed over
        if sockets.is_empty() {
            sockets.extend(standard_input()?);
        }
        let mut stderr_was_socket = false;
        for socket in &sockets {
            stderr_was_socket |= unhook_standard_streams(socket.socket.as_fd())?;
        }
        let is_ours = watchdog_pid.is_none() || watchdog_pid == pid;
        let watchdog = watchdog.filter(|_| is_ours).and_then(|micros| micros.parse().ok());
        let watchdog = watchdog.filter(|micros| *micros > 0).map(Duration::from_micros);
        Ok(Inherited { sockets, notify_socket, watchdog, stderr_was_socket })
    }
}

impl AsFd for Handed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Handed::Listening(listener) => listener.as_fd(),
            Handed::Connected(stream) => stream.as_fd(),
        }
    }
}

/// Whoever started this process may have left more open than it meant to: no program that this one
/// starts shall have it.
fn keep_from_children() -> io::Result<()> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse::<RawFd>().ok());
        let _ = number.map(close_on_exec); // such as the directory that was just read
    }
    Ok(())
}

/// A variable out of the environment, if it is text.
fn take_text(name: &str) -> io::Result<Option<String>> {
    Ok(take_variable(name)?.and_then(|value| value.into_string().ok()))
}

fn handed(count: &str, names: &str) -> io::Result<Vec<HandedSocket>> {
    let bad = || io::Error::other(format!("LISTEN_FDS: '{count}' is no number of sockets"));
    let count: RawFd = count.parse().map_err(|_| bad())?;
    if !(0..=MAX_HANDED).contains(&count) {
        return Err(bad());
    }
    let mut names = names.split(':').filter(|name| !name.is_empty()).map(str::to_owned);
    let socket = |number| {
        let Some(socket) = tcp(take_handed(number)?)? else {
            return Err(io::Error::other(format!("descriptor {number} is no TCP socket")));
        };
        Ok(HandedSocket { socket, origin: Origin::ListenFds(names.next()) })
    };
    (FIRST_HANDED..FIRST_HANDED + count).map(socket).collect()
}

fn standard_input() -> io::Result<Option<HandedSocket>> {
    let stdin = io::stdin();
    if !is_tcp(&SockRef::from(&stdin)) {
        return Ok(None);
    }
    let socket = tcp(stdin.as_fd().try_clone_to_owned()?)?;
    Ok(socket.map(|socket| HandedSocket { socket, origin: Origin::StandardInput }))
}

fn is_tcp(socket: &SockRef<'_>) -> bool {
    let is_ip = socket.domain().is_ok_and(|domain| [Domain::IPV4, Domain::IPV6].contains(&domain));
    is_ip && socket.r#type().is_ok_and(|kind| kind == Type::STREAM)
}

fn tcp(fd: OwnedFd) -> io::Result<Option<Handed>> {
    let socket = Socket::from(fd);
    if !is_tcp(&SockRef::from(&socket)) {
        return Ok(None);
    }
    let listens = socket.is_listener()?;
    Ok(Some(if listens {
        Handed::Listening(socket.into())
    } else {
        Handed::Connected(socket.into())
    }))
}

/// inetd makes the socket standard input, output and error alike. Tells whether error was.
fn unhook_standard_streams(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let this = fstat(socket)?;
    let leads_there = |stream: BorrowedFd<'_>| {
        fstat(stream).is_ok_and(|it| (it.st_dev, it.st_ino) == (this.st_dev, this.st_ino))
    };
    let nowhere = || File::options().read(true).write(true).open("/dev/null");
    if leads_there(io::stdin().as_fd()) {
        dup2_stdin(nowhere()?)?;
    }
    if leads_there(io::stdout().as_fd()) {
        dup2_stdout(nowhere()?)?;
    }
    let stderr_too = leads_there(io::stderr().as_fd());
    if stderr_too {
        dup2_stderr(nowhere()?)?;
    }
    Ok(stderr_too)
}
