//! A server that serves, from its first client to its end: signals, the service manager, the
//! certificates, and whether it is time to go.

use crate::{
    accounts::Accounts,
    cert_watch::CertWatch,
    config::Config,
    entrances::Life,
    failure::Failure,
    hooks::RunningHooks,
    lookups::Lookups,
    options::ServerArgs,
    serve::{identity, load, settings, virtual_hosts},
    service_manager::ServiceManager,
    signals::Wish,
};
use crossbeam_channel::{Receiver, after, select};
use fxpd::Handle;
use std::time::{Duration, Instant};

/// The wait when there is nothing to wait for but signals and clients.
const LONG: Duration = Duration::from_secs(3600);

/// Sessions get a while to say goodbye after their grace, and the transfer log to be written.
const GOODBYE: Duration = Duration::from_secs(30);

/// How long the keys of TLS tickets are in use. A reload and renewed certificates bring others too.
const TICKET_KEYS_LAST: Duration = Duration::from_secs(24 * 3600);

/// What the main thread holds while others serve.
pub struct Supervisor<'a> {
    pub handle: Handle,
    pub args: &'a ServerArgs,
    /// The settings in force.
    pub running: Config,
    /// Where accounts come from; the level of FXP of those takes a restart at all hosts alike.
    pub accounts: Accounts,
    pub life: Life,
    pub manager: ServiceManager,
    pub watchdog: Option<Watchdog>,
    pub wishes: Receiver<Wish>,
    /// A word whenever a session begins or ends.
    pub changes: Receiver<()>,
    pub idle_since: Option<Instant>,
    pub certificates: CertWatch,
    pub ticket_keys_since: Instant,
    pub hooks: Option<RunningHooks>,
    pub lookups: Lookups,
}

/// The service manager's demand for signs of life.
#[derive(Clone, Copy, Debug)]
pub struct Watchdog {
    timeout: Duration,
    last: Instant,
}

impl Watchdog {
    /// One that bites after `timeout`.
    pub fn new(timeout: Duration) -> Watchdog {
        Watchdog { timeout, last: Instant::now() }
    }

    /// How often acceptors show that they live: often enough that none is late by chance.
    pub fn heartbeat(&self) -> Duration {
        self.timeout / 4
    }

    /// Whether the server may say that it lives: only if all of its acceptors do.
    fn is_content_with(&self, oldest_heartbeat: Duration) -> bool {
        oldest_heartbeat < self.timeout / 2
    }

    fn due(&self) -> Instant {
        self.last + self.timeout / 4
    }
}

impl Supervisor<'_> {
    /// Serves until a signal, or the end of its kind of life.
    pub fn run(mut self) {
        self.manager.ready();
        loop {
            self.look_around();
            if self.life_is_over() {
                break;
            }
            let timer = after(self.next_due().saturating_duration_since(Instant::now()));
            let wish = select! {
                recv(self.wishes) -> wish => Some(wish.unwrap_or(Wish::Stop)),
                recv(self.changes) -> _ => None,
                recv(timer) -> _ => None,
            };
            match wish {
                Some(Wish::Reload) => self.reload(),
                Some(Wish::Stop) => break,
                None => {}
            }
        }
        self.stop();
    }

    /// What has to be done now and then.
    fn look_around(&mut self) {
        let sessions = self.handle.sessions();
        self.manager.sessions(sessions);
        if sessions > 0 {
            self.idle_since = None;
        } else if self.idle_since.is_none() {
            self.idle_since = Some(Instant::now());
        }
        if let Some(watchdog) = &mut self.watchdog
            && watchdog.due() <= Instant::now()
            && watchdog.is_content_with(self.handle.oldest_heartbeat())
        {
            self.manager.alive();
            watchdog.last = Instant::now();
        }
        if self.certificates.have_changed(&self.running) {
            self.renew();
        }
        if self.ticket_keys_since.elapsed() >= TICKET_KEYS_LAST {
            self.ticket_keys_since = Instant::now();
            if let Err(error) = self.handle.renew_ticket_keys() {
                log::error!("the keys of TLS tickets stay as they were: {error}");
            }
        }
    }

    fn life_is_over(&mut self) -> bool {
        match (self.life, self.idle_since) {
            (Life::OneClient, Some(_)) => true,
            (Life::UntilIdle(time), Some(since)) if since.elapsed() >= time => {
                // Whoever comes from now on waits for the next server; who came just now is served.
                self.handle.stop_accepting();
                self.life = Life::OneClient;
                self.handle.sessions() == 0
            }
            _ => false,
        }
    }

    fn next_due(&self) -> Instant {
        let now = Instant::now();
        let idle = match (self.life, self.idle_since) {
            (Life::UntilIdle(time), Some(since)) => Some(since + time),
            _ => None,
        };
        // An acceptor that is late is looked at again soon.
        let watchdog = self.watchdog.map(|it| it.due().max(now + it.timeout / 20));
        let ticket_keys = Some(self.ticket_keys_since + TICKET_KEYS_LAST);
        [idle, watchdog, self.certificates.due(), ticket_keys]
            .into_iter()
            .flatten()
            .fold(now + LONG, Instant::min)
    }

    fn reload(&mut self) {
        self.manager.reloading();
        self.handle.reopen_log();
        match self.read_again() {
            Ok(()) => log::info!("reloaded"),
            Err(failure) => log::error!("nothing reloaded: {failure}"),
        }
        self.manager.ready();
    }

    /// Reads settings, hosts and certificates anew. On any error the server goes on with the old
    /// ones.
    fn read_again(&mut self) -> Result<(), Failure> {
        let config = load(self.args)?;
        for key in needs_restart(&self.running, &config) {
            log::warn!("'{key}' was changed; that takes a restart");
        }
        self.put_in_force(&config)?;
        self.certificates = CertWatch::new(&config);
        // What takes a restart stays as the server was started.
        self.running.settings = config.settings;
        self.running.certificate = config.certificate;
        self.running.key = config.key;
        self.running.certificate_check = config.certificate_check;
        self.running.client_certificate = config.client_certificate;
        self.running.client_authorities = config.client_authorities;
        self.running.tls_floor = config.tls_floor;
        self.running.hosts = config.hosts;
        self.running.peers = config.peers;
        self.running.passive_address = config.passive_address;
        self.running.passive_addresses = config.passive_addresses;
        Ok(())
    }

    /// Certificates were renewed: they are shown from now on, with all else as it is.
    fn renew(&mut self) {
        let running = self.running.clone();
        match self.put_in_force(&running) {
            Ok(()) => {
                self.certificates.accept();
                log::info!("certificates renewed");
            }
            Err(failure) => self.certificates.refuse(&failure),
        }
    }

    fn put_in_force(&mut self, config: &Config) -> Result<(), Failure> {
        let identity = identity(config)?;
        log::info!("certificate {}", identity.fingerprint());
        let hosts = virtual_hosts(config, &self.accounts)?;
        let settings = settings(config, &mut self.lookups)?;
        self.lookups.in_background().map_err(Failure::system)?;
        self.handle.reload(settings, identity, config.tls_floor, hosts).map_err(Failure::config)
    }

    fn stop(self) {
        log::info!("stopping, {} sessions", self.handle.sessions());
        let for_hooks = self.hooks.as_ref().map(RunningHooks::patience).unwrap_or_default();
        self.manager.stopping(self.running.settings.shutdown_grace + GOODBYE + for_hooks);
        self.handle.shutdown();
        if let Some(hooks) = self.hooks {
            hooks.finish();
        }
        log::info!("stopped");
    }
}

