//! Changing the users file: one account's line at a time, all else byte for byte as it was.
//!
//! A server may read at any moment, and the power may fail at any moment: so the file is never
//! written to, but replaced by a new one that is complete and on the disk.

use super::{
    UserLine, UsersFile, UsersFileError,
    users::{parse_all, parse_line},
};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    process,
};

/// The mode of a file that was not there before: hashes are nobody else's business.
const NEW_FILE_MODE: u32 = 0o600;

/// Adding, changing and removing accounts. Each call replaces the file as a whole, or fails and
/// leaves it as it was. Two at a time wait for each other. A file that holds an error is refused.
impl UsersFile {
    /// Adds an account behind the last line, in a new file if there is none.
    /// [`UsersFileError::Exists`] when the name is taken.
    pub fn add(&self, line: &UserLine) -> Result<(), UsersFileError> {
        self.edit(|lines| {
            if lines.iter().any(|raw| is_account(raw, &line.name)) {
                return Err(UsersFileError::Exists(line.name.clone()));
            }
            if let Some(last) = lines.last_mut()
                && !last.ends_with(b"\n")
            {
                last.push(b'\n');
            }
            lines.push(format!("{}\n", writable(line)?).into_bytes());
            Ok(())
        })
    }

    /// Lets `change` loose on an account. [`UsersFileError::Missing`] when there is none.
    pub fn set(
        &self,
        name: &str,
        change: impl FnOnce(&mut UserLine) -> Result<(), String>,
    ) -> Result<(), UsersFileError> {
        self.edit(|lines| {
            let raw = find(lines, name)?;
            let (body, end) = raw.split_at(raw.trim_ascii_end().len());
            let Ok(Some(mut line)) = parse_line(body) else {
                return Err(UsersFileError::Missing(name.to_owned()));
            };
            change(&mut line).map_err(UsersFileError::Refused)?;
            *raw = [writable(&line)?.as_bytes(), end].concat();
            Ok(())
        })
    }

    /// Removes an account. [`UsersFileError::Missing`] when there is none.
    pub fn delete(&self, name: &str) -> Result<(), UsersFileError> {
        self.edit(|lines| {
            find(lines, name)?.clear();
            Ok(())
        })
    }

    fn edit(
        &self,
        change: impl FnOnce(&mut Vec<Vec<u8>>) -> Result<(), UsersFileError>,
    ) -> Result<(), UsersFileError> {
        let failed = |source| UsersFileError::Write { path: self.path().to_owned(), source };
        // Where the name is a link, its target is replaced and the link stays.
        let target = fs::canonicalize(self.path()).unwrap_or_else(|_| self.path().to_owned());
        let directory = lock_directory(&target).map_err(failed)?;
        let old = match fs::read(&target) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(UsersFileError::Read { path: target, source }),
        };
        parse_all(&target, &old)?;
        let mut lines: Vec<Vec<u8>> =
            old.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        change(&mut lines)?;
        let new = lines.concat();
        parse_all(&target, &new)?;
        replace(&target, &new).and_then(|()| directory.sync_all()).map_err(failed)
    }
}

fn is_account(raw: &[u8], name: &str) -> bool {
    parse_line(raw.trim_ascii_end()).is_ok_and(|line| line.is_some_and(|line| line.name == name))
}

fn find<'a>(lines: &'a mut [Vec<u8>], name: &str) -> Result<&'a mut Vec<u8>, UsersFileError> {
    lines
        .iter_mut()
        .find(|raw| is_account(raw, name))
        .ok_or_else(|| UsersFileError::Missing(name.to_owned()))
}

/// The line as text, if that text means the same account.
fn writable(line: &UserLine) -> Result<String, UsersFileError> {
    let UserLine { name, hash, gecos, home, shell, .. } = line;
    if let Some(field) = [name, hash, gecos, home, shell].iter().find(|field| field.contains(':')) {
        return Err(UsersFileError::Refused(format!("'{field}' holds a colon")));
    }
    let text = line.to_string();
    // What cannot be read must not be written: it would lock everybody out.
    text.parse::<UserLine>().map_err(UsersFileError::Refused)?;
    Ok(text)
}

/// Takes the lock that editors share. It lies on the directory, since the file itself is replaced.
fn lock_directory(target: &Path) -> io::Result<File> {
    let directory = File::open(match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    })?;
    flock(&directory, FlockOperation::LockExclusive)?;
    Ok(directory)
}

/// Puts a new file with the owner and mode of the old one in its place.
fn replace(target: &Path, text: &[u8]) -> io::Result<()> {
    let old = match fs::metadata(target) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let temporary = Temporary::create(target)?;
    let mut file = &temporary.file;
    if let Some(old) = old {
        let new = file.metadata()?;
        // The server's group must go on reading a file that root edits.
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            fchown(file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o777))?;
    }
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&temporary.path, target)
}

