//! What is well formed and may still not be meant: the warnings of `fxpd -t`. Nothing here keeps a
//! server from starting.

use crate::{config::Config, hooks::RunAs, hosts::HostConfig, value::Place};
use fxpd::{HashKind, Identity, Term, UserLine, UsersFile, Validity};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use nix::unistd::geteuid;
use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// A certificate that ends within this time should have been renewed.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Accounts of one file that are worth a line each.
const MAX_HOMES_TOLD: usize = 10;

/// Bits of a file's mode that let everybody read or write.
const MODE_OF_OTHERS: u32 = 0o006;

/// The bit of a file's mode that lets everybody execute it.
const EXECUTE_BY_OTHERS: u32 = 0o001;

/// Where services of PAM are described; the administrator's own first.
const SERVICES: [&str; 2] = ["/etc/pam.d", "/usr/lib/pam.d"];

/// All doubts about settings whose files have been read without an error.
pub fn about(config: &Config) -> Vec<String> {
    let mut doubts = Vec::new();
    doubts.extend(passive_addresses(config));
    doubts.extend(passive_ports(config));
    doubts.extend(account_ids(config));
    doubts.extend(hooks(config));
    doubts.extend(config.pam_service.as_deref().and_then(pam_service));
    let default = HostConfig {
        certificate: config.certificate.clone(),
        key: config.key.clone(),
        users: config.users.clone(),
        ..HostConfig::default()
    };
    for host in std::iter::once(&default).chain(&config.hosts) {
        doubts.extend(certificate(host));
        doubts.extend(key(&host.key));
        let users = UsersFile::new(&host.users, config.fxp);
        doubts.extend(homes(&users));
        doubts.extend(hashes(&users));
    }
    let places = [
        ("transfer_log", &config.transfer_log),
        ("transfer_log_json", &config.transfer_log_json),
        ("pid_file", &config.pid_file),
        ("state_directory", &config.state_directory),
    ];
    doubts.extend(places.into_iter().filter_map(|(key, file)| directory(key, file.as_deref()?)));
    doubts
}

/// Clients from elsewhere cannot come to an address that is not routed.
fn passive_addresses(config: &Config) -> Vec<String> {
    let listen = config.listen.iter().chain(&config.listen_implicit);
    let is_public =
        listen.map(|address| address.ip()).any(|ip| ip.is_unspecified() || is_routed(ip));
    let is_local = |networks: &[IpNet]| networks.iter().all(|net| !is_routed(net.addr()));
    let of_networks = config
        .passive_addresses
        .iter()
        .filter(|(networks, _)| !is_local(networks))
        .map(|(_, place)| ("passive_addresses", place));
    let of_all = config.passive_address.iter().map(|place| ("passive_address", place));
    let doubt = |(key, place): (&str, &Place)| match place {
        Place::Address(address) if is_public && !is_routed((*address).into()) => Some(format!(
            "{key}: {address} is reached from within alone, and the server listens for others too"
        )),
        _ => None,
    };
    of_all.chain(of_networks).filter_map(doubt).collect()
}

/// Whether everybody can reach an address (RFC 6890, as far as operators set it by mistake).
fn is_routed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let is_of_carriers = |ip: Ipv4Addr| matches!(ip.octets(), [100, 64..=127, ..]);
            !v4.is_private()
                && !v4.is_loopback()
                && !v4.is_link_local()
                && !v4.is_unspecified()
                && !is_of_carriers(v4)
        }
        IpAddr::V6(v6) => {
            !v6.is_unique_local()
                && !v6.is_loopback()
                && !v6.is_unicast_link_local()
                && !v6.is_unspecified()
        }
    }
}

/// Each client that waits for data takes a port.
fn passive_ports(config: &Config) -> Option<String> {
    let (ports, sessions) = (config.settings.passive_ports.len(), config.settings.max_sessions);
    (ports < sessions).then(|| {
        format!("passive_ports: {ports} are too few for the {sessions} sessions of max_sessions")
    })
}

/// Whoever checks may be another than who will start the server.
fn account_ids(config: &Config) -> Option<String> {
    let is_root = geteuid().is_root();
    (config.account_ids && !is_root)
        .then(|| "account_ids: only root can start a server with it, and this is not".to_owned())
}

/// Whoever is allowed more is few; accounts are all others.
fn hooks(config: &Config) -> Vec<String> {
    let hooks = &config.hooks;
    if !config.account_ids || hooks.run_as == RunAs::Server {
        return Vec::new();
    }
    let is_closed = |program: &str| {
        fs::metadata(program).is_ok_and(|about| about.permissions().mode() & EXECUTE_BY_OTHERS == 0)
    };
    let programs = [("on_upload", &hooks.on_upload), ("on_upload_failed", &hooks.on_upload_failed)];
    let firsts = programs.into_iter().filter_map(|(key, argv)| Some((key, argv.first()?)));
    let closed = firsts.filter(|(_, program)| is_closed(program));
    closed
        .map(|(key, program)| {
            format!("{key}: {program} is run by accounts, of which not all may execute it")
        })
        .collect()
}

