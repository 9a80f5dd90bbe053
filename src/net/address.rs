//! Addresses of sockets in the one form that they are compared in. A link-local IPv6 address means
//! a host only together with its zone, the link that it is on (RFC 4007 §6): what drops the zone
//! can neither listen there nor connect, and takes two hosts for one.

use std::net::{IpAddr, SocketAddr};

/// An IPv4 address that a dual-stack socket shows as IPv6 is the IPv4 address. A zone stays.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::new(v4.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// Whether both are of one host, whatever the ports.
pub fn is_same_host(one: SocketAddr, other: SocketAddr) -> bool {
    let host = |address| (canonical(address).ip(), zone(address));
    host(one) == host(other)
}

/// An address as it was written, which names no zone, in the zone of whoever wrote it.
pub fn in_zone_of(writer: SocketAddr, mut written: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(v6) = &mut written
        && v6.ip().is_unicast_link_local()
    {
        v6.set_scope_id(zone(writer));
    }
    written
}

/// The link that a link-local address is on; 0 for all others.
pub fn zone(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(v6) => v6.scope_id(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_host_is_one_address_in_one_zone() {
        for (one, other, is_same) in [
            ("10.0.0.1:1", "10.0.0.1:2", true),
            ("10.0.0.1:1", "[::ffff:10.0.0.1]:1", true),
            ("10.0.0.1:1", "10.0.0.2:1", false),
            ("[2001:db8::1]:1", "[2001:db8::1]:2", true),
            ("[fe80::1%2]:1", "[fe80::1%2]:2", true),
            ("[fe80::1%2]:1", "[fe80::1%3]:1", false),
        ] {
            assert_eq!(is_same_host(at(one), at(other)), is_same, "{one} {other}");
        }
        assert_eq!(canonical(at("[::ffff:10.0.0.1]:1")), at("10.0.0.1:1"));
        assert_eq!(canonical(at("[fe80::1%2]:1")), at("[fe80::1%2]:1"));
    }

    #[test]
    fn only_a_link_local_address_is_in_its_writers_zone() {
        for (writer, written, meant) in [
            ("[fe80::1%2]:1", "[fe80::7]:9", "[fe80::7%2]:9"),
            ("[fe80::1%2]:1", "[2001:db8::7]:9", "[2001:db8::7]:9"),
            ("[2001:db8::1]:1", "[fe80::7]:9", "[fe80::7]:9"),
            ("10.0.0.1:1", "[fe80::7]:9", "[fe80::7]:9"),
            ("[fe80::1%2]:1", "10.0.0.1:9", "10.0.0.1:9"),
        ] {
            assert_eq!(in_zone_of(at(writer), at(written)), at(meant), "{writer} {written}");
        }
    }
}
