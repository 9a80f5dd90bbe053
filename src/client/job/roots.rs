//! Where a job's tree begins at both ends. A single file is a tree too: of one file in its directory,
//! which may have another name at the target.

use crate::{
    client::{
        ClientError, Extension, Request, TreePath,
        job::{end::OpenEnd, patience::patiently},
        tree,
    },
    proto::{Glob, Listed, ListedKind},
};
use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// What is looked at below the source's root.
pub(super) enum Scope {
    /// One file: its name there, what it is, and its name at the target.
    File(TreePath, Listed, TreePath),
    /// What is in the root.
    Tree,
    /// What is in the root and matches.
    Matching(Glob),
}

/// Finds out what the source names, and moves both ends to the roots that follow from it.
pub(super) fn find(
    request: &Request,
    source: &mut OpenEnd,
    target: &mut OpenEnd,
) -> Result<Scope, ClientError> {
    match patiently(source, request.retries, look)? {
        Some(Listed { kind: ListedKind::Directory, .. }) => {
            if !request.recursive {
                return Err(ClientError::IsDirectory(request.source.to_string()));
            }
            // A tree becomes the target, or (with a slash there, and none at the source) gets into it.
            if request.target.is_spelt_as_directory()
                && !request.source.is_spelt_as_directory()
                && let Some(name) = last_name(source)
            {
                enter(target, &name);
            }
            Ok(Scope::Tree)
        }
        Some(file) => one_file(request, source, target, file),
        None => match pattern(source) {
            Some(glob) => {
                leave(source);
                Ok(Scope::Matching(glob))
            }
            None => Err(missing(source)),
        },
    }
}

/// The roots become the directories of the two names.
fn one_file(
    request: &Request,
    source: &mut OpenEnd,
    target: &mut OpenEnd,
    mut file: Listed,
) -> Result<Scope, ClientError> {
    // The user has named it, so a link is what it leads to.
    if file.kind == ListedKind::Link {
        file = Listed { kind: ListedKind::File, size: None, ..file };
    }
    let is_named = |name: Option<TreePath>| name.ok_or(ClientError::BadText("a file's name"));
    let from = is_named(last_name(source))?;
    let into =
        request.target.is_spelt_as_directory() || patiently(target, request.retries, is_directory)?;
    let to = match into {
        true => from.clone(),
        false => {
            let name = is_named(last_name(target))?;
            leave(target);
            name
        }
    };
    leave(source);
    Ok(Scope::File(from, file, to))
}

/// What the root of an end is. Local links are followed: the user has named this one.
pub(super) fn look(end: &mut OpenEnd) -> Result<Option<Listed>, ClientError> {
    match end {
        OpenEnd::Remote(connection, root) if root.as_bytes().is_empty() => {
            connection.settle()?;
            Ok(Some(directory()))
        }
        OpenEnd::Remote(connection, root) => connection.look(root),
        OpenEnd::Local(root) => match fs::metadata(&root) {
            Ok(metadata) => Ok(Some(tree::listed(name_of(root).to_vec(), &metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ClientError::Local(root.clone(), error)),
        },
    }
}

/// Whether a target without a slash is a directory all the same; for a server, if it can tell at once.
fn is_directory(target: &mut OpenEnd) -> Result<bool, ClientError> {
    if target.connection().is_some_and(|connection| !connection.features().has(Extension::Mlst)) {
        return Ok(false);
    }
    Ok(look(target)?.is_some_and(|there| there.kind == ListedKind::Directory))
}

/// The login directory, which is always one.
fn directory() -> Listed {
    Listed { name: Vec::new(), kind: ListedKind::Directory, size: None, modified: None, mode: None }
}

/// The pattern in the last component, if it is one. The shell expands those of local paths.
fn pattern(end: &OpenEnd) -> Option<Glob> {
    let OpenEnd::Remote(_, root) = end else { return None };
    let name = root.file_name().filter(|name| name.iter().any(|byte| b"*?[".contains(byte)))?;
    Glob::new(name)
}

fn last_name(end: &OpenEnd) -> Option<TreePath> {
    let name = match end {
        OpenEnd::Remote(_, root) => root.without_slash().file_name()?.to_vec(),
        OpenEnd::Local(root) => name_of(root).to_vec(),
    };
    TreePath::root().child(&name)
}

fn name_of(path: &Path) -> &[u8] {
    path.file_name().map_or(&[], OsStr::as_bytes)
}

fn enter(end: &mut OpenEnd, name: &TreePath) {
    match end {
        OpenEnd::Remote(_, root) => *root = name.below(root),
        OpenEnd::Local(root) => *root = name.below_local(root),
    }
}

/// From a file to the directory that it is in.
fn leave(end: &mut OpenEnd) {
    match end {
        OpenEnd::Remote(_, root) => *root = root.without_slash().parent(),
        OpenEnd::Local(root) => {
            *root = root.parent().map_or_else(PathBuf::new, Path::to_owned);
            if root.as_os_str().is_empty() {
                *root = PathBuf::from(".");
            }
        }
    }
}

fn missing(end: &mut OpenEnd) -> ClientError {
    match end {
        OpenEnd::Remote(connection, root) => {
            ClientError::Missing(format!("{root} at {}", connection.site()))
        }
        OpenEnd::Local(root) => ClientError::Local(root.clone(), io::ErrorKind::NotFound.into()),
    }
}
