//! The name of a host as `HOST` has it (RFC 7151 §3.1): a domain name or the literal of an address.
//! Who answers to it is none of this file's business.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A host's name, in lower case, or its address; an IPv4 address is never kept as IPv6.
///
/// It is read from a domain name, `192.0.2.1` or `[2001:db8::1]`. A port is no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostName {
    /// A domain name. Names beyond ASCII come as A-labels (`xn--…`).
    Domain(String),
    /// An address.
    Address(IpAddr),
}

/// The limits of RFC 1035 §2.3.4, without the dots of the wire.
const MAX_LABEL_BYTES: usize = 63;
const MAX_DOMAIN_BYTES: usize = 253;

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<HostName, String> {
        let address = address(text).map(|address| HostName::Address(address.to_canonical()));
        let domain = || is_domain(text).then(|| HostName::Domain(text.to_ascii_lowercase()));
        let bad = || format!("'{}' is not the name or address of a host", text.escape_debug());
        address.or_else(domain).ok_or_else(bad)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostName::Domain(name) => f.write_str(name),
            HostName::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            HostName::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// IPv6 belongs in brackets and IPv4 may stand in them; some clients leave out those of IPv6.
fn address(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(inner) => inner.parse().ok(),
        None => {
            let v4 = text.parse::<Ipv4Addr>().map(IpAddr::V4);
            v4.or_else(|_| text.parse::<Ipv6Addr>().map(IpAddr::V6)).ok()
        }
    }
}

fn is_domain(text: &str) -> bool {
    text.len() <= MAX_DOMAIN_BYTES && text.split('.').all(is_label)
}

/// `let-dig [ldh-str]`.
fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    (1..=MAX_LABEL_BYTES).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_literals_are_read_and_shown() {
        for (text, shown) in [
            ("ftp.example.org", "ftp.example.org"),
            ("FTP.Example.ORG", "ftp.example.org"),
            ("localhost", "localhost"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("3com.com", "3com.com"),
            ("192.0.2.1", "192.0.2.1"),
            ("[192.0.2.1]", "192.0.2.1"),
            ("[::ffff:192.0.2.1]", "192.0.2.1"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("2001:db8:0::1", "[2001:db8::1]"),
            // By the grammar a name; nobody will answer to it.
            ("300.400.500.600", "300.400.500.600"),
        ] {
            assert_eq!(text.parse::<HostName>().map(|name| name.to_string()), Ok(shown.into()));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let (label, name) = ("a".repeat(64), "a.".repeat(127) + "a");
        for text in [
            "",
            ".",
            "a..b",
            "a.example.",
            "-a.example",
            "a-.example",
            "a_b.example",
            "bücher.example",
            "*.example.org",
            "a b",
            "ftp.example.org:21",
            "192.0.2.1:21",
            "[::1]:21",
            "[::1",
            "[a.example]",
            "[fe80::1%eth0]",
            label.as_str(),
            name.as_str(),
        ] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_host_is_read_as_printed(
            address: IpAddr, label in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", more in "(\\.[a-z]{1,9}){0,9}",
        ) {
            let address = HostName::Address(address.to_canonical());
            prop_assert_eq!(address.to_string().parse(), Ok(address));
            let domain = HostName::Domain(format!("x{}{more}", &label[1..]));
            prop_assert_eq!(domain.to_string().parse(), Ok(domain));
        }
    }
}
