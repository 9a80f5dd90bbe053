//! `[[peers]]`: what the servers of a network must show, by a table of settings of their own.

use crate::{
    located::Located,
    value::{fingerprints, networks, path, put},
};
use fxpd::{Fingerprint, PeerRule, TlsError};
use ipnet::IpNet;
use std::path::PathBuf;
use toml::{Spanned, de::DeValue};

/// One `[[peers]]`.
#[derive(Clone, Debug, Default)]
pub struct PeersConfig {
    /// Where the servers are.
    networks: Vec<IpNet>,
    /// Certificates that they may show.
    pins: Vec<Fingerprint>,
    /// The file of the CAs that may have signed others.
    authorities: Option<PathBuf>,
}

impl PeersConfig {
    /// The rule that sessions follow, its file read.
    pub fn rule(&self) -> Result<PeerRule, TlsError> {
        let rule = PeerRule::new(self.networks.clone(), self.pins.clone());
        match &self.authorities {
            Some(file) => rule.authorities(file),
            None => Ok(rule),
        }
    }
}

/// One setting of the servers of a network.
pub struct PeersSetting {
    /// Its name within `[[peers]]`.
    pub key: &'static str,
    /// What its value is.
    pub kind: &'static str,
    /// Such a value.
    pub example: &'static str,
    /// What it means, in one line.
    pub about: &'static str,
    set: fn(&mut PeersConfig, &DeValue<'_>) -> Result<(), String>,
}

/// Every setting of `[[peers]]`, in the order of the documents.
pub const PEERS_SETTINGS: &[PeersSetting] = &[
    PeersSetting {
        key: "networks",
        kind: "array of networks",
        example: r#"["192.0.2.0/24", "2001:db8::/32"]"#,
        about: "Where these servers are: networks and single addresses.",
        set: |peers, value| put(&mut peers.networks, networks(value)),
    },
    PeersSetting {
        key: "pins",
        kind: "array of fingerprints",
        example: concat!(
            r#"["SHA256:89622243a5022b1567c7b5558982d3a4"#,
            r#"a48c90cc43c4c0648a0e6d6f05d16ce1"]"#
        ),
        about: "Certificates that they may show, whoever signed them.",
        set: |peers, value| put(&mut peers.pins, fingerprints(value)),
    },
    PeersSetting {
        key: "authorities",
        kind: "path",
        example: r#""/etc/fxpd/partners.pem""#,
        about: "CAs that may have signed any others that they show, in PEM form.",
        set: |peers, value| put(&mut peers.authorities, path(value).map(Some)),
    },
];

/// The rules in the value of the key `peers`.
pub fn read(value: &Spanned<DeValue<'_>>) -> Result<Vec<PeersConfig>, Located> {
    match value.get_ref().as_array() {
        Some(rules) => rules.iter().map(read_one).collect(),
        None => Err(no_table(value)),
    }
}

fn read_one(value: &Spanned<DeValue<'_>>) -> Result<PeersConfig, Located> {
    let table = value.get_ref().as_table().ok_or_else(|| no_table(value))?;
    let mut peers = PeersConfig::default();
    for (key, value) in table {
        let Some(setting) = PEERS_SETTINGS.iter().find(|setting| setting.key == key.get_ref())
        else {
            let what = format!("unknown setting 'peers.{}'", key.get_ref());
            return Err(Located { offset: key.span().start, what });
        };
        (setting.set)(&mut peers, value.get_ref()).map_err(|what| Located {
            offset: value.span().start,
            what: format!("peers.{}: {what}", setting.key),
        })?;
    }
    let wants = |what: &str| Located { offset: value.span().start, what: what.to_owned() };
    if peers.networks.is_empty() {
        return Err(wants("'networks' is missing in these peers"));
    }
    if peers.pins.is_empty() && peers.authorities.is_none() {
        return Err(wants("these peers need 'pins' or 'authorities': else none could be one"));
    }
    Ok(peers)
}

fn no_table(value: &Spanned<DeValue<'_>>) -> Located {
    let what = "peers: expected tables, each beginning with [[peers]]".to_owned();
    Located { offset: value.span().start, what }
}
