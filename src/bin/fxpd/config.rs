//! The configuration: defaults, then the files, then `-o`, through one table of settings.

use crate::{
    effective::{Effective, Origin},
    hooks::HookSettings,
    hosts::{self, HostConfig},
    located::{self, Located},
    logging::LogTo,
    peers::{self, PeersConfig},
    settings::{self, find},
    sources,
    value::{Place, Read},
};
use fxpd::{Access, Asked, FxpLevel, LocalOptions, Pam, Settings, TlsFloor, Wish};
use ipnet::IpNet;
use std::{borrow::Cow, fs, net::SocketAddr, path::Path, path::PathBuf, time::Duration};
use toml::de::DeValue;

/// Everything that can be set, with a value for each.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses with explicit TLS.
    pub listen: Vec<SocketAddr>,
    /// Addresses with implicit TLS.
    pub listen_implicit: Vec<SocketAddr>,
    /// Those of both where balancers come.
    pub proxy_listen: Vec<SocketAddr>,
    /// How long a server of inetd's `wait` stays without clients.
    pub idle_exit: Duration,
    /// The certificate chain's file.
    pub certificate: PathBuf,
    /// The key's file.
    pub key: PathBuf,
    /// How often the files of certificates are looked at.
    pub certificate_check: Duration,
    /// The users file.
    pub users: PathBuf,
    /// Whether clients are asked for a certificate.
    pub client_certificate: Asked,
    /// The file of the CAs that sign them.
    pub client_authorities: Option<PathBuf>,
    /// The program that knows further accounts, if any.
    pub auth_program: Option<PathBuf>,
    /// How many of it run.
    pub auth_program_processes: usize,
    /// For its answer.
    pub auth_program_timeout: Duration,
    /// The service that PAM is asked as for accounts of the system, if it is.
    pub pam_service: Option<String>,
    /// Those of users with a lower uid stay out.
    pub pam_min_uid: u32,
    /// For PAM's answer.
    pub pam_timeout: Duration,
    /// The directory of anonymous clients, if they may enter.
    pub anonymous: Option<PathBuf>,
    /// What they may do.
    pub anonymous_access: Access,
    /// What they may exchange with other servers.
    pub anonymous_fxp: FxpLevel,
    /// The user to become, if any.
    pub user: Option<String>,
    /// Whether sessions take on the ids of their accounts.
    pub account_ids: bool,
    /// Whether sessions are locked into directories.
    pub landlock: Wish,
    /// Whether sessions are denied system calls.
    pub seccomp: Wish,
    /// Where the process number goes, if anywhere.
    pub pid_file: Option<PathBuf>,
    /// Where the books of uploads are kept, if anywhere.
    pub state_directory: Option<PathBuf>,
    /// Where the log goes.
    pub log: LogTo,
    /// Where syslogd listens.
    pub syslog_socket: PathBuf,
    /// The transfer log's file, if any.
    pub transfer_log: Option<PathBuf>,
    /// The same as JSON.
    pub transfer_log_json: Option<PathBuf>,
    /// The programs that run behind uploads.
    pub hooks: HookSettings,
    /// Where `PASV` sends clients, if not to the server's own address.
    pub passive_address: Option<Place>,
    /// The same for those of some networks.
    pub passive_addresses: Vec<(Vec<IpNet>, Place)>,
    /// The level of accounts that name none.
    pub fxp: FxpLevel,
    /// The oldest TLS version.
    pub tls_floor: TlsFloor,
    /// How files are stored.
    pub storage: LocalOptions,
    /// What the sessions follow.
    pub settings: Settings,
    /// The virtual hosts.
    pub hosts: Vec<HostConfig>,
    /// What the servers of some networks must show.
    pub peers: Vec<PeersConfig>,
    /// What of all this was set, and where.
    pub effective: Effective,
}

