//! Who is on, how many there may be, and the services that new sessions get. Its locks are short
//! and never held over I/O.

use crate::{
    auth::Account,
    proto::Amount,
    server::{
        accounts::{Accounts, Who},
        bans::{BanRule, Bans},
        guesses::Guesses,
        strangers::Strangers,
    },
    session::{Presence, Services},
    transfer::Bucket,
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::{IpAddr, Ipv6Addr, Shutdown, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The sessions of one server.
pub struct Registry {
    services: Mutex<Arc<Services>>,
    counts: Mutex<Counts>,
    /// What all transfers share.
    rate: Arc<Bucket>,
    left: Condvar,
    on_change: Option<OnChange>,
}

/// Called when a session has begun or ended.
pub type OnChange = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Counts {
    total: usize,
    strangers: Strangers<TcpStream>,
    by_address: HashMap<IpAddr, usize>,
    accounts: Accounts,
    guests: BTreeMap<u64, Seen>,
    next: u64,
    guesses: Guesses,
    bans: Bans,
}

/// What `SITE WHO` tells of a session.
struct Seen {
    client: IpAddr,
    account: Option<String>,
    since: Timestamp,
}

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The networks it may come from, or may not.
    Network,
    /// Wrong passwords from this address.
    Banned,
    /// In all.
    Total,
    /// From this address.
    Address,
    /// Of those who have not logged in.
    NotLoggedIn,
    /// The system gave no thread.
    NoThread,
    /// The system gave no descriptor but one, to say so.
    NoDescriptor,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Full::Network => "This server is not for your address.",
            Full::Banned => "Too many wrong passwords from your address, try again later.",
            Full::Total => "Too many users, try again later.",
            Full::Address => "Too many connections from your address.",
            Full::NotLoggedIn => "Too many connections are logging in, try again later.",
            Full::NoThread | Full::NoDescriptor => {
                "The server is short of resources, try again later."
            }
        })
    }
}

impl Registry {
    /// An empty one. It calls `on_change` without holding a lock.
    pub fn new(services: Services, on_change: Option<OnChange>) -> Registry {
        Registry {
            rate: Arc::new(Bucket::new(services.settings.max_rate)),
            services: Mutex::new(Arc::new(services)),
            counts: Mutex::new(Counts::default()),
            left: Condvar::new(),
            on_change,
        }
    }

