//! What must hold of any file that `fxp` reads of its user's: called by the fuzzers in `fuzz/`, and by
//! the test below with the inputs in `fuzz/seeds`.

use crate::{known_hosts, netrc, sites::Sites};
use fxpd::Place;
use std::path::Path;

/// Sites that are understood can be named, and a path at one prints as a URL of the same place.
pub fn sites(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let Ok(sites) = Sites::parse(&text, Path::new("/home/ann/sites.toml")) else { return };
    for word in text.split(|c: char| c.is_whitespace() || "[]'\"=:".contains(c)) {
        if sites.site(word).is_none() {
            continue;
        }
        for path in ["", "x", "/x", "a b/ü"] {
            let place = sites.place(&format!("{word}:{path}")).expect("a path at a site");
            let Place::Remote(location) = &place else { panic!("{place} is none at a site") };
            assert_eq!(location.to_string().parse().as_ref(), Ok(location));
        }
    }
}

/// What the file says is at most what is in it; and any three lines, quoted as a machine, a login and
/// a password, are read as them.
pub fn netrc(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    if let Some(entry) = netrc::find(&text, "a", None) {
        let password = entry.password.map_or(0, |password| password.expose().len());
        assert!(entry.login.map_or(0, |login| login.len()) + password <= text.len());
    }
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (machine, login, password) = (next(), next(), next());
    let [m, l, p] = [machine, login, password].map(quoted);
    let file = format!("machine {m} login {l}\n\tpassword {p}\ndefault login x\n");
    let entry = netrc::find(&file, machine, None).expect("the machine");
    assert_eq!(entry.login.as_deref(), Some(login), "{file}");
    assert_eq!(entry.password.expect("a password").expose(), password.as_bytes(), "{file}");
}

fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A record that is understood prints as one that says the same; an error names a line that is there.
pub fn known_hosts(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    match known_hosts::parse(&text) {
        Ok(entries) => {
            let lines = entries.iter().map(|(server, print)| known_hosts::line(server, print));
            assert_eq!(known_hosts::parse(&lines.collect::<String>()), Ok(entries));
        }
        Err(line) => assert!((1..=text.lines().count()).contains(&line)),
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_of_the_fuzzers_hold_every_promise() {
        replay::seeds_of("known_hosts", known_hosts);
        replay::seeds_of("netrc", netrc);
        replay::seeds_of("sites", sites);
    }
}
