//! An end of a job that is open: a server we are logged in to, or the local disk, and the root of
//! the job's tree there.

use crate::client::{
    ClientError, Connection, End, JobEnd, LocalEnd, RemoteEnd, RemotePath, TreePath,
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
    /// Logs in where that is needed. The root is the path of the request, as it stands.
    pub fn open(end: &JobEnd) -> Result<OpenEnd, ClientError> {
        Ok(match end {
            JobEnd::Remote(login, path) => OpenEnd::Remote(Box::new(login.open()?), path.clone()),
            JobEnd::Local(path) => OpenEnd::Local(path.clone()),
        })
    }

    /// The same root, reached by the connection of another lane.
    pub fn again(&self, end: &JobEnd, lane: usize) -> Result<OpenEnd, ClientError> {
        Ok(match (self, end) {
            (OpenEnd::Remote(_, root), JobEnd::Remote(login, _)) => {
                OpenEnd::Remote(Box::new(login.of_lane(lane).open()?), root.clone())
            }
            (OpenEnd::Remote(_, root), JobEnd::Local(_)) => {
                unreachable!("{root} is on the server of its request")
            }
            (OpenEnd::Local(root), _) => OpenEnd::Local(root.clone()),
        })
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
            OpenEnd::Remote(connection, root) => match connection.look(&root.without_slash())? {
                Some(_) => Ok(()),
                None => make_remote(connection, &root.without_slash()),
            },
            OpenEnd::Local(root) => {
                fs::create_dir_all(&root).map_err(|error| not_created(root, &error))
            }
        }
    }

    pub fn remove_file(&mut self, path: &TreePath) -> Result<(), ClientError> {
        match self {
            OpenEnd::Remote(connection, root) => connection.remove_file(&path.below(root)),
            OpenEnd::Local(root) => local(path, root, |path| fs::remove_file(path)),
        }
    }

    pub fn remove_directory(&mut self, path: &TreePath) -> Result<(), ClientError> {
        match self {
            OpenEnd::Remote(connection, root) => connection.remove_directory(&path.below(root)),
            OpenEnd::Local(root) => local(path, root, |path| fs::remove_dir(path)),
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
