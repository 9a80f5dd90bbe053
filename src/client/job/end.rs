//! An end of a job that is open: a server we are logged in to, or the local disk, and the root of
//! the job's tree there.

use crate::client::job::patience::{self, Patience};
use crate::client::{
    Act, ClientError, Connection, End, JobEnd, LocalEnd, RemoteEnd, RemotePath, Step, TreePath,
};
use crate::proto::{Listed, Moment};
use std::{
    fs::{self, File, FileTimes, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// An end and its root.
pub(super) enum OpenEnd {
    Remote(Box<Connection>, RemotePath),
    Local(PathBuf),
}

impl OpenEnd {
    /// The same, again where a server was busy or a connection broke. One that cannot be reached is
    /// told at once: its name may be wrong.
    pub fn open_patiently(end: &JobEnd, retries: u32) -> Result<OpenEnd, ClientError> {
        let mut patience = Patience::new(retries);
        loop {
            let error = match OpenEnd::open(end) {
                Ok(open) => return Ok(open),
                Err(error) => error,
            };
            let Some(pause) = patience.after(&error).filter(|_| error.is_transient()) else {
                return Err(error);
            };
            patience::pause(&error, pause);
        }
    }

    /// Logs in where that is needed. The root is the path of the request, as it stands.
    pub fn open(end: &JobEnd) -> Result<OpenEnd, ClientError> {
        Ok(match end {
            JobEnd::Remote(login, path) => OpenEnd::Remote(Box::new(login.open()?), path.clone()),
            JobEnd::Local(path) => OpenEnd::Local(path.clone()),
        })
    }

    /// The root, as its end is spelt now, for the connection of another lane.
    pub fn root(&self, end: &JobEnd, lane: usize) -> JobEnd {
        match (self, end) {
            (OpenEnd::Remote(_, root), JobEnd::Remote(login, _)) => {
                JobEnd::Remote(Box::new(login.of_lane(lane)), root.clone())
            }
            (OpenEnd::Remote(_, root), JobEnd::Local(_)) => {
                unreachable!("{root} is on the server of its request")
            }
            (OpenEnd::Local(root), _) => JobEnd::Local(root.clone()),
        }
    }

    pub fn connection(&mut self) -> Option<&mut Connection> {
        match self {
            OpenEnd::Remote(connection, _) => Some(connection),
            OpenEnd::Local(_) => None,
        }
    }

    /// Says goodbye.
    pub fn close(self) {
        if let OpenEnd::Remote(connection, _) = self {
            connection.close();
        }
    }

    /// What a path is; `None` when nothing is there.
    pub fn look(&mut self, path: &TreePath) -> Result<Option<Listed>, ClientError> {
        match self {
            OpenEnd::Remote(connection, root) => connection.look(&path.below(root)),
            OpenEnd::Local(root) => LocalEnd { root }.look(path),
        }
    }

    /// Makes a directory, and those above it that are missing.
    pub fn make_directories(&mut self, path: &TreePath) -> Result<(), ClientError> {
        match self {
            OpenEnd::Remote(connection, root) => make_remote(connection, &path.below(root)),
            OpenEnd::Local(root) => {
                let path = path.below_local(root);
                fs::create_dir_all(&path).map_err(|error| not_created(&path, &error))
            }
        }
    }

    /// Makes the root's directory, if it is missing.
    pub fn make_root(&mut self) -> Result<(), ClientError> {
        match self {
            // The login directory, which is always there.
            OpenEnd::Remote(_, root) if root.without_slash().as_bytes().is_empty() => Ok(()),
            OpenEnd::Remote(connection, root) => match connection.look(&root.without_slash())? {
                Some(_) => Ok(()),
                None => make_remote(connection, &root.without_slash()),
            },
            OpenEnd::Local(root) => {
                fs::create_dir_all(&root).map_err(|error| not_created(root, &error))
            }
        }
    }

    /// Deletes the file or the empty directory of a step.
    pub fn remove(&mut self, step: &Step) -> Result<(), ClientError> {
        let is_directory = step.act == Act::DeleteDirectory;
        match self {
            OpenEnd::Remote(connection, root) => match (is_directory, step.path.below(root)) {
                (true, path) => connection.remove_directory(&path),
                (false, path) => connection.remove_file(&path),
            },
            OpenEnd::Local(root) => local(&step.path, root, |path| match is_directory {
                true => fs::remove_dir(path),
                false => fs::remove_file(path),
            }),
        }
    }
}

impl End for OpenEnd {
    fn list(&mut self, directory: &TreePath) -> Result<Vec<Listed>, ClientError> {
        match self {
            OpenEnd::Remote(connection, root) => RemoteEnd { connection, root }.list(directory),
            OpenEnd::Local(root) => LocalEnd { root }.list(directory),
        }
    }
}

/// Set-user-ID and the like do not travel.
const PLAIN_MODE: u32 = 0o777;

/// Gives a server's file this time and these permissions. The file is there and whole: what it may
/// not be given is no failure of the copy.
pub(super) fn preserve(
    connection: &mut Connection,
    path: &RemotePath,
    modified: Option<Moment>,
    mode: Option<u32>,
) -> Result<(), ClientError> {
    let set = mode.map(|mode| connection.set_mode(path, mode & PLAIN_MODE));
    forgive(set.unwrap_or(Ok(true)))?;
    let set = modified.map(|moment| connection.set_modified(path, moment.time));
    forgive(set.unwrap_or(Ok(true)))
}

fn forgive(outcome: Result<bool, ClientError>) -> Result<(), ClientError> {
    match outcome {
        Err(ClientError::Refused(site, command, reply)) => {
            log::info!("{site} refused {command}: {reply}");
            Ok(())
        }
        outcome => outcome.map(drop),
    }
}

/// Gives a local file this time and these permissions.
pub(super) fn preserve_local(
    path: &Path,
    modified: Option<Moment>,
    mode: Option<u32>,
) -> Result<(), ClientError> {
    let set = || {
        if let Some(moment) = modified {
            let times = FileTimes::new().set_modified(moment.time.into());
            // Reading is enough to set the times of one's own file.
            File::open(path)?.set_times(times)?;
        }
        match mode {
            Some(mode) => fs::set_permissions(path, Permissions::from_mode(mode & PLAIN_MODE)),
            None => Ok(()),
        }
    };
    set().map_err(|error| ClientError::Local(path.to_owned(), error))
}

/// Makes a directory; where that fails, those above it first.
fn make_remote(connection: &mut Connection, path: &RemotePath) -> Result<(), ClientError> {
    let Err(refusal) = connection.make_directory(path) else { return Ok(()) };
    let above = path.without_slash().parent().without_slash();
    if !matches!(refusal, ClientError::Refused(..)) || above.as_bytes().is_empty() {
        return Err(refusal);
    }
    make_remote(connection, &above)?;
    connection.make_directory(path)
}

fn local<T>(
    path: &TreePath,
    root: &Path,
    act: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<T, ClientError> {
    let path = path.below_local(root);
    act(&path).map_err(|error| ClientError::Local(path, error))
}

fn not_created(path: &Path, error: &io::Error) -> ClientError {
    ClientError::NotCreated(path.display().to_string(), error.to_string())
}
