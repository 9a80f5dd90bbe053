//! Changes on a server that move no bytes: directories made, names removed and changed, times and
//! rights set.

use crate::{
    client::{
        ClientError, Connection, Extension, RemotePath, ServerKind,
        tree::remote::{NOT_BUILT, wire},
    },
    proto::{Code, ListedKind, Reply, stamp},
};
use jiff::Timestamp;

impl Connection {
    /// Makes a directory, in one that exists. That it is there already is as good.
    pub fn make_directory(&mut self, path: &RemotePath) -> Result<(), ClientError> {
        self.settle()?;
        // Some servers refuse `MKD a/`.
        let path = path.without_slash();
        let reply = self.ask("MKD", &wire(&path))?;
        if reply.code().is_success() {
            return Ok(());
        }
        // The codes for "it exists" are as many as the servers.
        match self.look(&path)? {
            Some(there) if there.kind == ListedKind::Directory => Ok(()),
            _ => Err(self.refused("MKD", &path, reply)),
        }
    }

    /// Removes a file.
    pub fn remove_file(&mut self, path: &RemotePath) -> Result<(), ClientError> {
        self.order("DELE", path)
    }

    /// Removes an empty directory.
    pub fn remove_directory(&mut self, path: &RemotePath) -> Result<(), ClientError> {
        self.order("RMD", &path.without_slash())
    }

    /// Gives a file or directory another name. What happens to one that has it already is the
    /// server's affair: most replace a file.
    pub fn rename(&mut self, from: &RemotePath, to: &RemotePath) -> Result<(), ClientError> {
        self.settle()?;
        let reply = self.ask("RNFR", &wire(from))?;
        if reply.code() != Code::NEED_MORE {
            return Err(self.refused("RNFR", from, reply));
        }
        let reply = self.ask("RNTO", &wire(to))?;
        match reply.code().is_success() {
            true => Ok(()),
            false => Err(self.refused("RNTO", to, reply)),
        }
    }

    /// Sets the time of last modification, to the second. `false` where the server has no means.
    pub fn set_modified(
        &mut self,
        path: &RemotePath,
        time: Timestamp,
    ) -> Result<bool, ClientError> {
        let verb = match () {
            () if self.features().has(Extension::Mfmt) => "MFMT",
            // It sets the time by the verb that others ask for it with.
            () if self.features().kind() == ServerKind::Vsftpd => "MDTM",
            () => return Ok(false),
        };
        // No server reads fractions in MFMT (draft-somers-ftp-mfxx §3.1).
        let stamp = stamp::print(time);
        let seconds = stamp.split('.').next().unwrap_or_default();
        let argument = [seconds.as_bytes(), b" ", &wire(path)].concat();
        self.attempt(verb, path, &argument)
    }

    /// Sets the permission bits. `false` where the server has no means.
    pub fn set_mode(&mut self, path: &RemotePath, mode: u32) -> Result<bool, ClientError> {
        if self.features().has(Extension::Mff) {
            let fact = format!("UNIX.mode={mode:04o}; ");
            let argument = [fact.as_bytes(), &wire(path)].concat();
            if self.attempt("MFF", path, &argument)? {
                return Ok(true);
            }
        }
        let words = format!("CHMOD {mode:03o} ");
        self.attempt("SITE", path, &[words.as_bytes(), &wire(path)].concat())
    }

    /// One command on a path, done or refused.
    fn order(&mut self, verb: &'static str, path: &RemotePath) -> Result<(), ClientError> {
        self.settle()?;
        let reply = self.ask(verb, &wire(path))?;
        match reply.code().is_success() {
            true => Ok(()),
            false => Err(self.refused(verb, path, reply)),
        }
    }

    /// One command that the server may not have.
    fn attempt(
        &mut self,
        verb: &'static str,
        path: &RemotePath,
        argument: &[u8],
    ) -> Result<bool, ClientError> {
        self.settle()?;
        let reply: Reply = self.ask(verb, argument)?;
        match reply.code() {
            code if code == Code::SUPERFLUOUS || NOT_BUILT.contains(&code) => Ok(false),
            code if code.is_success() => Ok(true),
            _ => Err(self.refused(verb, path, reply)),
        }
    }
}
