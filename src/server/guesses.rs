//! Wrong passwords, counted by where they come from, and what they cost: each answer waits longer
//! than the last, on all connections from there together.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// Wrong passwords that cost nothing: people mistype.
const FREE: u32 = 2;

/// The first wait; each one after it is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// After this time without a wrong password an address is as good as new.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// Addresses that are remembered. When there are more, the one that was quiet longest is forgotten.
const MAX_ADDRESSES: usize = 4096;

/// The wrong passwords of late. A right one does not excuse them: a guesser may own an account.
#[derive(Default)]
pub struct Guesses {
    by_address: HashMap<IpAddr, Guess>,
}

struct Guess {
    wrong: u32,
    last: Instant,
}

impl Guesses {
    /// Counts a wrong password from `address`, and tells how long its answer waits.
    pub fn count(&mut self, address: IpAddr, now: Instant) -> Duration {
        if !self.by_address.contains_key(&address) && self.by_address.len() >= MAX_ADDRESSES {
            self.make_room(now);
        }
        let guess = self.by_address.entry(address).or_insert(Guess { wrong: 0, last: now });
        if now.duration_since(guess.last) >= FORGET_AFTER {
            guess.wrong = 0;
        }
        guess.last = now;
        guess.wrong = guess.wrong.saturating_add(1);
        match guess.wrong.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(doublings) => {
                LONGEST_WAIT.min(FIRST_WAIT * 2_u32.saturating_pow(doublings.min(16)))
            }
        }
    }

    fn make_room(&mut self, now: Instant) {
        self.by_address.retain(|_, guess| now.duration_since(guess.last) < FORGET_AFTER);
        if self.by_address.len() < MAX_ADDRESSES {
            return;
        }
        let quietest = self.by_address.iter().min_by_key(|(_, guess)| guess.last);
        if let Some(address) = quietest.map(|(address, _)| *address) {
            self.by_address.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn waits_grow_up_to_a_limit_and_are_forgotten() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let waits: Vec<u128> = (0..9).map(|_| guesses.count(home, now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(guesses.count("192.0.2.1".parse().unwrap(), now), Duration::ZERO);
        assert_eq!(guesses.count(home, now + FORGET_AFTER), Duration::ZERO);
    }

    #[test]
    fn the_table_is_bounded_and_keeps_those_who_go_on() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for number in 0..2 * MAX_ADDRESSES as u32 {
            let later = now + Duration::from_millis(number.into());
            guesses.count(IpAddr::V4(Ipv4Addr::from(number + 1)), later);
            guesses.count(home, later);
        }
        assert_eq!(guesses.by_address.len(), MAX_ADDRESSES);
        assert_eq!(guesses.count(home, now + Duration::from_secs(10)), LONGEST_WAIT);
    }
}
