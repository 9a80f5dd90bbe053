//! What an operator may set about a session: limits, deadlines, and what is demanded of TLS.

use crate::{
    net::{ClientCertificates, PeerRule},
    session::PassiveAddress,
};
use ipnet::IpNet;
use std::{net::IpAddr, ops::RangeInclusive, time::Duration};

/// The settings of a server's sessions. Each has a safe default; see fxpd.conf(5).
#[derive(Clone, Debug)]
pub struct Settings {
    /// Text of the greeting, after `220 `.
    pub greeting: String,
    /// Whether a login, and data, need TLS.
    pub tls: Demand,
    /// Whether the TLS session of a data connection must resume one of its control connection.
    pub data_tls_reuse: Demand,
    /// Whether an upload must end with close_notify to count as whole.
    pub data_close_notify: Demand,
    /// Whether `CCC` may take a control connection back to clear text.
    pub ccc: bool,
    /// Ports for passive data connections.
    pub passive_ports: RangeInclusive<u16>,
    /// The addresses that `PASV` tells, where the server stands behind NAT; the first rule that
    /// speaks of a client counts, and without one it is told the address that it has reached.
    pub passive_addresses: Vec<PassiveAddress>,
    /// The balancers: where they may come, they say for whom, by the PROXY protocol.
    pub balancers: Vec<IpNet>,
    /// For a whole TLS handshake.
    pub handshake_timeout: Duration,
    /// From the connection to the end of the login.
    pub login_timeout: Duration,
    /// For the next command.
    pub idle_timeout: Duration,
    /// For a data connection to come about.
    pub data_timeout: Duration,
    /// For the next byte of a transfer.
    pub stall_timeout: Duration,
    /// For transfers that run when the server is told to stop.
    pub shutdown_grace: Duration,
    /// Sessions in total.
    pub max_sessions: usize,
    /// Sessions from one address.
    pub max_sessions_per_address: usize,
    /// Sessions of an account that names no number.
    pub max_sessions_per_account: usize,
    /// Sessions that have not logged in.
    pub max_sessions_not_logged_in: usize,
    /// The networks that clients may come from; anywhere when there are none.
    pub allow_networks: Vec<IpNet>,
    /// The networks that clients may not come from, allowed or not.
    pub deny_networks: Vec<IpNet>,
    /// Wrong passwords from an address until it is banned; 0 for no ban.
    pub ban_after: usize,
    /// The time within which they count.
    pub ban_within: Duration,
    /// How long an address is banned.
    pub ban_lasts: Duration,
    /// The networks whose addresses are never banned.
    pub trusted_networks: Vec<IpNet>,
    /// Bytes that an account which names no number may keep; 0 is no limit.
    pub quota_bytes: u64,
    /// Files, directories and links that it may; 0 is no limit.
    pub quota_files: u64,
    /// Bytes a second of all transfers together; 0 is no limit.
    pub max_rate: u64,
    /// Bytes a second of the transfers of one session; 0 is no limit.
    pub max_rate_per_session: u64,
    /// Bytes a second of all transfers of an account that names no rate; 0 is no limit.
    pub max_rate_per_account: u64,
    /// Bytes of one command line.
    pub max_line_bytes: usize,
    /// Files that are read at a time only to be hashed; 0 for one a processor.
    pub max_hashing: usize,
    /// Which transfers of whole files are hashed as they move.
    pub hash_transfers: HashTransfers,
    /// What `LIST` shows as owner and group.
    pub list_owner: ListOwner,
    /// What the servers of some networks must show, the first rule that speaks of a host counting.
    pub peers: Vec<PeerRule>,
    /// Whether clients show certificates on their control connections.
    pub client_certificates: ClientCertificates,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            greeting: "fxpd ready".to_owned(),
            tls: Demand::Required,
            data_tls_reuse: Demand::Optional,
            data_close_notify: Demand::Required,
            ccc: false,
            passive_ports: 49152..=65534,
            passive_addresses: Vec::new(),
            balancers: Vec::new(),
            handshake_timeout: Duration::from_secs(10),
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(300),
            data_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(120),
            shutdown_grace: Duration::from_secs(60),
            max_sessions: 2000,
            max_sessions_per_address: 50,
            max_sessions_per_account: 100,
            max_sessions_not_logged_in: 200,
            allow_networks: Vec::new(),
            deny_networks: Vec::new(),
            ban_after: 20,
            ban_within: Duration::from_secs(600),
            ban_lasts: Duration::from_secs(900),
            trusted_networks: Vec::new(),
            quota_bytes: 0,
            quota_files: 0,
            max_rate: 0,
            max_rate_per_session: 0,
            max_rate_per_account: 0,
            max_line_bytes: 4608,
            max_hashing: 0,
            hash_transfers: HashTransfers::Foreign,
            list_owner: ListOwner::Numeric,
            peers: Vec::new(),
            client_certificates: ClientCertificates::default(),
        }
    }
}

impl Settings {
    /// Whether a client at `address` is served.
    pub(crate) fn serves(&self, address: IpAddr) -> bool {
        let is_allowed = self.allow_networks.is_empty() || within(&self.allow_networks, address);
        is_allowed && !within(&self.deny_networks, address)
    }

    /// Whether an address is never banned.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        within(&self.trusted_networks, address)
    }
}

fn within(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// What `LIST` shows as owner and group of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListOwner {
    /// Their numbers.
    #[default]
    Numeric,
    /// The account's name, and `ftp`.
    Account,
}

/// Whether something is insisted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Without it, refused.
    Required,
    /// Taken when offered.
    Optional,
}

/// Which transfers of whole files are hashed as they move, so that a `HASH` that follows need not
/// read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashTransfers {
    /// None.
    None,
    /// Copies from server to server, and all of a session that has said `HASH` or `OPTS HASH`.
    Foreign,
    /// All.
    All,
}
