//! A worker: one question to PAM and to the system's database of users, in a process that ends with
//! the answer and takes everything with it that modules have left in memory.

use super::{
    NEVER_RIGHT,
    stack::{self, No},
};
use crate::{
    auth::{
        lines,
        words::{Answer, Asked, Verdict},
    },
    proto::Secret,
    sys::{handoff, ids::Ids},
};
use nix::{
    errno::Errno,
    unistd::{User, getgrouplist},
};
use rustix::{
    process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal},
    thread::set_name,
};
use std::{
    ffi::CString,
    io,
    os::unix::{ffi::OsStringExt, net::UnixStream},
    time::{Duration, Instant},
};

/// The helper ends whoever is late; a worker that lost its helper too has ended with it.
const NO_HURRY: Duration = Duration::from_secs(24 * 3600);

/// Whom a worker lets in.
#[derive(Clone, Debug)]
pub struct PamRules {
    /// The service that PAM is asked as, a file of `/etc/pam.d`.
    pub service: String,
    /// Users with a uid below this, and root, are refused.
    pub min_uid: u32,
}

/// Answers the question at standard input, there.
pub fn pam_worker(rules: &PamRules) -> io::Result<()> {
    let mut socket = UnixStream::from(handoff::take_standard_input()?);
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // No core file and no debugger gets the password.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let _ = set_name(c"fxpd-pam-worker"); // for ps(1) alone
    let deadline = Instant::now() + NO_HURRY;
    let asked = Asked::read(&lines::hear(&mut socket, deadline)?)?;
    let answer = rules.answer(asked);
    lines::say(&mut socket, &answer.line(), deadline)
}

impl PamRules {
    fn answer(&self, asked: Asked) -> Answer {
        let id = asked.id;
        let because = |result, reason: String| {
            let reason = Some(reason);
            Answer { id, result, reason, ..Answer::default() }
        };
        let user = match user(&asked.user) {
            Ok(user) => user,
            Err(error) => return because(Verdict::Error, format!("cannot look up users: {error}")),
        };
        let open = match &user {
            // C would see the half of it.
            _ if asked.password.expose().contains(&0) => Err("the password holds a NUL".to_owned()),
            Some(user) => self.check(user),
            None => Err("there is no such user".to_owned()),
        };
        // Whoever may not enter goes the whole way of a wrong password, also with the right one: its
        // time would tell.
        let wrong = as_long_as(&asked.password);
        let ask = |password| stack::ask(&self.service, &asked.user, password, asked.address);
        let outcome = ask(if open.is_ok() { &asked.password } else { &wrong });
        if matches!(outcome, Err(No::Shut(_))) {
            let _ = ask(&wrong);
        }
        match (open, outcome) {
            (Ok(()), Ok(())) => Answer { id, ..user.map_or_else(Answer::default, allow) },
            (_, Err(No::Broken(reason))) => because(Verdict::Error, reason),
            (Ok(()), Err(No::Wrong(reason))) => because(Verdict::Deny, reason),
            (Ok(()), Err(No::Shut(reason))) => {
                because(Verdict::Deny, format!("with the right password: {reason}"))
            }
            (Err(reason), _) if user.is_none() => because(Verdict::Unknown, reason),
            (Err(reason), _) => because(Verdict::Deny, reason),
        }
    }

    /// Whether the user may log in at all, and why not.
    fn check(&self, user: &KnownUser) -> Result<(), String> {
        let uid = user.ids.uid;
        if user.ids.are_privileged() {
            Err("it is root, or of root's group".to_owned())
        } else if uid < self.min_uid {
            Err(format!("its uid, {uid}, is below pam_min_uid, {}", self.min_uid))
        } else {
            Ok(())
        }
    }
}

/// What the system knows of a user.
struct KnownUser {
    ids: Ids,
    home: Vec<u8>,
}

/// The user of exactly this name. A database that finds `Ann` as `ann` would give one user several
/// accounts with limits of their own.
fn user(name: &str) -> io::Result<Option<KnownUser>> {
    let found = match User::from_name(name) {
        // Some databases say so where others find nothing.
        Err(Errno::ENOENT | Errno::ESRCH) => None,
        found => found?,
    };
    let Some(user) = found.filter(|user| user.name == name) else { return Ok(None) };
    let groups = getgrouplist(&CString::new(name)?, user.gid)?;
    let groups = groups.into_iter().map(|gid| gid.as_raw()).collect();
    let ids = Ids { uid: user.uid.as_raw(), gid: user.gid.as_raw(), groups };
    Ok(Some(KnownUser { ids, home: user.dir.into_os_string().into_vec() }))
}

fn allow(user: KnownUser) -> Answer {
    match String::from_utf8(user.home) {
        Ok(home) => Answer {
            result: Verdict::Allow,
            home: Some(home),
            uid: Some(user.ids.uid),
            gid: Some(user.ids.gid),
            groups: Some(user.ids.groups),
            ..Answer::default()
        },
        Err(_) => {
            let reason = Some("the path of its home is not UTF-8".to_owned());
            Answer { result: Verdict::Error, reason, ..Answer::default() }
        }
    }
}

/// A wrong password as long as this one, so that its hash takes as long.
fn as_long_as(password: &Secret) -> Secret {
    let length = password.expose().len().max(1);
    Secret::new(NEVER_RIGHT.iter().copied().cycle().take(length).collect::<Vec<u8>>())
}
