//! The way to a server: the options of the command line and of its site in `sites.toml`, its
//! credentials, the judgement of its certificate.

use crate::{
    access::{Access, KeyPair},
    credentials,
    exit::Failure,
    files,
    known_hosts::KnownHosts,
    options::{FirstMeeting, Options, Protocol},
    policy::Policy,
    sites::Sites,
};
use fxpd::{
    Connection, Identity, JobEnd, Location, Login, Newest, Place, Setup, Site, Verification,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// What every connection of a run shares.
pub struct Connect {
    access: Access,
    sites: Sites,
    first_meeting: FirstMeeting,
    known: Arc<Mutex<KnownHosts>>,
    protocol: Protocol,
    verification: Verification,
    patience: Duration,
}

impl Connect {
    /// An error when the record of known hosts cannot be read.
    pub fn new(options: &Options) -> Result<Connect, Failure> {
        let known = files::known_hosts(options.known_hosts.as_deref())?;
        Ok(Connect {
            access: options.access.clone(),
            sites: options.sites.clone(),
            first_meeting: options.first_meeting,
            known: Arc::new(Mutex::new(KnownHosts::read(&known).map_err(Failure::Config)?)),
            protocol: options.protocol,
            verification: options.verification,
            patience: patience()?,
        })
    }

    /// What is said of how to reach `site`: on the command line, or else in `sites.toml`.
    pub fn access(&self, site: &Site) -> Access {
        let below = self.sites.access(site).cloned().unwrap_or_default();
        self.access.clone().or(&below)
    }

    /// The record of servers met before.
    pub fn known(&self) -> &Mutex<KnownHosts> {
        &self.known
    }

    /// How to connect to `site`.
    pub fn setup(&self, site: &Site) -> Result<Setup, Failure> {
        let access = self.access(site);
        let mut setup = Setup::new(Policy::new(&access, self.first_meeting, &self.known));
        setup.identity = access.identity.as_ref().map(identity).transpose()?;
        setup.newest = access.newest.unwrap_or(Newest::Tls13);
        setup.timeout = access.timeout.unwrap_or(self.patience);
        setup.verification = self.verification;
        setup.authorities = access.authorities;
        if self.protocol == Protocol::Shown {
            setup.log = Some(Arc::new(|line: &str| eprintln!("{line}")));
        }
        Ok(setup)
    }

    /// A place, with what it takes to get there.
    pub fn end(&self, place: &Place) -> Result<JobEnd, Failure> {
        Ok(match place {
            Place::Local(path) => JobEnd::Local(path.clone()),
            Place::Remote(Location { site, path }) => {
                JobEnd::Remote(Box::new(self.login(site)?), path.clone())
            }
        })
    }

    /// Logs in to the server of a location.
    pub fn open(&self, location: &Location) -> Result<Connection, Failure> {
        let Login { site, credentials, setup } = self.login(&location.site)?;
        Ok(Connection::open(site, credentials, setup)?)
    }

    fn login(&self, site: &Site) -> Result<Login, Failure> {
        let setup = self.setup(site)?;
        Ok(Login { site: site.clone(), credentials: credentials::find(site)?, setup })
    }
}

fn identity(pair: &KeyPair) -> Result<Identity, Failure> {
    files::open_private(&pair.key).map_err(Failure::Config)?;
    Identity::from_files(&pair.certificate, &pair.key)
        .map_err(|error| Failure::Config(error.to_string()))
}

/// Where neither the command line nor a site says how long.
fn patience() -> Result<Duration, Failure> {
    let Some(text) = files::variable("FXP_TIMEOUT") else { return Ok(DEFAULT_TIMEOUT) };
    text.to_str().and_then(crate::access::seconds).ok_or_else(|| {
        let most = crate::access::MAX_TIMEOUT_S;
        Failure::Config(format!("FXP_TIMEOUT is from 1 to {most} seconds"))
    })
}
