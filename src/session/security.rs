//! What is protected, and how: `AUTH`, `PBSZ`, `PROT`, `CCC`, `REIN` (RFC 4217, RFC 2228) and
//! `SSCN`, `XPEER`. What `SSCN` and `XPEER` leave is honoured in `data.rs`.

use crate::{
    net::Until,
    proto::{AuthMechanism, Code, Protection, Reply, TlsRole, XpeerArg, verb::Verb},
    session::{
        Demand, Hangup, Listen, Session,
        refusal::Handled,
        state::{Negotiated, Security},
    },
};

impl Session {
    /// `AUTH`: the handshake follows the reply (RFC 4217 §4).
    pub(super) fn auth(&mut self, mechanism: AuthMechanism) -> Handled {
        if self.security == Security::Tls {
            return Err(
                Reply::new(Code::WRONG_ORDER, "The connection is under TLS already.").into()
            );
        }
        // Commands sent in clear text behind AUTH could be somebody else's, to be executed as if
        // they had come through TLS.
        if self.channel.holds_unread_bytes() || !self.queue.is_empty() {
            return Err(Hangup::Injection.into());
        }
        self.start_over();
        if mechanism == AuthMechanism::TlsWithData {
            self.negotiated = Negotiated::under_implicit_tls();
        }
        Ok(Reply::new(Code::AUTH_ACCEPTED, "Shake hands."))
    }

    /// Takes the control connection to TLS.
    pub(super) fn shake_hands(&mut self) -> Result<(), Hangup> {
        let mut wait = Until::within(self.services.settings.handshake_timeout);
        let (scope, host) = (&mut self.scope, self.host_named);
        let clients = &self.services.settings.client_certificates;
        self.channel
            .upgrade(|socket| scope.secure_control(socket, host, clients, &mut wait))
            .map_err(Hangup::Handshake)?;
        self.security = Security::Tls;
        self.follow_handshake();
        Ok(())
    }

    /// `PBSZ`: TLS needs no buffer, so 0 whatever was asked (RFC 4217 §9).
    pub(super) fn pbsz(&mut self, size: u32) -> Handled {
        self.negotiated.buffer_size_agreed = true;
        Ok(Reply::new(Code::OK, if size == 0 { "PBSZ=0" } else { "PBSZ=0 is enough." }))
    }

    /// `PROT`: it counts for the next transfer, also after the port was made (RFC 4217 §8).
    pub(super) fn prot(&mut self, protection: Protection) -> Handled {
        if !self.negotiated.buffer_size_agreed {
            return Err(Reply::new(Code::WRONG_ORDER, "PBSZ comes first.").into());
        }
        if protection == Protection::Clear && self.services.settings.tls == Demand::Required {
            let text = "This server sends no data in clear text.";
            return Err(Reply::new(Code::PROTECTION_REFUSED, text).into());
        }
        self.negotiated.protection = protection;
        Ok(Reply::new(
            Code::OK,
            match protection {
                Protection::Clear => "Data in clear text.",
                Protection::Private => "Data under TLS.",
            },
        ))
    }

    /// `SSCN`: which end of TLS we are when files are sent (rules S2 to S4).
    pub(super) fn sscn(&mut self, wish: Option<TlsRole>) -> Handled {
        if let Some(role) = wish {
            self.negotiated.role_wish = role;
        }
        Ok(Reply::new(Code::OK, self.negotiated.role_wish.method()))
    }

    /// `XPEER`: whose certificate the peer must show when files are sent. `SSCN` says who asks for
    /// it; this says what it must be. See fxpd-fxp(7).
    pub(super) fn xpeer(&mut self, argument: XpeerArg) -> Handled {
        match argument {
            XpeerArg::Show => {}
            XpeerArg::Off => self.negotiated.expected_peer = None,
            XpeerArg::Sha256(fingerprint) => self.negotiated.expected_peer = Some(fingerprint),
        }
        let text = match self.negotiated.expected_peer {
            None => "XPEER OFF".to_owned(),
            Some(fingerprint) => format!("XPEER SHA-256 {}", fingerprint.hex()),
        };
        Ok(Reply::new(Code::OK, text))
    }

    /// `CCC`: TLS ends after the reply, where the operator allows it (RFC 2228 §3).
    pub(super) fn ccc(&mut self) -> Handled {
        if !self.services.settings.ccc {
            let text = "The control connection stays under TLS.";
            return Err(Reply::new(Code::PROTECTION_REFUSED, text).into());
        }
        if self.security != Security::Tls {
            return Err(Reply::new(Code::WRONG_ORDER, "It is in clear text already.").into());
        }
        Ok(Reply::new(Code::OK, "Going on in clear text."))
    }

    /// `ADAT`: TLS brings its own data (RFC 4217 §4).
    pub(super) fn adat(&mut self) -> Handled {
        Err(Reply::new(Code::WRONG_ORDER, "TLS needs no ADAT.").into())
    }

    /// `MIC`, `CONF`, `ENC`: the connection is protected below them (RFC 2228 §3).
    pub(super) fn protected(&mut self) -> Handled {
        Err(Reply::new(Code::COMMAND_PROTECTION, "TLS protects commands already.").into())
    }

    /// `REIN`: as if newly connected, in clear text where TLS began with `AUTH` (RFC 4217 §13).
    pub(super) fn rein(&mut self) -> Handled {
        self.start_over();
        self.leave_host();
        if self.listen == Listen::Implicit {
            self.negotiated = Negotiated::under_implicit_tls();
        }
        Ok(Reply::new(Code::READY, "Ready for a new user."))
    }

    /// Ends TLS on the control connection, once `REIN` or `CCC` has been answered.
    pub(super) fn leave_tls(&mut self, verb: Verb) -> Result<(), Hangup> {
        if verb == Verb::Rein && self.security == Security::Cleared {
            self.security = Security::Clear;
        }
        if self.security != Security::Tls || self.listen == Listen::Implicit && verb == Verb::Rein {
            return Ok(());
        }
        let mut wait = Until::within(self.services.settings.handshake_timeout);
        self.channel.downgrade(&mut wait).map_err(Hangup::Control)?;
        self.security = match verb {
            Verb::Ccc => Security::Cleared,
            _ => Security::Clear,
        };
        Ok(())
    }
}
