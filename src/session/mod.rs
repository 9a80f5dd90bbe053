//! The server's half of a conversation: one client, from its greeting to its end.
//!
//! A turn is: line → [`Command::parse`] → gate (reads the verb table, refuses) → one exhaustive
//! `match` → handler (acts) → `Handled` → one door out, [`Session::say`]. The session knows nothing
//! of the server around it: it is handed its [`Services`].

mod address;
mod attributes;
mod confinement;
mod data;
mod early;
mod expected;
mod files;
mod foreign;
mod gate;
mod hashing;
mod host;
mod info;
mod listing;
mod login;
mod passive_address;
mod ports;
mod quota;
mod rates;
mod refusal;
mod security;
mod services;
mod settings;
mod state;
mod transfers;
mod watch;

pub use confinement::{Confinement, ConfinementError, Reach, Wish};
pub use host::{Host, Hosts};
pub use passive_address::{PassiveAddress, ToldAddress};
pub use refusal::Hangup;
pub use services::{Balanced, Listen, Presence, Services};
pub use settings::{Demand, HashTransfers, ListOwner, Settings};

use crate::{
    net::{Channel, HostId, NetError, Stream, TlsScope, Until},
    proto::{
        Code, Command, CommandFault, Line, Reply, VirtualPath,
        verb::{Effect, Row, Verb},
    },
};
use gate::Saying;
use refusal::{Handled, Refusal};
use state::{Login, Negotiated, Portion, PreparedPort, Security};
use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

/// One client's conversation. Its thread owns all of it.
pub struct Session {
    services: Arc<Services>,
    presence: Box<dyn Presence>,
    channel: Channel,
    scope: TlsScope,
    /// Where the client is, and how it said so by `HOST`.
    host: Arc<Host>,
    host_named: Option<HostId>,
    listen: Listen,
    client: SocketAddr,
    /// Our own end of the control connection, and where the client has connected to: a balancer
    /// may stand between them.
    local: SocketAddr,
    reached: SocketAddr,
    is_balanced: bool,
    /// Since when nobody is logged in here: the login has a deadline.
    nobody_since: Instant,
    security: Security,
    login: Login,
    negotiated: Negotiated,
    /// Lines that came during a transfer and wait for its end.
    queue: VecDeque<Line>,
    port: Option<PreparedPort>,
    portion: Option<Portion>,
    rename_from: Option<VirtualPath>,
    /// How long this session may be idle, as the settings or `SITE IDLE` say.
    idle_timeout: Duration,
    /// A transfer was ended by an `ABOR` that is still to be answered.
    aborted: bool,
    /// The thread is confined to one account for good: nobody else can log in on it.
    is_confined: bool,
    turns: u64,
    faults: u32,
    wrong_passwords: u32,
}

/// How a session left its thread.
pub enum Ended {
    /// For good, and why.
    Over(Hangup),
    /// The thread is confined to an account, and the client logs in anew: the session goes on with
    /// [`Session::resume`] on another thread.
    Elsewhere(Box<Session>),
}

/// A reply must be taken within this time: the peer reads nothing if it is not.
const SAY_TIMEOUT: Duration = Duration::from_secs(30);

/// The peer must take our goodbye within this time.
const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

/// Refused commands until the session ends: before the login all of them, after it those in a row
/// that were no commands (ALPACA). A mirror that makes directories which exist meets many 550.
const MAX_FAULTS_BEFORE_LOGIN: u32 = 20;
const MAX_FAULTS_IN_A_ROW: u32 = 50;

impl Session {
    /// A session for the client at the other end of `socket`, or behind the balancer there.
    pub fn new(
        services: Arc<Services>,
        presence: Box<dyn Presence>,
        socket: TcpStream,
        listen: Listen,
        balanced: Option<Balanced>,
    ) -> Result<Session, NetError> {
        let stream = Stream::clear(socket)?;
        let idle_timeout = services.settings.idle_timeout;
        let (peer, local) = (stream.peer_address()?, stream.local_address()?);
        let Balanced { client, reached } =
            balanced.unwrap_or(Balanced { client: peer, reached: local });
        Ok(Session {
            channel: Channel::new(stream, services.settings.max_line_bytes)?,
            scope: services.tls.scope(),
            host: Arc::clone(&services.hosts.default),
            host_named: None,
            services,
            presence,
            listen,
            client,
            local,
            reached,
            is_balanced: balanced.is_some(),
            nobody_since: Instant::now(),
            security: Security::Clear,
            login: Login::Nobody,
            negotiated: Negotiated::default(),
            queue: VecDeque::new(),
            port: None,
            portion: None,
            rename_from: None,
            idle_timeout,
            aborted: false,
            is_confined: false,
            turns: 0,
            faults: 0,
            wrong_passwords: 0,
        })
    }

