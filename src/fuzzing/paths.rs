//! Paths and names of places: nothing leads out of a tree, and everything prints as it is read.

use super::{first_line, without_line_ends};
use crate::{
    client::{Location, Place, RemotePath, TreePath},
    proto::{HostName, PathArg, VirtualPath},
};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Component, Path},
};

/// The second line, named in the directory of the first, stays in the tree, on a server, on a
/// client's disk and on the wire.
pub fn path(data: &[u8]) {
    let (directory, name) = first_line(data);
    let name = without_line_ends(name);
    let cwd =
        PathArg::new(directory).map_or_else(VirtualPath::root, |it| VirtualPath::root().join(&it));
    if let Some(name) = PathArg::new(name.clone()) {
        virtual_path(&cwd.join(&name));
    }
    if let Some(path) = TreePath::new(&name) {
        let root = Path::new("/srv/tree");
        let joined = path.below_local(root);
        assert!(joined.starts_with(root));
        assert!(joined.components().skip(1).all(|part| matches!(part, Component::Normal(_))));
        assert_eq!(path.components().collect::<Vec<_>>().join(&b'/'), path.as_bytes());
        let again = match (path.parent(), path.name()) {
            (Some(parent), Some(name)) => parent.child(name),
            _ => Some(TreePath::root()),
        };
        assert_eq!(again, Some(path.clone()));
        if let Some(root) = RemotePath::new(without_line_ends(directory)) {
            let below = path.below(&root);
            assert!(below.as_bytes().starts_with(root.as_bytes()));
            assert!(below.as_bytes().ends_with(path.as_bytes()));
            assert_eq!(without_line_ends(below.as_bytes()), below.as_bytes());
        }
    }
}

fn virtual_path(path: &VirtualPath) {
    assert!(path.as_bytes().starts_with(b"/"));
    for part in path.components() {
        assert!(!matches!(part, b"" | b"." | b"..") && !part.contains(&b'/'));
    }
    let again = PathArg::new(path.as_bytes()).map(|name| VirtualPath::root().join(&name));
    assert_eq!(again.as_ref(), Some(path));
    match path.name() {
        Some(name) => assert_eq!(path.parent().child(name), *path),
        None => assert!(path.is_root()),
    }
    assert!(!path.to_string().bytes().any(|byte| byte.is_ascii_control()));
}

/// Locations, places and hosts print as what is read as the same.
pub fn location(data: &[u8]) {
    let data = without_line_ends(first_line(data).0);
    if let Ok(place) = Place::parse(OsStr::from_bytes(&data)) {
        match Place::parse(OsStr::new(&place.to_string())) {
            Ok(shown) => assert_eq!(shown, place, "another place shows as it does"),
            Err(_) => assert!(std::str::from_utf8(&data).is_err(), "{place}"),
        }
    }
    let text = String::from_utf8_lossy(&data);
    if let Ok(location) = text.parse::<Location>() {
        let shown = location.to_string();
        assert!(!shown.bytes().any(|byte| byte.is_ascii_control() || byte == b' '), "{shown}");
        assert_eq!(shown.parse(), Ok(location));
    }
    if let Ok(host) = text.parse::<HostName>() {
        assert_eq!(host.to_string().parse(), Ok(host));
    }
}