/// A file beside the target. Removed when it did not become the target.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    fn create(target: &Path) -> io::Result<Temporary> {
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
        name.push(format!(".{}.new", process::id()));
        let path = target.with_file_name(name);
        // The lock is ours, so one that is there was left by a crash.
        let _ = fs::remove_file(&path); // create_new reports what matters
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(NEW_FILE_MODE).open(&path)?;
        Ok(Temporary { path, file })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // gone already when it was renamed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::FxpLevel;
    use std::io::Read;

    const BEFORE: &[u8] = b"# caf\xe9\n\n  # two\nann:!:0:0:Ann:/srv/ann:/bin/sh:fxp=tls \r\n\
                            bob:*:7:8::/srv/bob:\n#end";

    fn users(text: &[u8]) -> (tempfile::TempDir, UsersFile) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwd");
        fs::write(&path, text).unwrap();
        (directory, UsersFile::new(path, FxpLevel::Off))
    }

    fn text(users: &UsersFile) -> String {
        fs::read(users.path()).unwrap().escape_ascii().to_string().replace("\\n", "\n")
    }

    #[test]
    fn edits_touch_one_line_only() {
        let (_directory, users) = users(BEFORE);
        users.add(&UserLine::new("cid", "!", "/srv/cid")).unwrap();
        users.set("ann", |line| line.options.set("access=ro")).unwrap();
        users.delete("bob").unwrap();
        assert_eq!(
            text(&users),
            "# caf\\xe9\n\n  # two\nann:!:0:0:Ann:/srv/ann:/bin/sh:access=ro fxp=tls \\r\n\
             #end\ncid:!:65534:65534::/srv/cid:/bin/false\n"
        );
    }

    fn rename_to_ann(line: &mut UserLine) -> Result<(), String> {
        line.name = "ann".to_owned();
        Ok(())
    }

    #[test]
    fn refused_edits_leave_the_file_as_it_was() {
        let (directory, users) = users(BEFORE);
        let line = |name: &str, home: &str| UserLine::new(name, "!", home);
        for (result, what) in [
            (users.add(&line("bob", "/srv")), "'bob' exists already"),
            (users.add(&line("cid", "srv")), "not an absolute path"),
            (users.add(&line("cid", "/a:b")), "colon"),
            (users.add(&line("c\nd", "/srv")), "control character"),
            (users.add(&line("", "/srv")), "account's name"),
            (users.delete("cid"), "no account 'cid'"),
            (users.set("cid", |_| Ok(())), "no account 'cid'"),
            (users.set("bob", |bob| bob.options.set("fxp=yes")), "no FXP level"),
            (users.set("bob", rename_to_ann), "stands in line 4"),
        ] {
            let found = result.unwrap_err().to_string();
            assert!(found.contains(what), "{found}");
        }
        assert_eq!(fs::read(users.path()).unwrap(), BEFORE);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_broken_file_is_not_edited() {
        let (_directory, users) = users(b"ann:!:0:0::/:\nbroken\n");
        assert!(users.delete("ann").unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn a_new_file_is_private_and_an_old_one_keeps_its_mode() {
        let mode = |users: &UsersFile| fs::metadata(users.path()).unwrap().mode() & 0o777;
        let (_directory, users) = users(b"");
        fs::remove_file(users.path()).unwrap();
        users.add(&UserLine::new("ann", "!", "/srv/ann")).unwrap();
        assert_eq!(mode(&users), 0o600);
        fs::set_permissions(users.path(), fs::Permissions::from_mode(0o640)).unwrap();
        users.delete("ann").unwrap();
        assert_eq!(mode(&users), 0o640);
        assert_eq!(text(&users), "");
    }

    #[test]
    fn whoever_reads_meanwhile_reads_all_of_the_old_file() {
        let (directory, users) = users(BEFORE);
        let mut reader = File::open(users.path()).unwrap();
        // What a crash of a process with our number has left.
        let left = directory.path().join(format!(".passwd.{}.new", process::id()));
        fs::write(left, "half a li").unwrap();
        users.delete("ann").unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, BEFORE);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_link_stays_a_link() {
        let (directory, users) = users(BEFORE);
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(users.path(), &link).unwrap();
        UsersFile::new(&link, FxpLevel::Off).delete("ann").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(users.check().unwrap(), 1);
    }

    #[test]
    fn editors_at_the_same_time_lose_no_account() {
        let (_directory, users) = users(b"");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let users = &users;
                scope.spawn(move || {
                    // Another handle, as another process would have.
                    let users = UsersFile::new(users.path(), FxpLevel::Off);
                    users.add(&UserLine::new(format!("u{number}"), "!", "/srv")).unwrap();
                });
            }
        });
        assert_eq!(users.check().unwrap(), 8);
    }
}
