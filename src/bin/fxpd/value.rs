//! What values of settings look like: from TOML to the type that the server wants.
//!
//! Each function takes one value and returns it understood, or says in a few words what it should
//! have been. Which setting it belongs to, and where it stands, the caller knows.

pub use crate::toml_value::{Read, boolean, number, text};
use crate::{
    hooks::RunAs,
    logging::LogTo,
    toml_value::{string, word},
};
use fxpd::{
    Access, Amount, Asked, Demand, Fingerprint, FxpLevel, HashTransfers, HostName, ListOwner,
    TlsFloor, Wish,
};
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};
use toml::de::DeValue;

/// The longest wait that may be set: a week. Waits without end do not exist.
const MAX_SECONDS: usize = 7 * 24 * 3600;

/// Stores a value that was read well, and passes the complaint on otherwise.
pub fn put<T>(place: &mut T, value: Read<T>) -> Read<()> {
    *place = value?;
    Ok(())
}

/// `None` for the empty text, and whatever `read` makes of another value.
pub fn unless_empty<T>(
    value: &DeValue<'_>,
    read: impl Fn(&DeValue<'_>) -> Read<T>,
) -> Read<Option<T>> {
    if value.as_str() == Some("") { Ok(None) } else { read(value).map(Some) }
}

/// An absolute path: a daemon's working directory is nobody's concern.
pub fn path(value: &DeValue<'_>) -> Read<PathBuf> {
    let path = text(value)?;
    if path.starts_with('/') { Ok(path.into()) } else { Err(format!("'{path}' is not absolute")) }
}

/// The name of a file in `/etc/pam.d`, as PAM takes it: in lower case, and without a path.
pub fn pam_service(value: &DeValue<'_>) -> Read<String> {
    let name = text(value)?;
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    match name.chars().all(is_part) && !name.starts_with('.') {
        true => Ok(name),
        false => Err(format!("'{name}' is no name of a service")),
    }
}

/// A user's number, root's excepted.
pub fn uid(value: &DeValue<'_>) -> Read<u32> {
    let id = number(value, 1..=u32::MAX as usize - 1)?;
    u32::try_from(id).map_err(|error| error.to_string())
}

/// A number of bytes, or text such as `"10M"`.
pub fn bytes(value: &DeValue<'_>) -> Read<u64> {
    if let Some(text) = value.as_str() {
        return text.parse::<Amount>().map(|Amount(bytes)| bytes);
    }
    number(value, 0..=usize::MAX).map(|bytes| bytes as u64)
}

/// A time of whole seconds, `least` or more.
pub fn seconds(value: &DeValue<'_>, least: usize) -> Read<Duration> {
    let seconds = number(value, least..=MAX_SECONDS)?;
    Ok(Duration::from_secs(seconds as u64))
}

/// An array of `"ADDRESS:PORT"`; one alone counts as an array of one.
pub fn addresses(value: &DeValue<'_>) -> Read<Vec<SocketAddr>> {
    match value.as_array() {
        Some(array) => array.iter().map(|item| address(item.get_ref())).collect(),
        None => Ok(vec![address(value)?]),
    }
}

fn address(value: &DeValue<'_>) -> Read<SocketAddr> {
    let text = string(value, "an address with a port")?;
    text.parse()
        .map_err(|_| format!("'{text}' is not of the form 192.0.2.1:21 or [2001:db8::1]:21"))
}

/// A program's path and its arguments; none for no program. A text alone is a program without
/// arguments.
pub fn argv(value: &DeValue<'_>) -> Read<Vec<String>> {
    let argv = one_or_more(value, text)?;
    match argv.first() {
        Some(program) if !program.starts_with('/') => Err(format!("'{program}' is not absolute")),
        _ => Ok(argv),
    }
}

/// An array of networks and addresses; one alone counts as an array of one.
pub fn networks_or_none(value: &DeValue<'_>) -> Read<Vec<IpNet>> {
    one_or_more(value, |value| {
        let text = string(value, "a network")?;
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| address()).map_err(|_| format!("'{text}' is not a network"))
    })
}

/// The same, one at least.
pub fn networks(value: &DeValue<'_>) -> Read<Vec<IpNet>> {
    let networks = networks_or_none(value)?;
    if networks.is_empty() { Err("name a network at least".to_owned()) } else { Ok(networks) }
}

/// An array of certificates' fingerprints; one alone counts as an array of one.
pub fn fingerprints(value: &DeValue<'_>) -> Read<Vec<Fingerprint>> {
    one_or_more(value, |value| string(value, "a fingerprint")?.parse())
}

/// An array of names or addresses of a host, one at least; one alone counts as an array of one.
pub fn host_names(value: &DeValue<'_>) -> Read<Vec<HostName>> {
    let name = |value: &DeValue<'_>| string(value, "the name of a host")?.parse();
    let names: Vec<HostName> = one_or_more(value, name)?;
    if names.is_empty() { Err("a host needs a name".to_owned()) } else { Ok(names) }
}

