//! What a session's thread gives up, so that a fault of this program is worth little to whoever finds
//! it: the system calls that no session needs, and with the login every file but its account's.
//!
//! None of it can be taken back, so a confined thread serves one login; for the next one the session
//! gets another thread. It only stops the mistakes of this thread: all threads share the memory of
//! the process.

use crate::{
    auth::Account,
    proto::Access,
    storage::Tree,
    sys::{
        landlock::{self, Inside},
        seccomp::Filter,
    },
};
use std::{error, fmt, io};

/// What the threads of sessions give up. Each part is its own choice; none is the default.
///
/// Storage and authenticator run on these threads: they must not need what is given up.
#[derive(Clone, Debug)]
pub struct Confinement {
    ids: Option<Reach>,
    filter: Option<Filter>,
    landlock: bool,
}

/// Who takes on the ids of an account that logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The session's thread, for files alone.
    Thread,
    /// The whole process, which then can serve nobody else.
    Process,
}

/// How much something is wanted that not every kernel can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Not at all.
    Off,
    /// Where it can be had.
    Auto,
    /// Or no server.
    Required,
}

impl Confinement {
    /// Nothing.
    pub fn none() -> Confinement {
        Confinement { ids: None, filter: None, landlock: false }
    }

    /// Sessions touch files as who the account is that logged in. Accounts without ids, or with
    /// those of root, cannot log in. The process must have `CAP_SETUID` and `CAP_SETGID`.
    pub fn account_ids(mut self, reach: Reach) -> Confinement {
        self.ids = Some(reach);
        self
    }

    /// Sessions are locked into their account's directory by Landlock.
    pub fn landlock(mut self, wish: Wish) -> Result<Confinement, ConfinementError> {
        self.landlock = fulfilled(wish, "landlock", landlock::check)?.is_some();
        Ok(self)
    }

    /// Sessions are denied system calls that they do not need, by a seccomp filter.
    pub fn seccomp(mut self, wish: Wish) -> Result<Confinement, ConfinementError> {
        self.filter = fulfilled(wish, "seccomp", Filter::new)?;
        Ok(self)
    }

    /// Denies the calling thread what no session needs, from its first byte on.
    pub(super) fn filter_calls(&self) -> io::Result<()> {
        self.filter.as_ref().map_or(Ok(()), Filter::restrict_thread)
    }

    /// Whether the account may be taken on, and why not.
    pub(super) fn check(&self, account: &Account) -> Result<(), &'static str> {
        match &account.ids {
            _ if self.ids.is_none() => Ok(()),
            None => Err("it has none"),
            Some(ids) if ids.are_privileged() => Err("they are those of root"),
            Some(_) => Ok(()),
        }
    }

    /// Whether a login changes who the thread is.
    pub(super) fn takes_on_ids(&self) -> bool {
        self.ids.is_some()
    }

    /// Becomes the account. After an error the thread must end.
    pub(super) fn take_on_ids(&self, account: &Account) -> io::Result<()> {
        match (self.ids, &account.ids) {
            (Some(Reach::Thread), Some(ids)) => ids.take_on_in_thread(),
            (Some(Reach::Process), Some(ids)) => ids.take_on_in_process(),
            _ => Ok(()),
        }
    }

    /// Whether a login binds its thread, and no more than that: another thread is free.
    pub fn binds_threads(&self) -> bool {
        self.ids == Some(Reach::Thread) || self.ids.is_none() && self.landlock
    }

    /// Whether a login makes the process its account, with all threads that it has then.
    pub fn binds_process(&self) -> bool {
        self.ids == Some(Reach::Process)
    }

    /// Whether the thread will be locked into this tree.
    pub(super) fn locks(&self, tree: &dyn Tree) -> bool {
        self.landlock && tree.directory().is_some()
    }

    /// Locks the calling thread into the tree, if it is one of the host's directories.
    pub(super) fn lock_into(&self, tree: &dyn Tree, access: Access) -> io::Result<()> {
        let inside = match access {
            Access::ReadOnly => Inside::Read,
            Access::Incoming | Access::ReadWrite => Inside::Change,
        };
        match tree.directory() {
            Some(directory) if self.landlock => landlock::lock_thread_into(directory, inside),
            _ => Ok(()),
        }
    }
}

fn fulfilled<T>(
    wish: Wish,
    what: &'static str,
    have: impl FnOnce() -> io::Result<T>,
) -> Result<Option<T>, ConfinementError> {
    match (wish, have) {
        (Wish::Off, _) => Ok(None),
        (Wish::Auto, have) => {
            Ok(have().map_err(|error| log::warn!("sessions go without {what}: {error}")).ok())
        }
        (Wish::Required, have) => {
            have().map(Some).map_err(|source| ConfinementError { what, source })
        }
    }
}

/// What is required of the kernel, and why it cannot be had.
#[derive(Debug)]
pub struct ConfinementError {
    what: &'static str,
    source: io::Error,
}

impl fmt::Display for ConfinementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is required and cannot be had: {}", self.what, self.source)
    }
}

impl error::Error for ConfinementError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_an_error_only_where_it_is_required() {
        let cannot = || Err::<(), _>(io::Error::other("an old kernel"));
        let can = || Ok::<_, io::Error>(());
        assert_eq!(fulfilled(Wish::Off, "x", can).unwrap(), None);
        assert_eq!(fulfilled(Wish::Auto, "x", can).unwrap(), Some(()));
        assert_eq!(fulfilled(Wish::Required, "x", can).unwrap(), Some(()));
        assert_eq!(fulfilled(Wish::Auto, "x", cannot).unwrap(), None);
        let error = fulfilled(Wish::Required, "x", cannot).unwrap_err().to_string();
        assert_eq!(error, "x is required and cannot be had: an old kernel");
    }
}
