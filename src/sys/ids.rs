//! Which user and groups of the system a thread, or the whole process, touches files as.
//!
//! A thread changes its *file system* ids alone (setfsuid(2)), never the real or effective ones: a
//! thread with those of a user could be signalled by that user's programs, and a signal that ends a
//! thread ends the server. `setgroups` and the like of libc change all threads of the process at
//! once; what is called here for one thread are the system calls themselves.

use nix::unistd::{
    Gid, Uid, getegid, geteuid, getgroups, getresgid, getresuid, setfsgid, setfsuid, setgroups,
    setresgid, setresuid, setuid,
};
use rustix::{
    process::{DumpableBehavior, set_dumpable_behavior},
    thread::{
        CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities,
        capabilities_secure_bits, clear_ambient_capability_set, set_capabilities, set_no_new_privs,
        set_thread_groups,
    },
};
use std::io;

/// The user and the groups of the system that an account stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Who owns what it makes.
    pub uid: u32,
    /// The group of what it makes.
    pub gid: u32,
    /// The other groups whose files it may use.
    pub groups: Vec<u32>,
}

impl Ids {
    /// Whether they are root's, or of root's group: nobody takes those on.
    pub fn are_privileged(&self) -> bool {
        // All bits set means "leave it as it is" to the kernel.
        let is_root = |id: &u32| *id == 0 || *id == u32::MAX;
        is_root(&self.uid) || is_root(&self.gid) || self.groups.iter().any(is_root)
    }

    /// Those that the calling thread touches files as.
    pub(crate) fn of_thread() -> io::Result<Ids> {
        let groups = getgroups()?.into_iter().map(Gid::as_raw).collect();
        Ok(Ids { uid: file_uid(), gid: file_gid(), groups })
    }

    /// Makes the calling thread touch files as this user, and gives up all of its capabilities,
    /// the one to change ids again among them. Other threads stay who they are.
    ///
    /// After an error the thread may be half changed, and must end.
    pub fn take_on_in_thread(&self) -> io::Result<()> {
        self.refuse_privileged()?;
        self.take_groups_in_thread()?;
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        setfsgid(gid);
        setfsuid(uid);
        keep_capabilities(CapabilitySet::empty())?;
        // They tell what was before, and no error.
        let are_taken = setfsgid(gid) == gid && setfsuid(uid) == uid && self.has_groups()?;
        if are_taken { Ok(()) } else { Err(io::Error::other("the ids were not taken on")) }
    }

    /// Makes the whole process, with all of its threads, this user for good.
    ///
    /// After an error the process may be half changed, and must end.
    pub fn take_on_in_process(&self) -> io::Result<()> {
        self.refuse_privileged()?;
        let groups: Vec<_> = self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        // Groups first and the uid last: without root the others could not be changed any more.
        setgroups(&groups)?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
        keep_capabilities(CapabilitySet::empty())?;
        // The user's own programs could read the key in our memory otherwise.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        let are_taken = self.are_held()? && setuid(Uid::from_raw(0)).is_err();
        if are_taken { Ok(()) } else { Err(io::Error::other("root was not given up completely")) }
    }

    /// Whether the calling thread is this user in every respect.
    pub(super) fn are_held(&self) -> io::Result<bool> {
        let (uids, gids) = (getresuid()?, getresgid()?);
        Ok([uids.real, uids.effective, uids.saved] == [Uid::from_raw(self.uid); 3]
            && [gids.real, gids.effective, gids.saved] == [Gid::from_raw(self.gid); 3]
            && self.has_groups()?)
    }

    pub(super) fn refuse_privileged(&self) -> io::Result<()> {
        match self.are_privileged() {
            true => Err(io::Error::other("these are the ids of root")),
            false => Ok(()),
        }
    }

    /// Gives the calling thread these supplementary groups and no others.
    pub(super) fn take_groups_in_thread(&self) -> io::Result<()> {
        let groups: Vec<_> =
            self.groups.iter().map(|gid| rustix::fs::Gid::from_raw(*gid)).collect();
        Ok(set_thread_groups(&groups)?)
    }

    /// Whether the calling thread has these supplementary groups and no others.
    pub(super) fn has_groups(&self) -> io::Result<bool> {
        let mut wanted = self.groups.clone();
        let mut held: Vec<u32> = getgroups()?.into_iter().map(Gid::as_raw).collect();
        for list in [&mut wanted, &mut held] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(wanted == held)
    }
}

/// As whom the calling thread touches files.
pub fn file_uid() -> u32 {
    const NOBODY_AT_ALL: u32 = u32::MAX;
    match setfsuid(Uid::from_raw(NOBODY_AT_ALL)).as_raw() {
        // The call is denied, as by a filter of systemd; then nobody was taken on by it either.
        NOBODY_AT_ALL => geteuid().as_raw(),
        uid => uid,
    }
}

/// The group of what the calling thread makes.
fn file_gid() -> u32 {
    const NO_GROUP_AT_ALL: u32 = u32::MAX;
    match setfsgid(Gid::from_raw(NO_GROUP_AT_ALL)).as_raw() {
        NO_GROUP_AT_ALL => getegid().as_raw(), // as above
        gid => gid,
    }
}

/// Which capabilities stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capabilities {
    /// None.
    None,
    /// `CAP_SETUID` and `CAP_SETGID`.
    ToChangeIds,
}

/// Leaves the process no capabilities but `kept`, no way to get others by starting programs
/// (`no_new_privs`), and its memory to nobody: no core file, no debugger of the same user.
///
/// To be called before there is a second thread: each has its own capabilities, and begins with
/// those of the thread that starts it.
pub fn give_up_privilege(kept: Capabilities) -> io::Result<()> {
    if kept == Capabilities::ToChangeIds {
        refuse_kept_capabilities()?;
    }
    set_no_new_privs(true)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    keep_capabilities(match kept {
        Capabilities::None => CapabilitySet::empty(),
        Capabilities::ToChangeIds => CapabilitySet::SETUID | CapabilitySet::SETGID,
    })
}

/// Whoever becomes an account loses all capabilities with its uid, unless whoever has started the
/// process wants it otherwise: securebits outlive execve(2).
fn refuse_kept_capabilities() -> io::Result<()> {
    let keeping = CapabilitiesSecureBits::KEEP_CAPS | CapabilitiesSecureBits::NO_SETUID_FIXUP;
    match capabilities_secure_bits()?.intersects(keeping) {
        true => Err(io::Error::other("securebits(7) keep capabilities with a change of uid")),
        false => Ok(()),
    }
}

/// Leaves the calling thread these capabilities at most, and none to programs that it starts.
pub(super) fn keep_capabilities(kept: CapabilitySet) -> io::Result<()> {
    clear_ambient_capability_set()?;
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets)?;
    match capabilities(None)? == sets {
        true => Ok(()),
        false => Err(io::Error::other("capabilities were not given up")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_on_root_nor_its_group() {
        let ids = |uid, gid, groups: &[u32]| Ids { uid, gid, groups: groups.to_vec() };
        assert!(!ids(1000, 1000, &[100]).are_privileged());
        for root in [
            ids(0, 1000, &[]),
            ids(1000, 0, &[]),
            ids(1000, 1000, &[100, 0]),
            ids(u32::MAX, 1000, &[]),
            ids(1000, u32::MAX, &[]),
        ] {
            assert!(root.are_privileged(), "{root:?}");
            assert!(root.take_on_in_thread().is_err() && root.take_on_in_process().is_err());
        }
    }
}
