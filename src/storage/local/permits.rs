//! What the thread that asks may do with an entry. The kernel is asked, for it alone knows of
//! privilege, access lists and read-only mounts.
//!
//! Approximated: entries of one directory that share owner, group and mode are asked about once,
//! though an access list could tell them apart; and of what a link leads to, only the mode is
//! looked at.

use crate::proto::{Kind, Permits};
use crate::sys::ids::file_uid;
use rustix::fs::{Access, AtFlags, Statx, accessat, fstat};
use std::{ffi::CStr, os::fd::BorrowedFd};

/// What may be done in one directory, and the answers for its entries so far.
pub(super) struct Asked {
    /// Whether names can be made and removed in it.
    names: Names,
    in_place: bool,
    answers: Vec<(Key, Permits)>,
}

/// What may be done to the names of a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Fixed,
    Free,
    /// The directory is sticky: only to names of this user's files.
    Own(u32),
}

/// Owner, group and mode with the bits of the kind.
type Key = (u32, u32, u16);

/// Answers remembered. Directories have few kinds of entries; when there are more, we ask again.
const MAX_ANSWERS: usize = 8;

impl Asked {
    /// Nothing yet of the entries of `directory`. `in_place` tells that files are replaced where
    /// they stand.
    pub(super) fn of(directory: BorrowedFd<'_>, in_place: bool) -> Asked {
        let changes = Access::WRITE_OK | Access::EXEC_OK;
        let names = match may(directory, c".", changes) {
            false => Names::Fixed,
            true => sticky(directory),
        };
        Asked { names, in_place, answers: Vec::new() }
    }

    /// What may be done with the entry called `name`, which is no link.
    pub(super) fn permits(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &CStr,
        kind: Kind,
        stat: &Statx,
    ) -> Permits {
        let key = (stat.stx_uid, stat.stx_gid, stat.stx_mode);
        if let Some((_, answer)) = self.answers.iter().find(|(known, _)| *known == key) {
            return *answer;
        }
        let mut inside = Permits::NONE;
        for (access, permit) in [
            (Access::READ_OK, Permits::READ),
            (Access::WRITE_OK, Permits::WRITE),
            (Access::EXEC_OK, Permits::SEARCH),
        ] {
            let wanted = kind == Kind::Directory || permit != Permits::SEARCH;
            if wanted && may(directory, name, access) {
                inside = inside.and(permit);
            }
        }
        let answer = self.with_name(inside, stat);
        if self.answers.len() == MAX_ANSWERS {
            self.answers.clear();
        }
        self.answers.push((key, answer));
        answer
    }

    /// What may be done with what a link leads to, as far as its mode tells; the link itself is
    /// one of this directory's names.
    pub(super) fn permits_behind_link(&self, target: &Statx) -> Permits {
        self.with_name(by_mode(target), target)
    }

    /// Adds what depends on the name. A file is replaced by a new one of its name, which takes
    /// the permission to write it as well (see `upload`).
    fn with_name(&self, inside: Permits, stat: &Statx) -> Permits {
        let moves = match self.names {
            Names::Fixed => false,
            Names::Free => true,
            Names::Own(user) => user == 0 || user == stat.stx_uid,
        };
        let mut permits = inside;
        if moves {
            permits = permits.and(Permits::MOVE);
        }
        if (self.in_place || moves) && inside.has(Permits::WRITE) {
            permits = permits.and(Permits::REPLACE);
        }
        permits
    }
}

/// What may be done with the top of a tree, whose name belongs to nobody.
pub(super) fn of_top(top: BorrowedFd<'_>) -> Permits {
    [
        (Access::READ_OK, Permits::READ),
        (Access::WRITE_OK, Permits::WRITE),
        (Access::EXEC_OK, Permits::SEARCH),
    ]
    .into_iter()
    .filter(|(access, _)| may(top, c".", *access))
    .fold(Permits::NONE, |all, (_, permit)| all.and(permit))
}

fn may(directory: BorrowedFd<'_>, name: &CStr, access: Access) -> bool {
    let flags = AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW;
    accessat(directory, name, access, flags).is_ok()
}

fn sticky(directory: BorrowedFd<'_>) -> Names {
    match fstat(directory) {
        Ok(stat) if stat.st_mode & 0o1000 != 0 => {
            let user = file_uid();
            if stat.st_uid == user { Names::Free } else { Names::Own(user) }
        }
        _ => Names::Free,
    }
}

/// Whoever is meant by a bit of the mode may be us.
fn by_mode(stat: &Statx) -> Permits {
    let mode = u32::from(stat.stx_mode);
    [(0o444, Permits::READ), (0o222, Permits::WRITE), (0o111, Permits::SEARCH)]
        .into_iter()
        .filter(|(bits, _)| mode & bits != 0)
        .fold(Permits::NONE, |all, (_, permit)| all.and(permit))
}
