//! `USER`, `PASS` and the state they leave (RFC 959 §4.1.1).

use crate::{
    auth::{Account, AuthError, MAX_PASSWORD_BYTES, Visitor, email},
    net::Asked,
    proto::{Access, Code, Command, Line, Reply, Secret, VirtualPath},
    session::{
        Hangup, Session,
        quota::{Allotment, quota_of},
        rates::Rates,
        refusal::{Handled, Refusal},
        state::{Entered, Login, Member, Negotiated, Security},
    },
    storage::{Incoming, Metered, Tree},
    sys::poll::{self, Interest},
};
use std::{fmt, mem, os::fd::AsFd, sync::Arc, time::Instant};

/// Wrong passwords until the connection ends.
const MAX_WRONG_PASSWORDS: u32 = 3;

impl Session {
    /// Whether this is a `USER` that a fresh thread has to answer.
    pub(super) fn wants_another_thread(&self, line: &Line) -> bool {
        self.is_confined
            && self.services.confinement.binds_threads()
            && matches!(line, Ok(line) if matches!(Command::parse(line), Ok((_, Command::User(_)))))
    }

    /// `USER`: who wants to enter. Whoever was logged in is so no more.
    pub(super) fn user(&mut self, name: String) -> Handled {
        if self.is_confined {
            return Err(Refusal::confined());
        }
        self.log_out();
        if let Some(account) = self.opened_by_certificate(&name) {
            let tree = self.confine_to(&account)?;
            self.become_member(account, tree, Entered::ByCertificate)?;
            // RFC 2228 §3: authorized by the security data exchange.
            return Ok(Reply::new(Code::AUTHORIZED, "Logged in by certificate."));
        }
        self.login = Login::Named(name);
        // The same words whether the name is known or not.
        Ok(Reply::new(Code::NEED_PASSWORD, "Password, please."))
    }

    /// `PASS`: proves it.
    pub(super) fn pass(&mut self, password: &Secret) -> Handled {
        let name = match mem::replace(&mut self.login, Login::Nobody) {
            Login::Named(name) => name,
            // A client that says USER and PASS in one breath.
            Login::Member(member) if member.entered == Entered::ByCertificate => {
                self.login = Login::Member(member);
                return Ok(Reply::new(Code::SUPERFLUOUS, "Logged in already, by certificate."));
            }
            other => {
                self.login = other;
                return Err(Reply::new(Code::WRONG_ORDER, "USER comes first.").into());
            }
        };
        // Connections from before a ban would let the guessing go on.
        if self.presence.is_banned() {
            return Err(Hangup::TooManyPasswords.into());
        }
        match self.enter(&name, password) {
            Ok((account, tree)) => {
                let is_anonymous = self.host.authenticator.is_anonymous(&name);
                let email = is_anonymous.then(|| email(password).unwrap_or_default().to_owned());
                self.become_member(account, tree, Entered::ByPassword)?;
                self.member()?.anonymous = email;
                Ok(Reply::new(Code::LOGGED_IN, "Logged in."))
            }
            // No guess: nobody's password has been looked at.
            Err(refusal @ Refusal::Hangup(_)) => Err(refusal),
            Err(refusal) => {
                let (client, host) = (self.client, &self.host.name);
                log::warn!("{client}: login as {} at {host} refused", name.escape_debug());
                self.wrong_passwords += 1;
                self.wait_after_wrong_password()?;
                if self.wrong_passwords >= MAX_WRONG_PASSWORDS || self.presence.is_banned() {
                    return Err(Hangup::TooManyPasswords.into());
                }
                Err(refusal)
            }
        }
    }

    fn become_member(
        &mut self,
        account: Account,
        tree: Box<dyn Tree>,
        entered: Entered,
    ) -> Result<(), Hangup> {
        let shared = self.presence.logged_in(&self.host.name, &account);
        let shared = shared.ok_or(Hangup::TooManyOfAccount)?;
        let rates = Rates::new(self.services.settings.max_rate_per_session, shared);
        let (client, host) = (self.client, &self.host.name);
        log::info!("{client}: logged in as {} at {host}", account.name.escape_debug());
        let cwd = VirtualPath::root();
        let (tree, allotment) = self.allot(&account, tree);
        let anonymous = None;
        let member = Member { account, anonymous, tree, cwd, rates, allotment, entered };
        self.login = Login::Member(Box::new(member));
        Ok(())
    }

