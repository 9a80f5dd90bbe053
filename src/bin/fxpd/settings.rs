//! The table of settings: the file, `-o`, `--settings` and the documents all follow it.
//!
//! A row says how its value is read and where it goes; what values look like is in `value`.

use crate::{
    config::Config,
    hosts::{HOST_SETTINGS, HostSetting},
    peers::{PEERS_SETTINGS, PeersSetting},
    value::{
        access, addresses, argv, asked, boolean, bytes, demand, fxp_level, hash_transfers,
        ipv4_place, ipv4_places, list_owner, log_to, networks_or_none, number, path, ports, put,
        seconds, text, tls_floor, umask, unless_empty, wish,
    },
};
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// What a limit on sessions may be. A limit of none would be a server that is off.
const SESSIONS: RangeInclusive<usize> = 1..=1_000_000;
/// How many files may be set to be hashed at a time; 0 stands for one a processor.
const HASHING: RangeInclusive<usize> = 0..=1024;
/// How many hooks may be set to run at a time, each watched by a thread.
const HOOKS: RangeInclusive<usize> = 1..=256;
/// How many wrong passwords may be remembered of an address.
const WRONG_PASSWORDS: RangeInclusive<usize> = 0..=100;
/// What a command line may be limited to: the longest path and a verb must fit, and each session
/// keeps that much.
const LINE_BYTES: RangeInclusive<usize> = 4104..=65_536;

