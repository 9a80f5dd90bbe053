//! Giving up root for good, between the binding of ports and the first thread.
//!
//! The calls of `nix` change the identity of the whole process; done before threads exist, none
//! can be left behind with the old one.

use crate::{config::Config, failure::Failure};
use fxpd::{Capabilities, give_up_privilege};
use nix::unistd::{
    Gid, Uid, User, getgrouplist, getgroups, getresgid, getresuid, setgid, setgroups, setuid,
};
use std::ffi::CString;

/// Whom the server runs as, and what it may do beyond.
pub enum Privilege {
    /// A user of its own, who may do nothing beyond.
    Service(User),
    /// Root who may do one thing: become the accounts.
    AccountIds,
    /// Whoever has started the server.
    AsStarted,
}

impl Privilege {
    /// As the settings `user` and `account_ids` want it.
    pub fn find(config: &Config) -> Result<Privilege, Failure> {
        let Some(name) = config.user.as_deref() else {
            return Ok(if config.account_ids {
                Privilege::AccountIds
            } else {
                Privilege::AsStarted
            });
        };
        if config.account_ids {
            return Err(Failure::config(
                "account_ids: only root can take on accounts' ids; leave 'user' empty",
            ));
        }
        match User::from_name(name) {
            Ok(Some(user)) if user.uid.is_root() => {
                Err(Failure::config(format!("user: '{name}' is root")))
            }
            Ok(Some(user)) => Ok(Privilege::Service(user)),
            Ok(None) => Err(Failure::config(format!("user: there is no '{name}'"))),
            Err(error) => Err(Failure::system(format!("cannot look up user '{name}': {error}"))),
        }
    }

    /// Gives up everything else, and proves that there is no way back.
    pub fn reduce(&self) -> Result<(), Failure> {
        let kept = match self {
            Privilege::Service(user) => {
                become_user(user)?;
                Capabilities::None
            }
            Privilege::AccountIds if !Uid::effective().is_root() => {
                return Err(Failure::config("account_ids: only root can take on accounts' ids"));
            }
            Privilege::AccountIds => Capabilities::ToChangeIds,
            Privilege::AsStarted if Uid::effective().is_root() => {
                log::warn!("running as root: set 'user' or 'account_ids' so that sessions do not");
                return Ok(());
            }
            Privilege::AsStarted => Capabilities::None,
        };
        give_up_privilege(kept)
            .map_err(|error| Failure::system(format!("cannot give up privilege: {error}")))
    }
}

/// Takes on the user's uid, gid and groups.
fn become_user(user: &User) -> Result<(), Failure> {
    if Uid::effective() == user.uid && Uid::current() == user.uid {
        return Ok(());
    }
    if !Uid::effective().is_root() {
        return Err(Failure::config(format!("user: only root can become '{}'", user.name)));
    }
    let groups = groups_of(user)?;
    // Groups first and the uid last: without root the others could not be changed any more.
    let dropped =
        setgroups(&groups).and_then(|()| setgid(user.gid)).and_then(|()| setuid(user.uid));
    dropped.map_err(|error| Failure::system(format!("cannot become '{}': {error}", user.name)))?;
    verify(user, groups)?;
    log::info!("running as '{}'", user.name);
    Ok(())
}

fn groups_of(user: &User) -> Result<Vec<Gid>, Failure> {
    let name = CString::new(user.name.as_str()).map_err(Failure::system)?;
    getgrouplist(&name, user.gid)
        .map_err(|error| Failure::system(format!("cannot list groups of '{}': {error}", user.name)))
}

/// A drop that half worked is worse than one that failed: nobody would notice.
fn verify(user: &User, mut groups: Vec<Gid>) -> Result<(), Failure> {
    let system = |error| Failure::system(format!("cannot verify who we are: {error}"));
    let (uids, gids) = (getresuid().map_err(system)?, getresgid().map_err(system)?);
    let mut held = getgroups().map_err(system)?;
    for list in [&mut held, &mut groups] {
        list.sort_by_key(|gid| gid.as_raw());
        list.dedup();
    }
    let dropped = [uids.real, uids.effective, uids.saved].iter().all(|uid| *uid == user.uid)
        && [gids.real, gids.effective, gids.saved].iter().all(|gid| *gid == user.gid)
        && held == groups
        && setuid(Uid::from_raw(0)).is_err();
    if dropped { Ok(()) } else { Err(Failure::system("root was not given up completely")) }
}
