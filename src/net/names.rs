//! Which host of a server answers to which name, whether `HOST` or the server name of a handshake
//! (SNI) brings it.

use crate::proto::HostName;
use std::{collections::HashMap, net::IpAddr};

/// One of a server's hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostId {
    /// The one that clients meet who name none.
    #[default]
    Default,
    /// A virtual host, counted from 0.
    Virtual(usize),
}

/// The names of all hosts of a server.
#[derive(Clone, Debug, Default)]
pub struct Names {
    hosts: HashMap<HostName, HostId>,
    /// The default host's, without the `*` of `*.example.org`.
    wildcards: Vec<String>,
}

impl Names {
    /// The default host answers to the names in its certificate: clients have no other reason to
    /// trust it under a name. Those that are neither names nor wildcards are passed over.
    pub fn of_default_host(certified: &[String]) -> Names {
        let mut names = Names::default();
        for text in certified {
            if let Ok(name) = text.parse() {
                names.hosts.insert(name, HostId::Default);
            } else if let Some(behind) = text.strip_prefix('*') {
                names.wildcards.push(behind.to_ascii_lowercase());
            }
        }
        names
    }

    /// Gives `name` to the virtual host `index`, if need be from the default host. `false` when
    /// another virtual host has it.
    pub fn add(&mut self, name: HostName, index: usize) -> bool {
        let held = self.hosts.insert(name, HostId::Virtual(index));
        matches!(held, None | Some(HostId::Default))
    }

    /// The host that answers to `name`.
    pub fn find(&self, name: &HostName) -> Option<HostId> {
        self.hosts.get(name).copied().or_else(|| self.by_wildcard(name))
    }

    /// As [`Names::find`]; an address at which the client has reached us is the default host's
    /// unless a virtual host claims it.
    pub fn find_reached_at(&self, name: &HostName, local: IpAddr) -> Option<HostId> {
        let reached = *name == HostName::Address(local);
        self.find(name).or(reached.then_some(HostId::Default))
    }

    /// A wildcard stands for one label (RFC 6125 §6.4.3).
    fn by_wildcard(&self, name: &HostName) -> Option<HostId> {
        let HostName::Domain(name) = name else { return None };
        let behind = name.find('.').map(|dot| &name[dot..])?;
        self.wildcards.iter().any(|wildcard| wildcard == behind).then_some(HostId::Default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_their_hosts() {
        let certified = ["ftp.example.org", "*.Example.net", "192.0.2.1", "not a name"];
        let mut names = Names::of_default_host(&certified.map(str::to_owned));
        assert!(names.add("a.example.net".parse().unwrap(), 0));
        assert!(names.add("ftp.example.org".parse().unwrap(), 1), "taken from the default host");
        assert!(!names.add("A.example.net".parse().unwrap(), 1), "taken already");
        let mut names = Names::of_default_host(&certified.map(str::to_owned));
        assert!(names.add("a.example.net".parse().unwrap(), 0));
        for (name, host) in [
            ("ftp.example.org", Some(HostId::Default)),
            ("FTP.EXAMPLE.ORG", Some(HostId::Default)),
            ("a.example.net", Some(HostId::Virtual(0))),
            ("b.example.net", Some(HostId::Default)),
            ("c.b.example.net", None),
            ("example.net", None),
            ("192.0.2.1", Some(HostId::Default)),
            ("192.0.2.2", None),
            ("other", None),
        ] {
            assert_eq!(names.find(&name.parse().unwrap()), host, "{name}");
        }
        let literal = "192.0.2.2".parse().unwrap();
        let reached = names.find_reached_at(&literal, "192.0.2.2".parse().unwrap());
        assert_eq!(reached, Some(HostId::Default));
    }
}
