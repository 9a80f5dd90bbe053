//! The copy that the command line asks for: between two servers, or one server and the disk.

use crate::{
    credentials,
    exit::Failure,
    options::{Ends, Options, Protocol, Talk},
    policy::Policy,
    progress::Bar,
    report,
};
use fxpd::{Connection, Existing, Location, Place, RemotePath, Setup};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path, sync::Arc};

/// Runs it and says how it went.
pub fn run(ends: &Ends, options: &Options) -> Result<(), Failure> {
    let setup = setup(options)?;
    let talk = options.talk;
    let text = match (&ends.source, &ends.target) {
        (Place::Remote(source), Place::Remote(target)) => between(source, target, &setup, talk)?,
        (Place::Remote(source), Place::Local(target)) => download(source, target, &setup, talk)?,
        (Place::Local(source), Place::Remote(target)) => upload(source, target, &setup, talk)?,
        (Place::Local(_), Place::Local(_)) => return Err(not_a_file()),
    };
    match options.talk {
        Talk::Quiet => Ok(()),
        Talk::Normal | Talk::Verbose => report::say(&text),
    }
}

fn between(
    source: &Location,
    target: &Location,
    setup: &Setup,
    talk: Talk,
) -> Result<String, Failure> {
    let path = remote_target(&target.path, source.path.file_name())?;
    let mut from = open(source, setup)?;
    let mut to = open(target, setup)?;
    let mut bar = Bar::new(talk);
    let copied = fxpd::copy(&mut from, &source.path, &mut to, &path, Existing::Replace, &mut bar)?;
    drop(bar);
    let versions = [from.tls_version(), to.tls_version()];
    from.close();
    to.close();
    let name = format!("{} from {} to {path} at {}", source.path, source.site, target.site);
    Ok(report::copied(&name, &copied, versions))
}

fn download(
    source: &Location,
    target: &Path,
    setup: &Setup,
    talk: Talk,
) -> Result<String, Failure> {
    let name = source.path.file_name().ok_or_else(not_a_file)?;
    let directory = target.as_os_str().as_bytes().ends_with(b"/") || target.is_dir();
    let target = if directory { target.join(OsStr::from_bytes(name)) } else { target.to_owned() };
    let mut connection = open(source, setup)?;
    let mut bar = Bar::new(talk);
    let carried =
        fxpd::download(&mut connection, &source.path, &target, Existing::Replace, &mut bar)?;
    drop(bar);
    connection.close();
    let name = format!("{} from {} to {}", source.path, source.site, target.display());
    Ok(report::carried(&name, &carried))
}

fn upload(source: &Path, target: &Location, setup: &Setup, talk: Talk) -> Result<String, Failure> {
    let path = remote_target(&target.path, source.file_name().map(OsStr::as_bytes))?;
    let mut connection = open(target, setup)?;
    let mut bar = Bar::new(talk);
    let carried = fxpd::upload(source, &mut connection, &path, Existing::Replace, &mut bar)?;
    drop(bar);
    connection.close();
    let name = format!("{} to {path} at {}", source.display(), target.site);
    Ok(report::carried(&name, &carried))
}

fn setup(options: &Options) -> Result<Setup, Failure> {
    let mut setup = Setup::new(Policy::new(options)?);
    setup.authorities = options.authorities.clone();
    setup.newest = options.newest;
    setup.timeout = options.timeout;
    if options.protocol == Protocol::Shown {
        setup.log = Some(Arc::new(|line: &str| eprintln!("{line}")));
    }
    Ok(setup)
}

fn open(location: &Location, setup: &Setup) -> Result<Connection, Failure> {
    let credentials = credentials::find(&location.site)?;
    Ok(Connection::open(location.site.clone(), credentials, setup.clone())?)
}

/// A target that is a directory keeps the source's name.
fn remote_target(target: &RemotePath, name: Option<&[u8]>) -> Result<RemotePath, Failure> {
    let name = name.ok_or_else(not_a_file)?;
    let path = if target.is_directory() { target.child(name) } else { Some(target.clone()) };
    path.ok_or_else(|| Failure::Usage("a file's name must not hold a line end".to_owned()))
}

fn not_a_file() -> Failure {
    Failure::Usage("SOURCE must name a file; whole directories are not copied".to_owned())
}
