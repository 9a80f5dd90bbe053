//! The users file: every account is a line of it, see fxpd.passwd(5).
//!
//! Reading and logging in stand here, changing the file in `edit`, the line itself in `user_line`.

use super::{
    Account, AuthError, Authenticator, FxpGrant, FxpLevel, UserLine, Visitor,
    password::{DUMMY_HASH, left_out, verify_password},
};
use crate::proto::Secret;
use std::{
    collections::HashMap,
    error, fmt,
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// Bits of a file's mode that let everybody in.
const MODE_OF_OTHERS: u32 = 0o007;

/// Accounts in a passwd-style file.
///
/// The file is read anew at every login, so that an account that is deleted, locked or restricted
/// there is so from that moment on; a signal that somebody forgets to send cannot keep it open.
/// A file with an error lets nobody in: what its author meant is not guessed at.
#[derive(Debug)]
pub struct UsersFile {
    path: PathBuf,
    default_fxp: FxpLevel,
    warned: AtomicBool,
}

impl UsersFile {
    /// The accounts of the file at `path`, which need not exist yet. Accounts that name no level
    /// of FXP get `default_fxp`.
    pub fn new(path: impl Into<PathBuf>, default_fxp: FxpLevel) -> UsersFile {
        UsersFile { path: path.into(), default_fxp, warned: AtomicBool::new(false) }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every account, in the order of the file.
    pub fn lines(&self) -> Result<Vec<UserLine>, UsersFileError> {
        parse_all(&self.path, &self.read()?)
    }

    /// Reads the whole file and tells how many accounts it holds, or its first error.
    pub fn check(&self) -> Result<usize, UsersFileError> {
        Ok(self.lines()?.len())
    }

    fn read(&self) -> Result<Vec<u8>, UsersFileError> {
        let failed = |source| UsersFileError::Read { path: self.path.clone(), source };
        let mut file = File::open(&self.path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        // Hashes can be guessed at; once is enough, since this runs at every login.
        if mode & MODE_OF_OTHERS != 0 && !self.warned.swap(true, Ordering::Relaxed) {
            log::warn!("{} is open to every user of this host", self.path.display());
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        Ok(text)
    }
}

impl Authenticator for UsersFile {
    fn admit_by_certificate(&self, visitor: &Visitor<'_>) -> Result<Account, AuthError> {
        self.by_certificate(visitor)
    }

    fn authenticate(&self, visitor: &Visitor<'_>, password: &Secret) -> Result<Account, AuthError> {
        let name = visitor.name;
        let lines = self.lines().map_err(|error| AuthError::Unavailable(error.into()))?;
        let can_open = |line: &&UserLine| !line.is_locked() && left_out(&line.hash).is_none();
        let open = || lines.iter().filter(can_open);
        let line = open().find(|line| line.name == name);
        if line.is_none() {
            tell_of_left_out(&lines, name);
        }
        // Unknown and locked names cost the time of a wrong password, as some account has it.
        let stand_in = || open().max_by_key(|line| affinity(name, &line.hash));
        let hash = line.or_else(stand_in).map_or(DUMMY_HASH, |line| &line.hash);
        let opens = verify_password(password, hash);
        // Asked last, so that from elsewhere a right password is answered like a wrong one.
        let is_here = |line: &UserLine| FxpGrant::reaches(&line.options.networks, visitor.peer);
        match line {
            Some(line) if opens && is_here(line) => Ok(line.account(self.default_fxp)),
            None if lines.iter().all(|line| line.name != name) => Err(AuthError::Unknown),
            _ => Err(AuthError::Rejected),
        }
    }
}

impl UsersFile {
    fn by_certificate(&self, visitor: &Visitor<'_>) -> Result<Account, AuthError> {
        let Some(certificate) = visitor.certificate else { return Err(AuthError::Unknown) };
        let lines = self.lines().map_err(|error| AuthError::Unavailable(error.into()))?;
        let line = lines.into_iter().find(|line| line.name == visitor.name);
        let line = line.ok_or(AuthError::Unknown)?;
        let proved = line.options.cert.iter().any(|it| it.is_given_by(certificate, &line.name));
        let is_here = FxpGrant::reaches(&line.options.networks, visitor.peer);
        match proved && is_here && !line.is_shut() {
            true => Ok(line.account(self.default_fxp)),
            false => Err(AuthError::Rejected),
        }
    }
}

/// Says in the log that an account is refused for what its hash is: it has done nothing wrong.
fn tell_of_left_out(lines: &[UserLine], name: &str) {
    let line = lines.iter().find(|line| line.name == name);
    if let Some(kind) = line.and_then(|line| left_out(&line.hash)) {
        log::warn!(
            "account '{name}' is refused: its password is hashed by {kind}, which is not built in"
        );
    }
}

/// Chooses the account whose hash stands in for a name that has none. A file may hold hashes of
/// several costs: each name gets one of them, in the shares that the file has, and always the same
/// one, as long as its account stays. Who does not know the hashes cannot foretell it.
fn affinity(name: &str, hash: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (name, hash).hash(&mut hasher);
    hasher.finish()
}

/// The accounts in the text of a users file. `path` is for the errors alone.
pub fn parse_all(path: &Path, text: &[u8]) -> Result<Vec<UserLine>, UsersFileError> {
    let mut lines = Vec::new();
    let mut first_seen = HashMap::new();
    for (number, raw) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let wrong = |what| UsersFileError::Line { path: path.to_owned(), number, what };
        let Some(line) = parse_line(raw).map_err(wrong)? else { continue };
        if let Some(first) = first_seen.insert(line.name.clone(), number) {
            return Err(wrong(format!("account '{}' stands in line {first} too", line.name)));
        }
        lines.push(line);
    }
    Ok(lines)
}

/// One line without its end; `None` for a comment or a blank.
pub(super) fn parse_line(raw: &[u8]) -> Result<Option<UserLine>, String> {
    let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
    // A comment may be in any encoding.
    if raw.trim_ascii().is_empty() || raw.trim_ascii_start().starts_with(b"#") {
        return Ok(None);
    }
    let text = std::str::from_utf8(raw).map_err(|_| "the line is not UTF-8".to_owned())?;
    text.parse().map(Some)
}

/// Why a users file is of no use.
#[derive(Debug)]
#[non_exhaustive]
pub enum UsersFileError {
    /// It could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be replaced; the old one is still there.
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of it is malformed, or repeats an account.
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        number: usize,
        /// What is wrong with it.
        what: String,
    },
    /// An account to be added is there already.
    Exists(String),
    /// An account to be changed or deleted is not there.
    Missing(String),
    /// An account cannot be written as it was given: the reason.
    Refused(String),
}

impl fmt::Display for UsersFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UsersFileError::Read { path, source } => {
                write!(f, "cannot read {}: {source}", path.display())
            }
            UsersFileError::Write { path, source } => {
                write!(f, "cannot write {}: {source}", path.display())
            }
            UsersFileError::Line { path, number, what } => {
                write!(f, "{} line {number}: {what}", path.display())
            }
            UsersFileError::Exists(name) => write!(f, "account '{name}' exists already"),
            UsersFileError::Missing(name) => write!(f, "there is no account '{name}'"),
            UsersFileError::Refused(what) => f.write_str(what),
        }
    }
}

