//! Who may be at the other end of a data connection: the client itself, or, where the account has
//! a grant for it, another server (FXP). All of the rules are here.
//!
//! An address that a user names makes this server connect to it, as TLS client or server: without
//! these rules it would be a tool against others (RFC 2577 §3).

use crate::{
    auth::{FxpGrant, FxpLevel},
    net::Port,
    proto::{Code, Payload, Protection, Reply},
    session::{
        Session,
        address::Reach,
        refusal::Refusal,
        state::{Login, PreparedPort},
    },
    sys::socket,
    transfer::Direction,
};
use std::net::{IpAddr, SocketAddr};

/// Below this stand the services of systems (RFC 2577 §3).
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// Who may take part in one transfer, besides the client.
#[derive(Clone, Debug)]
pub struct Admission {
    client: IpAddr,
    /// Whether other hosts may, and if only some, which.
    foreign: Option<Vec<ipnet::IpNet>>,
}

impl Admission {
    /// Whether `host` may.
    pub fn admits(&self, host: IpAddr) -> bool {
        let granted = |networks: &Vec<_>| FxpGrant::reaches(networks, host);
        !self.is_foreign(host) || self.foreign.as_ref().is_some_and(granted)
    }

    /// Whether `host` is another than the client's.
    pub fn is_foreign(&self, host: IpAddr) -> bool {
        host.to_canonical() != self.client
    }
}

impl Session {
    /// Judges an address from `PORT` or `EPRT`, in its canonical form, before it is known what it
    /// shall be used for.
    pub(super) fn check_target(&self, target: SocketAddr) -> Result<(), Refusal> {
        let host = target.ip();
        let refuse = |text: &str| Err(Reply::new(Code::BAD_ARGUMENT, text).into());
        if target.port() < FIRST_UNPRIVILEGED_PORT {
            return refuse("Ports below 1024 are refused.");
        }
        if self.is_our_own(target) {
            return refuse("That is this server.");
        }
        let client = self.client.ip();
        if host == client {
            return Ok(());
        }
        let from = Reach::of(client);
        match Reach::of(host) {
            Reach::Public => {}
            Reach::Private if from != Reach::Public => {}
            Reach::Private => {
                return refuse("A private address is refused to a client that has none.");
            }
            reach if reach == from && reach != Reach::Nowhere => {}
            _ => return refuse("No data connection goes to that address."),
        }
        match &self.login {
            Login::Member(member)
                if member.account.fxp.outgoing > FxpLevel::Off
                    || member.account.fxp.incoming > FxpLevel::Off =>
            {
                Ok(())
            }
            _ => Err(Refusal::from(Reply::new(
                Code::UNAVAILABLE,
                "This account may not copy to or from other servers.",
            ))),
        }
    }

    /// Says who may take part in the coming transfer, or that an address named before may not.
    pub(super) fn admission(
        &self,
        payload: Payload,
        direction: Direction,
        prepared: &PreparedPort,
    ) -> Result<Admission, Refusal> {
        let granted = self.granted(payload, direction);
        let foreign = granted.as_ref().ok().map(|nets| nets.to_vec());
        let admission = Admission { client: self.client.ip(), foreign };
        let Port::Active(target) = &prepared.port else { return Ok(admission) };
        if admission.admits(target.ip()) {
            return Ok(admission);
        }
        let networks = "The other server is in no network that this account may copy with.";
        Err(granted.err().unwrap_or_else(|| Reply::new(Code::UNAVAILABLE, networks).into()))
    }

    /// Who may take part in any transfer that could come as things stand.
    pub(super) fn admissions(&self) -> Vec<Admission> {
        let client = self.client.ip();
        let of = |direction| {
            let granted = self.granted(Payload::File, direction).ok();
            Admission { client, foreign: granted.map(|nets| nets.to_vec()) }
        };
        [Direction::Incoming, Direction::Outgoing].map(of).into()
    }

    /// The networks that a foreign peer of this transfer may be in, or why there may be none.
    fn granted(&self, payload: Payload, direction: Direction) -> Result<&[ipnet::IpNet], Refusal> {
        let Login::Member(member) = &self.login else { return Err(Refusal::not_logged_in()) };
        let grant = &member.account.fxp;
        let (level, networks) = match direction {
            Direction::Outgoing => (grant.outgoing, &grant.outgoing_networks),
            Direction::Incoming => (grant.incoming, &grant.incoming_networks),
        };
        let refuse = |code, text: &str| Err(Reply::new(code, text).into());
        let private = self.negotiated.protection == Protection::Private;
        match (payload, level) {
            (Payload::Listing, _) => refuse(Code::UNAVAILABLE, "Listings go to the client alone."),
            (_, FxpLevel::Off) => {
                refuse(Code::UNAVAILABLE, "This account may not copy to or from other servers.")
            }
            (_, FxpLevel::Verified) if self.negotiated.expected_peer.is_none() => {
                let text = "This account may copy with verified servers only: XPEER names one.";
                refuse(Code::UNAVAILABLE, text)
            }
            (_, FxpLevel::Verified | FxpLevel::Tls) if !private => {
                refuse(Code::PROTECTION_NEEDED, "Copying between servers needs PROT P.")
            }
            (_, FxpLevel::Verified | FxpLevel::Tls | FxpLevel::Any) => Ok(networks),
        }
    }

    fn is_our_own(&self, target: SocketAddr) -> bool {
        self.services.listening.iter().any(|listening| {
            let ip = listening.ip().to_canonical();
            let covers = || ip.is_unspecified() && socket::is_of_this_host(target.ip());
            listening.port() == target.port() && (ip == target.ip() || covers())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_client_is_admitted_and_others_by_grant() {
        let alone = Admission { client: ip("10.0.0.1"), foreign: None };
        let net = Admission {
            client: ip("10.0.0.1"),
            foreign: Some(vec!["192.0.2.0/24".parse().unwrap()]),
        };
        let anyone = Admission { client: ip("10.0.0.1"), foreign: Some(Vec::new()) };
        for (host, by_alone, by_net, by_anyone) in [
            ("10.0.0.1", true, true, true),
            ("::ffff:10.0.0.1", true, true, true),
            ("192.0.2.7", false, true, true),
            ("::ffff:192.0.2.7", false, true, true),
            ("198.51.100.1", false, false, true),
        ] {
            assert_eq!(alone.admits(ip(host)), by_alone, "{host}");
            assert_eq!(net.admits(ip(host)), by_net, "{host}");
            assert_eq!(anyone.admits(ip(host)), by_anyone, "{host}");
        }
    }
}
