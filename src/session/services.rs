//! What a session is handed: everything it shares with others, and nothing of the server.

use crate::{
    auth::Account,
    net::Tls,
    session::{Confinement, Hosts, Settings},
    sys::stop::StopSignal,
    transfer::{Bucket, TransferRecord, Turns},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// What all sessions share. It never changes: a reload makes a new one for the sessions to come.
pub struct Services {
    /// Limits, deadlines, demands.
    pub settings: Settings,
    /// Certificates and ciphers, and which host answers to which name.
    pub tls: Tls,
    /// Who may enter, and what they find, host by host.
    pub hosts: Hosts,
    /// What a session's thread gives up.
    pub confinement: Confinement,
    /// Takes the record of every transfer; it must not block for ever.
    pub on_transfer: Arc<dyn Fn(TransferRecord) + Send + Sync>,
    /// Leave to read a file only to hash it.
    pub turns: Turns,
    /// Where the server itself listens: no data connection goes there.
    pub listening: Vec<SocketAddr>,
    /// Given when the server stops.
    pub stop: StopSignal,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// With `AUTH`.
    Explicit,
    /// With the first byte.
    Implicit,
}

/// Both ends of a control connection that came through a balancer, as that has told them.
#[derive(Clone, Copy, Debug)]
pub struct Balanced {
    /// Where the client is.
    pub client: SocketAddr,
    /// Where it has connected to.
    pub reached: SocketAddr,
}

/// How the server counts a session.
pub trait Presence: Send {
    /// The client has logged in at `host` as `account`. What it shares of rates: with others of
    /// the account, and with all. `None`, and it is nobody, when the account has sessions enough.
    fn logged_in(&mut self, host: &str, account: &Account) -> Option<[Arc<Bucket>; 2]>;

    /// The client gave a wrong password: its answer shall wait this long.
    fn guessed_wrong(&mut self) -> Duration;

    /// Whether nobody listens any longer to where the client is.
    fn is_banned(&self) -> bool;

    /// Who is on, a line each.
    fn who(&self) -> Vec<String>;

    /// It is nobody again (`REIN`, a new `USER`, `AUTH`).
    fn logged_out(&mut self);
}
