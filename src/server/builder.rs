//! From what the embedder wants to sockets that listen.

use crate::{
    auth::Authenticator,
    net::{Identity, TlsError, TlsFloor},
    proto::HostName,
    server::{
        accept,
        entrance::Entrance,
        handle::{Acceptors, Handle},
        pulse::Pulse,
        registry::{OnChange, Registry},
        threads::Threads,
        transfer_log::{Paths, TransferLog, Watcher},
        virtual_host::{self, VirtualHost},
    },
    session::{Confinement, Services, Settings},
    storage::Storage,
    sys::{socket, stop},
    transfer::{TransferRecord, Turns},
};
use std::{
    error, fmt, io, iter,
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

/// What a server shall be. See the crate page for an example.
pub struct Builder {
    identity: Identity,
    authenticator: Arc<dyn Authenticator>,
    storage: Arc<dyn Storage>,
    virtual_hosts: Vec<VirtualHost>,
    settings: Settings,
    confinement: Confinement,
    tls_floor: TlsFloor,
    listen: Vec<(SocketAddr, Entrance)>,
    listeners: Vec<(TcpListener, Entrance)>,
    connections: Vec<(TcpStream, Entrance)>,
    transfer_logs: Paths,
    watcher: Option<Watcher>,
    on_change: Option<OnChange>,
    heartbeat: Duration,
}

impl Builder {
    /// A server that shows `identity`, lets in whom `authenticator` knows, and serves `storage`.
    pub fn new(
        identity: Identity,
        authenticator: impl Authenticator + 'static,
        storage: impl Storage + 'static,
    ) -> Builder {
        Builder {
            identity,
            authenticator: Arc::new(authenticator),
            storage: Arc::new(storage),
            virtual_hosts: Vec::new(),
            settings: Settings::default(),
            confinement: Confinement::none(),
            tls_floor: TlsFloor::default(),
            listen: Vec::new(),
            listeners: Vec::new(),
            connections: Vec::new(),
            transfer_logs: Paths::default(),
            watcher: None,
            on_change: None,
            heartbeat: accept::LOOK_UP_EVERY,
        }
    }

    /// Serves `host` as well, at every address. Clients that name no host, or one of the names in
    /// the identity given to [`Builder::new`], are at the default host.
    pub fn virtual_host(mut self, host: VirtualHost) -> Builder {
        self.virtual_hosts.push(host);
        self
    }

    /// Listens at `address` as well; port 0 lets the system choose one.
    pub fn listen(mut self, address: SocketAddr, at: impl Into<Entrance>) -> Builder {
        self.listen.push((address, at.into()));
        self
    }

    /// Accepts clients from `listener` as well, which somebody else has opened.
    pub fn listener(mut self, listener: TcpListener, at: impl Into<Entrance>) -> Builder {
        self.listeners.push((listener, at.into()));
        self
    }

    /// Serves the client at the other end of `connection`, which somebody else has accepted, as
    /// soon as the server starts. A server may have such clients and no address.
    pub fn connection(mut self, connection: TcpStream, at: impl Into<Entrance>) -> Builder {
        self.connections.push((connection, at.into()));
        self
    }

    /// Replaces the settings.
    pub fn settings(mut self, settings: Settings) -> Builder {
        self.settings = settings;
        self
    }

    /// Makes the threads of sessions give up what they do not need; nothing, unless said here.
    pub fn confinement(mut self, confinement: Confinement) -> Builder {
        self.confinement = confinement;
        self
    }

    /// Sets the oldest version of TLS that is spoken.
    pub fn tls_floor(mut self, floor: TlsFloor) -> Builder {
        self.tls_floor = floor;
        self
    }

    /// Appends one line a transfer to `path`, as xferlog(5) describes it.
    pub fn transfer_log(mut self, path: impl Into<PathBuf>) -> Builder {
        self.transfer_logs.xferlog = Some(path.into());
        self
    }

    /// Appends one JSON object a transfer to `path`, a line each.
    pub fn transfer_log_json(mut self, path: impl Into<PathBuf>) -> Builder {
        self.transfer_logs.json = Some(path.into());
        self
    }

    /// Calls `watcher` with every transfer's record, on the transfer log's thread.
    pub fn on_transfer(mut self, watcher: impl FnMut(&TransferRecord) + Send + 'static) -> Builder {
        self.watcher = Some(Box::new(watcher));
        self
    }

    /// Calls `listener` when a session has begun or ended, on whatever thread notices: it must not
    /// block. [`Handle::sessions`] tells how many there are.
    pub fn on_change(mut self, listener: impl Fn() + Send + Sync + 'static) -> Builder {
        self.on_change = Some(Box::new(listener));
        self
    }

    /// Makes the acceptors show this often that they live; an hour unless said here. See
    /// [`Handle::oldest_heartbeat`].
    pub fn heartbeat(mut self, every: Duration) -> Builder {
        self.heartbeat = every;
        self
    }

    /// Opens the sockets and the transfer log, and starts no thread. An error when two virtual
    /// hosts have a name in common, or one has none.
    pub fn bind(self) -> Result<Bound, ServerError> {
        if self.listen.is_empty() && self.listeners.is_empty() && self.connections.is_empty() {
            return Err(ServerError::NowhereToListen);
        }
        let (tls, hosts) = virtual_host::assemble(
            &self.identity,
            self.tls_floor,
            virtual_host::default_host(self.authenticator, self.storage),
            self.virtual_hosts,
        )?;
        let mut listeners = Vec::new();
        for (address, at) in self.listen {
            let listener = socket::listen_for_control(address);
            listeners.push((listener.map_err(|error| ServerError::Bind(address, error))?, at));
        }
        listeners.extend(self.listeners);
        let mut addresses = Vec::new();
        for (listener, _) in &listeners {
            // The acceptor waits in poll, where it also hears that the server stops.
            let bound = listener.set_nonblocking(true).and_then(|()| listener.local_addr());
            addresses.push(bound.map_err(ServerError::System)?);
        }
        let reached = self.connections.iter().filter_map(|(socket, _)| socket.local_addr().ok());
        let log = TransferLog::open(self.transfer_logs, self.watcher).map_err(ServerError::Log)?;
        let (stop_source, stop) = stop::pair().map_err(ServerError::System)?;
        let services = Services {
            turns: Turns::new(self.settings.max_hashing),
            settings: self.settings,
            confinement: self.confinement,
            tls,
            hosts,
            on_transfer: log.sink(),
            listening: addresses.iter().copied().chain(reached).collect(),
            stop,
        };
        Ok(Bound {
            listeners,
            connections: self.connections,
            addresses,
            services,
            log,
            stop_source,
            on_change: self.on_change,
            heartbeat: self.heartbeat,
        })
    }
}

/// A server whose sockets exist. Nothing is accepted yet and no thread runs: drop privilege here.
pub struct Bound {
    listeners: Vec<(TcpListener, Entrance)>,
    connections: Vec<(TcpStream, Entrance)>,
    addresses: Vec<SocketAddr>,
    services: Services,
    log: TransferLog,
    stop_source: stop::StopSource,
    on_change: Option<OnChange>,
    heartbeat: Duration,
}

impl Bound {
    /// Where it listens, in the order of [`Builder::listen`], and then of
    /// [`Builder::listener`].
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Starts to serve, on threads of its own.
    pub fn start(self) -> Result<Handle, ServerError> {
        let hosts = &self.services.hosts;
        for host in iter::once(&hosts.default).chain(&hosts.others) {
            host.authenticator.begin().map_err(ServerError::System)?;
            clear_away(&*host.storage, &self.services.confinement).map_err(ServerError::System)?;
        }
        let is_confined = self.services.confinement.binds_threads();
        let registry = Arc::new(Registry::new(self.services, self.on_change));
        let threads = Threads::new(Arc::clone(&registry), is_confined);
        let threads = threads.map_err(ServerError::System)?;
        let writer = self.log.start().map_err(ServerError::System)?;
        let (accepting, stop_accepting) = stop::pair().map_err(ServerError::System)?;
        let mut acceptors = Acceptors { accepting: Some(accepting), all: Vec::new() };
        for (listener, at) in self.listeners {
            let pulse = Arc::new(Pulse::new(self.heartbeat));
            let stop = stop_accepting.clone();
            let (registry, beat) = (Arc::clone(&registry), Arc::clone(&pulse));
            let thread = accept::start(listener, at, registry, threads.clone(), stop, beat);
            acceptors.all.push((thread.map_err(ServerError::System)?, pulse));
        }
        for (connection, at) in self.connections {
            accept::adopt(connection, at, &registry, &threads);
        }
        threads.rest_if_nobody_is_there(); // starting has taken much
        Ok(Handle::new(self.addresses, registry, acceptors, writer, self.stop_source))
    }
}

/// On a thread of its own: nobody waits for a file system that is slow, or does not answer at all. But
/// where the process is to become an account, with all of its threads at once, none may be another
/// account's by then.
fn clear_away(storage: &dyn Storage, confinement: &Confinement) -> io::Result<()> {
    match storage.left_behind() {
        None => Ok(()),
        Some(work) if confinement.binds_process() => {
            work();
            Ok(())
        }
        Some(work) => thread::Builder::new().name("clearing".into()).spawn(work).map(drop),
    }
}

/// Why a server cannot start.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerError {
    /// No address was given.
    NowhereToListen,
    /// An address cannot be listened at.
    Bind(SocketAddr, io::Error),
    /// The transfer log cannot be written.
    Log(io::Error),
    /// The certificate or key is refused.
    Tls(TlsError),
    /// A virtual host answers to no name.
    NamelessHost,
    /// Two virtual hosts answer to the same name.
    HostTaken(HostName),
    /// The system has no thread or descriptor to give.
    System(io::Error),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerError::NowhereToListen => f.write_str("no address to listen at"),
            ServerError::Bind(address, error) => write!(f, "cannot listen at {address}: {error}"),
            ServerError::Log(error) => write!(f, "cannot open the transfer log: {error}"),
            ServerError::Tls(error) => write!(f, "{error}"),
            ServerError::NamelessHost => f.write_str("a virtual host has no name"),
            ServerError::HostTaken(name) => write!(f, "two virtual hosts are called {name}"),
            ServerError::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl error::Error for ServerError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            ServerError::NowhereToListen
            | ServerError::NamelessHost
            | ServerError::HostTaken(_) => None,
            ServerError::Bind(_, error) | ServerError::Log(error) | ServerError::System(error) => {
                Some(error)
            }
            ServerError::Tls(error) => Some(error),
        }
    }
}

impl From<TlsError> for ServerError {
    fn from(error: TlsError) -> ServerError {
        ServerError::Tls(error)
    }
}