/// One setting.
pub struct Setting {
    /// Its name in the file.
    pub key: &'static str,
    /// What its value is; words that it may be are separated by bars.
    pub kind: &'static str,
    /// What it is when nobody sets it, as the file would say it.
    pub default: &'static str,
    /// What it means, in one line.
    pub about: &'static str,
    /// Puts a value in its place, or says what is wrong with it.
    pub set: fn(&mut Config, &DeValue<'_>) -> Result<(), String>,
}

/// The setting called `key`.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The table as `fxpd --settings` prints it: key, type, default and meaning, separated by tabs.
/// Settings of peers and hosts follow as `peers.KEY` and `host.KEY`, with an example in place of the
/// default.
pub fn table() -> String {
    let mut lines = String::new();
    for Setting { key, kind, default, about, .. } in SETTINGS {
        lines.push_str(&format!("{key}\t{kind}\t{default}\t{about}\n"));
    }
    for PeersSetting { key, kind, example, about, .. } in PEERS_SETTINGS {
        lines.push_str(&format!("peers.{key}\t{kind}\t{example}\t{about}\n"));
    }
    for HostSetting { key, kind, example, about, .. } in HOST_SETTINGS {
        lines.push_str(&format!("host.{key}\t{kind}\t{example}\t{about}\n"));
    }
    lines
}

/// Every setting, in the order of the documents.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        kind: "array of addresses",
        default: r#"["[::]:21"]"#,
        about: "Where clients connect that ask for TLS themselves, with AUTH.",
        set: |config, value| put(&mut config.listen, addresses(value)),
    },
    Setting {
        key: "listen_implicit",
        kind: "array of addresses",
        default: "[]",
        about: "Where TLS begins with the connection, as on port 990.",
        set: |config, value| put(&mut config.listen_implicit, addresses(value)),
    },
    Setting {
        key: "proxy_listen",
        kind: "array of addresses",
        default: "[]",
        about: "Those of these addresses where balancers come, with the PROXY protocol.",
        set: |config, value| put(&mut config.proxy_listen, addresses(value)),
    },
    Setting {
        key: "proxy_from",
        kind: "array of networks",
        default: "[]",
        about: "Where the balancers are; nobody else is believed.",
        set: |config, value| put(&mut config.settings.balancers, networks_or_none(value)),
    },
    Setting {
        key: "idle_exit_s",
        kind: "seconds",
        default: "60",
        about: "How long a server that inetd has started with wait stays without clients.",
        set: |config, value| put(&mut config.idle_exit, seconds(value, 1)),
    },
    Setting {
        key: "certificate",
        kind: "path",
        default: r#""/etc/fxpd/cert.pem""#,
        about: "Certificate chain of the server, in PEM form.",
        set: |config, value| put(&mut config.certificate, path(value)),
    },
    Setting {
        key: "key",
        kind: "path",
        default: r#""/etc/fxpd/key.pem""#,
        about: "Private key of the certificate, in PEM form.",
        set: |config, value| put(&mut config.key, path(value)),
    },
    Setting {
        key: "certificate_check_s",
        kind: "seconds",
        default: "60",
        about: "How often certificates and keys are looked at for newer ones; 0 for never.",
        set: |config, value| put(&mut config.certificate_check, seconds(value, 0)),
    },
    Setting {
        key: "users",
        kind: "path",
        default: r#""/etc/fxpd/passwd""#,
        about: "The accounts, see fxpd.passwd(5).",
        set: |config, value| put(&mut config.users, path(value)),
    },
    Setting {
        key: "auth_program",
        kind: "path",
        default: r#""""#,
        about: "Program that knows further accounts, see fxpd-auth(5); empty for none.",
        set: |config, value| put(&mut config.auth_program, unless_empty(value, path)),
    },
    Setting {
        key: "auth_program_processes",
        kind: "number",
        default: "4",
        about: "How many of it answer at a time.",
        set: |config, value| put(&mut config.auth_program_processes, number(value, 1..=64)),
    },
    Setting {
        key: "auth_program_timeout_s",
        kind: "seconds",
        default: "10",
        about: "For its answer, the wait for a free one included.",
        set: |config, value| put(&mut config.auth_program_timeout, seconds(value, 1)),
    },
    Setting {
        key: "anonymous",
        kind: "path",
        default: r#""""#,
        about: "What everybody finds who logs in as anonymous or ftp; empty lets nobody.",
        set: |config, value| put(&mut config.anonymous, unless_empty(value, path)),
    },
    Setting {
        key: "anonymous_access",
        kind: "ro|incoming|rw",
        default: r#""ro""#,
        about: "What anonymous clients may do: read, leave new files in /incoming, or change things.",
        set: |config, value| put(&mut config.anonymous_access, access(value)),
    },
    Setting {
        key: "anonymous_fxp",
        kind: "off|verified|tls|any",
        default: r#""off""#,
        about: "What anonymous clients may exchange with other servers.",
        set: |config, value| put(&mut config.anonymous_fxp, fxp_level(value)),
    },
    Setting {
        key: "user",
        kind: "text",
        default: r#""""#,
        about: "User to run as once the sockets are bound and the key is read.",
        set: |config, value| put(&mut config.user, unless_empty(value, text)),
    },
    Setting {
        key: "account_ids",
        kind: "true|false",
        default: "false",
        about: "Whether each session uses files as the uid and gid of its account; takes root.",
        set: |config, value| put(&mut config.account_ids, boolean(value)),
    },
    Setting {
        key: "landlock",
        kind: "auto|off|required",
        default: r#""auto""#,
        about: "Whether a login locks its session into the account's directory, in the kernel.",
        set: |config, value| put(&mut config.landlock, wish(value)),
    },
    Setting {
        key: "seccomp",
        kind: "auto|off|required",
        default: r#""auto""#,
        about: "Whether sessions are denied system calls that they do not need.",
        set: |config, value| put(&mut config.seccomp, wish(value)),
    },
    Setting {
        key: "pid_file",
        kind: "path",
        default: r#""""#,
        about: "Where the number of the server's process is kept; empty for nowhere.",
        set: |config, value| put(&mut config.pid_file, unless_empty(value, path)),
    },
    Setting {
        key: "log",
        kind: "auto|stderr|syslog",
        default: r#""auto""#,
        about: "Where the program's own log goes.",
        set: |config, value| put(&mut config.log, log_to(value)),
    },
    Setting {
        key: "syslog_socket",
        kind: "path",
        default: r#""/dev/log""#,
        about: "Where syslogd listens.",
        set: |config, value| put(&mut config.syslog_socket, path(value)),
    },
    Setting {
        key: "transfer_log",
        kind: "path",
        default: r#""""#,
        about: "Record of every transfer in the form of xferlog; empty for none.",
        set: |config, value| put(&mut config.transfer_log, unless_empty(value, path)),
    },
    Setting {
        key: "transfer_log_json",
        kind: "path",
        default: r#""""#,
        about: "Record of every transfer as a line of JSON; empty for none.",
        set: |config, value| put(&mut config.transfer_log_json, unless_empty(value, path)),
    },
    Setting {
        key: "on_upload",
        kind: "array of words",
        default: "[]",
        about: "Program to run behind each upload that was taken, with its arguments.",
        set: |config, value| put(&mut config.hooks.on_upload, argv(value)),
    },
    Setting {
        key: "on_upload_failed",
        kind: "array of words",
        default: "[]",
        about: "Program to run behind each upload that failed, with its arguments.",
        set: |config, value| put(&mut config.hooks.on_upload_failed, argv(value)),
    },
    Setting {
        key: "hook_timeout_s",
        kind: "seconds",
        default: "60",
        about: "For one run of such a program.",
        set: |config, value| put(&mut config.hooks.timeout, seconds(value, 1)),
    },
    Setting {
        key: "max_hooks",
        kind: "number",
        default: "4",
        about: "Such programs that run at once.",
        set: |config, value| put(&mut config.hooks.at_once, number(value, HOOKS)),
    },
    Setting {
        key: "greeting",
        kind: "text",
        default: r#""fxpd ready""#,
        about: "What a client is greeted with.",
        set: |config, value| put(&mut config.settings.greeting, text(value)),
    },
    Setting {
        key: "tls",
        kind: "required|optional",
        default: r#""required""#,
        about: "Whether a login, and data, need TLS.",
        set: |config, value| put(&mut config.settings.tls, demand(value)),
    },
    Setting {
        key: "tls_min_version",
        kind: "1.2|1.3",
        default: r#""1.2""#,
        about: "The oldest version of TLS that is spoken.",
        set: |config, value| put(&mut config.tls_floor, tls_floor(value)),
    },
    Setting {
        key: "client_certificate",
        kind: "off|optional|required",
        default: r#""off""#,
        about: "Whether clients are asked for a certificate, and may do without.",
        set: |config, value| put(&mut config.client_certificate, asked(value)),
    },
    Setting {
        key: "client_authorities",
        kind: "path",
        default: r#""""#,
        about: "CAs that sign certificates of clients, in PEM form; empty for none.",
        set: |config, value| put(&mut config.client_authorities, unless_empty(value, path)),
    },
    Setting {
        key: "data_tls_reuse",
        kind: "required|optional",
        default: r#""optional""#,
        about: "Whether data connections must resume the TLS session of their control connection.",
        set: |config, value| put(&mut config.settings.data_tls_reuse, demand(value)),
    },
    Setting {
        key: "data_close_notify",
        kind: "required|optional",
        default: r#""required""#,
        about: "Whether an upload must end with close_notify to count as whole.",
        set: |config, value| put(&mut config.settings.data_close_notify, demand(value)),
    },
    Setting {
        key: "ccc",
        kind: "boolean",
        default: "false",
        about: "Whether a client may take its control connection back to clear text.",
        set: |config, value| put(&mut config.settings.ccc, boolean(value)),
    },
    Setting {
        key: "fxp",
        kind: "off|verified|tls|any",
        default: r#""verified""#,
        about: "What accounts that name no level may exchange with other servers.",
        set: |config, value| put(&mut config.fxp, fxp_level(value)),
    },
    Setting {
        key: "passive_ports",
        kind: "port range",
        default: r#""49152-65534""#,
        about: "Ports for passive data connections.",
        set: |config, value| put(&mut config.settings.passive_ports, ports(value)),
    },
    Setting {
        key: "passive_address",
        kind: "IPv4 address or name",
        default: r#""""#,
        about: "The address that PASV tells, behind NAT; empty for the server's own.",
        set: |config, value| put(&mut config.passive_address, unless_empty(value, ipv4_place)),
    },
    Setting {
        key: "passive_addresses",
        kind: "array of tables",
        default: "[]",
        about: "The same for clients of some networks.",
        set: |config, value| put(&mut config.passive_addresses, ipv4_places(value)),
    },
    Setting {
        key: "fsync",
        kind: "boolean",
        default: "false",
        about: "Whether an upload is on the disk before it is acknowledged.",
        set: |config, value| put(&mut config.storage.fsync, boolean(value)),
    },
    Setting {
        key: "umask",
        kind: "octal",
        default: r#""022""#,
        about: "Permissions that new files and directories do not get.",
        set: |config, value| put(&mut config.storage.umask_octal, umask(value)),
    },
    Setting {
        key: "keep_partial",
        kind: "boolean",
        default: "true",
        about: "Whether a new file that is cut short stays, so that it can be resumed.",
        set: |config, value| put(&mut config.storage.keep_partial, boolean(value)),
    },
    Setting {
        key: "in_place",
        kind: "boolean",
        default: "false",
        about: "Whether uploads overwrite a file as they arrive, not at their end.",
        set: |config, value| put(&mut config.storage.in_place, boolean(value)),
    },
    Setting {
        key: "hash_transfers",
        kind: "none|foreign|all",
        default: r#""foreign""#,
        about: "Which transfers are hashed as they move, so that HASH need not read the file.",
        set: |config, value| put(&mut config.settings.hash_transfers, hash_transfers(value)),
    },
    Setting {
        key: "list_owner",
        kind: "numeric|account",
        default: r#""numeric""#,
        about: "What LIST shows as owner and group: their numbers, or the account and ftp.",
        set: |config, value| put(&mut config.settings.list_owner, list_owner(value)),
    },
    Setting {
        key: "handshake_timeout_s",
        kind: "seconds",
        default: "10",
        about: "For a whole TLS handshake.",
        set: |config, value| put(&mut config.settings.handshake_timeout, seconds(value, 1)),
    },
    Setting {
        key: "login_timeout_s",
        kind: "seconds",
        default: "60",
        about: "From the connection to the end of the login.",
        set: |config, value| put(&mut config.settings.login_timeout, seconds(value, 1)),
    },
    Setting {
        key: "idle_timeout_s",
        kind: "seconds",
        default: "300",
        about: "For the next command.",
        set: |config, value| put(&mut config.settings.idle_timeout, seconds(value, 1)),
    },
    Setting {
        key: "data_timeout_s",
        kind: "seconds",
        default: "30",
        about: "For a data connection to come about.",
        set: |config, value| put(&mut config.settings.data_timeout, seconds(value, 1)),
    },
    Setting {
        key: "stall_timeout_s",
        kind: "seconds",
        default: "120",
        about: "For the next byte of a transfer.",
        set: |config, value| put(&mut config.settings.stall_timeout, seconds(value, 1)),
    },
    Setting {
        key: "shutdown_grace_s",
        kind: "seconds",
        default: "60",
        about: "For transfers that run when the server is told to stop.",
        set: |config, value| put(&mut config.settings.shutdown_grace, seconds(value, 0)),
    },
    Setting {
        key: "max_sessions",
        kind: "number",
        default: "2000",
        about: "Sessions in total.",
        set: |config, value| put(&mut config.settings.max_sessions, number(value, SESSIONS)),
    },
    Setting {
        key: "max_sessions_per_address",
        kind: "number",
        default: "50",
        about: "Sessions from one address.",
        set: |config, value| {
            put(&mut config.settings.max_sessions_per_address, number(value, SESSIONS))
        },
    },
    Setting {
        key: "max_sessions_per_account",
        kind: "number",
        default: "100",
        about: "Sessions of an account that names no number.",
        set: |config, value| {
            put(&mut config.settings.max_sessions_per_account, number(value, SESSIONS))
        },
    },
    Setting {
        key: "max_sessions_not_logged_in",
        kind: "number",
        default: "200",
        about: "Sessions that have not logged in.",
        set: |config, value| {
            put(&mut config.settings.max_sessions_not_logged_in, number(value, SESSIONS))
        },
    },
    Setting {
        key: "allow_networks",
        kind: "array of networks",
        default: "[]",
        about: "Where clients may come from; anywhere when empty.",
        set: |config, value| put(&mut config.settings.allow_networks, networks_or_none(value)),
    },
    Setting {
        key: "deny_networks",
        kind: "array of networks",
        default: "[]",
        about: "Where clients may not come from, allowed or not.",
        set: |config, value| put(&mut config.settings.deny_networks, networks_or_none(value)),
    },
    Setting {
        key: "ban_after",
        kind: "number",
        default: "20",
        about: "Wrong passwords until an address is banned; 0 for no bans.",
        set: |config, value| put(&mut config.settings.ban_after, number(value, WRONG_PASSWORDS)),
    },
    Setting {
        key: "ban_within_s",
        kind: "seconds",
        default: "600",
        about: "The time within which wrong passwords add up to a ban.",
        set: |config, value| put(&mut config.settings.ban_within, seconds(value, 1)),
    },
    Setting {
        key: "ban_lasts_s",
        kind: "seconds",
        default: "900",
        about: "How long an address is banned.",
        set: |config, value| put(&mut config.settings.ban_lasts, seconds(value, 1)),
    },
    Setting {
        key: "trusted_networks",
        kind: "array of networks",
        default: "[]",
        about: "Addresses that are never banned.",
        set: |config, value| put(&mut config.settings.trusted_networks, networks_or_none(value)),
    },
    Setting {
        key: "quota_bytes",
        kind: "bytes",
        default: "0",
        about: "Bytes that an account may keep which names no number; 0 for no limit.",
        set: |config, value| put(&mut config.settings.quota_bytes, bytes(value)),
    },
    Setting {
        key: "quota_files",
        kind: "number",
        default: "0",
        about: "Files, directories and links that it may; 0 for no limit.",
        set: |config, value| put(&mut config.settings.quota_files, bytes(value)),
    },
    Setting {
        key: "max_rate",
        kind: "bytes",
        default: "0",
        about: "Bytes a second of all transfers together; 0 for no limit.",
        set: |config, value| put(&mut config.settings.max_rate, bytes(value)),
    },
    Setting {
        key: "max_rate_per_session",
        kind: "bytes",
        default: "0",
        about: "Bytes a second of the transfers of one session; 0 for no limit.",
        set: |config, value| put(&mut config.settings.max_rate_per_session, bytes(value)),
    },
    Setting {
        key: "max_rate_per_account",
        kind: "bytes",
        default: "0",
        about: "Bytes a second of all transfers of an account that names no rate; 0 for no limit.",
        set: |config, value| put(&mut config.settings.max_rate_per_account, bytes(value)),
    },
    Setting {
        key: "max_line_bytes",
        kind: "number",
        default: "4608",
        about: "Bytes of one command line.",
        set: |config, value| put(&mut config.settings.max_line_bytes, number(value, LINE_BYTES)),
    },
    Setting {
        key: "max_hashing",
        kind: "number",
        default: "0",
        about: "Files that are read at a time only to be hashed; 0 for one a processor.",
        set: |config, value| put(&mut config.settings.max_hashing, number(value, HASHING)),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_every_row_prints_as_one_line_of_four_columns() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            assert!(SETTINGS[..index].iter().all(|other| other.key != setting.key));
            assert!(setting.about.ends_with('.'), "{}", setting.key);
        }
        let table = table();
        let rows = SETTINGS.len() + PEERS_SETTINGS.len() + HOST_SETTINGS.len();
        assert_eq!(table.lines().count(), rows);
        assert!(table.lines().all(|line| line.split('\t').count() == 4));
    }
}
