//! The record of servers met before: lines of `host:port SHA256:hex`.

use fxpd::Fingerprint;
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The record, as it was read.
#[derive(Debug)]
pub struct KnownHosts {
    path: PathBuf,
    entries: Vec<(String, Fingerprint)>,
}

impl KnownHosts {
    /// Reads the file; one that does not exist is empty. A line that is not understood is an error:
    /// it may have been the one that matters.
    pub fn read(path: &Path) -> Result<KnownHosts, String> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        let entries = parse(&text)
            .map_err(|line| format!("{}:{line}: not 'host:port SHA256:hex'", path.display()))?;
        Ok(KnownHosts { path: path.to_owned(), entries })
    }

    /// The certificates that `server` (`host:port`) has shown; more than one while they change.
    pub fn of(&self, server: &str) -> Vec<Fingerprint> {
        let same = self.entries.iter().filter(|(name, _)| name == server);
        same.map(|(_, fingerprint)| *fingerprint).collect()
    }

    /// Adds a line, making file and directory where there are none.
    pub fn record(&mut self, server: &str, fingerprint: Fingerprint) -> Result<(), String> {
        let cannot = |error: io::Error| format!("cannot write {}: {error}", self.path.display());
        if let Some(directory) = self.path.parent().filter(|path| !path.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(cannot)?;
        }
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path);
        // One write, so that two programs at once do not mix their lines.
        let line = line(server, &fingerprint);
        opened.and_then(|mut file| file.write_all(line.as_bytes())).map_err(cannot)?;
        self.entries.push((server.to_owned(), fingerprint));
        Ok(())
    }

    /// Puts `fingerprint` in the place of all that was recorded of `server`. Other lines stay.
    pub fn replace(&mut self, server: &str, fingerprint: Fingerprint) -> Result<(), String> {
        let cannot = |error: io::Error| format!("cannot write {}: {error}", self.path.display());
        let text = fs::read_to_string(&self.path).map_err(cannot)?;
        let others = text.lines().filter(|line| line.split_whitespace().next() != Some(server));
        let mut kept: String = others.flat_map(|line| [line, "\n"]).collect();
        kept.push_str(&line(server, &fingerprint));
        // Beside it and then renamed, so that a full disk costs nothing.
        let beside = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        let opened = options.create(true).write(true).truncate(true).mode(0o600).open(&beside);
        let written = opened.and_then(|mut file| {
            file.write_all(kept.as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&beside, &self.path)).map_err(cannot)?;
        self.entries.retain(|(name, _)| name != server);
        self.entries.push((server.to_owned(), fingerprint));
        Ok(())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The line that records a server.
pub fn line(server: &str, fingerprint: &Fingerprint) -> String {
    format!("{server} {fingerprint}\n")
}

/// The reverse. An error is the number of the first bad line.
pub fn parse(text: &str) -> Result<Vec<(String, Fingerprint)>, usize> {
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = line.split_once(char::is_whitespace).and_then(|(server, fingerprint)| {
            Some((server.to_owned(), fingerprint.trim().parse().ok()?))
        });
        entries.push(entry.ok_or(number + 1)?);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fingerprint(byte: &str) -> Fingerprint {
        format!("SHA256:{}", byte.repeat(32)).parse().unwrap()
    }

    #[test]
    fn what_is_recorded_is_read_back() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new/known_hosts");
        let mut hosts = KnownHosts::read(&path).unwrap();
        assert!(hosts.of("h:21").is_empty());
        hosts.record("h:21", fingerprint("aa")).unwrap();
        hosts.record("[::1]:21", fingerprint("bb")).unwrap();
        assert_eq!(hosts.of("h:21"), [fingerprint("aa")]);
        let again = KnownHosts::read(&path).unwrap();
        assert_eq!(again.of("[::1]:21"), [fingerprint("bb")]);
        assert!(again.of("h:22").is_empty());

        fs::write(&path, format!("# mine\n{}", fs::read_to_string(&path).unwrap())).unwrap();
        hosts.replace("h:21", fingerprint("cc")).unwrap();
        assert_eq!(hosts.of("h:21"), [fingerprint("cc")]);
        let again = KnownHosts::read(&path).unwrap();
        assert_eq!(again.of("h:21"), [fingerprint("cc")]);
        assert_eq!(again.of("[::1]:21"), [fingerprint("bb")]);
        assert!(fs::read_to_string(&path).unwrap().starts_with("# mine\n"), "comments stay");
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        let good = format!("# mine\n\nh:21\t{}\n", fingerprint("aa"));
        assert_eq!(parse(&good).unwrap().len(), 1);
        assert_eq!(parse(&format!("{good}h:21 SHA256:zz\n")), Err(4));
        assert_eq!(parse("h:21"), Err(1));
    }

    proptest! {
        #[test]
        fn every_line_is_read_as_written(
            hosts in prop::collection::vec(("[!-~&&[^#]][!-~]{0,20}", "[0-9a-f]{64}"), 0..9),
        ) {
            let entry = |(server, hex): (String, String)| (server, format!("SHA256:{hex}").parse().unwrap());
            let entries: Vec<(String, Fingerprint)> = hosts.into_iter().map(entry).collect();
            let text: String = entries.iter().map(|(server, print)| line(server, print)).collect();
            prop_assert_eq!(parse(&text), Ok(entries));
        }
    }
}
