//! `[[host]]`: the virtual hosts of the configuration, by a table of settings of their own.

use crate::{
    located::Located,
    value::{host_names, path, put, text},
};
use fxpd::HostName;
use std::{collections::HashSet, path::PathBuf};
use toml::{Spanned, de::DeValue};

/// One `[[host]]`.
#[derive(Clone, Debug, Default)]
pub struct HostConfig {
    /// What it is called: one name at least, and none that another has.
    pub names: Vec<HostName>,
    /// The certificate chain's file.
    pub certificate: PathBuf,
    /// The key's file.
    pub key: PathBuf,
    /// The users file.
    pub users: PathBuf,
    /// The greeting, if it has its own.
    pub greeting: Option<String>,
}

/// Whether a host can do without a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It cannot.
    Required,
    /// It can.
    Optional,
}

/// One setting of a host.
pub struct HostSetting {
    /// Its name within `[[host]]`.
    pub key: &'static str,
    /// What its value is.
    pub kind: &'static str,
    /// Such a value: no host is like another, so there is no default.
    pub example: &'static str,
    /// What it means, in one line.
    pub about: &'static str,
    need: Need,
    set: fn(&mut HostConfig, &DeValue<'_>) -> Result<(), String>,
}

/// Every setting of a host, in the order of the documents.
pub const HOST_SETTINGS: &[HostSetting] = &[
    HostSetting {
        key: "names",
        kind: "array of host names",
        example: r#"["ftp.example.org"]"#,
        about: "What it is called in HOST and in the server name of TLS.",
        need: Need::Required,
        set: |host, value| put(&mut host.names, host_names(value)),
    },
    HostSetting {
        key: "certificate",
        kind: "path",
        example: r#""/etc/fxpd/ftp.example.org/cert.pem""#,
        about: "Its certificate chain, in PEM form.",
        need: Need::Required,
        set: |host, value| put(&mut host.certificate, path(value)),
    },
    HostSetting {
        key: "key",
        kind: "path",
        example: r#""/etc/fxpd/ftp.example.org/key.pem""#,
        about: "Private key of its certificate, in PEM form.",
        need: Need::Required,
        set: |host, value| put(&mut host.key, path(value)),
    },
    HostSetting {
        key: "users",
        kind: "path",
        example: r#""/etc/fxpd/ftp.example.org/passwd""#,
        about: "Its accounts, see fxpd.passwd(5).",
        need: Need::Required,
        set: |host, value| put(&mut host.users, path(value)),
    },
    HostSetting {
        key: "greeting",
        kind: "text",
        example: r#""ftp.example.org ready""#,
        about: "What its clients are greeted with, if not with that of the server.",
        need: Need::Optional,
        set: |host, value| put(&mut host.greeting, text(value).map(Some)),
    },
];

/// The hosts in the value of the key `host`, besides those of other files.
pub fn read(
    value: &Spanned<DeValue<'_>>,
    others: &[HostConfig],
) -> Result<Vec<HostConfig>, Located> {
    let mut taken = others.iter().flat_map(|host| host.names.clone()).collect();
    match value.get_ref().as_array() {
        Some(hosts) => hosts.iter().map(|host| read_one(host, &mut taken)).collect(),
        None => Err(no_table(value)),
    }
}

fn read_one(
    value: &Spanned<DeValue<'_>>,
    taken: &mut HashSet<HostName>,
) -> Result<HostConfig, Located> {
    let table = value.get_ref().as_table().ok_or_else(|| no_table(value))?;
    let mut host = HostConfig::default();
    for (key, value) in table {
        let Some(setting) = HOST_SETTINGS.iter().find(|setting| setting.key == key.get_ref())
        else {
            let what = format!("unknown setting 'host.{}'", key.get_ref());
            return Err(Located { offset: key.span().start, what });
        };
        let named_before = host.names.len();
        (setting.set)(&mut host, value.get_ref())
            .and_then(|()| claim(&host.names[named_before..], taken))
            .map_err(|what| Located {
                offset: value.span().start,
                what: format!("host.{}: {what}", setting.key),
            })?;
    }
    let is_missing = |setting: &&HostSetting| {
        setting.need == Need::Required && !table.keys().any(|key| key.get_ref() == setting.key)
    };
    match HOST_SETTINGS.iter().find(is_missing) {
        None => Ok(host),
        Some(setting) => Err(Located {
            offset: value.span().start,
            what: format!("'{}' is missing in this host", setting.key),
        }),
    }
}

/// Two hosts of one name could not be told apart.
fn claim(names: &[HostName], taken: &mut HashSet<HostName>) -> Result<(), String> {
    match names.iter().find(|name| !taken.insert((*name).clone())) {
        None => Ok(()),
        Some(name) => Err(format!("'{name}' is named twice")),
    }
}

fn no_table(value: &Spanned<DeValue<'_>>) -> Located {
    let what = "host: expected tables, each beginning with [[host]]".to_owned();
    Located { offset: value.span().start, what }
}
