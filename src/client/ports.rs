//! Data addresses between servers: who listens where, and who is told to connect there. What a
//! passive server says of its address is not always true.

use crate::{
    client::{ClientError, Connection, Extension, RemotePath, ServerKind},
    net::in_zone_of,
    proto::{Code, Reply, TlsRole, endpoint},
};
use std::net::{IpAddr, SocketAddr};

/// For whom a server is asked to listen, and by which verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListenFor {
    /// For another server: `PASV`, for IPv6 `EPSV`.
    Peer,
    /// For another server, as the TLS client: `CPSV`.
    PeerAsTlsClient,
    /// For ourselves: `EPSV` where there is one.
    Us,
}

impl Connection {
    /// Makes the server listen for a data connection. `Err` of the inner result is its refusal.
    pub(super) fn listen(
        &mut self,
        listen: ListenFor,
    ) -> Result<Result<SocketAddr, String>, ClientError> {
        let control = self.control().peer_address()?;
        let verb = match listen {
            ListenFor::PeerAsTlsClient if control.is_ipv6() => {
                return Ok(Err("CPSV is for IPv4 only".to_owned()));
            }
            ListenFor::PeerAsTlsClient => "CPSV",
            ListenFor::Peer if control.is_ipv6() => "EPSV",
            ListenFor::Us if control.is_ipv6() || self.features().has(Extension::Epsv) => "EPSV",
            ListenFor::Peer | ListenFor::Us => "PASV",
        };
        let reply = self.ask(verb, b"")?;
        let told: Option<(Option<IpAddr>, u16)> = match reply.code() {
            Code::PASSIVE => endpoint::parse_227(&reply.text())
                .map(|told| (Some(IpAddr::V4(*told.ip())), told.port())),
            Code::EXTENDED_PASSIVE => endpoint::parse_229(&reply.text()),
            _ => None,
        };
        let Some((told, port)) = told else { return Ok(Err(format!("{verb}: {reply}"))) };
        if verb == "CPSV" && self.features().kind() == ServerKind::Wzdftpd {
            // There it is SSCN ON besides, until SSCN OFF.
            self.assume_role(TlsRole::Connect);
        }
        // Our own data connection goes where the control connection went, and nowhere else.
        let told = told.filter(|_| listen != ListenFor::Us);
        let (address, note) = data_address(told, port, control.ip());
        let address = in_zone_of(control, address);
        if let Some(note) = note {
            log::warn!("{}: {note}", self.site());
        }
        Ok(Ok(address))
    }

    /// Tells the server where its next data connection goes. A reply is its refusal.
    pub(super) fn aim(&mut self, address: SocketAddr) -> Result<Option<Reply>, ClientError> {
        let reply = match address {
            SocketAddr::V4(address) => {
                self.ask("PORT", endpoint::print_port(address).as_bytes())?
            }
            SocketAddr::V6(_) => self.ask("EPRT", endpoint::print_eprt(address).as_bytes())?,
        };
        Ok(Some(reply).filter(|reply| !reply.code().is_success()))
    }

    /// Announces the next transfer where a cluster needs that to choose its listener (`PRET`).
    pub(super) fn announce(&mut self, verb: &str, path: &RemotePath) -> Result<(), ClientError> {
        if self.features().has(Extension::Pret) {
            let line = [verb.as_bytes(), b" ", path.as_bytes()].concat();
            let line = if path.as_bytes().is_empty() { verb.as_bytes() } else { &line };
            self.ask("PRET", line)?;
        }
        Ok(())
    }
}

/// The address for the other end of the data connection. `told` is what the reply said (229 says
/// nothing), `control` where the broker reached the server.
///
/// A server behind a translating router tells its inner address, and one that listens everywhere
/// may tell 0.0.0.0; then the control connection knows better, and the note says so. On a private
/// network the server's word stands: it may have a second, public address for its peers.
pub(super) fn data_address(
    told: Option<IpAddr>,
    port: u16,
    control: IpAddr,
) -> (SocketAddr, Option<String>) {
    let told = match told.map(|told| told.to_canonical()) {
        Some(told) if told != control => told,
        _ => return (SocketAddr::new(control, port), None),
    };
    if is_plausible(told) && !is_public(control) {
        return (SocketAddr::new(told, port), None);
    }
    let note = format!("the server names {told} for its data, {control} is used instead");
    (SocketAddr::new(control, port), Some(note))
}

/// Whether another host can possibly connect there.
fn is_plausible(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || broadcast)
}

fn is_public(address: IpAddr) -> bool {
    let private = match address {
        IpAddr::V4(v4) => {
            // 100.64.0.0/10 is between a carrier and its customers (RFC 6598).
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    !private && !address.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_address_corrects_what_cannot_be_true() {
        for (told, control, expected) in [
            // As told.
            ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
            // Corrected: inner, unspecified, elsewhere.
            ("10.0.0.5", "192.0.2.1", "192.0.2.1"),
            ("0.0.0.0", "192.0.2.1", "192.0.2.1"),
            ("198.51.100.7", "192.0.2.1", "192.0.2.1"),
            ("0.0.0.0", "10.0.0.5", "10.0.0.5"),
            ("127.0.0.1", "10.0.0.5", "10.0.0.5"),
            ("224.0.0.1", "10.0.0.5", "10.0.0.5"),
            ("255.255.255.255", "10.0.0.5", "10.0.0.5"),
            // The server's word, from a private network.
            ("192.0.2.1", "10.0.0.5", "192.0.2.1"),
            ("192.168.7.7", "100.64.0.5", "192.168.7.7"),
            ("2001:db8::1", "fd00::5", "2001:db8::1"),
        ] {
            let ip = |text: &str| text.parse::<IpAddr>().unwrap();
            let (address, note) = data_address(Some(ip(told)), 99, ip(control));
            assert_eq!(address, SocketAddr::new(ip(expected), 99), "{told} {control}");
            assert_eq!(note.is_some(), told != expected, "{told} {control}");
        }
    }

    #[test]
    fn a_reply_without_address_means_the_control_address() {
        let control = "2001:db8::9".parse().unwrap();
        assert_eq!(data_address(None, 7, control), (SocketAddr::new(control, 7), None));
    }
}
