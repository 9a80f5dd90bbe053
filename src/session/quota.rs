//! What an account may keep: its tree is counted when that is first asked, and `SITE QUOTA`.

use crate::{
    auth::AccountLimits,
    net::Wait,
    proto::{Amount, Code, Reply},
    session::{
        Session, Settings,
        refusal::{Handled, Refusal},
        state::Login,
    },
    storage::{Ledger, Quota},
};
use std::{cell::Cell, sync::Arc};

/// A member's share of the storage.
pub struct Allotment {
    pub ledger: Arc<Ledger>,
    pub quota: Quota,
}

/// What an account may keep: 0 stands for no limit.
pub fn quota_of(limits: &AccountLimits, settings: &Settings) -> Quota {
    let bytes = limits.quota_bytes.map_or(settings.quota_bytes, |Amount(bytes)| bytes);
    let files = limits.quota_files.unwrap_or(settings.quota_files);
    Quota { bytes: Some(bytes).filter(|it| *it > 0), files: Some(files).filter(|it| *it > 0) }
}

impl Session {
    /// Counts what the account keeps, if it has a quota and nobody has counted yet. However long
    /// that takes, the client is listened to.
    pub(super) fn settle_quota(&mut self) -> Result<(), Refusal> {
        let Login::Member(member) = &self.login else { return Ok(()) };
        let Some(allotment) = &member.allotment else { return Ok(()) };
        let ledger = Arc::clone(&allotment.ledger);
        // A limit of each wait for a data connection: there is none, and so no deadline at all.
        let (_, limit) = self.manner();
        let counted = self.watched_in_tree(limit, &Cell::new(0), |tree, watch| {
            ledger.count(tree, &mut || watch.between_blocks())
        })?;
        counted.map_err(|_| Refusal::aborted())
    }

    /// `SITE QUOTA`: what is kept, and what may be.
    pub(super) fn site_quota(&mut self) -> Handled {
        let kept = self.kept()?.unwrap_or_else(|| "There is no quota.".to_owned());
        Ok(Reply::new(Code::OK, kept))
    }

    /// What is kept, and what may be, in words; `None` where that is no matter, or nobody's.
    pub(super) fn kept(&mut self) -> Result<Option<String>, Refusal> {
        self.settle_quota()?;
        let Login::Member(member) = &self.login else { return Ok(None) };
        let Some(Allotment { ledger, quota }) = &member.allotment else { return Ok(None) };
        let used = ledger.used();
        let part = |used: u64, most: Option<u64>, what: &str| match most {
            Some(most) => format!("{used} of {most} {what}"),
            None => format!("{used} {what}"),
        };
        let (bytes, files) =
            (part(used.bytes, quota.bytes, "bytes"), part(used.files, quota.files, "files"));
        Ok(Some(format!("Kept: {bytes}, {files}.")))
    }
}
