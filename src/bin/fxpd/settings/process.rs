//! Settings of the server as a program: where it listens, whom it asks, as whom it runs, what it
//! writes down.

use super::Setting;
use crate::value::{
    access, addresses, argv, boolean, fxp_level, log_to, networks_or_none, number, path, put,
    seconds, text, unless_empty, wish,
};
use std::ops::RangeInclusive;

/// How many hooks may be set to run at a time, each watched by a thread.
const HOOKS: RangeInclusive<usize> = 1..=256;

/// In the order of the documents.
pub const ROWS: &[Setting] = &[
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
];
