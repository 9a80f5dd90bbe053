//! Which files the settings stand in: the one that was named, and those of the directory `conf.d`
//! that belongs to it. For `/etc/fxpd.conf` that is `/etc/fxpd/conf.d`.

use crate::value::Read;
use std::{
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The file, and behind it those of its directory whose names end in `.conf` and do not begin with
/// a dot, in the order of their bytes. A directory that is not there has none.
pub fn files(file: &Path) -> Read<Vec<PathBuf>> {
    let mut files = vec![file.to_owned()];
    if let Some(directory) = directory(file) {
        let cannot = |error: io::Error| format!("cannot read {}: {error}", directory.display());
        match fs::read_dir(&directory) {
            Ok(entries) => {
                let paths = entries.map(|entry| entry.map(|entry| entry.path()));
                let mut paths: Vec<_> = paths.collect::<Result<_, _>>().map_err(cannot)?;
                paths.retain(|path| is_settings(path));
                paths.sort();
                files.extend(paths);
            }
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(cannot(error)),
        }
    }
    Ok(files)
}

/// Where more settings of a file may stand; `None` if its name does not end in `.conf`.
fn directory(file: &Path) -> Option<PathBuf> {
    let named = file.extension().is_some_and(|end| end == "conf");
    named.then(|| file.with_extension("").join("conf.d"))
}

/// Editors and package managers leave other files beside these.
fn is_settings(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    name.ends_with(b".conf") && !name.starts_with(b".")
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_followed_by_those_of_its_directory_in_order() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("fxpd.conf");
        assert_eq!(files(&file), Ok(vec![file.clone()]), "without a directory");
        let more = home.path().join("fxpd/conf.d");
        fs::create_dir_all(&more).unwrap();
        for name in ["b.conf", "10.conf", "9.conf", ".hidden.conf", "c.conf~", "d.conf.rpmsave"] {
            fs::write(more.join(name), "").unwrap();
        }
        let names = ["10.conf", "9.conf", "b.conf"].map(|name| more.join(name));
        assert_eq!(files(&file).unwrap()[1..], names);
        assert_eq!(files(&home.path().join("fxpd")).unwrap().len(), 1, "no .conf, no directory");
    }
}