    /// Who is at the other end.
    pub fn client(&self) -> IpAddr {
        self.client.ip()
    }

    /// Greets, and converses until one side ends it.
    pub fn run(mut self) -> Ended {
        match self.open() {
            Ok(()) => self.converse(),
            Err(hangup) => Ended::Over(self.hang_up(hangup)),
        }
    }

    /// Goes on where [`Ended::Elsewhere`] has left off, on a thread that nothing confines yet.
    pub fn resume(mut self) -> Ended {
        self.is_confined = false;
        match self.filter_calls() {
            Ok(()) => self.converse(),
            Err(hangup) => Ended::Over(self.hang_up(hangup)),
        }
    }

    fn converse(mut self) -> Ended {
        loop {
            let line = match self.next_line() {
                Ok(line) => line,
                Err(hangup) => return Ended::Over(self.hang_up(hangup)),
            };
            if self.wants_another_thread(&line) {
                self.log_out();
                self.queue.push_front(line);
                return Ended::Elsewhere(Box::new(self));
            }
            if let Err(hangup) = self.turn(line) {
                return Ended::Over(self.hang_up(hangup));
            }
        }
    }

    /// Says goodbye where somebody may hear it.
    pub fn hang_up(&mut self, hangup: Hangup) -> Hangup {
        if let Some(farewell) = hangup.farewell() {
            let _ = self.say(&farewell); // whether it is heard or not, we go
        }
        if !matches!(hangup, Hangup::Control(_)) {
            let mut wait = Until::within(FINISH_TIMEOUT);
            self.channel.finish(&mut wait);
            if hangup.leaves_lines_unread() {
                self.channel.drain(&mut wait);
            }
        }
        hangup
    }

    /// Implicit TLS shakes hands first; then the greeting.
    fn open(&mut self) -> Result<(), Hangup> {
        self.filter_calls()?;
        if self.listen == Listen::Implicit {
            self.shake_hands()?;
            self.negotiated = Negotiated::under_implicit_tls();
        }
        self.say(&self.welcome())
    }

    fn filter_calls(&self) -> Result<(), Hangup> {
        self.services.confinement.filter_calls().map_err(Hangup::Confinement)
    }

    /// One line and its answer.
    fn turn(&mut self, line: Line) -> Result<(), Hangup> {
        self.turns += 1;
        match self.answer(line) {
            Ok((row, reply)) => {
                self.say(&reply)?;
                if let Login::Member(_) = self.login {
                    self.faults = 0;
                }
                self.follow_up(row.verb, reply.code())
            }
            Err(Refusal::Say(reply)) => {
                self.say(&reply)?;
                self.count_fault(reply.code())
            }
            Err(Refusal::Hangup(hangup)) => Err(hangup),
        }
    }

    fn answer(&mut self, line: Line) -> Result<(&'static Row, Reply), Refusal> {
        let line = line?;
        if self.turns == 1 && gate::is_no_ftp(&line) {
            return Err(Hangup::NotFtp.into());
        }
        let parsed = Command::parse(&line);
        if matches!(&parsed, Err(CommandFault::Argument(row)) if row.verb == Verb::Rang) {
            // draft-bryan-ftp-range §3: a range that is none takes back the one before.
            self.portion = None;
        }
        let (row, command) = parsed?;
        log::trace!("{}: {command:?}", self.client);
        self.admit(row)?;
        if row.effect == Effect::Writes || matches!(row.verb, Verb::Avbl | Verb::Allo) {
            self.settle_quota()?;
        }
        self.forget_unless_used_by(row.verb);
        self.obey(command).map(|reply| (row, reply))
    }

