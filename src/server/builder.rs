//! From what the embedder wants to sockets that listen.

use crate::{
    auth::Authenticator,
    net::{Identity, TlsError, TlsFloor},
    proto::HostName,
    server::{
        accept,
        handle::Handle,
        registry::Registry,
        virtual_host::{self, VirtualHost},
        xferlog::{TransferLog, Watcher},
    },
    session::{Listen, Services, Settings},
    storage::Storage,
    sys::{socket, stop},
    transfer::{TransferRecord, Turns},
};
use std::{
    error, fmt, io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
};

/// What a server shall be. See the crate page for an example.
pub struct Builder {
    identity: Identity,
    authenticator: Arc<dyn Authenticator>,
    storage: Arc<dyn Storage>,
    virtual_hosts: Vec<VirtualHost>,
    settings: Settings,
    tls_floor: TlsFloor,
    listen: Vec<(SocketAddr, Listen)>,
    transfer_log: Option<PathBuf>,
    watcher: Option<Watcher>,
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
            tls_floor: TlsFloor::default(),
            listen: Vec::new(),
            transfer_log: None,
            watcher: None,
        }
    }

    /// Serves `host` as well, at every address. Clients that name no host, or one of the names in
    /// the identity given to [`Builder::new`], are at the default host.
    pub fn virtual_host(mut self, host: VirtualHost) -> Builder {
        self.virtual_hosts.push(host);
        self
    }

    /// Listens at `address` as well; port 0 lets the system choose one.
    pub fn listen(mut self, address: SocketAddr, listen: Listen) -> Builder {
        self.listen.push((address, listen));
        self
    }

    /// Replaces the settings.
    pub fn settings(mut self, settings: Settings) -> Builder {
        self.settings = settings;
        self
    }

    /// Sets the oldest version of TLS that is spoken.
    pub fn tls_floor(mut self, floor: TlsFloor) -> Builder {
        self.tls_floor = floor;
        self
    }

    /// Appends one line a transfer to `path`, as xferlog(5) describes it.
    pub fn transfer_log(mut self, path: impl Into<PathBuf>) -> Builder {
        self.transfer_log = Some(path.into());
        self
    }

    /// Calls `watcher` with every transfer's record, on the transfer log's thread.
    pub fn on_transfer(mut self, watcher: impl FnMut(&TransferRecord) + Send + 'static) -> Builder {
        self.watcher = Some(Box::new(watcher));
        self
    }

    /// Opens the sockets and the transfer log, and starts no thread. An error when two virtual
    /// hosts have a name in common, or one has none.
    pub fn bind(self) -> Result<Bound, ServerError> {
        if self.listen.is_empty() {
            return Err(ServerError::NowhereToListen);
        }
        let (tls, hosts) = virtual_host::assemble(
            &self.identity,
            self.tls_floor,
            virtual_host::default_host(self.authenticator, self.storage),
            self.virtual_hosts,
        )?;
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for (address, listen) in self.listen {
            let bind = || {
                let listener = socket::listen_for_control(address)?;
                // The acceptor waits in poll, where it also hears that the server stops.
                listener.set_nonblocking(true)?;
                Ok((listener.local_addr()?, listener))
            };
            let (bound, listener) = bind().map_err(|error| ServerError::Bind(address, error))?;
            addresses.push(bound);
            listeners.push((listener, listen));
        }
        let log = TransferLog::open(self.transfer_log, self.watcher).map_err(ServerError::Log)?;
        let (stop_source, stop) = stop::pair().map_err(ServerError::System)?;
        let services = Services {
            turns: Turns::new(self.settings.max_hashing),
            settings: self.settings,
            tls,
            hosts,
            on_transfer: log.sink(),
            listening: addresses.clone(),
            stop,
        };
        Ok(Bound { listeners, addresses, services, log, stop_source })
    }
}

/// A server whose sockets exist. Nothing is accepted yet and no thread runs: drop privilege here.
pub struct Bound {
    listeners: Vec<(TcpListener, Listen)>,
    addresses: Vec<SocketAddr>,
    services: Services,
    log: TransferLog,
    stop_source: stop::StopSource,
}

impl Bound {
    /// Where it listens, in the order of [`Builder::listen`].
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Starts to serve, on threads of its own.
    pub fn start(self) -> Result<Handle, ServerError> {
        let registry = Arc::new(Registry::new(self.services));
        let writer = self.log.start().map_err(ServerError::System)?;
        let mut acceptors = Vec::new();
        for (listener, listen) in self.listeners {
            let acceptor = accept::start(listener, listen, Arc::clone(&registry));
            acceptors.push(acceptor.map_err(ServerError::System)?);
        }
        Ok(Handle::new(self.addresses, registry, acceptors, writer, self.stop_source))
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