/// Where `PASV` sends clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Here.
    Address(Ipv4Addr),
    /// Where this name leads.
    Name(String),
}

/// An IPv4 address, or a name that has one.
pub fn ipv4_place(value: &DeValue<'_>) -> Read<Place> {
    let text = string(value, "an IPv4 address or a name")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_name = text.len() < 254 && text.chars().all(is_part);
    match text.parse() {
        Ok(address) => Ok(Place::Address(address)),
        // What has no letter was meant to be an address.
        Err(_) if is_name && text.contains(|c: char| c.is_ascii_alphabetic()) => {
            Ok(Place::Name(text.to_owned()))
        }
        Err(_) => Err(format!("'{text}' is neither an IPv4 address nor a name")),
    }
}

/// Tables of networks and the place for clients from there.
pub fn ipv4_places(value: &DeValue<'_>) -> Read<Vec<(Vec<IpNet>, Place)>> {
    one_or_more(value, |value| {
        let form =
            || "expected tables like { networks = [\"10.0.0.0/8\"], address = \"10.0.0.1\" }";
        let table = value.as_table().ok_or_else(form)?;
        let key = |name: &str| table.get(name).map(|value| value.get_ref()).ok_or_else(form);
        let both = (networks(key("networks")?)?, ipv4_place(key("address")?)?);
        if table.len() == 2 { Ok(both) } else { Err(form().to_owned()) }
    })
}

/// `"LOW-HIGH"`, both included.
pub fn ports(value: &DeValue<'_>) -> Read<RangeInclusive<u16>> {
    let text = string(value, "a range of ports")?;
    let bounds = text.split_once('-').and_then(|(low, high)| {
        Some((low.trim().parse::<u16>().ok()?, high.trim().parse::<u16>().ok()?))
    });
    match bounds {
        // A peer refuses data ports of the system, and so do we (PORT, EPRT).
        Some((low, high)) if low >= 1024 && low <= high => Ok(low..=high),
        Some(_) => Err(format!("'{text}' is not a range within 1024-65535")),
        None => Err(format!("'{text}' is not of the form 49152-65534")),
    }
}

/// Octal digits, as text: TOML has no number that begins with 0.
pub fn umask(value: &DeValue<'_>) -> Read<u32> {
    let text = string(value, "octal digits in quotes")?;
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|bits| *bits <= 0o777)
        .ok_or_else(|| format!("'{text}' is not an octal number up to 777"))
}

/// `required` or `optional`.
pub fn demand(value: &DeValue<'_>) -> Read<Demand> {
    word(value, &[("required", Demand::Required), ("optional", Demand::Optional)])
}

/// `1.2` or `1.3`.
pub fn tls_floor(value: &DeValue<'_>) -> Read<TlsFloor> {
    word(value, &[("1.2", TlsFloor::Tls12), ("1.3", TlsFloor::Tls13)])
}

/// `auto`, `off` or `required`.
pub fn wish(value: &DeValue<'_>) -> Read<Wish> {
    let words = [("auto", Wish::Auto), ("off", Wish::Off), ("required", Wish::Required)];
    word(value, &words)
}

/// `auto`, `stderr` or `syslog`.
pub fn log_to(value: &DeValue<'_>) -> Read<LogTo> {
    let words = [("auto", LogTo::Auto), ("stderr", LogTo::Stderr), ("syslog", LogTo::Syslog)];
    word(value, &words)
}

/// `account` or `server`.
pub fn run_as(value: &DeValue<'_>) -> Read<RunAs> {
    word(value, &[("account", RunAs::Account), ("server", RunAs::Server)])
}

/// `none`, `foreign` or `all`.
pub fn hash_transfers(value: &DeValue<'_>) -> Read<HashTransfers> {
    let words = [
        ("none", HashTransfers::None),
        ("foreign", HashTransfers::Foreign),
        ("all", HashTransfers::All),
    ];
    word(value, &words)
}

/// `numeric` or `account`.
pub fn list_owner(value: &DeValue<'_>) -> Read<ListOwner> {
    word(value, &[("numeric", ListOwner::Numeric), ("account", ListOwner::Account)])
}

/// `off`, `optional` or `required`.
pub fn asked(value: &DeValue<'_>) -> Read<Asked> {
    let words = [("off", Asked::No), ("optional", Asked::Optional), ("required", Asked::Required)];
    word(value, &words)
}

/// `ro`, `incoming` or `rw`, as in the users file.
pub fn access(value: &DeValue<'_>) -> Read<Access> {
    let words =
        [("ro", Access::ReadOnly), ("incoming", Access::Incoming), ("rw", Access::ReadWrite)];
    word(value, &words)
}

/// A level of FXP.
pub fn fxp_level(value: &DeValue<'_>) -> Read<FxpLevel> {
    word(value, &FxpLevel::WORDS)
}

