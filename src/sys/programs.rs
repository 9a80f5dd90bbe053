//! Programs of an account's user, for a server that is root with the capabilities to change ids and
//! no others: it starts them as that user, and can signal them although it could not as root.
//!
//! Each act has a thread of its own, which changes who it is and ends with the act. No thread ever
//! has the user's real or saved uid: that user's programs could signal it, and end the server.

use super::ids::{Ids, keep_capabilities};
use rustix::{
    fs::{Gid, Uid},
    thread::{CapabilitySet, set_thread_res_gid, set_thread_res_uid},
};
use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command},
    thread,
};

impl Ids {
    /// Starts a program as this user, with its groups and no others, and without any capability;
    /// the calling thread stays who it is. The process must have `CAP_SETUID` and `CAP_SETGID`, or
    /// be this user already, in every respect.
    ///
    /// Fails as [`Command::spawn`] does, also for a program that this user may not execute; and for
    /// the ids of root.
    pub fn spawn(&self, mut command: Command) -> io::Result<Child> {
        self.refuse_privileged()?;
        apart(|| {
            if self.are_held()? {
                return command.spawn();
            }
            self.take_groups_in_thread()?;
            let gid = Gid::from_raw(self.gid);
            set_thread_res_gid(gid, gid, gid)?;
            if !self.has_groups()? {
                return Err(io::Error::other("the groups were not taken on"));
            }
            // Where a program is given a uid, std takes all groups from it, if it may. It may not:
            // this thread, and the child with it, can change its uid alone.
            keep_capabilities(CapabilitySet::SETUID)?;
            // setuid(2) sets the real, effective and saved uid, and takes the last capability.
            command.uid(self.uid).spawn()
        })
    }

    /// Does something that takes the right to signal this user's programs, as kill(2) does; the
    /// server's own user's may be signalled as well. The process is as for [`Ids::spawn`].
    ///
    /// Fails, and does nothing, for the ids of root and where they cannot be taken on.
    pub fn signalling<T: Send>(&self, act: impl FnOnce() -> T + Send) -> io::Result<T> {
        self.refuse_privileged()?;
        apart(|| {
            set_thread_res_uid(None, Uid::from_raw(self.uid), None)?;
            keep_capabilities(CapabilitySet::empty())?;
            Ok(act())
        })
    }
}

/// Does something in a thread of its own.
fn apart<T: Send>(act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("as a user".to_owned());
        let acted = thread.spawn_scoped(scope, act)?.join();
        acted.unwrap_or_else(|_| Err(io::Error::other("the thread that became a user failed")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_started_or_done_as_root() {
        let root = Ids { uid: 1000, gid: 1000, groups: vec![0] };
        let started = root.spawn(Command::new("/bin/true")).map(drop).unwrap_err();
        assert_eq!(started.to_string(), "these are the ids of root");
        assert!(root.signalling(|| panic!("it was done")).is_err());
    }
}
