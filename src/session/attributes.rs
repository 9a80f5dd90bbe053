//! What is recorded of an entry, and how it is changed: `MFMT`, `MFCT`, `MFF`
//! (draft-somers-ftp-mfxx), `AVBL` (draft-peterson-streamlined-ftp-command-extensions §4) and `ALLO`, and
//! the forms of `SITE` that Unix servers have for the same.

use crate::{
    auth::Right,
    proto::{Access, Change, Code, PathArg, Reply, SiteArg, stamp},
    session::{
        Session,
        refusal::{Handled, Refusal},
    },
};
use jiff::Timestamp;

impl Session {
    /// `MFMT`: a new time of last modification.
    pub(super) fn mfmt(&mut self, time: Timestamp, name: &PathArg) -> Handled {
        self.change(Change::Modified(time), name)?;
        Ok(changed(&[Change::Modified(time)], name))
    }

    /// `MFCT`: no file system here lets a time of creation be set.
    pub(super) fn mfct(&mut self) -> Handled {
        let text = "Times of creation cannot be set here.";
        Err(Reply::new(Code::PARAMETER_NOT_BUILT, text).into())
    }

    /// `MFF`: several changes, of which the first that fails is answered.
    pub(super) fn mff(&mut self, changes: &[Change], name: &PathArg) -> Handled {
        for change in changes {
            self.change(*change, name)?;
        }
        Ok(changed(changes, name))
    }

    /// `AVBL`: the room that is left, in bytes.
    pub(super) fn avbl(&mut self, name: Option<PathArg>) -> Handled {
        let member = self.member()?;
        let path = name.as_ref().map_or(member.cwd.clone(), |name| member.cwd.join(name));
        match member.tree.available_bytes(&path)? {
            Some(bytes) => Ok(Reply::new(Code::FILE_STATUS, bytes.to_string())),
            None => {
                Err(Reply::new(Code::UNAVAILABLE, "Nobody knows how much room is left.").into())
            }
        }
    }

    /// `ALLO`: whether there is room for so much. Nothing is set aside (RFC 959 §4.1.3 lets that
    /// be), but who is refused here need not send what would not fit.
    pub(super) fn allo(&mut self, bytes: u64) -> Handled {
        let member = self.member()?;
        match member.tree.available_bytes(&member.cwd) {
            Ok(Some(room)) if room < bytes => {
                let text = format!("There is room for {room} bytes only.");
                Err(Reply::new(Code::QUOTA_EXCEEDED, text).into())
            }
            Ok(Some(_)) => Ok(Reply::new(Code::OK, "There is room.")),
            // What is wrong with the directory, if anything is, the upload will tell.
            Ok(None) | Err(_) => {
                Ok(Reply::new(Code::SUPERFLUOUS, "Nobody knows how much room is left."))
            }
        }
    }

    /// `SITE`.
    pub(super) fn site(&mut self, argument: &SiteArg) -> Handled {
        match argument {
            SiteArg::Help => Ok(site_help()),
            SiteArg::Chmod(mode, name) => self.site_change(Change::Mode(*mode), name),
            SiteArg::Utime(time, name) => self.site_change(Change::Modified(*time), name),
            SiteArg::Symlink(target, name) => self.site_symlink(target, name),
            SiteArg::Idle(seconds) => self.site_idle(*seconds),
            SiteArg::Quota => self.site_quota(),
            SiteArg::Rate(wish) => self.site_rate(*wish),
            SiteArg::Who => self.site_who(),
        }
    }

    fn site_change(&mut self, change: Change, name: &PathArg) -> Handled {
        self.refuse_reader()?;
        self.change(change, name)?;
        Ok(Reply::new(Code::OK, "Changed."))
    }

    fn site_symlink(&mut self, target: &PathArg, name: &PathArg) -> Handled {
        self.refuse_reader()?;
        self.refuse_without(Right::Links)?;
        let path = self.new_path(name)?;
        self.settle_quota()?;
        self.member()?.tree.make_link(target, &path)?;
        Ok(Reply::new(Code::OK, "Link made."))
    }

    fn site_who(&mut self) -> Handled {
        self.refuse_without(Right::Who)?;
        let lines = self.presence.who().into_iter().map(String::into_bytes);
        Ok(Reply::lines(Code::SYSTEM_STATUS, "Who is on:", lines, "End"))
    }

    fn change(&mut self, change: Change, name: &PathArg) -> Result<(), Refusal> {
        let member = self.member()?;
        Ok(member.tree.change(&member.cwd.join(name), change)?)
    }

    /// `SITE` itself may be said by all, so that its row in the verb table cannot ask this.
    fn refuse_reader(&mut self) -> Result<(), Refusal> {
        match self.member()?.account.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly | Access::Incoming => Err(Refusal::read_only()),
        }
    }

    fn refuse_without(&mut self, right: Right) -> Result<(), Refusal> {
        if self.member()?.account.rights.contains(&right) {
            return Ok(());
        }
        Err(Reply::new(Code::UNAVAILABLE, "This account has no right to that.").into())
    }
}

/// `213 Modify=20260203040506; name`, in the words in which facts are written.
fn changed(changes: &[Change], name: &PathArg) -> Reply {
    let mut text = String::new();
    for change in changes {
        text.push_str(&match change {
            Change::Modified(time) => format!("Modify={};", stamp::print(*time)),
            Change::Mode(mode) => format!("UNIX.mode={mode:04o};"),
        });
    }
    let mut text = text.into_bytes();
    text.push(b' ');
    text.extend_from_slice(name.as_bytes());
    Reply::new(Code::FILE_STATUS, text)
}

fn site_help() -> Reply {
    let lines = SiteArg::FORMS.iter().map(|form| form.as_bytes().to_vec());
    Reply::lines(Code::HELP, "SITE can:", lines, "End")
}