impl Config {
    /// Reads `file` and those of its directory, and applies `overrides` (`key=value`) on top. An
    /// error names the place.
    pub fn load(file: &Path, overrides: &[String]) -> Read<Config> {
        let mut config = Config::default();
        for file in sources::files(file)? {
            let text = fs::read_to_string(&file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            config.apply_file(&file, &text).map_err(|located| located.at(&file, &text))?;
        }
        for text in overrides {
            config.apply_override(text).map_err(|what| format!("-o {text}: {what}"))?;
        }
        config.check()?;
        Ok(config)
    }

    /// What single settings cannot say of each other.
    fn check(&self) -> Read<()> {
        if self.listen.is_empty() && self.listen_implicit.is_empty() {
            return Err("'listen' and 'listen_implicit' are both empty".to_owned());
        }
        let entrances = self.listen.iter().chain(&self.listen_implicit);
        let elsewhere =
            |address: &&SocketAddr| !entrances.clone().any(|entrance| entrance == *address);
        if let Some(address) = self.proxy_listen.iter().find(elsewhere) {
            return Err(format!(
                "proxy_listen: {address} is neither in 'listen' nor in 'listen_implicit'"
            ));
        }
        match (self.proxy_listen.is_empty(), self.settings.balancers.is_empty()) {
            (true, false) => Err("'proxy_from' needs 'proxy_listen'".to_owned()),
            (false, true) => Err("'proxy_listen' needs 'proxy_from'".to_owned()),
            _ => self.check_pam(Pam::IS_BUILT_IN),
        }
    }

    /// A session that is not its user would be root, or a service user before others' files.
    fn check_pam(&self, is_built_in: bool) -> Read<()> {
        match &self.pam_service {
            Some(_) if !is_built_in => {
                Err("pam_service: this fxpd was built without PAM".to_owned())
            }
            Some(_) if !self.account_ids => Err("'pam_service' needs 'account_ids'".to_owned()),
            _ => Ok(()),
        }
    }

    /// Settings replace what was set before; hosts and peers are added to what there is.
    pub fn apply_file(&mut self, file: &Path, text: &str) -> Result<(), Located> {
        let table = located::table(text)?;
        let origin = |offset| Origin::file(file, text, offset);
        for (key, value) in table.get_ref() {
            match key.get_ref().as_ref() {
                "host" => {
                    self.hosts.extend(hosts::read(value, &self.hosts)?);
                    self.effective.add("host", value.get_ref(), origin);
                }
                "peers" => {
                    self.peers.extend(peers::read(value)?);
                    self.effective.add("peers", value.get_ref(), origin);
                }
                name => {
                    let setting = find(name).ok_or_else(|| Located {
                        offset: key.span().start,
                        what: format!("unknown setting '{name}'"),
                    })?;
                    (setting.set)(self, value.get_ref()).map_err(|what| Located {
                        offset: value.span().start,
                        what: format!("{}: {what}", setting.key),
                    })?;
                    self.effective.set(setting.key, value.get_ref(), origin(key.span().start));
                }
            }
        }
        Ok(())
    }

    /// Applies one `key=value`. The value is TOML where that fits, and bare text otherwise:
    /// nobody wants to quote quotes for a shell.
    pub fn apply_override(&mut self, text: &str) -> Read<()> {
        let (key, value) = text.split_once('=').ok_or("expected key=value")?;
        let (key, value) = (key.trim(), value.trim());
        let setting = find(key).ok_or_else(|| format!("unknown setting '{key}'"))?;
        let bare = DeValue::String(Cow::Borrowed(value));
        let parsed = DeValue::parse(value).ok();
        // `1.2` and `27` are TOML numbers, and text all the same to settings that want text.
        let understood = match &parsed {
            Some(parsed) => match (setting.set)(self, parsed.get_ref()) {
                Ok(()) => parsed.get_ref(),
                Err(what) => (setting.set)(self, &bare).map(|()| &bare).map_err(|_| what)?,
            },
            None => (setting.set)(self, &bare).map(|()| &bare)?,
        };
        self.effective.set(setting.key, understood, Origin::command_line());
        Ok(())
    }
}

impl Default for Config {
    /// What the table's defaults say; the test below holds them to the library's own.
    fn default() -> Config {
        let mut config = Config {
            listen: Vec::new(),
            listen_implicit: Vec::new(),
            proxy_listen: Vec::new(),
            idle_exit: Duration::ZERO,
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            certificate_check: Duration::ZERO,
            users: PathBuf::new(),
            client_certificate: Asked::No,
            client_authorities: None,
            auth_program: None,
            auth_program_processes: 0,
            auth_program_timeout: Duration::ZERO,
            pam_service: None,
            pam_min_uid: 0,
            pam_timeout: Duration::ZERO,
            anonymous: None,
            anonymous_access: Access::ReadOnly,
            anonymous_fxp: FxpLevel::Off,
            user: None,
            account_ids: false,
            landlock: Wish::Off,
            seccomp: Wish::Off,
            pid_file: None,
            state_directory: None,
            log: LogTo::Auto,
            syslog_socket: PathBuf::new(),
            transfer_log: None,
            transfer_log_json: None,
            hooks: HookSettings::default(),
            passive_address: None,
            passive_addresses: Vec::new(),
            fxp: FxpLevel::default(),
            tls_floor: TlsFloor::Tls12,
            storage: LocalOptions::default(),
            settings: Settings::default(),
            hosts: Vec::new(),
            peers: Vec::new(),
            effective: Effective::default(),
        };
        for setting in settings::all() {
            let value = DeValue::parse(setting.default).expect("the table holds TOML");
            (setting.set)(&mut config, value.get_ref()).expect("defaults fit their settings");
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::located::place;

    fn apply(config: &mut Config, text: &str) -> Result<(), Located> {
        config.apply_file(Path::new("fxpd.conf"), text)
    }

    fn file_error(text: &str) -> String {
        let Located { offset, what } = apply(&mut Config::default(), text).unwrap_err();
        format!("{:?} {what}", place(text, offset))
    }

    #[test]
    fn defaults_of_the_table_are_those_of_the_library() {
        let config = Config::default();
        assert_eq!(format!("{:?}", config.settings), format!("{:?}", Settings::default()));
        assert_eq!(format!("{:?}", config.storage), format!("{:?}", LocalOptions::default()));
        assert_eq!(config.fxp, FxpLevel::default());
        assert_eq!(config.listen.len(), 1);
    }

    #[test]
    fn a_file_sets_what_it_names() {
        let mut config = Config::default();
        let text = "listen = ['127.0.0.1:21', '[::1]:21'] # two\nccc = true\nidle_timeout_s = 7\n";
        assert!(apply(&mut config, text).is_ok());
        assert_eq!(config.listen.len(), 2);
        assert!(config.settings.ccc);
        assert_eq!(config.settings.idle_timeout.as_secs(), 7);
    }

    #[test]
    fn errors_of_a_file_have_line_and_column() {
        for (text, error) in [
            ("\n  lisen = []\n", "(2, 3) unknown setting 'lisen'"),
            ("[tls]\nx = 1\n", "(1, 1) tls: expected 'required' or 'optional', found a table"),
            ("[server]\nccc = true\n", "(1, 2) unknown setting 'server'"),
            ("ccc = true\nccc = true\n", "(2, 1) duplicate key"),
            ("greeting = 'ä' x\n", "(1, 16) "),
            ("\ngreeting = 5\n", "(2, 12) greeting: expected text, found an integer"),
            ("# ä\numask =", "(2, 8) "),
        ] {
            let found = file_error(text);
            assert!(found.starts_with(error), "{text}: {found}");
        }
    }

    #[test]
    fn pam_takes_a_server_that_has_it_and_can_be_its_users() {
        let mut config = Config::default();
        assert!(apply(&mut config, "pam_service = 'fxpd'\npam_min_uid = 500\n").is_ok());
        assert_eq!((config.pam_service.as_deref(), config.pam_min_uid), (Some("fxpd"), 500));
        assert!(config.check_pam(false).unwrap_err().contains("built without PAM"));
        assert!(config.check_pam(true).unwrap_err().contains("needs 'account_ids'"));
        config.account_ids = true;
        assert_eq!(config.check_pam(true), Ok(()));
        assert_eq!(config.check().is_ok(), Pam::IS_BUILT_IN);
        assert_eq!(Config::default().check_pam(false), Ok(()));
        for name in ["../shadow", "a b", ".", "Fxpd", "a/b"] {
            let found = file_error(&format!("pam_service = '{name}'\n"));
            assert!(found.contains("is no name of a service"), "{found}");
        }
    }

    #[test]
    fn hosts_are_read_in_their_order() {
        let of = |name: &str| {
            format!("[[host]]\nnames = {name}\ncertificate = '/c'\nkey = '/k'\nusers = '/u'\n")
        };
        let text =
            format!("ccc = true\n{}greeting = 'hi'\n{}", of("'A.example'"), of("['b', '::1']"));
        let mut config = Config::default();
        assert!(apply(&mut config, &text).is_ok());
        let names = |at: usize| config.hosts[at].names.iter().map(ToString::to_string);
        assert_eq!(names(0).collect::<Vec<_>>(), ["a.example"]);
        assert_eq!(names(1).collect::<Vec<_>>(), ["b", "[::1]"]);
        assert_eq!(config.hosts[0].greeting.as_deref(), Some("hi"));
        assert_eq!((config.hosts.len(), config.hosts[1].users.to_str()), (2, Some("/u")));
        assert!(config.settings.ccc && config.hosts[1].greeting.is_none());
    }

    #[test]
    fn errors_of_a_host_have_line_and_column() {
        let whole = "[[host]]\nnames = 'a'\ncertificate = '/c'\nkey = '/k'\nusers = '/u'\n";
        for (text, error) in [
            (format!("{whole}  home = '/h'\n"), "(6, 3) unknown setting 'host.home'"),
            (format!("{whole}ccc = true\n"), "(6, 1) unknown setting 'host.ccc'"),
            (format!("{whole}{whole}"), "(7, 9) host.names: 'a' is named twice"),
            ("[[host]]\nnames = ['a:21']\n".into(), "(2, 9) host.names: 'a:21' is not the name"),
            ("[[host]]\nnames = []\n".into(), "(2, 9) host.names: a host needs a name"),
            ("[[host]]\nkey = 'k'\n".into(), "(2, 7) host.key: 'k' is not absolute"),
            ("ccc = true\n[[host]]\nnames = 'a'\n".into(), "(2, 1) 'certificate' is missing"),
            ("[host]\nnames = 'a'\n".into(), "(1, 1) host: expected tables"),
            ("host = ['a']\n".into(), "(1, 9) host: expected tables"),
        ] {
            let found = file_error(&text);
            assert!(found.starts_with(error), "{text}: {found}");
        }
    }

    #[test]
    fn peers_are_read_and_their_errors_have_line_and_column() {
        let pin = format!("pins = 'SHA256:{}'\n", "ab".repeat(32));
        let mut config = Config::default();
        let one = format!("[[peers]]\nnetworks = ['192.0.2.7', '2001:db8::/32']\n{pin}");
        let two = "[[peers]]\nnetworks = '0.0.0.0/0'\nauthorities = '/ca'\n";
        assert!(apply(&mut config, &format!("{one}{two}")).is_ok());
        assert_eq!(config.peers.len(), 2);
        for (text, error) in [
            ("[[peers]]\nnetworks = 'x'\n", "(2, 12) peers.networks: 'x' is not a network"),
            ("[[peers]]\nnetworks = []\n", "(2, 12) peers.networks: name a network"),
            ("[[peers]]\npins = 'SHA256:1'\n", "(2, 8) peers.pins: 'SHA256:1' is no fingerprint"),
            ("[[peers]]\nauthorities = 'ca'\n", "(2, 15) peers.authorities: 'ca' is not absolute"),
            ("[[peers]]\nnetworks = '::/0'\n", "(1, 1) these peers need 'pins' or"),
            ("[[peers]]\nnetworks = '::/0'\npins = []\n", "(1, 1) these peers need 'pins' or"),
            ("[[peers]]\nauthorities = '/ca'\n", "(1, 1) 'networks' is missing"),
            ("[[peers]]\nnetwork = '::/0'\n", "(2, 1) unknown setting 'peers.network'"),
            ("peers = 5\n", "(1, 9) peers: expected tables"),
        ] {
            let found = file_error(text);
            assert!(found.starts_with(error), "{text}: {found}");
        }
    }

    #[test]
    fn overrides_may_be_toml_or_bare() {
        let mut config = Config::default();
        for text in [
            "listen=127.0.0.1:2121",
            "listen_implicit=['127.0.0.1:990']",
            "tls_min_version=1.3",
            "tls = optional",
            "greeting=",
            "umask=027",
            "passive_ports=50000-50100",
            "max_sessions=7",
            "transfer_log=/var/log/xferlog",
        ] {
            assert_eq!(config.apply_override(text), Ok(()), "{text}");
        }
        assert_eq!(config.settings.passive_ports, 50000..=50100);
        assert_eq!((config.settings.max_sessions, config.storage.umask_octal), (7, 0o027));
        assert_eq!(config.tls_floor, TlsFloor::Tls13);
        for (text, what) in [
            ("ccc", "expected key=value"),
            ("cccc=true", "unknown setting 'cccc'"),
            ("ccc=yes", "expected true or false, found a string"),
            ("idle_timeout_s=0", "0 is not within"),
        ] {
            let found = config.apply_override(text).unwrap_err();
            assert!(found.contains(what), "{text}: {found}");
        }
    }
}
