//! Who may be at the other end of a data connection: the client itself, or, where the account has
//! a grant for it, another server (FXP). All of the rules are here.
//!
//! An address that a user names makes this server connect to it, as TLS client or server: without
//! these rules it would be a tool against others (RFC 2577 §3).

use crate::{
    auth::{FxpGrant, FxpLevel},
    net::{PeerRule, Port, is_same_host},
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
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Below this stand the services of systems (RFC 2577 §3).
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

const UNVERIFIED: &str = "This account may copy with verified servers only: XPEER names one.";

/// Who may take part in one transfer, besides the client.
#[derive(Clone, Debug)]
pub struct Admission {
    client: SocketAddr,
    /// Whether other hosts may, and which.
    foreign: Option<Foreign>,
}

/// Which other hosts may take part.
#[derive(Clone, Debug)]
struct Foreign {
    /// Those in these networks; anywhere if there are none.
    networks: Vec<IpNet>,
    known: Known,
    /// The rules of the operator.
    peers: Vec<PeerRule>,
}

/// Which of them, as far as the operator's rules speak of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// All.
    Whatever,
    /// Only those of whom a rule speaks, for nothing else verifies them.
    Only,
    /// Only the others: in clear text nobody can prove what a rule demands.
    Not,
}

impl Foreign {
    fn admits(&self, host: IpAddr) -> bool {
        let known = || PeerRule::find(&self.peers, host).is_some();
        FxpGrant::reaches(&self.networks, host)
            && match self.known {
                Known::Whatever => true,
                Known::Only => known(),
                Known::Not => !known(),
            }
    }
}

impl Admission {
    /// Whether `host` may.
    pub fn admits(&self, host: SocketAddr) -> bool {
        let admitted = || self.foreign.as_ref().is_some_and(|foreign| foreign.admits(host.ip()));
        !self.is_foreign(host) || admitted()
    }

    /// Whether `host` is another than the client's.
    pub fn is_foreign(&self, host: SocketAddr) -> bool {
        !is_same_host(host, self.client)
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
        if is_same_host(target, self.client) {
            return Ok(());
        }
        let from = Reach::of(self.client.ip());
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
        let foreign = granted.as_ref().ok().cloned();
        let admission = Admission { client: self.client, foreign };
        let Port::Active(target) = &prepared.port else { return Ok(admission) };
        if admission.admits(*target) {
            return Ok(admission);
        }
        let text = match granted {
            Err(refusal) => return Err(refusal),
            Ok(Foreign { known: Known::Only, .. }) => UNVERIFIED,
            Ok(_) => "The other server is none that this account may copy with.",
        };
        Err(Reply::new(Code::UNAVAILABLE, text).into())
    }

    /// Who may take part in any transfer that could come as things stand.
    pub(super) fn admissions(&self) -> Vec<Admission> {
        let client = self.client;
        let of =
            |direction| Admission { client, foreign: self.granted(Payload::File, direction).ok() };
        [Direction::Incoming, Direction::Outgoing].map(of).into()
    }

    /// Which foreign peers this transfer may have, or why none.
    fn granted(&self, payload: Payload, direction: Direction) -> Result<Foreign, Refusal> {
        let Login::Member(member) = &self.login else { return Err(Refusal::not_logged_in()) };
        let grant = &member.account.fxp;
        let (level, networks) = match direction {
            Direction::Outgoing => (grant.outgoing, &grant.outgoing_networks),
            Direction::Incoming => (grant.incoming, &grant.incoming_networks),
        };
        let refuse = |code, text: &str| Err(Reply::new(code, text).into());
        let peers = &self.services.settings.peers;
        let named = self.negotiated.expected_peer.is_some();
        let private = self.negotiated.protection == Protection::Private;
        match (payload, level) {
            (Payload::Listing, _) => refuse(Code::UNAVAILABLE, "Listings go to the client alone."),
            (_, FxpLevel::Off) => {
                refuse(Code::UNAVAILABLE, "This account may not copy to or from other servers.")
            }
            (_, FxpLevel::Verified) if !named && peers.is_empty() => {
                refuse(Code::UNAVAILABLE, UNVERIFIED)
            }
            (_, FxpLevel::Verified | FxpLevel::Tls) if !private => {
                refuse(Code::PROTECTION_NEEDED, "Copying between servers needs PROT P.")
            }
            (_, level @ (FxpLevel::Verified | FxpLevel::Tls | FxpLevel::Any)) => {
                let known = match level {
                    FxpLevel::Verified if !named => Known::Only,
                    _ if !private => Known::Not,
                    _ => Known::Whatever,
                };
                Ok(Foreign { networks: networks.clone(), known, peers: peers.clone() })
            }
        }
    }

    fn is_our_own(&self, target: SocketAddr) -> bool {
        target == self.reached
            || self.services.listening.iter().any(|listening| {
                let ip = listening.ip().to_canonical();
                let covers = || ip.is_unspecified() && socket::is_of_this_host(target);
                listening.port() == target.port() && (ip == target.ip() || covers())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At some port: which one does not matter.
    fn at(host: &str) -> SocketAddr {
        format!("[{host}]:9").parse().or_else(|_| format!("{host}:9").parse()).unwrap()
    }

    #[test]
    fn the_client_is_admitted_and_others_by_grant() {
        let alone = Admission { client: at("10.0.0.1"), foreign: None };
        let within = |networks| Admission {
            client: at("10.0.0.1"),
            foreign: Some(Foreign { networks, known: Known::Whatever, peers: Vec::new() }),
        };
        let net = within(vec!["192.0.2.0/24".parse().unwrap()]);
        let anyone = within(Vec::new());
        for (host, by_alone, by_net, by_anyone) in [
            ("10.0.0.1", true, true, true),
            ("::ffff:10.0.0.1", true, true, true),
            ("192.0.2.7", false, true, true),
            ("::ffff:192.0.2.7", false, true, true),
            ("198.51.100.1", false, false, true),
        ] {
            assert_eq!(alone.admits(at(host)), by_alone, "{host}");
            assert_eq!(net.admits(at(host)), by_net, "{host}");
            assert_eq!(anyone.admits(at(host)), by_anyone, "{host}");
        }
    }
}
