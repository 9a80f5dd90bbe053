//! Data addresses as commands and replies write them: `PORT` and 227 (RFC 959 §4.1.2), `EPRT` and
//! 229 (RFC 2428 §2 and §3). Each form is printed and read here, for both directions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointFault {
    /// It does not have the form.
    Syntax,
    /// RFC 2428 §2: a network protocol we do not speak; the answer is 522.
    Family,
}

/// Reads `h1,h2,h3,h4,p1,p2`.
pub fn parse_port(text: &str) -> Option<SocketAddrV4> {
    let mut numbers = text.split(',').map(|part| {
        let digits =
            !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
        if digits { part.parse::<u8>().ok() } else { None }
    });
    let mut next = || numbers.next().flatten();
    let host = Ipv4Addr::new(next()?, next()?, next()?, next()?);
    let port = u16::from_be_bytes([next()?, next()?]);
    numbers.next().is_none().then_some(SocketAddrV4::new(host, port))
}

/// Prints `h1,h2,h3,h4,p1,p2`.
pub fn print_port(address: SocketAddrV4) -> String {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    format!("{a},{b},{c},{d},{high},{low}")
}

/// Reads `|1|132.235.1.2|6275|` or `|2|1080::8:800:200C:417A|5282|`; any delimiter from 33 to 126.
pub fn parse_eprt(text: &str) -> Result<SocketAddr, EndpointFault> {
    let delimiter = text.chars().next().filter(char::is_ascii_graphic);
    let parts: Vec<&str> = match delimiter {
        Some(delimiter) => text.split(delimiter).collect(),
        None => return Err(EndpointFault::Syntax),
    };
    let ["", family, host, port, ""] = parts[..] else { return Err(EndpointFault::Syntax) };
    let ip = match family {
        "1" => host.parse::<Ipv4Addr>().map(IpAddr::V4).ok(),
        "2" => host.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
        other if other.parse::<u16>().is_ok() => return Err(EndpointFault::Family),
        _ => None,
    };
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|_| digits);
    match (ip, port) {
        (Some(ip), Some(port)) => Ok(SocketAddr::new(ip, port)),
        _ => Err(EndpointFault::Syntax),
    }
}

/// Prints `|1|host|port|` or `|2|host|port|`.
pub fn print_eprt(address: SocketAddr) -> String {
    let family = if address.is_ipv4() { 1 } else { 2 };
    format!("|{family}|{}|{}|", address.ip(), address.port())
}

/// Finds the six numbers in the text of a 227 reply: behind a parenthesis or wherever they begin,
/// for servers leave the parentheses out (RFC 1123 §4.1.2.6).
pub fn parse_227(text: &str) -> Option<SocketAddrV4> {
    let start =
        text.find('(').map(|at| at + 1).or_else(|| text.find(|c: char| c.is_ascii_digit()))?;
    let numbers = &text[start..];
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(numbers.len());
    parse_port(&numbers[..end])
}

/// Finds the port in the text of a 229 reply: `(|||port|)`, or with the address as `CEPR ON` asks.
pub fn parse_229(text: &str) -> Option<(Option<IpAddr>, u16)> {
    let inner = text.split_once('(')?.1.split_once(')')?.0;
    let delimiter = inner.chars().next().filter(char::is_ascii_graphic)?;
    let parts: Vec<&str> = inner.split(delimiter).collect();
    let ["", _, host, port, ""] = parts[..] else { return None };
    let host = if host.is_empty() { None } else { Some(host.parse().ok()?) };
    port.parse().ok().filter(|port| *port != 0).map(|port| (host, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn port_is_read_as_printed() {
        let address = "10.1.2.3:4567".parse().unwrap();
        assert_eq!(print_port(address), "10,1,2,3,17,215");
        assert_eq!(parse_port("10,1,2,3,17,215"), Some(address));
        for bad in [
            "",
            "1,2,3,4,5",
            "1,2,3,4,5,6,7",
            "1,2,3,4,5,256",
            "1,2,3,4,5,-1",
            "1,2,3,4,5,",
            "+1,2,3,4,5,6",
            "0001,2,3,4,5,6",
            " 1,2,3,4,5,6",
        ] {
            assert_eq!(parse_port(bad), None, "{bad}");
        }
    }

    #[test]
    fn eprt_is_read_as_printed() {
        for text in ["|1|132.235.1.2|6275|", "|2|1080::8:800:200c:417a|5282|"] {
            assert_eq!(print_eprt(parse_eprt(text).unwrap()), text);
        }
        assert!(parse_eprt("!1!10.0.0.1!99!").is_ok(), "any delimiter");
        for (bad, fault) in [
            ("|3|x|1|", EndpointFault::Family),
            ("", EndpointFault::Syntax),
            ("|1|::1|1|", EndpointFault::Syntax),
            ("|2|10.0.0.1|1|", EndpointFault::Syntax),
            ("|1|10.0.0.1|65536|", EndpointFault::Syntax),
            ("|1|10.0.0.1|+80|", EndpointFault::Syntax),
            ("|1|10.0.0.1|80", EndpointFault::Syntax),
            ("1|10.0.0.1|80|", EndpointFault::Syntax),
            ("|||6446|", EndpointFault::Syntax),
        ] {
            assert_eq!(parse_eprt(bad), Err(fault), "{bad}");
        }
    }

    #[test]
    fn passive_replies_are_understood() {
        let address = "10.1.2.3:4567".parse().unwrap();
        for text in [
            "Entering Passive Mode (10,1,2,3,17,215).",
            "=10,1,2,3,17,215",
            "Passive 10,1,2,3,17,215",
        ] {
            assert_eq!(parse_227(text), Some(address), "{text}");
        }
        assert_eq!(parse_227("Entering Passive Mode"), None);
        assert_eq!(parse_229("Entering (|||6446|)"), Some((None, 6446)));
        assert_eq!(parse_229("x (|2|::1|6446|)"), Some((Some("::1".parse().unwrap()), 6446)));
        for bad in ["(|||0|)", "(|||70000|)", "|||6446|", "(|x|y|6446|)", "()", "("] {
            assert_eq!(parse_229(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_address_is_read_as_printed(ip: IpAddr, port: u16) {
            let address = SocketAddr::new(ip, port);
            prop_assert_eq!(parse_eprt(&print_eprt(address)), Ok(address));
            if let SocketAddr::V4(v4) = address {
                prop_assert_eq!(parse_port(&print_port(v4)), Some(v4));
                prop_assert_eq!(parse_227(&format!("Passive ({}).", print_port(v4))), Some(v4));
            }
        }

        #[test]
        fn whatever_is_read_prints_to_what_is_read_again(text in "[0-9,|:.a-f()-]{0,40}|\\PC*") {
            if let Some(address) = parse_port(&text) {
                prop_assert_eq!(parse_port(&print_port(address)), Some(address));
            }
            if let Ok(address) = parse_eprt(&text) {
                prop_assert_eq!(parse_eprt(&print_eprt(address)), Ok(address));
            }
            let _ = (parse_227(&text), parse_229(&text)); // neither may panic
        }
    }
}
