//! Settings of sessions: what is demanded of TLS, how files are kept, deadlines, limits.

use super::Setting;
use crate::value::{
    asked, boolean, bytes, demand, fxp_level, hash_transfers, ipv4_place, ipv4_places, list_owner,
    networks_or_none, number, path, ports, put, seconds, text, tls_floor, umask, unless_empty,
};
use std::ops::RangeInclusive;

/// What a limit on sessions may be. A limit of none would be a server that is off.
const SESSIONS: RangeInclusive<usize> = 1..=1_000_000;
/// How many files may be set to be hashed at a time; 0 stands for one a processor.
const HASHING: RangeInclusive<usize> = 0..=1024;
/// How many wrong passwords may be remembered of an address.
const WRONG_PASSWORDS: RangeInclusive<usize> = 0..=100;
/// What a command line may be limited to: the longest path and a verb must fit, and each session
/// keeps that much.
const LINE_BYTES: RangeInclusive<usize> = 4104..=65_536;

/// In the order of the documents.
pub const ROWS: &[Setting] = &[
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
