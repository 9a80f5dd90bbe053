//! One logged-in server: its commands with their deadlines, and the way back to a known state after a
//! transfer went wrong.

use crate::{
    client::{
        ClientError, Credentials, Extension, Features, Judge, ProtocolLog, RemotePath, Site,
        Verification,
        control::{Argument, Control},
        login::{self, Session},
        wishes::Wishes,
    },
    net::{Connector, Identity, NetError, Newest, Until},
    proto::{Code, Fingerprint, Reply},
    transfer::Pace,
};
use std::{
    mem,
    os::fd::{AsFd, BorrowedFd},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// How to connect to a server.
#[derive(Clone)]
pub struct Setup {
    /// A PEM file of the CAs that [`crate::Shown::authority`] speaks of.
    pub authorities: Option<PathBuf>,
    /// What is shown to a server that asks who its client is.
    pub identity: Option<Identity>,
    /// Decides whether a server is the one meant.
    pub judge: Arc<dyn Judge>,
    /// The newest TLS to offer.
    pub newest: Newest,
    /// How sure the two servers of a copy must be of each other.
    pub verification: Verification,
    /// For a connection, a handshake, a reply, and the next byte of a transfer.
    pub timeout: Duration,
    /// Gets every line of the control connections.
    pub log: Option<ProtocolLog>,
}

impl Setup {
    /// With `judge`, TLS 1.3, a minute of patience; no CAs, no certificate of ours, no log.
    pub fn new(judge: impl Judge + 'static) -> Setup {
        Setup {
            authorities: None,
            identity: None,
            judge: Arc::new(judge),
            newest: Newest::Tls13,
            verification: Verification::default(),
            timeout: Duration::from_secs(60),
            log: None,
        }
    }
}

/// A logged-in server, its data protected by TLS unless it has none.
pub struct Connection {
    site: Site,
    credentials: Credentials,
    setup: Setup,
    session: Session,
    /// What it was told and stays told.
    wishes: Wishes,
    /// How fast our own data connections may move bytes.
    pace: Pace,
    /// What an aborted transfer of ours left behind.
    unsettled: Option<Outstanding>,
    /// The login directory, once it was asked for.
    home: Option<RemotePath>,
}

/// Whether the final reply to an earlier command is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outstanding {
    Nothing,
    FinalReply,
}

/// A resynchronised server answers in this time, or we connect anew: a server in the middle of a
/// handshake hears nothing for minutes.
const RESYNCHRONISE_TIMEOUT: Duration = Duration::from_secs(10);

/// So long a server may take to answer `QUIT`: everything is done, and nobody wants to wait.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

impl Connection {
    /// Connects to `site` and logs in.
    pub fn open(
        site: Site,
        credentials: Credentials,
        setup: Setup,
    ) -> Result<Connection, ClientError> {
        let session = login::log_in(&site, &credentials, &setup)?;
        Ok(Connection {
            site,
            credentials,
            setup,
            session,
            wishes: Wishes::default(),
            pace: Pace::default(),
            unsettled: None,
            home: None,
        })
    }

    /// Another connection to the same server, as the same user, with this patience.
    pub(super) fn another(&self, timeout: Duration) -> Result<Connection, ClientError> {
        let setup = Setup { timeout, ..self.setup.clone() };
        Connection::open(self.site.clone(), self.credentials.clone(), setup)
    }

    /// The server.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// As whom we are logged in.
    pub fn user(&self) -> &str {
        self.credentials.user()
    }

    /// What the server can do.
    pub fn features(&self) -> &Features {
        &self.session.features
    }

