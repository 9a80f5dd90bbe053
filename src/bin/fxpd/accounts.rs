//! Where accounts come from, by the settings: anonymous, the users file of each host, and
//! the program that knows others, in this order.

use crate::config::Config;
use fxpd::{Anonymous, Authenticator, FxpLevel, Program, ProgramSettings, Sources, UsersFile};
use std::{path::Path, sync::Arc};

/// What all hosts share. It lives as long as the server, through reloads.
#[derive(Clone)]
pub struct Accounts {
    anonymous: Option<Arc<dyn Authenticator>>,
    program: Option<Arc<dyn Authenticator>>,
    fxp: FxpLevel,
}

impl Accounts {
    /// As the settings say.
    pub fn new(config: &Config) -> Accounts {
        let anonymous = config.anonymous.as_ref().map(|home| {
            let anonymous =
                Anonymous::new(home).access(config.anonymous_access).fxp(config.anonymous_fxp);
            Arc::new(anonymous) as Arc<dyn Authenticator>
        });
        let program = config.auth_program.as_ref().map(|path| {
            let program = Program::new(ProgramSettings {
                path: path.clone(),
                processes: config.auth_program_processes,
                timeout: config.auth_program_timeout,
                default_fxp: config.fxp,
            });
            Arc::new(program) as Arc<dyn Authenticator>
        });
        Accounts { anonymous, program, fxp: config.fxp }
    }

    /// Those of the default host, which alone has anonymous clients.
    pub fn of_default_host(&self, users: &Path) -> Sources {
        Sources::new(self.anonymous.iter().cloned().chain(self.named(users)).collect())
    }

    /// Those of a virtual host.
    pub fn of_virtual_host(&self, users: &Path) -> Sources {
        Sources::new(self.named(users).collect())
    }

    fn named(&self, users: &Path) -> impl Iterator<Item = Arc<dyn Authenticator>> + use<> {
        let users = UsersFile::new(users, self.fxp);
        let program = self.program.clone();
        std::iter::once(Arc::new(users) as Arc<dyn Authenticator>).chain(program)
    }
}
