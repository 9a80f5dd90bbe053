//! The daemon: from a configuration to a server that runs, and what signals do to it.

use crate::{
    config::Config,
    failure::Failure,
    options::ServerArgs,
    privilege::ServiceUser,
    signals::{Signals, Wish},
};
use fxpd::{Builder, FxpLevel, Handle, Identity, Listen, Local, Settings, UsersFile, VirtualHost};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Reads everything that a start would read, and starts nothing.
pub fn check(args: &ServerArgs) -> Result<(), Failure> {
    let config = load(args)?;
    settings(&config)?;
    identity(&config)?;
    virtual_hosts(&config, config.fxp)?;
    ServiceUser::find(config.user.as_deref())?;
    for users in all_users(&config) {
        users.check().map_err(Failure::config)?;
    }
    Ok(())
}

/// Serves until SIGTERM or SIGINT.
///
/// The order matters: keys and ports while still root, then the drop, then the first thread.
pub fn serve(args: &ServerArgs) -> Result<(), Failure> {
    let config = load(args)?;
    allow_descriptors();
    let identity = identity(&config)?;
    log::info!("certificate {}", identity.fingerprint());
    let hosts = virtual_hosts(&config, config.fxp)?;
    let service_user = ServiceUser::find(config.user.as_deref())?;
    let builder = builder(&config, settings(&config)?, identity, hosts);
    let bound = builder.bind().map_err(Failure::unavailable)?;
    for address in bound.addresses() {
        log::info!("listening on {address}");
    }
    service_user.become_it()?;
    // Only now: what counts is what the service user may read.
    for users in all_users(&config) {
        let accounts = users.check().map_err(Failure::config)?;
        log::info!("{accounts} accounts in {}", users.path().display());
    }
    let signals = Signals::catch().map_err(Failure::system)?;
    let handle = bound.start().map_err(Failure::system)?;
    log::info!("serving");
    run(handle, signals, args, &config);
    Ok(())
}

/// A session takes up to four descriptors: the soft limit of most systems, 1024, is soon reached,
/// and is there for programs that still use select(2).
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        log::warn!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}

fn run(handle: Handle, mut signals: Signals, args: &ServerArgs, running: &Config) {
    while let Wish::Reload = signals.next() {
        handle.reopen_log();
        match reload(&handle, args, running) {
            Ok(()) => log::info!("reloaded"),
            Err(failure) => log::error!("nothing reloaded: {failure}"),
        }
    }
    log::info!("stopping, {} sessions", handle.sessions());
    handle.shutdown();
    log::info!("stopped");
}

/// Reads settings, hosts and certificates anew. On any error the server goes on with the old ones.
fn reload(handle: &Handle, args: &ServerArgs, running: &Config) -> Result<(), Failure> {
    let config = load(args)?;
    let identity = identity(&config)?;
    log::info!("certificate {}", identity.fingerprint());
    // The level of FXP takes a restart at all hosts alike.
    let hosts = virtual_hosts(&config, running.fxp)?;
    for key in needs_restart(running, &config) {
        log::warn!("'{key}' was changed; that takes a restart");
    }
    handle.reload(settings(&config)?, identity, config.tls_floor, hosts).map_err(Failure::config)
}

/// The settings that differ and are beyond the reach of a reload.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changes = [
        ("listen", old.listen != new.listen),
        ("listen_implicit", old.listen_implicit != new.listen_implicit),
        ("users", old.users != new.users),
        ("user", old.user != new.user),
        ("transfer_log", old.transfer_log != new.transfer_log),
        ("fxp", old.fxp != new.fxp),
        ("fsync", old.storage.fsync != new.storage.fsync),
        ("umask", old.storage.umask_octal != new.storage.umask_octal),
        ("keep_partial", old.storage.keep_partial != new.storage.keep_partial),
        ("in_place", old.storage.in_place != new.storage.in_place),
    ];
    changes.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
}

fn load(args: &ServerArgs) -> Result<Config, Failure> {
    Config::load(&args.config, &args.overrides).map_err(Failure::config)
}

fn identity(config: &Config) -> Result<Identity, Failure> {
    Identity::from_files(&config.certificate, &config.key).map_err(Failure::config)
}

fn users(config: &Config) -> UsersFile {
    UsersFile::new(&config.users, config.fxp)
}

/// The users files of all hosts, the default one's first.
fn all_users(config: &Config) -> Vec<UsersFile> {
    let others = config.hosts.iter().map(|host| UsersFile::new(&host.users, config.fxp));
    std::iter::once(users(config)).chain(others).collect()
}

/// The virtual hosts, with their certificates read.
fn virtual_hosts(config: &Config, fxp: FxpLevel) -> Result<Vec<VirtualHost>, Failure> {
    let mut hosts = Vec::new();
    for host in &config.hosts {
        let identity =
            Identity::from_files(&host.certificate, &host.key).map_err(Failure::config)?;
        if let Some(name) = host.names.first() {
            log::info!("certificate of {name} {}", identity.fingerprint());
        }
        let users = UsersFile::new(&host.users, fxp);
        let described = VirtualHost::new(host.names.clone(), identity, users);
        hosts.push(match &host.greeting {
            Some(greeting) => described.greeting(greeting),
            None => described,
        });
    }
    Ok(hosts)
}

/// What the sessions follow, with the files of the rules about peers read.
fn settings(config: &Config) -> Result<Settings, Failure> {
    let rules = config.peers.iter().map(|peers| peers.rule().map_err(Failure::config));
    Ok(Settings { peers: rules.collect::<Result<_, _>>()?, ..config.settings.clone() })
}

fn builder(
    config: &Config,
    settings: Settings,
    identity: Identity,
    hosts: Vec<VirtualHost>,
) -> Builder {
    let storage = Local::new(config.storage);
    let mut builder = Builder::new(identity, users(config), storage)
        .settings(settings)
        .tls_floor(config.tls_floor);
    for host in hosts {
        builder = builder.virtual_host(host);
    }
    for address in &config.listen {
        builder = builder.listen(*address, Listen::Explicit);
    }
    for address in &config.listen_implicit {
        builder = builder.listen(*address, Listen::Implicit);
    }
    match &config.transfer_log {
        Some(path) => builder.transfer_log(path),
        None => builder,
    }
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
}
