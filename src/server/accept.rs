//! The acceptor: takes connections and starts a thread for each. It does nothing else: no
//! handshake, no lookup, no log write.

use crate::{
    server::{
        entrance::Entrance,
        pulse::Pulse,
        registry::{Full, Registry},
        threads::Threads,
    },
    session::Listen,
    sys::{
        poll::{self, Interest},
        stop::StopSignal,
    },
};
use rustix::io::Errno;
use std::{
    fs::File,
    io::{self, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The wait after the system ran out of descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The acceptor looks up this often even if nothing happens, unless told to do so more often.
pub const LOOK_UP_EVERY: Duration = Duration::from_secs(3600);

/// Starts the acceptor of one listener. It ends when `stop` is given.
pub fn start(
    listener: TcpListener,
    entrance: Entrance,
    registry: Arc<Registry>,
    threads: Threads,
    stop: StopSignal,
    pulse: Arc<Pulse>,
) -> io::Result<JoinHandle<()>> {
    let spare = spare();
    let mut acceptor = Acceptor { listener, entrance, registry, threads, stop, pulse, spare };
    thread::Builder::new().name("acceptor".into()).spawn(move || acceptor.run())
}

/// Serves a client that somebody else has accepted.
pub fn adopt(socket: TcpStream, entrance: Entrance, registry: &Arc<Registry>, threads: &Threads) {
    match socket.peer_addr() {
        Ok(client) => admit(socket, client, entrance, registry, threads),
        Err(error) => log::info!("the client is gone before the greeting: {error}"),
    }
}

struct Acceptor {
    listener: TcpListener,
    entrance: Entrance,
    registry: Arc<Registry>,
    threads: Threads,
    stop: StopSignal,
    pulse: Arc<Pulse>,
    /// Given up to shed a connection when the process has no descriptor left.
    spare: Option<File>,
}

impl Acceptor {
    fn run(&mut self) {
        while let Ok(false) = self.wait(self.pulse.every()) {
            self.pulse.beat();
            match self.listener.accept() {
                Ok((socket, client)) => {
                    admit(socket, client, self.entrance, &self.registry, &self.threads);
                }
                Err(error) if is_shortage(&error) => {
                    self.shed();
                    if !matches!(self.rest(BACK_OFF), Ok(false)) {
                        return;
                    }
                }
                // Nobody there after all, or gone again: the next one, please.
                Err(_) => {}
            }
        }
    }

    /// Waits for a connection, and tells whether the server stops.
    fn wait(&self, time: Duration) -> io::Result<bool> {
        let waited = [(self.listener.as_fd(), Interest::Read), (self.stop.as_fd(), Interest::Read)];
        poll::ready(&waited, Instant::now() + time).map(|ready| ready[1])
    }

    /// Waits for nothing but the stop.
    fn rest(&self, time: Duration) -> io::Result<bool> {
        let waited = [(self.stop.as_fd(), Interest::Read)];
        poll::ready(&waited, Instant::now() + time).map(|ready| ready[0])
    }

    /// Takes a connection that there is no room for, and turns it away: left alone, it would keep
    /// the listener ready, and this thread busy.
    fn shed(&mut self) {
        self.spare = None;
        if let Ok((socket, _)) = self.listener.accept() {
            turn_away(&socket, self.entrance.listen, Full::NoDescriptor);
        }
        self.spare = spare();
    }
}

fn admit(
    socket: TcpStream,
    client: SocketAddr,
    at: Entrance,
    registry: &Arc<Registry>,
    threads: &Threads,
) {
    let (client, services) = (client.ip().to_canonical(), registry.services());
    let expects_header = at.expects_header(client, &services);
    let admitted = match expects_header {
        true => registry.hold(client, &socket),
        false => registry.admit(client, &socket),
    };
    let guest = match admitted {
        Ok(guest) => guest,
        Err(full) => return turn_away(&socket, at.listen, full),
    };
    let farewell = socket.try_clone();
    let started = threads.begin(socket, guest, at, services, expects_header);
    if let (Err(_), Ok(socket)) = (started, farewell) {
        turn_away(&socket, at.listen, Full::NoThread);
    }
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

fn is_shortage(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// Says why, if that can be said without TLS and without waiting: a new socket has room for it.
fn turn_away(mut socket: &TcpStream, listen: Listen, full: Full) {
    if listen == Listen::Explicit && socket.set_nonblocking(true).is_ok() {
        let _ = socket.write_all(format!("421 {full}\r\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_waited_for_and_a_client_that_has_gone_is_not() {
        for (errno, shortage) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::NOBUFS, true),
            (Errno::NOMEM, true),
            (Errno::CONNABORTED, false),
            (Errno::AGAIN, false),
            (Errno::PROTO, false),
        ] {
            assert_eq!(is_shortage(&errno.into()), shortage, "{errno}");
        }
    }
}
