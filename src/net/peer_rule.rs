//! Which certificates the servers of a network show, as the operator says: for sites that know
//! their partners, whatever a client names.

use crate::{net::TlsError, proto::Fingerprint};
use ipnet::IpNet;
use openssl::x509::X509;
use std::{fs, net::IpAddr, path::Path};

/// The servers of some networks, and what proves that one is of them.
#[derive(Clone, Debug)]
pub struct PeerRule {
    networks: Vec<IpNet>,
    pub(super) pins: Vec<Fingerprint>,
    pub(super) authorities: Vec<X509>,
}

impl PeerRule {
    /// Servers in `networks` show one of the certificates `pins`, or one of an authority that is
    /// named yet.
    pub fn new(networks: Vec<IpNet>, pins: Vec<Fingerprint>) -> PeerRule {
        PeerRule { networks, pins, authorities: Vec::new() }
    }

    /// Certificates that a CA in `file`, which is PEM, has signed will do as well.
    pub fn authorities(mut self, file: &Path) -> Result<PeerRule, TlsError> {
        let name = || file.display().to_string();
        let pem = fs::read(file).map_err(|error| TlsError::Read(name(), error))?;
        let found = X509::stack_from_pem(&pem).map_err(|error| TlsError::Parse(name(), error))?;
        if found.is_empty() {
            return Err(TlsError::NoCertificate(name()));
        }
        self.authorities.extend(found);
        Ok(self)
    }

    /// The first of `rules` that speaks of `host`.
    pub(crate) fn find(rules: &[PeerRule], host: IpAddr) -> Option<&PeerRule> {
        let host = host.to_canonical();
        rules.iter().find(|rule| rule.networks.iter().any(|network| network.contains(&host)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_speaks_of_a_host_is_its_rule() {
        let print = |byte| Fingerprint::from_digest([byte; 32]);
        let rule = |net: &str, byte| PeerRule::new(vec![net.parse().unwrap()], vec![print(byte)]);
        let rules = [rule("192.0.2.7/32", 1), rule("192.0.2.0/24", 2), rule("2001:db8::/32", 3)];
        for (host, byte) in [
            ("192.0.2.7", Some(1)),
            ("::ffff:192.0.2.7", Some(1)),
            ("192.0.2.8", Some(2)),
            ("2001:db8::1", Some(3)),
            ("198.51.100.1", None),
        ] {
            let found = PeerRule::find(&rules, host.parse().unwrap());
            assert_eq!(found.map(|rule| rule.pins[0]), byte.map(print), "{host}");
        }
    }
}
