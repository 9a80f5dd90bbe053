//! Where accounts come from, by the settings: anonymous, the users file of each host, the program that
//! knows others, and PAM, in this order.

use crate::config::Config;
use fxpd::{Anonymous, Authenticator, FxpLevel, Pam, Program, ProgramSettings, Sources, UsersFile};
use std::{path::Path, sync::Arc};

/// What all hosts share. It lives as long as the server, through reloads.
#[derive(Clone)]
pub struct Accounts {
    anonymous: Option<Arc<dyn Authenticator>>,
    program: Option<Arc<dyn Authenticator>>,
    system: Option<Arc<dyn Authenticator>>,
    fxp: FxpLevel,
}

impl Accounts {
    /// As the settings say, but for those of the system.
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
        Accounts { anonymous, program, system: None, fxp: config.fxp }
    }

    /// And those of the system.
    pub fn and_of_system(self, pam: Option<Pam>) -> Accounts {
        Accounts { system: pam.map(|pam| Arc::new(pam) as Arc<dyn Authenticator>), ..self }
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
        let others = self.program.clone().into_iter().chain(self.system.clone());
        std::iter::once(Arc::new(users) as Arc<dyn Authenticator>).chain(others)
    }
}
