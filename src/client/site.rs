//! Where a file is: `ftps://user@host:port/path` (RFC 1738 §3.2), taken apart.
//!
//! A password is refused here: a URL stands in the process list and in the shell's history.

use crate::client::RemotePath;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use std::{error, fmt, net::Ipv6Addr, str::FromStr};

/// How a control connection gets its TLS, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// By `AUTH TLS` (RFC 4217 §4): `ftps://`, port 21.
    Explicit,
    /// From the first byte: `ftps+implicit://`, port 990.
    Implicit,
    /// Not at all, where the user allows it ([`crate::Judge::allow_clear`]): `ftp://`, port 21.
    Clear,
}

impl Security {
    /// The scheme of a URL, and the port where it names none. The first of a kind is the one
    /// that is shown; other clients know `ftpes`.
    const SCHEMES: [(&str, Security, u16); 4] = [
        ("ftps", Security::Explicit, 21),
        ("ftpes", Security::Explicit, 21),
        ("ftps+implicit", Security::Implicit, 990),
        ("ftp", Security::Clear, 21),
    ];
}

/// A server, and as whom to log in there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// How its control connection gets its TLS.
    pub security: Security,
    /// The user of the URL, if it names one.
    pub user: Option<String>,
    /// A host name or an address, an IPv6 one without brackets.
    pub host: String,
    /// The control port.
    pub port: u16,
}

impl fmt::Display for Site {
    /// `host:port`, an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// A file or directory on a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The server.
    pub site: Site,
    /// The path there.
    pub path: RemotePath,
}

/// What a URL writes in hexadecimal digits: in a name, and in a path.
const IN_NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
pub(super) const IN_PATH: &AsciiSet = &IN_NAME.remove(b'/');

impl fmt::Display for Location {
    /// The URL, in the one form that all spellings of the same location share.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Site { security, user, .. } = &self.site;
        let scheme = Security::SCHEMES.iter().find(|row| row.1 == *security);
        write!(f, "{}://", scheme.map_or("", |row| row.0))?;
        if let Some(user) = user {
            write!(f, "{}@", percent_encode(user.as_bytes(), IN_NAME))?;
        }
        let path = self.path.as_bytes();
        let (root, path) = match path.strip_prefix(b"/") {
            Some(path) => ("%2F", path),
            None => ("", path),
        };
        write!(f, "{}/{root}{}", self.site, percent_encode(path, IN_PATH))
    }
}

/// Why a text is no location. It never repeats what may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SiteFault {
    /// None of `ftps://`, `ftps+implicit://` and `ftp://`.
    Scheme,
    /// It holds a password.
    Password,
    /// The host is missing or not a name in ASCII, nor an address.
    Host,
    /// The address has a zone (`[fe80::1%25eth0]`, RFC 6874).
    Zone,
    /// The port is not from 1 to 65535.
    Port,
    /// A `%` without two hexadecimal digits.
    Percent,
    /// CR, LF or NUL.
    ForbiddenByte,
    /// The user is not UTF-8.
    User,
}

impl fmt::Display for SiteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SiteFault::Scheme => {
                "a URL begins with ftps:// (AUTH TLS), ftps+implicit:// or ftp:// (clear text)"
            }
            SiteFault::Password => {
                "a URL must not hold a password, which the process list would show; \
                 use FXP_PASSWORD, ~/.netrc or the prompt"
            }
            SiteFault::Host => "a URL needs a host: a name in ASCII, 192.0.2.1 or [2001:db8::1]",
            SiteFault::Zone => {
                "an address with a zone (%eth0) means something to this host only, and a server is told \
                 addresses; use its global address or its name"
            }
            SiteFault::Port => "a port is a number from 1 to 65535",
            SiteFault::Percent => "a % in a URL needs two hexadecimal digits (%25 is the % itself)",
            SiteFault::ForbiddenByte => "a URL must not hold a line end or NUL",
            SiteFault::User => "the user in a URL must be UTF-8",
        })
    }
}

impl error::Error for SiteFault {}

impl FromStr for Location {
    type Err = SiteFault;

    fn from_str(text: &str) -> Result<Location, SiteFault> {
        let (scheme, rest) = text.split_once("://").ok_or(SiteFault::Scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        let (_, security, default_port) = Security::SCHEMES
            .into_iter()
            .find(|(name, ..)| *name == scheme)
            .ok_or(SiteFault::Scheme)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(parse_user(user)?), address),
            None => (None, authority),
        };
        let (host, port) = parse_address(address, default_port)?;
        let path = RemotePath::new(decode(path)?).ok_or(SiteFault::ForbiddenByte)?;
        Ok(Location { site: Site { security, user, host, port }, path })
    }
}

fn parse_user(text: &str) -> Result<String, SiteFault> {
    if text.contains(':') {
        return Err(SiteFault::Password);
    }
    let user = String::from_utf8(decode(text)?).map_err(|_| SiteFault::User)?;
    match user.contains(['\r', '\n', '\0']) {
        true => Err(SiteFault::ForbiddenByte),
        false => Ok(user),
    }
}

