//! The table of settings: the file, `-o`, `--settings` and the documents all follow it.
//!
//! A row says how its value is read and where it goes; what values look like is in `value`.

mod process;
mod sessions;

use crate::{
    config::Config,
    hosts::{HOST_SETTINGS, HostSetting},
    peers::{PEERS_SETTINGS, PeersSetting},
};
use toml::de::DeValue;

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
    all().find(|setting| setting.key == key)
}

/// The table as `fxpd --settings` prints it: key, type, default and meaning, separated by tabs.
/// Settings of peers and hosts follow as `peers.KEY` and `host.KEY`, with an example in place of the
/// default.
pub fn table() -> String {
    let mut lines = String::new();
    for Setting { key, kind, default, about, .. } in all() {
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
pub fn all() -> impl Iterator<Item = &'static Setting> {
    process::ROWS.iter().chain(sessions::ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_every_row_prints_as_one_line_of_four_columns() {
        for (index, setting) in all().enumerate() {
            assert!(all().take(index).all(|other| other.key != setting.key));
            assert!(setting.about.ends_with('.'), "{}", setting.key);
        }
        let table = table();
        let rows = all().count() + PEERS_SETTINGS.len() + HOST_SETTINGS.len();
        assert_eq!(table.lines().count(), rows);
        assert!(table.lines().all(|line| line.split('\t').count() == 4));
    }
}
