//! Addresses that gave too many wrong passwords, and how long nobody listens to them. All of it is
//! in memory: a server that starts anew has banned nobody.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    time::{Duration, Instant},
};

/// When an address is banned, and how long.
#[derive(Clone, Copy, Debug)]
pub struct BanRule {
    /// After so many wrong passwords; 0 never.
    pub after: usize,
    /// Within this time.
    pub within: Duration,
    /// For this time.
    pub lasts: Duration,
}

/// Addresses that are remembered. When there are more, one that is not banned goes first, and the
/// one that matters the shortest time.
const MAX_ADDRESSES: usize = 4096;

/// The wrong passwords of late, and those who are banned.
#[derive(Default)]
pub struct Bans {
    by_address: HashMap<IpAddr, Record>,
}

struct Record {
    /// When the latest wrong passwords came, the oldest first: as many as a ban takes, at most.
    wrong: VecDeque<Instant>,
    banned_until: Option<Instant>,
}

impl Bans {
    /// Counts a wrong password from `address`, and tells whether it is banned now.
    pub fn count(&mut self, address: IpAddr, rule: BanRule, now: Instant) -> bool {
        if rule.after == 0 {
            return false;
        }
        if !self.by_address.contains_key(&address) && self.by_address.len() >= MAX_ADDRESSES {
            self.make_room(rule, now);
        }
        let fresh = || Record { wrong: VecDeque::new(), banned_until: None };
        let record = self.by_address.entry(address).or_insert_with(fresh);
        record.wrong.push_back(now);
        while record.wrong.len() > rule.after {
            record.wrong.pop_front();
        }
        let is_enough = record.wrong.len() == rule.after;
        if is_enough && record.wrong.iter().all(|then| now.duration_since(*then) < rule.within) {
            record.wrong.clear();
            record.banned_until = now.checked_add(rule.lasts);
        }
        record.banned_until.is_some_and(|until| until > now)
    }

    /// Whether nobody listens to `address`.
    pub fn holds(&self, address: IpAddr, now: Instant) -> bool {
        let record = self.by_address.get(&address);
        record.and_then(|record| record.banned_until).is_some_and(|until| until > now)
    }

    fn make_room(&mut self, rule: BanRule, now: Instant) {
        self.by_address.retain(|_, record| record.matters_until(rule) > Some(now));
        if self.by_address.len() < MAX_ADDRESSES {
            return;
        }
        let least = |record: &Record| (record.banned_until, record.wrong.back().copied());
        let first = self.by_address.iter().min_by_key(|(_, record)| least(record));
        if let Some(address) = first.map(|(address, _)| *address) {
            self.by_address.remove(&address);
        }
    }
}

impl Record {
    fn matters_until(&self, rule: BanRule) -> Option<Instant> {
        let forgotten = self.wrong.back().and_then(|last| last.checked_add(rule.within));
        self.banned_until.max(forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const SECOND: Duration = Duration::from_secs(1);
    const RULE: BanRule =
        BanRule { after: 3, within: Duration::from_secs(10), lasts: Duration::from_secs(60) };
    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn enough_wrong_passwords_within_the_time_are_a_ban_that_ends() {
        let (mut bans, now) = (Bans::default(), Instant::now());
        assert!(!bans.count(HOME, RULE, now));
        assert!(!bans.count(HOME, RULE, now + SECOND * 5));
        assert!(!bans.count(HOME, RULE, now + SECOND * 10), "the first is too old");
        assert!(!bans.holds(HOME, now + SECOND * 10));
        assert!(bans.count(HOME, RULE, now + SECOND * 11), "three within six seconds");
        assert!(bans.holds(HOME, now + SECOND * 70));
        assert!(!bans.holds(HOME, now + SECOND * 71));
        assert!(!bans.count(HOME, RULE, now + SECOND * 72), "it begins anew");
        assert!(!bans.holds("192.0.2.1".parse().unwrap(), now));
        let (mut bans, short) = (Bans::default(), BanRule { lasts: SECOND, ..RULE });
        assert_eq!([(); 3].map(|()| bans.count(HOME, short, now)), [false, false, true]);
        assert!(!bans.count(HOME, short, now + SECOND), "those who were banned for it are done");
    }

    #[test]
    fn without_a_number_nobody_is_banned() {
        let (mut bans, now) = (Bans::default(), Instant::now());
        let never = BanRule { after: 0, ..RULE };
        assert!((0..100).all(|_| !bans.count(HOME, never, now)));
        assert!(bans.by_address.is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_keeps_those_who_are_banned() {
        let (mut bans, now) = (Bans::default(), Instant::now());
        assert_eq!([(); 3].map(|()| bans.count(HOME, RULE, now)), [false, false, true]);
        for number in 0..2 * MAX_ADDRESSES as u32 {
            bans.count(IpAddr::V4(Ipv4Addr::from(number + 1)), RULE, now);
        }
        assert_eq!(bans.by_address.len(), MAX_ADDRESSES);
        assert!(bans.holds(HOME, now + SECOND));
        bans.count("192.0.2.1".parse().unwrap(), RULE, now + SECOND * 60);
        assert_eq!(bans.by_address.len(), 1, "what matters no more is forgotten");
    }
}
