//! `fxpd passwd`: the users file, edited without an editor.

use crate::{
    failure::Failure,
    options::{PasswdAction, PasswdArgs, PasswordFrom},
    prompt, show,
};
use fxpd::{FxpLevel, Secret, UserLine, UsersFile, UsersFileError, hash_password_as};
use std::{fs::File, io, os::fd::AsFd};

/// Does what `fxpd passwd` was asked to.
pub fn run(args: &PasswdArgs) -> Result<(), Failure> {
    // The level counts at logins only, and nobody logs in here.
    let users = UsersFile::new(&args.file, FxpLevel::default());
    match &args.action {
        PasswdAction::Add(name) => add(&users, name, args),
        PasswdAction::Set(name) => set(&users, name, args),
        PasswdAction::Delete(name) => users.delete(name).map_err(failure),
        PasswdAction::Lock(name) => users
            .set(name, |line| {
                line.lock();
                Ok(())
            })
            .map_err(failure),
        PasswdAction::Unlock(name) => users.set(name, UserLine::unlock).map_err(failure),
        PasswdAction::List => list(&users),
        PasswdAction::Check => {
            let accounts = users.check().map_err(failure)?;
            show(&format!("{}: {accounts} accounts, all well formed\n", args.file.display()))
        }
    }
}

fn add(users: &UsersFile, name: &str, args: &PasswdArgs) -> Result<(), Failure> {
    let home = args.home.as_deref().ok_or_else(|| Failure::usage("passwd add needs --home DIR"))?;
    let mut line = UserLine::new(name, "!", home);
    set_fields(&mut line, args).map_err(Failure::usage)?;
    line.hash = hash(args)?;
    users.add(&line).map_err(failure)
}

/// Changes what was given. The password is asked for when nothing else was.
fn set(users: &UsersFile, name: &str, args: &PasswdArgs) -> Result<(), Failure> {
    let known = users.lines().map_err(failure)?.iter().any(|line| line.name == name);
    if !known {
        // Before anybody types a password for nothing.
        return Err(failure(UsersFileError::Missing(name.to_owned())));
    }
    let has_ids = args.uid.is_some() || args.gid.is_some();
    let only_password = args.home.is_none() && !has_ids && args.options.is_empty();
    let has_password = args.password_from == PasswordFrom::Stdin || args.hash.is_some();
    let hash = if only_password || has_password { Some(hash(args)?) } else { None };
    let change = |line: &mut UserLine| {
        if let Some(hash) = hash {
            line.hash = hash;
        }
        if let Some(home) = &args.home {
            line.home.clone_from(home);
        }
        set_fields(line, args)
    };
    users.set(name, change).map_err(failure)
}

fn list(users: &UsersFile) -> Result<(), Failure> {
    let mut text = String::new();
    for line in users.lines().map_err(failure)? {
        let lock = if line.is_locked() { "locked" } else { "open" };
        text.push_str(&format!("{}\t{lock}\t{}\t{}\n", line.name, line.home, line.options));
    }
    show(&text)
}

/// Ids and options, those alone that were given.
fn set_fields(line: &mut UserLine, args: &PasswdArgs) -> Result<(), String> {
    line.uid = args.uid.unwrap_or(line.uid);
    line.gid = args.gid.unwrap_or(line.gid);
    args.options.iter().try_for_each(|option| line.options.set(option))
}

fn hash(args: &PasswdArgs) -> Result<String, Failure> {
    let kind = args.hash.unwrap_or_default();
    hash_password_as(&password(args.password_from)?, kind).map_err(Failure::input)
}

fn password(from: PasswordFrom) -> Result<Secret, Failure> {
    let unreadable = |error| Failure::system(format!("cannot read the password: {error}"));
    match from {
        PasswordFrom::Stdin => from_stdin().map_err(unreadable),
        PasswordFrom::Terminal => {
            let first = prompt::secret("Password").map_err(unreadable)?;
            let again = prompt::secret("Once more").map_err(unreadable)?;
            if first == again { Ok(first) } else { Err(Failure::input("the passwords differ")) }
        }
    }
}

fn from_stdin() -> io::Result<Secret> {
    // A handle of our own: std's keeps a buffer that is never wiped.
    prompt::first_line(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

fn failure(error: UsersFileError) -> Failure {
    match error {
        UsersFileError::Write { .. } => Failure::cannot_create(error),
        UsersFileError::Exists(_) | UsersFileError::Missing(_) | UsersFileError::Refused(_) => {
            Failure::input(error)
        }
        _ => Failure::config(error),
    }
}