fn parse_address(text: &str, default_port: u16) -> Result<(String, u16), SiteFault> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(SiteFault::Host)?;
            let fault = if host.contains('%') { SiteFault::Zone } else { SiteFault::Host };
            host.parse::<Ipv6Addr>().map_err(|_| fault)?;
            (host, port.strip_prefix(':').or(port.is_empty().then_some("")).ok_or(SiteFault::Host)?)
        }
        None => {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            let name =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            if host.is_empty() || !host.bytes().all(name) {
                return Err(SiteFault::Host);
            }
            (host, port)
        }
    };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = match port {
        "" => default_port,
        port => port.parse().ok().filter(|port| digits && *port != 0).ok_or(SiteFault::Port)?,
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// The path's leading `/` only separates it from the host: `/a` is relative to the login
/// directory, `/%2Fa` and `//a` are absolute.
fn decode(text: &str) -> Result<Vec<u8>, SiteFault> {
    let well_formed = text.split('%').skip(1).all(|rest| {
        rest.as_bytes().get(..2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    });
    match well_formed {
        true => Ok(percent_decode_str(text).collect()),
        false => Err(SiteFault::Percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_taken_apart() {
        for (text, user, site, security, path) in [
            ("ftps://h", None, "h:21", Security::Explicit, ""),
            ("FTPS://H/", None, "h:21", Security::Explicit, ""),
            ("ftpes://h/", None, "h:21", Security::Explicit, ""),
            ("ftps://ann@h/a/b", Some("ann"), "h:21", Security::Explicit, "a/b"),
            ("ftps://ann@h:2121//a", Some("ann"), "h:2121", Security::Explicit, "/a"),
            ("ftps://h/%2Fetc/x%20y", None, "h:21", Security::Explicit, "/etc/x y"),
            ("ftps+implicit://a%40b@h/d/", Some("a@b"), "h:990", Security::Implicit, "d/"),
            ("ftp://ann@h/x", Some("ann"), "h:21", Security::Clear, "x"),
            ("ftps://[::1]/x", None, "[::1]:21", Security::Explicit, "x"),
            ("ftps://a@[2001:db8::1]:99/x", Some("a"), "[2001:db8::1]:99", Security::Explicit, "x"),
            ("ftps://h/a?b#c;type=i", None, "h:21", Security::Explicit, "a?b#c;type=i"),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.site.user.as_deref(), user, "{text}");
            assert_eq!(location.site.to_string(), site, "{text}");
            assert_eq!(location.site.security, security, "{text}");
            assert_eq!(location.path.as_bytes(), path.as_bytes(), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for (text, fault) in [
            ("sftp://h/a", SiteFault::Scheme),
            ("h/a", SiteFault::Scheme),
            ("ftps://ann:secret@h/a", SiteFault::Password),
            ("ftps://ann:@h/a", SiteFault::Password),
            ("ftps:///a", SiteFault::Host),
            ("ftps://h x/a", SiteFault::Host),
            ("ftps://::1/a", SiteFault::Host),
            ("ftps://[h]/a", SiteFault::Host),
            ("ftps://[::1]x/a", SiteFault::Host),
            ("ftps://[fe80::1%25eth0]/a", SiteFault::Zone),
            ("ftps://[fe80::1%eth0]:21/a", SiteFault::Zone),
            ("ftps://h:0/a", SiteFault::Port),
            ("ftps://h:65536/a", SiteFault::Port),
            ("ftps://h:+1/a", SiteFault::Port),
            ("ftps://h/100%", SiteFault::Percent),
            ("ftps://h/%+1", SiteFault::Percent),
            ("ftps://h/a%0d%0aDELE b", SiteFault::ForbiddenByte),
            ("ftps://a%0ab@h/", SiteFault::ForbiddenByte),
            ("ftps://%ff@h/", SiteFault::User),
        ] {
            assert_eq!(text.parse::<Location>(), Err(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_location_is_read_as_printed(
            security in prop::sample::select(vec![Security::Explicit, Security::Implicit, Security::Clear]),
            user in prop::option::of("\\PC{0,20}"), name in "[a-z0-9][a-z0-9._-]{0,20}",
            address: Option<Ipv6Addr>, port in 1..=u16::MAX,
            path in prop_oneof!["[ -~]{0,20}".prop_map(String::into_bytes), prop::collection::vec(14..=0xff_u8, 0..20)],
        ) {
            let host = address.map_or(name, |address| address.to_string());
            let path = RemotePath::new(path).unwrap();
            let location = Location { site: Site { security, user, host, port }, path };
            let shown = location.to_string();
            prop_assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{}", shown);
            prop_assert_eq!(shown.parse(), Ok(location));
        }
    }
}
