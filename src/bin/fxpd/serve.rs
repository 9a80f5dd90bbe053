//! The daemon: from a configuration to a server that runs.

use crate::{
    accounts::Accounts,
    background,
    cert_watch::CertWatch,
    config::Config,
    doubts,
    entrances::{Entrances, Life},
    failure::Failure,
    hooks::Hooks,
    logging::{self, Audience, Target},
    lookups::Lookups,
    options::{Place, ServerArgs},
    pam,
    pid_file::PidFile,
    privilege::Privilege,
    service_manager::ServiceManager,
    signals::Signals,
    supervise::{Supervisor, Watchdog},
};
use crossbeam_channel::Sender;
use fxpd::{
    Bound, Builder, ClientCertificates, Confinement, Identity, Inherited, Local, Reach, Settings,
    UsersFile, VirtualHost,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::time::{Duration, Instant};

/// Reads everything that a start would read, starts nothing, and tells what is doubtful.
pub fn check(args: &ServerArgs) -> Result<Vec<String>, Failure> {
    let config = load(args)?;
    check_storage()?;
    looked_up_settings(&config)?;
    identity(&config)?;
    virtual_hosts(&config, &Accounts::new(&config))?;
    confinement(&config, Life::UntilStopped)?;
    Privilege::find(&config)?;
    for users in all_users(&config) {
        users.check().map_err(Failure::config)?;
    }
    Ok(doubts::about(&config))
}

/// Serves until SIGTERM or SIGINT, or as long as what the server was handed is there.
pub fn serve(args: &ServerArgs) -> Result<(), Failure> {
    if args.place == Place::Background {
        if !background::is_child() {
            return background::start();
        }
        background::enter()?;
    }
    let inherited = Inherited::take()
        .map_err(|error| Failure::system(format!("cannot take what was handed over: {error}")))?;
    // From here on what is read may be older than a wish to read it again.
    let signals = Signals::of_reloads().map_err(Failure::system)?;
    // Whatever is wrong with the settings, a log must be where it will be looked for.
    let config = load(args);
    let fallback = Config::default();
    let settings = config.as_ref().unwrap_or(&fallback);
    let target = settings.log.target(audience(args, &inherited));
    logging::start(target, &settings.syslog_socket, args.verbosity);
    let served = config.and_then(|config| serve_with(args, config, inherited, target, signals));
    if let (Target::Syslog, Err(failure)) = (target, &served) {
        log::error!("{failure}");
    }
    served
}

/// inetd has no standard error to give.
fn audience(args: &ServerArgs, inherited: &Inherited) -> Audience {
    let is_away = args.place == Place::Background || inherited.stderr_was_socket;
    if is_away { Audience::Nobody } else { Audience::Stderr }
}

/// Has the rest of the program hear what the server does.
fn observed(
    builder: Builder,
    tell: Sender<()>,
    hooks: &Option<Hooks>,
    watchdog: &Option<Watchdog>,
) -> Builder {
    let mut builder = builder.on_change(move || {
        let _ = tell.try_send(()); // one word stands for all that are not heard yet
    });
    if let Some(hooks) = hooks {
        builder = builder.on_transfer(hooks.watcher());
    }
    if let Some(watchdog) = watchdog {
        builder = builder.heartbeat(watchdog.heartbeat());
    }
    builder
}

/// Without it clients would log in, and then find nothing.
fn check_storage() -> Result<(), Failure> {
    let why = "openat2(2), by which accounts are kept in their directories, is not to be had (it takes \
               Linux 5.6, and a service of systemd without RestrictSUIDSGID=)";
    Local::check().map_err(|error| Failure::system(format!("{why}: {error}")))
}

/// Reads every users file once, and tells how many accounts it has.
fn count_accounts(config: &Config) -> Result<(), Failure> {
    for users in all_users(config) {
        let accounts = users.check().map_err(Failure::config)?;
        log::info!("{accounts} accounts in {}", users.path().display());
    }
    Ok(())
}

/// The order matters: what keeps root, keys and ports while still root, then the drop, then the
/// first thread.
fn serve_with(
    args: &ServerArgs,
    mut config: Config,
    inherited: Inherited,
    log: Target,
    signals: Signals,
) -> Result<(), Failure> {
    check_storage()?;
    let pam = pam::start(&config)?;
    allow_descriptors();
    let entrances = Entrances::new(inherited.sockets, &config);
    let life = entrances.life();
    if life == Life::OneClient {
        // It has been shown one, and the process may be unable to read another.
        config.certificate_check = Duration::ZERO;
    }
    let certificates = CertWatch::new(&config);
    let identity = identity(&config)?;
    log::info!("certificate {}", identity.fingerprint());
    let accounts = Accounts::new(&config).and_of_system(pam);
    let hosts = virtual_hosts(&config, &accounts)?;
    let privilege = Privilege::find(&config)?;
    let confinement = confinement(&config, life)?;
    let watchdog = inherited.watchdog.map(Watchdog::new);
    let (sessions_follow, mut lookups) = looked_up_settings(&config)?;
    let (tell, changes) = crossbeam_channel::bounded(1);
    let hooks = Hooks::new(&config);
    let builder = builder(&config, &accounts, sessions_follow, identity, hosts);
    let builder = entrances.add_to(builder, &config).confinement(confinement);
    let bound = bind(observed(builder, tell, &hooks, &watchdog))?;
    let _pid_file = pid_file(&config, life)?;
    privilege.reduce()?;
    // Only now: what counts is what may still be read.
    count_accounts(&config)?;
    signals.catch_all().map_err(Failure::system)?;
    let hooks = hooks.map(Hooks::start).transpose().map_err(Failure::system)?;
    lookups.in_background().map_err(Failure::system)?;
    let handle = bound.start().map_err(Failure::system)?;
    log::info!("serving");
    if args.place == Place::Background {
        background::ready(log)?;
    }
    Supervisor {
        handle,
        args,
        running: config,
        accounts,
        life,
        manager: ServiceManager::new(inherited.notify_socket),
        watchdog,
        wishes: signals.heard().map_err(Failure::system)?,
        changes,
        idle_since: None,
        certificates,
        ticket_keys_since: Instant::now(),
        hooks,
        lookups,
    }
    .run();
    Ok(())
}

/// Binds what there is to bind, and tells where that is.
fn bind(builder: Builder) -> Result<Bound, Failure> {
    let bound = builder.bind().map_err(Failure::unavailable)?;
    for address in bound.addresses() {
        log::info!("listening on {address}");
    }
    Ok(bound)
}

/// There while the server is. Whoever starts a process for each client knows their numbers.
fn pid_file(config: &Config, life: Life) -> Result<Option<PidFile>, Failure> {
    match &config.pid_file {
        Some(path) if life != Life::OneClient => PidFile::create(path).map(Some),
        _ => Ok(None),
    }
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

/// The settings, as the file and the command line say them.
pub fn load(args: &ServerArgs) -> Result<Config, Failure> {
    Config::load(&args.config, &args.overrides).map_err(Failure::config)
}

/// The default host's certificate and key, read.
pub fn identity(config: &Config) -> Result<Identity, Failure> {
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
pub fn virtual_hosts(config: &Config, accounts: &Accounts) -> Result<Vec<VirtualHost>, Failure> {
    let mut hosts = Vec::new();
    for host in &config.hosts {
        let identity =
            Identity::from_files(&host.certificate, &host.key).map_err(Failure::config)?;
        if let Some(name) = host.names.first() {
            log::info!("certificate of {name} {}", identity.fingerprint());
        }
        let users = accounts.of_virtual_host(&host.users);
        let described = VirtualHost::new(host.names.clone(), identity, users);
        hosts.push(match &host.greeting {
            Some(greeting) => described.greeting(greeting),
            None => described,
        });
    }
    Ok(hosts)
}

/// What the sessions follow, with the files of the rules about peers read.
pub fn settings(config: &Config, lookups: &mut Lookups) -> Result<Settings, Failure> {
    let rules = config.peers.iter().map(|peers| peers.rule().map_err(Failure::config));
    let authorities = config.client_authorities.as_deref();
    Ok(Settings {
        passive_addresses: lookups.told(config),
        peers: rules.collect::<Result<_, _>>()?,
        client_certificates: ClientCertificates::new(config.client_certificate, authorities)
            .map_err(Failure::config)?,
        ..config.settings.clone()
    })
}

/// The same, with all names in them looked up once.
fn looked_up_settings(config: &Config) -> Result<(Settings, Lookups), Failure> {
    let mut lookups = Lookups::default();
    let settings = settings(config, &mut lookups)?;
    lookups.look_up();
    Ok((settings, lookups))
}

/// What sessions give up. A process that serves one client can become its account altogether.
fn confinement(config: &Config, life: Life) -> Result<Confinement, Failure> {
    let without_ids = Confinement::none()
        .landlock(config.landlock)
        .and_then(|confinement| confinement.seccomp(config.seccomp))
        .map_err(Failure::system)?;
    Ok(match (config.account_ids, life) {
        (false, _) => without_ids,
        (true, Life::OneClient) => without_ids.account_ids(Reach::Process),
        (true, _) => without_ids.account_ids(Reach::Thread),
    })
}

/// The files of the host, with a book of uploads where one can be kept.
fn storage(config: &Config) -> Local {
    let storage = Local::new(config.storage);
    let Some(directory) = &config.state_directory else { return storage };
    storage.clone().keep_book(directory).unwrap_or_else(|error| {
        let directory = directory.display();
        log::warn!("no book of uploads is kept in {directory} (state_directory): {error}");
        storage
    })
}

fn builder(
    config: &Config,
    accounts: &Accounts,
    settings: Settings,
    identity: Identity,
    hosts: Vec<VirtualHost>,
) -> Builder {
    let accounts = accounts.of_default_host(&config.users);
    let mut builder = Builder::new(identity, accounts, storage(config))
        .settings(settings)
        .tls_floor(config.tls_floor);
    for host in hosts {
        builder = builder.virtual_host(host);
    }
    if let Some(path) = &config.transfer_log {
        builder = builder.transfer_log(path);
    }
    if let Some(path) = &config.transfer_log_json {
        builder = builder.transfer_log_json(path);
    }
    builder
}
