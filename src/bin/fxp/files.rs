//! Where the user's files are: what an option names, else a variable, else the usual place.

use crate::exit::Failure;
use std::{
    env,
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A variable of the environment; an empty one counts as unset.
pub fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The record of servers met before.
pub fn known_hosts(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    let named = asked.map(Path::to_owned).or_else(|| variable("FXP_KNOWN_HOSTS"));
    named.or_else(|| in_config("known_hosts")).ok_or_else(|| {
        Failure::Config("HOME is not set: name the file with --known-hosts".to_owned())
    })
}

/// The file of sites, and whether somebody has named it.
pub fn sites(asked: Option<&Path>) -> Option<(PathBuf, Named)> {
    let named = asked.map(Path::to_owned).or_else(|| variable("FXP_SITES"));
    let usual = || Some((in_config("sites.toml")?, Named::ByNobody));
    named.map(|path| (path, Named::ByUser)).or_else(usual)
}

/// Whether a file is at its usual place, where it need not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    ByUser,
    ByNobody,
}

/// The passwords by machine.
pub fn netrc() -> Option<PathBuf> {
    variable("FXP_NETRC").or_else(|| Some(variable("HOME")?.join(".netrc")))
}

fn in_config(name: &str) -> Option<PathBuf> {
    let config = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
    Some(config?.join("fxp").join(name))
}

/// Opens a file that nobody but its owner should be able to read; an error when others can. `None`
/// when there is none.
pub fn open_private(path: &Path) -> Result<Option<File>, String> {
    let cannot = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    match file.metadata().map_err(cannot)?.mode() & 0o077 {
        0 => Ok(Some(file)),
        _ => Err(format!("others can read {0}: chmod 600 {0}", path.display())),
    }
}