    /// Whom the client's certificate lets in. Whoever it does not may still know the password.
    fn opened_by_certificate(&self, name: &str) -> Option<Account> {
        let visitor = self.visitor(name);
        visitor.certificate?;
        self.host.authenticator.admit_by_certificate(&visitor).ok()
    }

    /// Where certificates are demanded a password is not enough: a stranger's certificate, which
    /// anybody can make, must not open the door to guessing.
    fn may_use_password(&self) -> bool {
        let demanded = self.services.settings.client_certificates.asked == Asked::Required;
        !demanded || self.scope.client().is_some_and(|certificate| certificate.is_signed)
    }

    /// Guessing is made slow, but for a stop of the server and the deadline of the login. Whoever
    /// leaves meanwhile is answered nothing, not even sooner, and takes nobody's place any longer.
    fn wait_after_wrong_password(&mut self) -> Result<(), Hangup> {
        let until = Instant::now() + self.presence.guessed_wrong();
        let stop = (self.services.stop.as_fd(), Interest::Read);
        let client = (self.channel.as_fd(), Interest::End);
        match poll::ready(&[stop, client], until.min(self.login_deadline())) {
            Ok([_, true, _]) => Err(Hangup::Gone),
            _ => Ok(()), // a shorter wait is no harm
        }
    }

    fn enter(
        &mut self,
        name: &str,
        password: &Secret,
    ) -> Result<(Account, Box<dyn Tree>), Refusal> {
        if !self.may_use_password() {
            return Err(AuthError::Rejected.into());
        }
        // A long one would only keep the hash busy.
        if password.expose().len() > MAX_PASSWORD_BYTES {
            return Err(AuthError::Rejected.into());
        }
        let account = self.host.authenticator.authenticate(&self.visitor(name), password)?;
        let tree = self.confine_to(&account)?;
        Ok((account, tree))
    }

    fn visitor<'a>(&'a self, name: &'a str) -> Visitor<'a> {
        let under_tls = self.security == Security::Tls;
        Visitor {
            name,
            peer: self.client.ip(),
            host: &self.host.name,
            under_tls,
            certificate: self.scope.client().filter(|_| under_tls),
        }
    }

    /// The tree as the account may fill it.
    fn allot(&self, account: &Account, tree: Box<dyn Tree>) -> (Box<dyn Tree>, Option<Allotment>) {
        let quota = quota_of(&account.limits, &self.services.settings);
        if !quota.is_set() {
            return (tree, None);
        }
        let ledger = self.host.ledgers.of(&account.home);
        let metered = Metered::new(tree, Arc::clone(&ledger), quota);
        (Box::new(metered), Some(Allotment { ledger, quota }))
    }

    /// Opens the account's tree as who the account is, and locks the thread into it.
    fn confine_to(&mut self, account: &Account) -> Result<Box<dyn Tree>, Refusal> {
        let confinement = &self.services.confinement;
        let refused = |what: &str, error: &dyn fmt::Display, reply| {
            log::error!("the {what} of {} cannot be used: {error}", account.name.escape_debug());
            Refusal::from(Reply::new(Code::NOT_LOGGED_IN, reply))
        };
        confinement
            .check(account)
            .map_err(|error| refused("ids", &error, "Login refused: no user to be."))?;
        self.is_confined |= confinement.takes_on_ids();
        confinement.take_on_ids(account).map_err(Hangup::Confinement)?;
        let tree = self.host.storage.tree(&account.home);
        let tree =
            tree.map_err(|error| refused("home", &error, "Login refused: no home directory."))?;
        self.is_confined |= confinement.locks(&*tree);
        confinement.lock_into(&*tree, account.access).map_err(Hangup::Confinement)?;
        Ok(match account.access {
            Access::Incoming => Box::new(Incoming(tree)),
            _ => tree,
        })
    }

    /// Back to the state of a new connection, as far as the login and all it agreed on go.
    pub(super) fn start_over(&mut self) {
        self.log_out();
        self.negotiated = Negotiated::default();
    }

    pub(super) fn log_out(&mut self) {
        if let Login::Member(_) = mem::replace(&mut self.login, Login::Nobody) {
            self.presence.logged_out();
            self.nobody_since = Instant::now();
        }
        self.port = None;
        self.portion = None;
        self.rename_from = None;
    }

    /// Who is logged in: the gate has asked, the type has not.
    pub(super) fn member(&mut self) -> Result<&mut Member, Refusal> {
        match &mut self.login {
            Login::Member(member) => Ok(member),
            _ => Err(Refusal::not_logged_in()),
        }
    }
}
