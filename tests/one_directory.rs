//! A storage of one directory, made up and perhaps without end: it can be listed, and nothing else.

use crate::ftp::Ftp;
use fxpd::{
    Access, Account, AuthError, Authenticator, Builder, Download, Entry, Handle, Identity, Kind,
    Link, Listen, Listing, Permits, Secret, Settings, Start, Storage, StorageError, Tree, Upload,
    VirtualPath, Visitor,
};
use std::{ffi::OsStr, net::SocketAddr, sync::Arc, time::SystemTime};

/// A server whose files are called what `names` says, anew for each listing, and a client that has
/// logged in.
pub fn serve<N>(names: impl Fn() -> N + Send + Sync + 'static) -> (Handle, Ftp)
where
    N: Iterator<Item = String> + Send + 'static,
{
    let list = move || -> Listing {
        Box::new(names().map(|name| Ok(made_up(name.as_bytes(), Kind::File))))
    };
    let identity = Identity::self_signed(&["localhost"]).unwrap();
    let server = Builder::new(identity, Anyone, OneDirectory(Arc::new(list)))
        .settings(Settings { passive_ports: 0..=0, ..Settings::default() })
        .listen(SocketAddr::from(([127, 0, 0, 1], 0)), Listen::Explicit);
    let server = server.bind().unwrap().start().unwrap();
    let mut ftp = Ftp::connect(server.addresses()[0]);
    ftp.secure();
    ftp.log_in("ann");
    (server, ftp)
}

fn made_up(name: &[u8], kind: Kind) -> Entry {
    Entry {
        name: name.to_vec(),
        kind,
        link: Link::No,
        size: 1,
        modified: SystemTime::UNIX_EPOCH.try_into().unwrap(),
        created: None,
        mode: 0o644,
        owner: 0,
        group: 0,
        links: 1,
        unique: (0, 0),
        permits: Permits::READ,
    }
}

struct Anyone;

impl Authenticator for Anyone {
    fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
        Ok(Account::new(visitor.name, "home", Access::ReadOnly))
    }
}

#[derive(Clone)]
struct OneDirectory(Arc<dyn Fn() -> Listing + Send + Sync>);

impl Storage for OneDirectory {
    fn tree(&self, _: &OsStr) -> Result<Box<dyn Tree>, StorageError> {
        Ok(Box::new(self.clone()))
    }
}

impl Tree for OneDirectory {
    fn entry(&self, path: &VirtualPath) -> Result<Entry, StorageError> {
        path.is_root().then(|| made_up(b"", Kind::Directory)).ok_or(StorageError::NotFound)
    }

    fn list(&self, _: &VirtualPath) -> Result<Listing, StorageError> {
        Ok(self.0())
    }

    fn open(&self, _: &VirtualPath, _: u64) -> Result<Box<dyn Download>, StorageError> {
        Err(StorageError::NotFound)
    }

    fn create(&self, _: &VirtualPath, _: Start) -> Result<Box<dyn Upload>, StorageError> {
        Err(StorageError::NotPermitted)
    }

    fn make_directory(&self, _: &VirtualPath) -> Result<(), StorageError> {
        Err(StorageError::NotPermitted)
    }

    fn remove_directory(&self, _: &VirtualPath) -> Result<(), StorageError> {
        Err(StorageError::NotPermitted)
    }

    fn remove_file(&self, _: &VirtualPath) -> Result<(), StorageError> {
        Err(StorageError::NotPermitted)
    }

    fn rename(&self, _: &VirtualPath, _: &VirtualPath) -> Result<(), StorageError> {
        Err(StorageError::NotPermitted)
    }
}
