//! Where the next data connection comes from or goes to: `PASV`, `CPSV`, `EPSV`, `PORT`, `EPRT`
//! (RFC 959 §4.1.2, RFC 2428). Each replaces the port that was prepared before.

use crate::{
    net::{Arrivals, Port, PortRange, in_zone_of},
    proto::{Code, EpsvArg, Reply, TlsRole, endpoint},
    session::{
        PassiveAddress, Session,
        refusal::{Handled, Refusal},
        state::PreparedPort,
    },
};
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

impl Session {
    /// `PASV`.
    pub(super) fn pasv(&mut self) -> Handled {
        self.passive(None)
    }

    /// `CPSV`: as `PASV`, and for this port we are the TLS client.
    pub(super) fn cpsv(&mut self) -> Handled {
        self.passive(Some(TlsRole::Connect))
    }

    /// `EPSV` (RFC 2428 §3): the port alone; the address is that of the control connection.
    pub(super) fn epsv(&mut self, family: EpsvArg) -> Handled {
        let ours = if self.reached.is_ipv4() { EpsvArg::V4 } else { EpsvArg::V6 };
        if family == EpsvArg::All {
            self.negotiated.epsv_only = true;
            return Ok(Reply::new(Code::OK, "From now on only EPSV."));
        }
        if family != EpsvArg::Same && family != ours {
            let other = if self.reached.is_ipv4() { 1 } else { 2 };
            let text = format!("Network protocol not supported, use ({other})");
            return Err(Reply::new(Code::NEGOTIATION_FAILED, text).into());
        }
        let address = self.listen(None)?;
        let told = match self.negotiated.epsv_tells_address {
            true => endpoint::print_eprt(SocketAddr::new(self.reached.ip(), address.port())),
            false => format!("|||{}|", address.port()),
        };
        let text = format!("Entering Extended Passive Mode ({told})");
        Ok(Reply::new(Code::EXTENDED_PASSIVE, text))
    }

    /// `CEPR`: an extension that lets a broker pass the reply to `EPSV` on as it is.
    pub(super) fn cepr(&mut self, wish: bool) -> Handled {
        self.negotiated.epsv_tells_address = wish;
        Ok(Reply::new(
            Code::OK,
            if wish { "EPSV tells the address." } else { "EPSV tells the port." },
        ))
    }

    /// `LPRT` and `LPSV` (RFC 1639), which RFC 2428 replaced.
    pub(super) fn long_address(&mut self) -> Handled {
        Err(Reply::new(Code::ADDRESS_FORM_REFUSED, "Use EPRT and EPSV.").into())
    }

    /// `PORT` and `EPRT`.
    pub(super) fn active(&mut self, target: SocketAddr, verb: &str) -> Handled {
        self.refuse_after_epsv_all()?;
        self.port = None;
        // As IPv6, an IPv4 address would be connected to from whatever address the system chooses.
        let target = SocketAddr::new(target.ip().to_canonical(), target.port());
        let target = in_zone_of(self.client, target);
        self.check_target(target)?;
        self.port = Some(PreparedPort { port: Port::Active(target), role: None, early: None });
        self.channel.send_ticket_with_next_write();
        Ok(Reply::new(Code::OK, format!("{verb} taken.")))
    }

    fn passive(&mut self, role: Option<TlsRole>) -> Handled {
        self.refuse_after_epsv_all()?;
        let IpAddr::V4(reached) = self.reached.ip() else {
            let text = "This connection is IPv6: use EPSV.";
            return Err(Reply::new(Code::NO_DATA_CONNECTION, text).into());
        };
        let port = self.listen(role)?.port();
        let rules = &self.services.settings.passive_addresses;
        let told = PassiveAddress::find(rules, self.client.ip()).unwrap_or(reached);
        let numbers = endpoint::print_port(SocketAddrV4::new(told, port));
        Ok(Reply::new(Code::PASSIVE, format!("Entering Passive Mode ({numbers}).")))
    }

    fn listen(&mut self, role: Option<TlsRole>) -> Result<SocketAddr, Refusal> {
        // The old port is free again before a new one is looked for.
        self.port = None;
        let range = PortRange::new(self.services.settings.passive_ports.clone());
        let arrivals = range.listen(self.local).and_then(|listener| {
            let address = listener.local_addr()?;
            let arrivals = match self.is_balanced {
                true => Arrivals::through(self.services.settings.balancers.clone(), listener)?,
                false => Arrivals::new(listener),
            };
            Ok((arrivals, address))
        });
        let (arrivals, address) = arrivals.map_err(|error| {
            log::error!("cannot listen for data at {}: {error}", self.local);
            Refusal::from(Reply::new(Code::NO_DATA_CONNECTION, "No passive port is free."))
        })?;
        self.port = Some(PreparedPort { port: Port::Passive(arrivals), role, early: None });
        self.channel.send_ticket_with_next_write();
        Ok(address)
    }

    fn refuse_after_epsv_all(&self) -> Result<(), Refusal> {
        if self.negotiated.epsv_only {
            return Err(Reply::new(Code::WRONG_ORDER, "EPSV ALL was said: only EPSV.").into());
        }
        Ok(())
    }
}