    /// The server's certificate; `None` where it is spoken to in clear text.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.session.fingerprint
    }

    /// Whether the server is spoken to in clear text.
    pub fn is_clear(&self) -> bool {
        !self.session.control.stream().is_tls()
    }

    /// The TLS version of the control connection.
    pub fn tls_version(&self) -> &'static str {
        self.session.control.stream().tls().map_or("no TLS", |facts| facts.version)
    }

    /// The size of a file, if the server can tell. A missing file is an error.
    pub fn size(&mut self, path: &RemotePath) -> Result<Option<u64>, ClientError> {
        if !self.features().has(Extension::Size) {
            return Ok(None);
        }
        self.settle()?;
        let reply = self.ask("SIZE", path.as_bytes())?;
        match reply.code() {
            Code::FILE_STATUS => Ok(reply.text().trim().parse().ok()),
            Code::UNAVAILABLE => Err(self.refused("SIZE", path, reply)),
            _ => Ok(None),
        }
    }

    /// Says goodbye. What the server answers no longer matters.
    pub fn close(mut self) {
        let until = Until(Instant::now() + GOODBYE_TIMEOUT.min(self.setup.timeout));
        if self.session.control.send("QUIT", Argument::None).is_ok()
            && self.session.control.reply(until).is_err()
        {
            return; // it does not wait for a goodbye either
        }
        self.session.control.finish();
    }

    /// Sends one command and waits for its final reply.
    pub(super) fn ask(&mut self, verb: &str, argument: &[u8]) -> Result<Reply, ClientError> {
        let until = self.session.control.until();
        self.ask_until(verb, argument, until)
    }

    /// Sends a command whose replies the caller collects.
    pub(super) fn begin(&mut self, verb: &str, path: &RemotePath) -> Result<(), ClientError> {
        self.session.control.send(verb, Argument::Shown(path.as_bytes()))
    }

    /// Sends a command without an argument, whose replies the caller collects.
    pub(super) fn begin_bare(&mut self, verb: &str) -> Result<(), ClientError> {
        self.session.control.send(verb, Argument::None)
    }

    /// The control connection, for those who collect replies themselves.
    pub(super) fn control(&mut self) -> &mut Control {
        &mut self.session.control
    }

    pub(super) fn connector(&mut self) -> &mut Connector {
        &mut self.session.connector
    }

    pub(super) fn timeout(&self) -> Duration {
        self.setup.timeout
    }

    /// How sure the two servers of a copy must be of each other.
    pub(super) fn verification(&self) -> Verification {
        self.setup.verification
    }

    /// Comes back to a known state after a failed transfer: a command whose reply nothing else can
    /// be. If that does not help, logs in anew. Tells what was outstanding, if it came.
    pub(super) fn resynchronise(
        &mut self,
        outstanding: Outstanding,
    ) -> Result<Option<Reply>, ClientError> {
        match self.drain(outstanding) {
            Ok(last_words) => Ok(last_words),
            Err(_) => self.reconnect().map(|()| None),
        }
    }

    /// Remembers that a transfer ended in disorder.
    pub(super) fn unsettle(&mut self, outstanding: Outstanding) {
        self.unsettled = Some(outstanding);
    }

    /// Makes good for what [`Connection::unsettle`] remembers, before the next transfer.
    pub(super) fn settle(&mut self) -> Result<(), ClientError> {
        match self.unsettled.take() {
            Some(outstanding) => self.resynchronise(outstanding).map(drop),
            None => Ok(()),
        }
    }

    /// Does `work` in another working directory, and comes back: relative paths start at the login
    /// directory. The inner error is the server's refusal to go there.
    pub(super) fn inside<T>(
        &mut self,
        directory: &RemotePath,
        work: impl FnOnce(&mut Connection) -> Result<T, ClientError>,
    ) -> Result<Result<T, Reply>, ClientError> {
        let home = self.home()?;
        let reply = self.ask("CWD", directory.as_bytes())?;
        if !reply.code().is_success() {
            return Ok(Err(reply));
        }
        let outcome = work(self);
        // A transfer that failed there may have a reply outstanding, which is not that to CWD.
        let back = self.settle().and_then(|()| self.ask("CWD", home.as_bytes()));
        let returned = match back {
            Ok(reply) if reply.code().is_success() => Ok(()),
            _ => self.reconnect(),
        };
        let done = outcome?;
        returned.map(|()| Ok(done))
    }

    /// The refusal of a command on `path`.
    pub(super) fn refused(&self, verb: &str, path: &RemotePath, reply: Reply) -> ClientError {
        let host = self.site.to_string();
        let file = || format!("{path} on {host}");
        match (verb, reply.code().number() / 100) {
            ("STOR", _) if reply.code() == Code::NO_SPACE => {
                ClientError::NoSpace(file(), reply.to_string())
            }
            ("STOR", 5) => ClientError::NotCreated(file(), reply.to_string()),
            _ => ClientError::Refused(host, format!("{verb} {path}"), reply),
        }
    }

    /// The connection broke by `error`.
    pub(super) fn lost(&self, error: NetError) -> ClientError {
        ClientError::Lost(self.site.to_string(), error)
    }

    /// What the server was told and stays told.
    pub(super) fn wishes(&mut self) -> &mut Wishes {
        &mut self.wishes
    }

    /// Keeps uploads and downloads to this pace.
    pub(super) fn keep_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Makes sure that the server still hears us, and logs in anew if not.
    pub fn revive(&mut self) -> Result<(), ClientError> {
        let outstanding = self.unsettled.take().unwrap_or(Outstanding::Nothing);
        self.resynchronise(outstanding).map(drop)
    }

    fn home(&mut self) -> Result<RemotePath, ClientError> {
        if let Some(home) = &self.home {
            return Ok(home.clone());
        }
        let reply = self.ask("PWD", b"")?;
        let told = reply.path_quoted().and_then(RemotePath::new);
        let Some(home) = told.filter(|home| !home.as_bytes().is_empty()) else {
            let why = format!("it answered PWD with {reply}");
            return Err(ClientError::Protocol(self.site.to_string(), why));
        };
        self.home = Some(home.clone());
        Ok(home)
    }

    /// Logs in anew. `SSCN` and `XPEER` are off again.
    fn reconnect(&mut self) -> Result<(), ClientError> {
        self.session = login::log_in(&self.site, &self.credentials, &self.setup)?;
        self.unsettled = None;
        let before = mem::take(&mut self.wishes);
        before.rate.map_or(Ok(()), |rate| self.limit_rate(rate).map(drop))
    }

    fn drain(&mut self, outstanding: Outstanding) -> Result<Option<Reply>, ClientError> {
        let control = &mut self.session.control;
        if outstanding == Outstanding::FinalReply {
            control.send("ABOR", Argument::None)?;
        }
        control.send("PWD", Argument::None)?;
        let until = Until(Instant::now() + RESYNCHRONISE_TIMEOUT.min(self.setup.timeout));
        let mut last_words = None;
        loop {
            let reply = control.reply(until)?;
            if reply.code() == Code::PATH {
                return Ok(last_words);
            }
            // Behind it comes the reply to ABOR, which says nothing.
            if outstanding == Outstanding::FinalReply && !reply.code().is_preliminary() {
                last_words = last_words.or(Some(reply));
            }
        }
    }

    fn ask_until(
        &mut self,
        verb: &str,
        argument: &[u8],
        until: Until,
    ) -> Result<Reply, ClientError> {
        let argument = if argument.is_empty() { Argument::None } else { Argument::Shown(argument) };
        self.session.control.send(verb, argument)?;
        self.final_reply(until)
    }

    /// Waits for the final reply to a command that was sent.
    pub(super) fn final_reply(&mut self, until: Until) -> Result<Reply, ClientError> {
        loop {
            let reply = self.session.control.reply(until)?;
            if !reply.code().is_preliminary() {
                return Ok(reply);
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.session.control.as_fd()
    }
}

/// The time that work on so many bytes may take at this rate; whatever a server says of a file's
/// size, it has an end.
pub(super) fn work_time(bytes: u64, min_bytes_per_s: u64) -> Duration {
    Duration::from_secs(bytes / min_bytes_per_s).min(MAX_WORK_TIME)
}

const MAX_WORK_TIME: Duration = Duration::from_secs(30 * 24 * 3600);