impl error::Error for UsersFileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            UsersFileError::Read { source, .. } | UsersFileError::Write { source, .. } => {
                Some(source)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::hash_password;
    use std::{
        fs,
        net::{IpAddr, Ipv4Addr},
        time::Instant,
    };

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn users(text: impl AsRef<[u8]>) -> (tempfile::TempDir, UsersFile) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwd");
        fs::write(&path, text).unwrap();
        (directory, UsersFile::new(path, FxpLevel::Verified))
    }

    fn login(users: &UsersFile, name: &str, password: &str) -> Result<Account, AuthError> {
        users.authenticate(&Visitor::new(name, PEER), &Secret::new(password))
    }

    #[test]
    fn the_right_password_opens_the_account_and_nothing_else_does() {
        let hash = hash_password(&Secret::new("sesame")).unwrap();
        let (_directory, users) = users(format!(
            "# accounts\n\nann:{hash}:0:0::/srv/ann::access=ro\n\
             bob:!:0:0::/srv/bob:\r\ncid::0:0::/srv:\n"
        ));
        let ann = login(&users, "ann", "sesame").unwrap();
        assert_eq!((ann.name.as_str(), ann.home.to_str()), ("ann", Some("/srv/ann")));
        assert_eq!(ann.fxp, crate::auth::FxpGrant::both(FxpLevel::Verified));
        for (name, password) in
            [("ann", "Sesame"), ("ann", ""), ("bob", "!"), ("bob", ""), ("cid", "")]
        {
            let refused = login(&users, name, password);
            assert!(matches!(refused, Err(AuthError::Rejected)), "{name} {password}");
        }
        for name in ["Ann", "dan", "# accounts", ""] {
            let refused = login(&users, name, "sesame");
            assert!(matches!(refused, Err(AuthError::Unknown)), "{name}");
        }
    }

    /// Of kinds whose costs differ by much, whatever else the machine does: ten times and more.
    #[test]
    fn unknown_and_locked_names_cost_what_the_accounts_of_the_file_cost() {
        let cheap = "$5$rounds=1000$saltsalt$30.yc4HsSpLTxr3NqKw4EhPINDzNTqzxg9qelAitDW2";
        let dear = "$5$rounds=300000$saltsalt$bzQSBmUM2xgJDfVNASP8T7bdmk3gdYcEoz0A7KZp61.";
        let time = |users: &UsersFile, name: &str| {
            let start = Instant::now();
            assert!(login(users, name, "wrong").is_err());
            start.elapsed()
        };
        let file = |hash| users(format!("ann:{hash}:0:0::/:\nbob:!:0:0::/:\n"));
        let ((_one, cheap), (_two, dear)) = (file(cheap), file(dear));
        for name in ["ann", "bob", "cid", "dan"] {
            let (cheap, dear) = (time(&cheap, name), time(&dear, name));
            assert!(10 * cheap < dear, "{name}: {cheap:?} and {dear:?}");
        }
    }

    #[test]
    fn every_kind_of_account_stands_in_for_some_unknown_names_and_always_the_same() {
        let hashes = ["$5$a", "$6$b", "$y$c"];
        let stand_in = |name: &str| hashes.iter().max_by_key(|hash| affinity(name, hash)).unwrap();
        let chosen: Vec<_> = (0..300).map(|number| stand_in(&format!("u{number}"))).collect();
        for hash in &hashes {
            let count = chosen.iter().filter(|chosen| **chosen == hash).count();
            assert!((60..140).contains(&count), "{hash} {count} times of 300");
        }
        assert!((0..300).all(|number| stand_in(&format!("u{number}")) == chosen[number]));
    }

    #[test]
    fn an_edit_counts_at_the_next_login() {
        let hash = hash_password(&Secret::new("sesame")).unwrap();
        let (_directory, users) = users(format!("ann:{hash}:0:0::/srv/ann:\n"));
        assert!(login(&users, "ann", "sesame").is_ok());
        fs::write(users.path(), "ann:!:0:0::/srv/ann:\n").unwrap();
        assert!(matches!(login(&users, "ann", "sesame"), Err(AuthError::Rejected)));
        fs::remove_file(users.path()).unwrap();
        assert!(matches!(login(&users, "ann", "sesame"), Err(AuthError::Unavailable(_))));
    }

    #[test]
    fn errors_name_file_and_line() {
        for (text, place, what) in [
            (&b"ann:!:0:0::/:\n\n# x\nbob\n"[..], "passwd line 4: ", "1 fields"),
            (b"ann:!:0:0::/:\nann:*:0:0::/:", "passwd line 2: ", "'ann' stands in line 1"),
            (b"\xff:!:0:0::/:\n", "passwd line 1: ", "not UTF-8"),
            (b"ann:!:0:0::/:\n\0\n", "passwd line 2: ", "control character"),
        ] {
            let (_directory, users) = users(text);
            let found = users.check().unwrap_err().to_string();
            assert!(found.contains(place) && found.contains(what), "{found}");
        }
    }

    #[test]
    fn comments_may_be_in_any_encoding_and_accounts_are_counted() {
        let (_directory, users) = users(b"# caf\xe9\n  # y\n \t\nann:!:0:0::/:\nbob:!:0:0::/:");
        assert_eq!(users.check().unwrap(), 2);
    }
}
