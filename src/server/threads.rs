//! The threads of sessions: one for each, and another one for each further login where a login
//! confines its thread for good.

use crate::{
    server::{
        entrance::{self, Entrance},
        registry::{Guest, Registry},
    },
    session::{Ended, Hangup, Services, Session},
    sys::{memory, rest::Rest},
};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::{
    io,
    net::TcpStream,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread,
    time::Duration,
};

/// Address space for a session's stack; what it does not touch costs nothing.
const STACK_BYTES: usize = 1 << 20;

/// Without a session for this long, a server is at rest. One that is asked again and again, by few
/// clients or by who looks whether it is there, never is.
const REST: Duration = Duration::from_secs(3);

/// Starts the threads of sessions.
#[derive(Clone)]
pub struct Threads {
    registry: Arc<Registry>,
    /// From sessions.
    rest: Arc<Rest>,
    /// To the thread that starts threads for confined ones, whose own would be confined as well.
    /// Nothing where no login confines a thread. It ends with the last of the server's threads.
    successors: Option<Sender<Wanted>>,
}

/// A thread that was asked for: where it takes its session from, and who is told that it is there.
struct Wanted {
    session: Receiver<Box<Session>>,
    ready: Sender<io::Result<()>>,
    threads: Threads,
}

impl Threads {
    /// `confined`: sessions may have to move to another thread. To be called from one that gives
    /// up nothing.
    pub fn new(registry: Arc<Registry>, confined: bool) -> io::Result<Threads> {
        let rest = Rest::new("rest", REST);
        if !confined {
            return Ok(Threads { registry, rest, successors: None });
        }
        let (ask, asked) = unbounded::<Wanted>();
        thread::Builder::new().name("successors".into()).spawn(move || {
            for Wanted { session, ready, threads } in asked {
                let started = named().spawn(move || {
                    // If not, the thread that had it has failed meanwhile.
                    if let Ok(session) = session.recv() {
                        threads.serve(session, |session| session.resume());
                    }
                });
                let _ = ready.send(started.map(drop)); // the same
            }
        })?;
        Ok(Threads { registry, rest, successors: Some(ask) })
    }

    /// Serves a client that was just accepted. An error means that there is no thread.
    pub fn begin(
        &self,
        socket: TcpStream,
        guest: Guest,
        at: Entrance,
        services: Arc<Services>,
        expects_header: bool,
    ) -> io::Result<()> {
        let threads = self.clone();
        let session = move || {
            let (guest, balanced) = match expects_header {
                false => (guest, None),
                true => match entrance::introduce(guest, &socket, &services) {
                    Some(introduced) => introduced,
                    None => return,
                },
            };
            let client = guest.client();
            match Session::new(services, Box::new(guest), socket, at.listen, balanced) {
                Ok(session) => {
                    log::info!("{client}: connected");
                    threads.serve(Box::new(session), |session| session.run());
                }
                Err(error) => log::info!("{client}: gone before the greeting: {error}"),
            }
        };
        named().spawn(session).map(drop)
    }

    /// Has the session go on, here, as long as it stays.
    fn serve(&self, session: Box<Session>, go_on: impl FnOnce(Session) -> Ended) {
        let client = session.client();
        // A fault of ours in one session shall not end the others.
        match panic::catch_unwind(AssertUnwindSafe(|| match go_on(*session) {
            Ended::Over(hangup) => Some(hangup),
            Ended::Elsewhere(session) => self.hand_over(session),
        })) {
            Ok(Some(hangup)) => log::info!("{client}: {hangup}"),
            Ok(None) => {}
            Err(_) => log::error!("{client}: the session failed by a fault of this program"),
        }
        self.rest_if_nobody_is_there();
    }

    /// A server at rest keeps nothing of what a crowd took, or its start.
    pub fn rest_if_nobody_is_there(&self) {
        let registry = Arc::downgrade(&self.registry); // nobody waits for the rest of one that ends
        let is_empty = move || registry.upgrade().is_none_or(|it| it.sessions() == 0);
        if is_empty() {
            self.rest.put_off(move || {
                if is_empty() {
                    memory::give_back();
                }
            });
        }
    }

    /// To another thread; the session ends if there is none.
    fn hand_over(&self, mut session: Box<Session>) -> Option<Hangup> {
        match self.successor() {
            Ok(thread) => thread.send(session).err().map(|_| Hangup::Stopping),
            Err(error) => Some(session.hang_up(Hangup::NoThread(error))),
        }
    }

    /// A thread that waits for its session.
    fn successor(&self) -> io::Result<Sender<Box<Session>>> {
        let nobody = || io::Error::other("nobody starts any");
        let starter = self.successors.as_ref().ok_or_else(nobody)?;
        let (give, session) = bounded(1);
        let (ready, is_ready) = bounded(1);
        let wanted = Wanted { session, ready, threads: self.clone() };
        starter.send(wanted).map_err(|_| nobody())?;
        is_ready.recv().map_err(|_| nobody())??;
        Ok(give)
    }
}

fn named() -> thread::Builder {
    thread::Builder::new().name("session".into()).stack_size(STACK_BYTES)
}
