//! What one server shows by itself, before any copy: the address it names, its certificate's dates,
//! its clock.

use crate::{
    client::{ClientError, Connection, Extension, RemotePath, doctor::Cause},
    net::Term,
    proto::{Code, endpoint, stamp},
};
use jiff::Timestamp;
use std::net::{IpAddr, Ipv4Addr};

/// Closer clocks are no one's trouble.
const MAX_CLOCK_DIFFERENCE_S: i64 = 120;

/// What is wrong with the address that the server names for its data: by which the control
/// connection did not come, and which only its own network can reach.
pub(super) fn passive_address(connection: &mut Connection) -> Result<Option<String>, ClientError> {
    let IpAddr::V4(control) = connection.control().peer_address()?.ip() else { return Ok(None) };
    // A cluster's PASV is about the transfer announced, and there is none.
    if connection.features().has(Extension::Pret) {
        return Ok(None);
    }
    let reply = connection.ask("PASV", b"")?;
    let told = endpoint::parse_227(&reply.text()).map(|told| *told.ip());
    let wrong = told.filter(|told| *told != control && is_local(*told));
    Ok(wrong.map(|told| format!("it names {told} and is reached at {control}")))
}

fn is_local(address: Ipv4Addr) -> bool {
    address.is_private() || address.is_loopback() || address.is_unspecified()
}

/// What is wrong with the dates of the server's certificate at `now`.
pub(super) fn certificate(connection: &mut Connection, now: Timestamp) -> Option<(Cause, String)> {
    let validity = connection.control().stream().peer_validity()?;
    match validity.term(now) {
        Term::Expired => Some((Cause::Expired, format!("since {}", validity.ends))),
        Term::Early => Some((Cause::NotYetValid, format!("until {}", validity.begins))),
        Term::Current => None,
    }
}

/// How many seconds the server's clock is ahead of ours, by a file that it has just stored; `None`
/// where it cannot tell.
pub(super) fn clock(connection: &mut Connection, path: &RemotePath) -> Option<i64> {
    let reply = connection.ask("MDTM", path.as_bytes()).ok()?;
    let told = (reply.code() == Code::FILE_STATUS).then(|| reply.text())?;
    let ahead = stamp::parse(told.trim())?.duration_since(Timestamp::now()).as_secs();
    Some(ahead)
}

/// What is wrong with clocks that are so many seconds ahead of ours: with this one, the other being
/// that of the other server.
pub(super) fn difference(ahead: Option<i64>, other: Option<i64>) -> Option<String> {
    let ahead = ahead?;
    let is_much = |seconds: i64| seconds.abs() > MAX_CLOCK_DIFFERENCE_S;
    // Where the two are apart, the one that is further from ours is blamed.
    let is_worse = |other: i64| is_much(ahead - other) && ahead.abs() >= other.abs();
    if !is_much(ahead) && !other.is_some_and(is_worse) {
        return None;
    }
    let apart = other.map(|other| ahead - other).filter(|apart| *apart != ahead);
    let from_other = apart.map(|apart| format!(", and {} the other server", shown(apart)));
    Some(format!("{} this host{}", shown(ahead), from_other.unwrap_or_default()))
}

fn shown(seconds: i64) -> String {
    let (amount, way) = (seconds.unsigned_abs(), if seconds < 0 { "behind" } else { "ahead of" });
    match amount {
        0..600 => format!("{amount} s {way}"),
        600..7200 => format!("{} min {way}", (amount + 30) / 60),
        _ => format!("{:.1} h {way}", amount as f64 / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_with_ours_and_with_each_other() {
        for (ahead, other, told) in [
            (Some(3), Some(-3), None),
            (None, Some(9000), None),
            (Some(180), None, Some("180 s ahead of this host")),
            (
                Some(32_400),
                Some(-2),
                Some("9.0 h ahead of this host, and 9.0 h ahead of the other server"),
            ),
            (Some(-3_600), Some(0), Some("60 min behind this host")),
            (
                Some(100),
                Some(-90),
                Some("100 s ahead of this host, and 190 s ahead of the other server"),
            ),
            (Some(-90), Some(100), None),
        ] {
            assert_eq!(difference(ahead, other).as_deref(), told, "{ahead:?} {other:?}");
        }
    }
}
