//! The tree without data connections: where we are, what is made, moved and removed (RFC 959
//! §4.1.1 and §4.1.3), sizes and times (RFC 3659 §3 and §4).

use crate::{
    proto::{Code, Kind, Mode, PathArg, Reply, Representation, VirtualPath, stamp},
    session::{
        Session, listing,
        refusal::{Handled, Refusal},
    },
};

impl Session {
    /// `CWD`.
    pub(super) fn cwd(&mut self, name: &PathArg) -> Handled {
        let path = self.member()?.cwd.join(name);
        self.enter_directory(path)
    }

    /// `CDUP`.
    pub(super) fn cdup(&mut self) -> Handled {
        let parent = self.member()?.cwd.parent();
        self.enter_directory(parent)
    }

    /// `PWD`.
    pub(super) fn pwd(&mut self) -> Handled {
        Ok(listing::shown(&self.member()?.cwd, "is the current directory."))
    }

    /// `MKD`.
    pub(super) fn mkd(&mut self, name: &PathArg) -> Handled {
        let path = self.new_path(name)?;
        self.member()?.tree.make_directory(&path)?;
        Ok(listing::shown(&path, "created."))
    }

    /// `RMD`.
    pub(super) fn rmd(&mut self, name: &PathArg) -> Handled {
        let member = self.member()?;
        member.tree.remove_directory(&member.cwd.join(name))?;
        Ok(Reply::new(Code::ACTION_DONE, "Directory removed."))
    }

    /// `DELE`.
    pub(super) fn dele(&mut self, name: &PathArg) -> Handled {
        let member = self.member()?;
        member.tree.remove_file(&member.cwd.join(name))?;
        Ok(Reply::new(Code::ACTION_DONE, "File removed."))
    }

    /// `RNFR`: what the `RNTO` that must follow moves.
    pub(super) fn rnfr(&mut self, name: &PathArg) -> Handled {
        let member = self.member()?;
        let path = member.cwd.join(name);
        member.tree.entry(&path)?;
        self.rename_from = Some(path);
        Ok(Reply::new(Code::NEED_MORE, "RNTO says the new name."))
    }

    /// `RNTO`.
    pub(super) fn rnto(&mut self, name: &PathArg) -> Handled {
        let from = self.rename_from.take().ok_or_else(|| {
            Refusal::from(Reply::new(Code::WRONG_ORDER, "RNFR comes directly before."))
        })?;
        let to = self.new_path(name)?;
        self.member()?.tree.rename(&from, &to)?;
        Ok(Reply::new(Code::ACTION_DONE, "Renamed."))
    }

    /// `SIZE`: of the bytes on disk. In `TYPE A` that is not what would be sent (RFC 3659 §4), but
    /// clients that forget `TYPE I` mean it all the same.
    pub(super) fn size(&mut self, name: &PathArg) -> Handled {
        let entry = {
            let member = self.member()?;
            member.tree.entry(&member.cwd.join(name))?
        };
        match entry.kind {
            Kind::File => Ok(Reply::new(Code::FILE_STATUS, entry.size.to_string())),
            _ => Err(Reply::new(Code::UNAVAILABLE, "Not a regular file.").into()),
        }
    }

    /// `MDTM`: in UTC (RFC 3659 §3).
    pub(super) fn mdtm(&mut self, name: &PathArg) -> Handled {
        let member = self.member()?;
        let entry = member.tree.entry(&member.cwd.join(name))?;
        Ok(Reply::new(Code::FILE_STATUS, stamp::print(entry.modified)))
    }

    /// `TYPE`.
    pub(super) fn type_(&mut self, representation: Representation) -> Handled {
        self.negotiated.representation = representation;
        Ok(Reply::new(
            Code::OK,
            match representation {
                Representation::Ascii => "Type is ASCII.",
                Representation::Image => "Type is image.",
            },
        ))
    }

    /// `MODE`: it counts for files and listings alike.
    pub(super) fn mode(&mut self, mode: Mode) -> Handled {
        self.negotiated.mode = mode;
        Ok(Reply::new(
            Code::OK,
            match mode {
                Mode::Stream => "Mode is stream.",
                Mode::Deflate => "Mode is deflate.",
            },
        ))
    }

    fn enter_directory(&mut self, path: VirtualPath) -> Handled {
        let member = self.member()?;
        // Listing it would be asked later; entering asks whether it is one.
        if member.tree.entry(&path)?.kind != Kind::Directory {
            return Err(Reply::new(Code::UNAVAILABLE, "Not a directory.").into());
        }
        member.cwd = path;
        Ok(Reply::new(Code::ACTION_DONE, "Directory changed."))
    }

    /// A name that something shall have: control bytes could forge lines elsewhere.
    pub(super) fn new_path(&mut self, name: &PathArg) -> Result<VirtualPath, Refusal> {
        let path = self.member()?.cwd.join(name);
        if path.has_control_bytes() { Err(Refusal::bad_name()) } else { Ok(path) }
    }
}