/// The items of an array, or a value that stands for an array of one.
fn one_or_more<T>(value: &DeValue<'_>, item: impl Fn(&DeValue<'_>) -> Read<T>) -> Read<Vec<T>> {
    match value.as_array() {
        Some(array) => array.iter().map(|value| item(value.get_ref())).collect(),
        None => Ok(vec![item(value)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<T>(read: impl Fn(&DeValue<'_>) -> Read<T>, toml: &str) -> Read<T> {
        read(DeValue::parse(toml).unwrap().get_ref())
    }

    #[test]
    fn good_values_are_understood() {
        assert_eq!(parse(boolean, "true"), Ok(true));
        assert_eq!(parse(text, "'a b'"), Ok("a b".to_owned()));
        assert_eq!(parse(|value| number(value, 1..=9), "9"), Ok(9));
        assert_eq!(parse(|value| number(value, 1..=99), "0x1f"), Ok(31));
        assert_eq!((parse(bytes, "1000"), parse(bytes, "'10M'")), (Ok(1000), Ok(10 << 20)));
        assert_eq!(parse(|value| seconds(value, 0), "0"), Ok(Duration::ZERO));
        assert_eq!(parse(ports, "'1024-65535'"), Ok(1024..=65535));
        assert_eq!(parse(ports, "'2000 - 2000'"), Ok(2000..=2000));
        assert_eq!(parse(umask, "'027'"), Ok(0o027));
        assert_eq!(parse(|value| unless_empty(value, ipv4_place), "''"), Ok(None));
        let named = Place::Name("ftp.example.org".to_owned());
        assert_eq!(parse(ipv4_place, "'ftp.example.org'"), Ok(named.clone()));
        let table = "{ networks = '10.0.0.0/8', address = 'ftp.example.org' }";
        assert_eq!(
            parse(ipv4_places, table),
            Ok(vec![(vec!["10.0.0.0/8".parse().unwrap()], named)])
        );
        assert_eq!(parse(addresses, "'[::1]:21'"), parse(addresses, "['[::1]:21']"));
        assert_eq!(parse(addresses, "[]"), Ok(Vec::new()));
    }

    #[test]
    fn bad_values_are_explained() {
        let few = |value: &DeValue<'_>| number(value, 1..=9);
        for (complaint, what) in [
            (parse(boolean, "'yes'").unwrap_err(), "expected true or false, found a string"),
            (parse(boolean, "1").unwrap_err(), "found an integer"),
            (parse(text, "'''a\nb'''").unwrap_err(), "control characters"),
            (parse(path, "'cert.pem'").unwrap_err(), "not absolute"),
            (parse(argv, "'sh'").unwrap_err(), "'sh' is not absolute"),
            (parse(argv, "['']").unwrap_err(), "'' is not absolute"),
            (parse(argv, "['/bin/x', 5]").unwrap_err(), "expected text, found an integer"),
            (parse(few, "0").unwrap_err(), "0 is not within 1 to 9"),
            (parse(bytes, "'10m'").unwrap_err(), "'10m' is not a number of bytes"),
            (parse(bytes, "-1").unwrap_err(), "-1 is not within"),
            (parse(few, "-1").unwrap_err(), "-1 is not within"),
            (parse(few, "1.5").unwrap_err(), "found a float"),
            (parse(few, "99999999999999999999").unwrap_err(), "not within"),
            (parse(|value| seconds(value, 1), "604801").unwrap_err(), "604800"),
            (
                parse(addresses, "['localhost:21']").unwrap_err(),
                "'localhost:21' is not of the form",
            ),
            (parse(addresses, "[21]").unwrap_err(), "expected an address with a port"),
            (parse(ports, "'9-8'").unwrap_err(), "not a range"),
            (parse(ports, "'3000-2000'").unwrap_err(), "not a range"),
            (parse(ports, "'2000'").unwrap_err(), "not of the form"),
            (parse(ports, "'2000-70000'").unwrap_err(), "not of the form"),
            (parse(umask, "'1000'").unwrap_err(), "octal"),
            (parse(umask, "'8'").unwrap_err(), "octal"),
            (parse(umask, "22").unwrap_err(), "in quotes"),
            (parse(ipv4_place, "'::1'").unwrap_err(), "neither an IPv4 address nor a name"),
            (parse(ipv4_place, "'300.1.1.1'").unwrap_err(), "neither"),
            (parse(ipv4_place, "'a b'").unwrap_err(), "neither"),
            (parse(ipv4_places, "['192.0.2.1']").unwrap_err(), "expected tables like"),
            (parse(ipv4_places, "[{ address = 'a' }]").unwrap_err(), "expected tables like"),
            (
                parse(ipv4_places, "[{ address = 'a', networks = '::/0', x = 1 }]").unwrap_err(),
                "expected tables like",
            ),
            (
                parse(ipv4_places, "[{ address = 'a', networks = [] }]").unwrap_err(),
                "name a network",
            ),
            (parse(demand, "'no'").unwrap_err(), "'no' is none of 'required', 'optional'"),
            (parse(demand, "false").unwrap_err(), "expected 'required' or 'optional'"),
        ] {
            assert!(complaint.contains(what), "{complaint}");
        }
    }
}