    /// What a session that begins now gets.
    pub fn services(&self) -> Arc<Services> {
        Arc::clone(&self.services.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What sessions get from now on. The rate that all share changes at once.
    pub fn replace_services(&self, services: Services) {
        self.rate.set_rate(services.settings.max_rate);
        let services = Arc::new(services);
        *self.services.lock().unwrap_or_else(PoisonError::into_inner) = services;
    }

    /// Counts one more session, which `socket` brings, if the limits allow it; the guest is counted
    /// until dropped.
    pub fn admit(self: &Arc<Registry>, client: IpAddr, socket: &TcpStream) -> Result<Guest, Full> {
        self.enter(client, Counted::ByAddress, socket)
    }

    /// Counts a balancer that has not said for whom it comes: its address stands for nobody.
    pub fn hold(self: &Arc<Registry>, balancer: IpAddr, socket: &TcpStream) -> Result<Guest, Full> {
        self.enter(balancer, Counted::InAll, socket)
    }

    fn enter(
        self: &Arc<Registry>,
        client: IpAddr,
        counted: Counted,
        socket: &TcpStream,
    ) -> Result<Guest, Full> {
        let services = self.services();
        let settings = &services.settings;
        let by_address = counted == Counted::ByAddress;
        if by_address && !settings.serves(client) {
            return Err(Full::Network);
        }
        let mut counts = self.counts();
        let neighbourhood = neighbourhood(client);
        if by_address && counts.bans.holds(neighbourhood, Instant::now()) {
            return Err(Full::Banned);
        }
        let from_there = counts.by_address.get(&neighbourhood).copied().unwrap_or(0);
        if counts.total >= settings.max_sessions {
            return Err(Full::Total);
        }
        if by_address && from_there >= settings.max_sessions_per_address {
            return Err(Full::Address);
        }
        let is_full = counts.strangers.count() >= settings.max_sessions_not_logged_in;
        let makes_room = if is_full {
            Some(counts.strangers.make_room(neighbourhood).ok_or(Full::NotLoggedIn)?)
        } else {
            None
        };
        counts.total += 1;
        if by_address {
            counts.by_address.insert(neighbourhood, from_there + 1);
        }
        counts.next += 1;
        let id = counts.next;
        // Without a descriptor to spare it is one that nobody can send away.
        counts.strangers.enter(id, neighbourhood, socket.try_clone().ok());
        counts.guests.insert(id, Seen { client, account: None, since: Timestamp::now() });
        drop(counts);
        if let Some(socket) = makes_room {
            let _ = socket.shutdown(Shutdown::Both); // it may be gone by itself
        }
        self.tell_of_change();
        Ok(Guest { registry: Arc::clone(self), id, client, counted, account: None })
    }

    fn tell_of_change(&self) {
        if let Some(listener) = &self.on_change {
            listener();
        }
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.counts().total
    }

    /// Waits until nobody is left, or until `deadline`; tells how many are.
    pub fn wait_until_empty(&self, deadline: Instant) -> usize {
        let mut counts = self.counts();
        while counts.total > 0 {
            let time = deadline.saturating_duration_since(Instant::now());
            if time.is_zero() {
                break;
            }
            let waited = self.left.wait_timeout(counts, time);
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        counts.total
    }

    /// Counting is whole at every moment, so a panic elsewhere does not spoil it.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts as one address: with IPv6 every host has a network of 2^64 of them.
fn neighbourhood(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

/// How a session counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    InAll,
    ByAddress,
}

/// One session's place in the count, given back when dropped.
pub struct Guest {
    registry: Arc<Registry>,
    id: u64,
    client: IpAddr,
    counted: Counted,
    /// As whom it has logged in.
    account: Option<Who>,
}

impl Guest {
    /// Where it comes from.
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// Gives up its place for one of its client, if the limits allow that.
    pub fn becomes(self, client: IpAddr, socket: &TcpStream) -> Result<Guest, Full> {
        let registry = Arc::clone(&self.registry);
        drop(self);
        registry.admit(client, socket)
    }

    /// Nobody again, as far as `counts` go; but one who knew a password, and is not sent away.
    fn leave_account(&mut self, counts: &mut Counts) {
        if let Some(who) = self.account.take() {
            counts.accounts.leave(&who);
            counts.strangers.enter(self.id, neighbourhood(self.client), None);
        }
    }
}

impl Presence for Guest {
    fn logged_in(&mut self, host: &str, account: &Account) -> Option<[Arc<Bucket>; 2]> {
        let registry = Arc::clone(&self.registry);
        let (services, limits) = (registry.services(), account.limits);
        let settings = &services.settings;
        let most = limits.sessions.unwrap_or(settings.max_sessions_per_account);
        let rate = limits.rate.map_or(settings.max_rate_per_account, |Amount(rate)| rate);
        let who = (host.to_owned(), account.name.clone());
        let mut counts = registry.counts();
        self.leave_account(&mut counts);
        let bucket = counts.accounts.enter(&who, most, rate)?;
        let line = counts.strangers.leave(self.id);
        if let Some(seen) = counts.guests.get_mut(&self.id) {
            seen.account = Some(account.name.clone());
        }
        drop(counts);
        drop(line); // a descriptor, which no lock is held for
        self.account = Some(who);
        Some([bucket, Arc::clone(&registry.rate)])
    }

    fn logged_out(&mut self) {
        let registry = Arc::clone(&self.registry);
        let mut counts = registry.counts();
        self.leave_account(&mut counts);
        if let Some(seen) = counts.guests.get_mut(&self.id) {
            seen.account = None;
        }
    }

    fn guessed_wrong(&mut self) -> Duration {
        let (now, address) = (Instant::now(), neighbourhood(self.client));
        let services = self.registry.services();
        let settings = &services.settings;
        let rule = BanRule {
            after: settings.ban_after,
            within: settings.ban_within,
            lasts: settings.ban_lasts,
        };
        let mut counts = self.registry.counts();
        let wait = counts.guesses.count(address, now);
        let trusted = settings.trusts(self.client);
        let was_banned = counts.bans.holds(address, now);
        let is_banned = !trusted && counts.bans.count(address, rule, now);
        drop(counts);
        if is_banned && !was_banned {
            let seconds = rule.lasts.as_secs();
            log::warn!("{address} is banned for {seconds} s: too many wrong passwords");
        }
        wait
    }

    fn is_banned(&self) -> bool {
        self.registry.counts().bans.holds(neighbourhood(self.client), Instant::now())
    }

    fn who(&self) -> Vec<String> {
        let counts = self.registry.counts();
        let line = |seen: &Seen| {
            let account = seen.account.as_deref().unwrap_or("(not logged in)");
            format!("{account} from {} since {:.0}", seen.client, seen.since)
        };
        counts.guests.values().map(line).collect()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let registry = Arc::clone(&self.registry);
        let mut counts = registry.counts();
        self.leave_account(&mut counts);
        counts.guests.remove(&self.id);
        counts.total -= 1;
        let line = counts.strangers.leave(self.id);
        let neighbourhood = neighbourhood(self.client);
        if self.counted == Counted::ByAddress
            && let Some(count) = counts.by_address.get_mut(&neighbourhood)
        {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&neighbourhood);
            }
        }
        drop(counts);
        drop(line);
        registry.left.notify_all();
        registry.tell_of_change();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_one_host_counts_as_one_address() {
        let of = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
