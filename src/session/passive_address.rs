//! Which address `PASV` tells, where clients reach the server by another than its own: behind
//! address translation.

use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// An address that whoever has a copy may learn or change while sessions tell it: that of a name.
#[derive(Clone, Debug, Default)]
pub struct ToldAddress(Arc<AtomicU32>);

impl ToldAddress {
    /// This one, until it is changed. [`ToldAddress::default`] is one that is not known yet.
    pub fn new(address: Ipv4Addr) -> ToldAddress {
        ToldAddress(Arc::new(AtomicU32::new(address.to_bits())))
    }

    /// It is this from now on.
    pub fn set(&self, address: Ipv4Addr) {
        self.0.store(address.to_bits(), Ordering::Relaxed);
    }

    /// What it is, as far as that is known. No host has the address 0.0.0.0.
    pub fn known(&self) -> Option<Ipv4Addr> {
        let bits = self.0.load(Ordering::Relaxed);
        (bits != 0).then(|| Ipv4Addr::from_bits(bits))
    }
}

/// What clients of some networks are told. `PASV` is about IPv4 alone: `EPSV` tells no address.
#[derive(Clone, Debug)]
pub struct PassiveAddress {
    networks: Vec<IpNet>,
    address: ToldAddress,
}

impl PassiveAddress {
    /// `address` for clients in `networks`, or for all if that is empty.
    pub fn new(networks: Vec<IpNet>, address: ToldAddress) -> PassiveAddress {
        PassiveAddress { networks, address }
    }

    /// What the first of `rules` that speaks of `client` says, as far as it knows.
    pub(super) fn find(rules: &[PassiveAddress], client: IpAddr) -> Option<Ipv4Addr> {
        let speaks = |rule: &&PassiveAddress| {
            rule.networks.is_empty() || rule.networks.iter().any(|net| net.contains(&client))
        };
        rules.iter().find(speaks)?.address.known()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_speaks_of_a_client_counts() {
        let told = |text: &str| ToldAddress::new(text.parse().unwrap());
        let net = |text: &str| vec![text.parse().unwrap()];
        let named = ToldAddress::default();
        let rules = [
            PassiveAddress::new(net("10.0.0.0/8"), told("10.0.0.1")),
            PassiveAddress::new(net("192.0.2.0/24"), named.clone()),
            PassiveAddress::new(Vec::new(), told("198.51.100.7")),
        ];
        let find = |client: &str| {
            PassiveAddress::find(&rules, client.parse().unwrap()).map(|address| address.to_string())
        };
        assert_eq!(find("10.9.9.9").as_deref(), Some("10.0.0.1"));
        assert_eq!(find("203.0.113.1").as_deref(), Some("198.51.100.7"));
        assert_eq!(find("192.0.2.1"), None, "a name that is not known is no other's address");
        named.set("192.0.2.254".parse().unwrap());
        assert_eq!(find("192.0.2.1").as_deref(), Some("192.0.2.254"));
        assert_eq!(PassiveAddress::find(&[], "10.0.0.1".parse().unwrap()), None);
    }
}