    /// Every command and its handler.
    fn obey(&mut self, command: Command) -> Handled {
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(&password),
            Command::Quit => Ok(Reply::new(Code::GOODBYE, "Goodbye.")),
            Command::Rein => self.rein(),
            Command::Host(name) => self.host(&name),
            Command::Auth(mechanism) => self.auth(mechanism),
            Command::Pbsz(size) => self.pbsz(size),
            Command::Prot(protection) => self.prot(protection),
            Command::Ccc => self.ccc(),
            Command::Sscn(wish) => self.sscn(wish),
            Command::Xpeer(argument) => self.xpeer(argument),
            Command::Cpsv => self.cpsv(),
            Command::Pasv => self.pasv(),
            Command::Epsv(family) => self.epsv(family),
            Command::Port(target) => self.active(SocketAddr::V4(target), "PORT"),
            Command::Eprt(target) => self.active(target, "EPRT"),
            Command::Type(representation) => self.type_(representation),
            Command::Mode(mode) => self.mode(mode),
            Command::Stru => Ok(Reply::new(Code::OK, "Structure is file.")),
            Command::Allo(bytes) => self.allo(bytes),
            Command::Rest(offset) => self.rest(offset),
            Command::Rang(range) => self.rang(range),
            Command::Retr(name) => self.retr(&name),
            Command::Stor(name) => self.stor(&name),
            Command::Appe(name) => self.appe(&name),
            Command::Stou => self.stou(),
            Command::Abor => self.abor(),
            Command::List(argument) => self.list(argument),
            Command::Nlst(argument) => self.nlst(argument),
            Command::Mlsd(name) => self.mlsd(name),
            Command::Mlst(name) => self.mlst(name),
            Command::Stat(argument) => self.stat(argument),
            Command::Cwd(name) => self.cwd(&name),
            Command::Cdup => self.cdup(),
            Command::Pwd => self.pwd(),
            Command::Mkd(name) => self.mkd(&name),
            Command::Rmd(name) => self.rmd(&name),
            Command::Dele(name) => self.dele(&name),
            Command::Rnfr(name) => self.rnfr(&name),
            Command::Rnto(name) => self.rnto(&name),
            Command::Size(name) => self.size(&name),
            Command::Hash(name) => self.hash(&name),
            Command::HashBy(algorithm, name, range) => self.hash_by(algorithm, &name, range),
            Command::Mdtm(name) => self.mdtm(&name),
            Command::Mfmt(time, name) => self.mfmt(time, &name),
            Command::Mfct => self.mfct(),
            Command::Mff(changes, name) => self.mff(&changes, &name),
            Command::Avbl(name) => self.avbl(name),
            Command::Site(argument) => self.site(&argument),
            Command::Feat => self.feat(),
            Command::Help(row) => self.help(row),
            Command::Syst => Ok(Reply::new(Code::SYSTEM_TYPE, "UNIX Type: L8")),
            Command::Noop => Ok(Reply::new(Code::OK, "Still here.")),
            Command::Opts(option) => self.opts(option),
            Command::Clnt => Ok(Reply::new(Code::OK, "Pleased to meet you.")),
            Command::Csid => self.csid(),
            Command::Lang => Ok(Reply::new(Code::OK, "English it is.")),
            Command::Acct => Ok(Reply::new(Code::SUPERFLUOUS, "No account is needed.")),
            Command::Cepr(wish) => self.cepr(wish),
            Command::Pret => Ok(Reply::new(Code::OK, "Any port will do.")),
            Command::LongAddress => self.long_address(),
            Command::Adat => self.adat(),
            Command::Protected => self.protected(),
        }
    }

    /// What a reply has promised, done once it is said.
    fn follow_up(&mut self, verb: Verb, code: Code) -> Result<(), Hangup> {
        match (verb, code) {
            (Verb::Quit, _) => Err(Hangup::Quit),
            (Verb::Auth, Code::AUTH_ACCEPTED) => self.shake_hands(),
            (Verb::Rein, _) | (Verb::Ccc, Code::OK) => self.leave_tls(verb),
            _ => Ok(()),
        }
    }

    /// `RNFR`, `REST` and `RANG` count for the command that follows them. Between the last two and the transfer
    /// clients prepare their port (RFC 3659 §5.3 would have it before): that is let pass.
    fn forget_unless_used_by(&mut self, verb: Verb) {
        if verb != Verb::Rnto {
            self.rename_from = None;
        }
        let uses_portion = matches!(verb, Verb::Retr | Verb::Stor | Verb::Appe | Verb::Hash);
        let prepares = matches!(
            verb,
            Verb::Pasv
                | Verb::Epsv
                | Verb::Cpsv
                | Verb::Port
                | Verb::Eprt
                | Verb::Type
                | Verb::Mode
                | Verb::Allo
        );
        if !uses_portion && !prepares {
            self.portion = None;
        }
    }

    /// The one door out.
    fn say(&mut self, reply: &Reply) -> Result<(), Hangup> {
        log::trace!("{}: {reply}", self.client);
        let mut deadline = Instant::now() + SAY_TIMEOUT;
        if !matches!(self.login, Login::Member(_)) {
            deadline = deadline.min(self.login_deadline().max(Instant::now() + FINISH_TIMEOUT));
        }
        let mut wait = Saying { stop: &self.services.stop, deadline };
        self.channel.send(&reply.encode(), &mut wait).map_err(Hangup::Control)
    }

    fn count_fault(&mut self, code: Code) -> Result<(), Hangup> {
        let (counts, limit) = match self.login {
            Login::Member(_) => ((500..=504).contains(&code.number()), MAX_FAULTS_IN_A_ROW),
            _ => (code.is_error(), MAX_FAULTS_BEFORE_LOGIN),
        };
        self.faults += u32::from(counts);
        if self.faults >= limit { Err(Hangup::TooManyFaults) } else { Ok(()) }
    }
}
