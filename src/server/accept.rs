//! The acceptor: takes connections and starts a thread for each. It does nothing else: no
//! handshake, no lookup, no log write.

use crate::{
    server::{
        entrance::{self, Entrance},
        pulse::Pulse,
        registry::{Full, Guest, Registry},
    },
    session::{Listen, Services, Session},
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
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Address space for a session's stack; what it does not touch costs nothing.
const SESSION_STACK_BYTES: usize = 1 << 20;

/// The wait after the system ran out of descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The acceptor looks up this often even if nothing happens, unless told to do so more often.
pub const LOOK_UP_EVERY: Duration = Duration::from_secs(3600);

/// Starts the acceptor of one listener. It ends when `stop` is given.
pub fn start(
    listener: TcpListener,
    entrance: Entrance,
    registry: Arc<Registry>,
    stop: StopSignal,
    pulse: Arc<Pulse>,
) -> io::Result<JoinHandle<()>> {
    let mut acceptor = Acceptor { listener, entrance, registry, stop, pulse, spare: spare() };
    thread::Builder::new().name("acceptor".into()).spawn(move || acceptor.run())
}

/// Serves a client that somebody else has accepted.
pub fn adopt(socket: TcpStream, entrance: Entrance, registry: &Arc<Registry>) {
    match socket.peer_addr() {
        Ok(client) => admit(socket, client, entrance, registry),
        Err(error) => log::info!("the client is gone before the greeting: {error}"),
    }
}

struct Acceptor {
    listener: TcpListener,
    entrance: Entrance,
    registry: Arc<Registry>,
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
                Ok((socket, client)) => admit(socket, client, self.entrance, &self.registry),
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

    /// Takes a connection that there is no room for, and closes it: left alone, it would keep the
    /// listener ready, and this thread busy.
    fn shed(&mut self) {
        self.spare = None;
        drop(self.listener.accept());
        self.spare = spare();
    }
}

fn admit(socket: TcpStream, client: SocketAddr, entrance: Entrance, registry: &Arc<Registry>) {
    let (client, services) = (client.ip().to_canonical(), registry.services());
    let expects_header = entrance.expects_header(client, &services);
    let admitted = if expects_header { registry.hold(client) } else { registry.admit(client) };
    match admitted {
        Ok(guest) => start_session(socket, guest, entrance.listen, services, expects_header),
        Err(full) => turn_away(&socket, entrance.listen, full),
    }
}

fn start_session(
    socket: TcpStream,
    guest: Guest,
    listen: Listen,
    services: Arc<Services>,
    expects_header: bool,
) {
    let thread = thread::Builder::new().name("session".into()).stack_size(SESSION_STACK_BYTES);
    let farewell = socket.try_clone();
    let started = thread.spawn(move || {
        let (guest, balanced) = match expects_header {
            false => (guest, None),
            true => match entrance::introduce(guest, &socket, &services) {
                Some(introduced) => introduced,
                None => return,
            },
        };
        let client = guest.client();
        let session = match Session::new(services, Box::new(guest), socket, listen, balanced) {
            Ok(session) => session,
            Err(error) => return log::info!("{client}: gone before the greeting: {error}"),
        };
        log::info!("{client}: connected");
        // A fault of ours in one session shall not end the others.
        match panic::catch_unwind(AssertUnwindSafe(|| session.run())) {
            Ok(hangup) => log::info!("{client}: {hangup}"),
            Err(_) => log::error!("{client}: the session failed by a fault of this program"),
        }
    });
    if let (Err(_), Ok(socket)) = (started, farewell) {
        turn_away(&socket, listen, Full::NoThread);
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