/// PAM goes by `other` where a service has no file: that may let everybody in, or nobody.
fn pam_service(service: &str) -> Option<String> {
    let exists = SERVICES.iter().any(|directory| Path::new(directory).join(service).exists());
    (!exists).then(|| format!("pam_service: there is no {}/{service}", SERVICES[0]))
}

fn certificate(host: &HostConfig) -> Option<String> {
    let identity = Identity::from_files(&host.certificate, &host.key).ok()?;
    let doubt = validity(identity.validity()?, Timestamp::now())?;
    Some(format!("{}: the certificate {doubt}", host.certificate.display()))
}

fn validity(validity: Validity, now: Timestamp) -> Option<String> {
    match validity.term(now) {
        Term::Early => Some(format!("is not valid before {}", validity.begins)),
        Term::Expired => Some(format!("expired on {}", validity.ends)),
        Term::Current if validity.ends.duration_since(now) < SOON => {
            Some(format!("expires on {}", validity.ends))
        }
        Term::Current => None,
    }
}

fn key(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let is_open = mode & MODE_OF_OTHERS != 0;
    is_open.then(|| format!("{}: the key is open to every user of this host", path.display()))
}

/// Accounts that can log in and find nothing.
fn homes(users: &UsersFile) -> Vec<String> {
    let file = users.path().display();
    let lines = users.lines().unwrap_or_default();
    if lines.is_empty() {
        return vec![format!("{file}: there are no accounts")];
    }
    let lost: Vec<_> = lines.iter().filter(|line| !Path::new(&line.home).is_dir()).collect();
    let mut doubts: Vec<_> = lost
        .iter()
        .take(MAX_HOMES_TOLD)
        .map(|line| format!("{file}: the home of '{}', {}, is no directory", line.name, line.home))
        .collect();
    if lost.len() > MAX_HOMES_TOLD {
        let more = lost.len() - MAX_HOMES_TOLD;
        doubts.push(format!("{file}: the homes of {more} accounts more are no directories"));
    }
    doubts
}

/// A small build knows fewer kinds of hashes, and the users file may come from another.
fn hashes(users: &UsersFile) -> Option<String> {
    let kind = |line: &UserLine| HashKind::of(&line.hash).filter(|kind| !kind.is_built_in());
    let lines = users.lines().unwrap_or_default();
    let kinds: Vec<HashKind> = lines.iter().filter_map(kind).collect();
    let (count, kind) = (kinds.len(), kinds.first()?);
    let file = users.path().display();
    Some(format!("{file}: {count} accounts are refused: {kind} or the like is not built in"))
}

fn directory(key: &str, file: &Path) -> Option<String> {
    let directory = file.parent()?;
    (!directory.is_dir()).then(|| format!("{key}: there is no directory {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_doubted_before_and_behind_its_time_and_near_its_end() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let ours = Validity { begins: time("2026-01-01T00:00Z"), ends: time("2026-06-30T00:00Z") };
        for (now, doubt) in [
            ("2025-12-31T23:59Z", Some("is not valid before 2026-01-01T00:00:00Z")),
            ("2026-01-02T00:00Z", None),
            ("2026-06-15T23:59Z", None),
            ("2026-06-16T00:01Z", Some("expires on 2026-06-30T00:00:00Z")),
            ("2026-06-30T00:01Z", Some("expired on 2026-06-30T00:00:00Z")),
        ] {
            assert_eq!(validity(ours, time(now)).as_deref(), doubt, "{now}");
        }
    }

    #[test]
    fn a_private_address_is_doubted_where_others_are_served() {
        let place = |text: &str| Some(Place::Address(text.parse().unwrap()));
        let doubts = |listen: &str, address: &str| {
            let listen = vec![listen.parse().unwrap()];
            let config = Config { listen, passive_address: place(address), ..Config::default() };
            passive_addresses(&config).len()
        };
        assert_eq!(doubts("[::]:21", "10.0.0.1"), 1);
        assert_eq!(doubts("198.51.100.1:21", "100.64.0.1"), 1);
        assert_eq!(doubts("192.168.0.1:21", "10.0.0.1"), 0);
        assert_eq!(doubts("0.0.0.0:21", "198.51.100.1"), 0);
        let implicit = Config {
            listen: vec!["192.168.0.1:21".parse().unwrap()],
            listen_implicit: vec!["[::]:990".parse().unwrap()],
            passive_address: place("10.0.0.1"),
            ..Config::default()
        };
        assert_eq!(passive_addresses(&implicit).len(), 1);
        let rule = |net: &str| Config {
            passive_addresses: vec![(vec![net.parse().unwrap()], place("10.0.0.1").unwrap())],
            ..Config::default()
        };
        assert_eq!(passive_addresses(&rule("10.0.0.0/8")).len(), 0);
        assert_eq!(passive_addresses(&rule("198.51.100.0/24")).len(), 1);
    }
}
