//! A server in this process, with accounts of its own and a temporary tree.

use crate::ftp::Ftp;
use fxpd::{
    Access, Account, AccountLimits, AuthError, Authenticator, Builder, FxpGrant, FxpLevel, Handle,
    Identity, Listen, Local, LocalOptions, Right, Secret, Settings, TlsFloor, TransferRecord,
    VirtualHost, Visitor,
};
use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{
        Mutex,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};
use tempfile::TempDir;

/// Every wait of a test ends here, with a failure.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running server and what is behind it.
pub struct Site {
    pub handle: Option<Handle>,
    pub address: SocketAddr,
    pub implicit: SocketAddr,
    pub identity: Identity,
    records: Mutex<Receiver<TransferRecord>>,
    home: TempDir,
}

/// What a site shall be.
pub struct Plan {
    pub settings: Settings,
    pub host: IpAddr,
    pub fxp: FxpGrant,
    pub limits: AccountLimits,
    pub floor: TlsFloor,
    pub storage: LocalOptions,
    pub identity: Identity,
    pub virtual_hosts: Vec<VirtualHost>,
    pub log: bool,
}

impl Site {
    /// A server with the default settings whose account `ann` may do everything, FXP included.
    pub fn start() -> Site {
        Site::with(|_| {})
    }

    /// The same after `change`.
    pub fn with(change: impl FnOnce(&mut Plan)) -> Site {
        let mut plan = Plan {
            settings: Settings { passive_ports: 0..=0, ..Settings::default() },
            host: "127.0.0.1".parse().unwrap(),
            fxp: FxpGrant::both(FxpLevel::Tls),
            limits: AccountLimits::default(),
            floor: TlsFloor::Tls12,
            storage: LocalOptions::default(),
            identity: Identity::self_signed(&["localhost", "127.0.0.1"]).unwrap(),
            virtual_hosts: Vec::new(),
            log: false,
        };
        change(&mut plan);
        let home = tempfile::tempdir().unwrap();
        for account in ["ann", "bob", "reader"] {
            fs::create_dir(home.path().join(account)).unwrap();
        }
        let (sender, records) = channel();
        let records = Mutex::new(records);
        let (homes, limits) = (home.path().to_owned(), plan.limits);
        let accounts = Accounts { homes, fxp: plan.fxp, limits };
        let mut builder = Builder::new(plan.identity.clone(), accounts, Local::new(plan.storage))
            .settings(plan.settings)
            .tls_floor(plan.floor)
            .listen(SocketAddr::new(plan.host, 0), Listen::Explicit)
            .listen(SocketAddr::new(plan.host, 0), Listen::Implicit)
            .on_transfer(move |record| drop(sender.send(record.clone())));
        for host in plan.virtual_hosts {
            builder = builder.virtual_host(host);
        }
        if plan.log {
            builder = builder.transfer_log(home.path().join("xferlog"));
        }
        let handle = builder.bind().unwrap().start().unwrap();
        let (address, implicit) = (handle.addresses()[0], handle.addresses()[1]);
        Site { handle: Some(handle), address, implicit, identity: plan.identity, records, home }
    }

    /// A control connection that has heard the greeting.
    pub fn connect(&self) -> Ftp {
        Ftp::connect(self.address)
    }

    /// A control connection under TLS, logged in, `PROT P`, `TYPE I`.
    pub fn login(&self, account: &str) -> Ftp {
        let mut ftp = self.connect();
        ftp.secure();
        ftp.log_in(account);
        ftp
    }

    /// Where a file of `ann`'s is on this host.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("ann").join(name)
    }

    /// Puts a file into `ann`'s tree.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// A file of `ann`'s, or nothing.
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path(name)).ok()
    }

    /// All names in `ann`'s tree, hidden ones included, sorted.
    pub fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.home.path().join("ann")).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The next transfer's record.
    pub fn record(&self) -> TransferRecord {
        self.records.lock().unwrap().recv_timeout(PATIENCE).expect("a transfer's record")
    }

    /// The records of all transfers that have ended by now and were not looked at.
    pub fn records_by_now(&self) -> Vec<TransferRecord> {
        self.records.lock().unwrap().try_iter().collect()
    }

    /// The transfer log, as far as it is written.
    pub fn xferlog(&self) -> String {
        fs::read_to_string(self.home.path().join("xferlog")).unwrap()
    }
}

/// The accounts of a test: `ann` and `bob` may read and write, `bob` has every right besides,
/// `reader` may only read; the password of each is `pw`.
struct Accounts {
    homes: PathBuf,
    fxp: FxpGrant,
    limits: AccountLimits,
}

impl Authenticator for Accounts {
    fn authenticate(&self, visitor: &Visitor<'_>, secret: &Secret) -> Result<Account, AuthError> {
        if secret.expose() != b"pw" || !["ann", "bob", "reader"].contains(&visitor.name) {
            return Err(AuthError::Rejected);
        }
        let access = if visitor.name == "reader" { Access::ReadOnly } else { Access::ReadWrite };
        Ok(Account {
            fxp: self.fxp.clone(),
            rights: if visitor.name == "bob" { vec![Right::Links, Right::Who] } else { Vec::new() },
            limits: self.limits,
            ..Account::new(visitor.name, self.homes.join(visitor.name), access)
        })
    }
}
