//! What kind of place an address is, by the registries of special-purpose addresses (RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No host is there: wildcard, multicast, broadcast, reserved.
    Nowhere,
    /// From its own host.
    Loopback,
    /// From its own link.
    Link,
    /// From its own site or provider.
    Private,
    /// From everywhere.
    Public,
}

impl Reach {
    /// The reach of `host`. An IPv6 address that carries an IPv4 one, whatever translates it on
    /// the way, has the reach of that.
    pub fn of(host: IpAddr) -> Reach {
        match host.to_canonical() {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => carried(v6).map_or_else(|| of_v6(v6), of_v4),
        }
    }
}

fn of_v4(host: Ipv4Addr) -> Reach {
    match host.octets() {
        // 0/8 is "this network", 224/4 multicast, 240/4 reserved with the broadcast at its end.
        [0 | 224..=255, ..] => Reach::Nowhere,
        [127, ..] => Reach::Loopback,
        [169, 254, ..] => Reach::Link,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Private,
        // Carriers' own addresses (RFC 6598), benchmarks (RFC 2544), protocols (RFC 6890).
        [100, 64..=127, ..] | [198, 18..=19, ..] | [192, 0, 0, _] => Reach::Private,
        _ => Reach::Public,
    }
}

fn of_v6(host: Ipv6Addr) -> Reach {
    match host.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        // The wildcard and what was IPv4-compatible (RFC 4291 §2.5.5.1).
        [0, 0, 0, 0, 0, 0, ..] => Reach::Nowhere,
        [0xff00..=0xffff, ..] => Reach::Nowhere,
        [0xfe80..=0xfebf, ..] => Reach::Link,
        // Site-local (RFC 3879, outdated and still routed), unique local (RFC 4193).
        [0xfec0..=0xfeff, ..] | [0xfc00..=0xfdff, ..] => Reach::Private,
        _ => Reach::Public,
    }
}

/// The IPv4 address within NAT64's (RFC 6052, RFC 8215), 6to4's (RFC 3056) and SIIT's (RFC 2765)
/// forms.
fn carried(host: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match host.segments() {
        [0x64, 0xff9b, .., high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach::*, *};

    #[test]
    fn every_kind_of_address_has_its_reach() {
        for (host, reach) in [
            ("0.0.0.0", Nowhere),
            ("0.1.2.3", Nowhere),
            ("224.0.0.1", Nowhere),
            ("240.0.0.1", Nowhere),
            ("255.255.255.255", Nowhere),
            ("127.0.0.2", Loopback),
            ("169.254.1.1", Link),
            ("10.0.0.1", Private),
            ("172.16.0.1", Private),
            ("172.32.0.1", Public),
            ("192.168.1.1", Private),
            ("100.64.0.9", Private),
            ("100.128.0.1", Public),
            ("198.18.0.1", Private),
            ("192.0.0.8", Private),
            ("192.0.2.1", Public),
            ("::", Nowhere),
            ("::10.0.0.1", Nowhere),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("ff02::1", Nowhere),
            ("fe80::1", Link),
            ("fec0::1", Private),
            ("fd00::1", Private),
            ("64:ff9b::a00:1", Private),
            ("64:ff9b:1::127.0.0.1", Loopback),
            ("2002:a00:1::1", Private),
            ("2002:c000:201::1", Public),
            ("::ffff:0:10.0.0.1", Private),
            ("2001:db8::1", Public),
        ] {
            assert_eq!(Reach::of(host.parse().unwrap()), reach, "{host}");
        }
    }
}