/// The settings that differ and are beyond the reach of a reload.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changes = [
        ("listen", old.listen != new.listen),
        ("listen_implicit", old.listen_implicit != new.listen_implicit),
        ("proxy_listen", old.proxy_listen != new.proxy_listen),
        ("idle_exit_s", old.idle_exit != new.idle_exit),
        ("users", old.users != new.users),
        ("auth_program", old.auth_program != new.auth_program),
        ("auth_program_processes", old.auth_program_processes != new.auth_program_processes),
        ("auth_program_timeout_s", old.auth_program_timeout != new.auth_program_timeout),
        ("pam_service", old.pam_service != new.pam_service),
        ("pam_min_uid", old.pam_min_uid != new.pam_min_uid),
        ("pam_timeout_s", old.pam_timeout != new.pam_timeout),
        ("anonymous", old.anonymous != new.anonymous),
        ("anonymous_access", old.anonymous_access != new.anonymous_access),
        ("anonymous_fxp", old.anonymous_fxp != new.anonymous_fxp),
        ("user", old.user != new.user),
        ("account_ids", old.account_ids != new.account_ids),
        ("landlock", old.landlock != new.landlock),
        ("seccomp", old.seccomp != new.seccomp),
        ("pid_file", old.pid_file != new.pid_file),
        ("state_directory", old.state_directory != new.state_directory),
        ("log", old.log != new.log),
        ("syslog_socket", old.syslog_socket != new.syslog_socket),
        ("transfer_log", old.transfer_log != new.transfer_log),
        ("transfer_log_json", old.transfer_log_json != new.transfer_log_json),
        ("on_upload", old.hooks.on_upload != new.hooks.on_upload),
        ("on_upload_failed", old.hooks.on_upload_failed != new.hooks.on_upload_failed),
        ("hook_timeout_s", old.hooks.timeout != new.hooks.timeout),
        ("max_hooks", old.hooks.at_once != new.hooks.at_once),
        ("hooks_as", old.hooks.run_as != new.hooks.run_as),
        ("fxp", old.fxp != new.fxp),
        ("fsync", old.storage.fsync != new.storage.fsync),
        ("umask", old.storage.umask_octal != new.storage.umask_octal),
        ("keep_partial", old.storage.keep_partial != new.storage.keep_partial),
        ("in_place", old.storage.in_place != new.storage.in_place),
    ];
    changes.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_names_what_it_cannot_change() {
        let old = Config::default();
        let mut new = old.clone();
        new.settings.ccc = true;
        assert!(needs_restart(&old, &new).is_empty());
        new.listen.clear();
        new.storage.fsync = true;
        assert_eq!(needs_restart(&old, &new), ["listen", "fsync"]);
    }

    #[test]
    fn the_watchdog_is_fed_only_while_acceptors_live() {
        let watchdog = Watchdog::new(Duration::from_secs(8));
        assert_eq!(watchdog.heartbeat(), Duration::from_secs(2));
        assert!(watchdog.is_content_with(Duration::from_secs(3)));
        assert!(!watchdog.is_content_with(Duration::from_secs(4)));
    }
}
