//! Those who have not logged in yet, and who of them goes when all their places are taken: whoever
//! floods a server takes places from himself, not from others. How a connection is ended is not
//! decided here.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

/// Everybody who has not logged in, by the number of the session. `Line` is what ends a session.
pub struct Strangers<Line> {
    by_id: BTreeMap<u64, Stranger<Line>>,
}

struct Stranger<Line> {
    address: IpAddr,
    /// Nothing where the session cannot be ended.
    line: Option<Line>,
}

impl<Line> Default for Strangers<Line> {
    fn default() -> Strangers<Line> {
        Strangers { by_id: BTreeMap::new() }
    }
}

impl<Line> Strangers<Line> {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_id.len()
    }

    /// One more. Later sessions have higher numbers.
    pub fn enter(&mut self, id: u64, address: IpAddr, line: Option<Line>) {
        self.by_id.insert(id, Stranger { address, line });
    }

    /// No stranger any more: it has logged in, or left, or was sent away before.
    pub fn leave(&mut self, id: u64) -> Option<Line> {
        self.by_id.remove(&id)?.line
    }

    /// Makes room for one from `address`: of the addresses that have more strangers than that, one
    /// with the most gives up the stranger that has been here longest. `None` when there is none.
    pub fn make_room(&mut self, address: IpAddr) -> Option<Line> {
        let mut crowds: HashMap<IpAddr, usize> = HashMap::new();
        for stranger in self.by_id.values() {
            *crowds.entry(stranger.address).or_default() += 1;
        }
        let own = crowds.get(&address).copied().unwrap_or(0);
        let crowd = |stranger: &Stranger<Line>| match stranger.line {
            Some(_) => crowds[&stranger.address],
            None => 0,
        };
        let most = self.by_id.values().map(crowd).max().filter(|most| *most > own)?;
        let longest = self.by_id.iter().find(|(_, stranger)| crowd(stranger) == most);
        let id = *longest?.0;
        self.leave(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strangers at these hosts of a network, in this order; their line is their place in it.
    fn at(hosts: &[u8]) -> Strangers<usize> {
        let mut strangers = Strangers::default();
        for (place, host) in hosts.iter().enumerate() {
            strangers.enter(place as u64, address(*host), Some(place));
        }
        strangers
    }

    fn address(host: u8) -> IpAddr {
        [192, 0, 2, host].into()
    }

    #[test]
    fn the_fullest_address_gives_up_who_is_there_longest() {
        for (hosts, newcomer, goes) in [
            (&[1, 2, 2, 3, 2][..], 9, Some(1)),
            (&[1, 2, 2, 3, 2], 1, Some(1)),
            (&[3, 1, 1, 2, 2], 9, Some(1)),
            (&[1, 2, 2, 3, 2], 2, None),
            (&[1, 1, 2, 2], 1, None),
            (&[1, 2, 3], 9, Some(0)),
            (&[1, 2, 3], 3, None),
            (&[], 9, None),
        ] {
            let mut strangers = at(hosts);
            assert_eq!(strangers.make_room(address(newcomer)), goes, "{hosts:?} {newcomer}");
            assert_eq!(strangers.count(), hosts.len() - usize::from(goes.is_some()));
        }
    }

    #[test]
    fn who_cannot_be_sent_away_stays() {
        let mut strangers = at(&[2]);
        for id in 10..15 {
            strangers.enter(id, address(1), None);
        }
        assert_eq!(strangers.make_room(address(9)), Some(0));
        assert_eq!(strangers.make_room(address(9)), None);
        assert_eq!(strangers.count(), 5);
        assert_eq!((strangers.leave(12), strangers.leave(12)), (None, None));
        assert_eq!(strangers.count(), 4);
    }
}
