//! What a proof costs: a hash that was computed once, also of bytes that only passed through, is
//! remembered for as long as the file stays as it is.

use crate::{
    ftp::Ftp,
    hash::{sample, sha256},
};
use fxpd::{
    Access, Account, AuthError, Authenticator, Builder, Change, Download, Entry, FxpGrant,
    FxpLevel, Handle, HashTransfers, Identity, Listen, Listing, Local, LocalOptions, Memory,
    Secret, Settings, Start, Storage, StorageError, Tree, Upload, Version, VirtualPath, Visitor,
};
use std::{
    ffi::{OsStr, OsString},
    fs,
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tempfile::TempDir;

/// A storage that counts the bytes that are read from it.
#[derive(Clone)]
struct Counted<S> {
    storage: S,
    read: Arc<AtomicU64>,
}

impl<S: Storage> Storage for Counted<S> {
    fn tree(&self, home: &OsStr) -> Result<Box<dyn Tree>, StorageError> {
        Ok(Box::new(Counted { storage: self.storage.tree(home)?, read: Arc::clone(&self.read) }))
    }
}

impl Tree for Counted<Box<dyn Tree>> {
    fn entry(&self, path: &VirtualPath) -> Result<Entry, StorageError> {
        self.storage.entry(path)
    }

    fn list(&self, path: &VirtualPath) -> Result<Listing, StorageError> {
        self.storage.list(path)
    }

    fn open(&self, path: &VirtualPath, at: u64) -> Result<Box<dyn Download>, StorageError> {
        let storage = self.storage.open(path, at)?;
        Ok(Box::new(Counted { storage, read: Arc::clone(&self.read) }))
    }

    fn create(&self, path: &VirtualPath, start: Start) -> Result<Box<dyn Upload>, StorageError> {
        self.storage.create(path, start)
    }

    fn make_directory(&self, path: &VirtualPath) -> Result<(), StorageError> {
        self.storage.make_directory(path)
    }

    fn remove_directory(&self, path: &VirtualPath) -> Result<(), StorageError> {
        self.storage.remove_directory(path)
    }

    fn remove_file(&self, path: &VirtualPath) -> Result<(), StorageError> {
        self.storage.remove_file(path)
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<(), StorageError> {
        self.storage.rename(from, to)
    }

    fn change(&self, path: &VirtualPath, change: Change) -> Result<(), StorageError> {
        self.storage.change(path, change)
    }
}

impl Download for Counted<Box<dyn Download>> {
    fn size(&self) -> u64 {
        self.storage.size()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StorageError> {
        let count = self.storage.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn version(&self) -> Option<Version> {
        self.storage.version()
    }
}

/// Lets `ann` in, to one home.
struct Anyone(OsString);

impl Authenticator for Anyone {
    fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
        Ok(Account {
            fxp: FxpGrant::both(FxpLevel::Tls),
            ..Account::new(visitor.name, &self.0, Access::ReadWrite)
        })
    }
}

/// A server whose readings are counted.
struct Counting {
    _handle: Handle,
    address: SocketAddr,
    read: Arc<AtomicU64>,
}

impl Counting {
    /// At `host`, for one account that lives at `home`.
    fn start(
        host: &str,
        home: impl Into<OsString>,
        storage: impl Storage + 'static,
        hashed: HashTransfers,
    ) -> Counting {
        let read = Arc::default();
        let storage = Counted { storage, read: Arc::clone(&read) };
        let identity = Identity::self_signed(&[host]).unwrap();
        let settings =
            Settings { passive_ports: 0..=0, hash_transfers: hashed, ..Settings::default() };
        let handle = Builder::new(identity, Anyone(home.into()), storage)
            .settings(settings)
            .listen(SocketAddr::new(host.parse().unwrap(), 0), Listen::Explicit)
            .bind()
            .unwrap()
            .start()
            .unwrap();
        Counting { address: handle.addresses()[0], _handle: handle, read }
    }

    fn login(&self) -> Ftp {
        let mut ftp = Ftp::connect(self.address);
        ftp.secure();
        ftp.log_in("ann");
        ftp
    }

    /// Bytes read since this was last asked.
    fn read(&self) -> u64 {
        self.read.swap(0, Ordering::Relaxed)
    }
}

/// On the disk and in memory; the directory is there for as long as it is used.
fn both(hashed: HashTransfers) -> Vec<(Counting, Option<TempDir>)> {
    let home = tempfile::tempdir().unwrap();
    let local = Local::new(LocalOptions::default());
    vec![
        (Counting::start("127.0.0.1", home.path(), local, hashed), Some(home)),
        (Counting::start("127.0.0.1", "home", Memory::new(), hashed), None),
    ]
}

/// Asks for the hash of `name`, whose bytes these are, and tells how many were read for it.
fn cost(server: &Counting, ftp: &mut Ftp, name: &str, bytes: &[u8]) -> u64 {
    server.read();
    let told = ftp.says(&format!("HASH {name}"), 213);
    assert_eq!(told, format!("213 SHA-256 0-{} {} {name}", bytes.len(), sha256(bytes)));
    server.read()
}

#[test]
fn a_hash_is_computed_once_for_all_sessions() {
    let sample = sample();
    let size = sample.len() as u64;
    for (server, _home) in both(HashTransfers::Foreign) {
        let mut ftp = server.login();
        ftp.upload("STOR a", &sample);
        assert_eq!(cost(&server, &mut ftp, "a", &sample), size, "it was not hashed on its way");
        assert_eq!(cost(&server, &mut ftp, "a", &sample), 0);
        assert_eq!(cost(&server, &mut server.login(), "a", &sample), 0);
        ftp.says("XMD5 a", 250);
        assert_eq!(server.read(), size, "another function");
        ftp.says("XSHA256 \"a\" 0 5", 250);
        assert_eq!(server.read(), 5, "a part");
    }
}

#[test]
fn what_passes_in_a_session_that_hashes_is_hashed_on_its_way() {
    let sample = sample();
    let size = sample.len() as u64;
    for (server, _home) in both(HashTransfers::Foreign) {
        let mut ftp = server.login();
        server.login().upload("STOR there", &sample);
        ftp.says("OPTS HASH", 200);
        for command in ["STOR a", "STOR a", "APPE b", "STOR empty"] {
            let bytes = if command == "STOR empty" { &[][..] } else { &sample };
            ftp.upload(command, bytes);
            let name = &command[5..];
            let read = cost(&server, &mut ftp, name, bytes);
            assert_eq!(read, if name == "b" { size } else { 0 }, "{command}: APPE is not whole");
        }
        ftp.download("RETR there");
        assert_eq!(cost(&server, &mut ftp, "there", &sample), 0, "sent whole");
        ftp.upload("STOR c", &sample);
        ftp.says("OPTS HASH SHA-1", 200);
        ftp.says("HASH c", 213);
        assert_eq!(server.read(), size, "it was hashed by another function");
    }
}

#[test]
fn what_is_no_whole_file_is_not_hashed_on_its_way() {
    let sample = sample();
    let size = sample.len() as u64;
    for (server, _home) in both(HashTransfers::All) {
        let mut ftp = server.login();
        let mut text = server.login();
        text.says("TYPE A", 200);
        text.upload("STOR text", b"a\r\nb\r\n");
        assert_eq!(cost(&server, &mut ftp, "text", b"a\nb\n"), 4);
        ftp.upload("STOR a", &sample[..1000]);
        ftp.says("REST 1000", 350);
        ftp.upload("STOR a", &sample[1000..]);
        ftp.says("REST 1", 350);
        ftp.download("RETR a");
        ftp.says("RANG 0 5", 350);
        ftp.download("RETR a");
        assert_eq!(cost(&server, &mut ftp, "a", &sample), size, "it went in parts");
        ftp.breaks_off("STOR cut", b"half");
        assert_eq!(cost(&server, &mut ftp, "cut", b"half"), 4, "it was cut");
    }
}

#[test]
fn a_changed_file_is_hashed_anew() {
    let sample = sample();
    for (server, home) in both(HashTransfers::All) {
        let mut ftp = server.login();
        ftp.upload("STOR a", &sample);
        assert_eq!(cost(&server, &mut ftp, "a", &sample), 0);
        let mut other = sample.clone();
        other[7] ^= 1;
        ftp.says("RANG 7 7", 350);
        ftp.upload("STOR a", &other[7..8]);
        assert_eq!(cost(&server, &mut ftp, "a", &other), other.len() as u64, "one octet differs");
        if let Some(home) = &home {
            // Size and time as before: only the time of the inode tells.
            let path = home.path().join("a");
            let time = path.metadata().unwrap().modified().unwrap();
            other[8] ^= 1;
            fs::write(&path, &other).unwrap();
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(time).unwrap();
            assert_eq!(cost(&server, &mut ftp, "a", &other), other.len() as u64);
        }
        ftp.says("RNFR a", 350);
        ftp.says("RNTO b", 250);
        cost(&server, &mut ftp, "b", &other);
    }
}

#[test]
fn the_setting_none_hashes_nothing_on_its_way() {
    for (server, _home) in both(HashTransfers::None) {
        let mut ftp = server.login();
        ftp.says("OPTS HASH", 200);
        ftp.upload("STOR a", b"hello");
        assert_eq!(cost(&server, &mut ftp, "a", b"hello"), 5);
    }
}

#[test]
fn fxp_proves_a_copy_between_two_fxpds_and_nobody_reads_twice() {
    let (source_home, target_home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let start = |host: &str, home: &TempDir| {
        let local = Local::new(LocalOptions::default());
        Counting::start(host, home.path(), local, HashTransfers::Foreign)
    };
    let (source, target) = (start("127.0.0.2", &source_home), start("127.0.0.3", &target_home));
    let sample = sample();
    fs::write(source_home.path().join("a"), &sample).unwrap();
    let user = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_fxp"))
        .env_clear()
        .env("HOME", user.path())
        .env("FXP_PASSWORD", "pw")
        .arg("--trust-new")
        .arg(format!("ftps://ann@{}/a", source.address))
        .arg(format!("ftps://ann@{}/b", target.address))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let proof = format!("size and SHA-256 equal ({})", sha256(&sample));
    assert!(said.contains(&proof), "{said}");
    assert_eq!(fs::read(target_home.path().join("b")).unwrap(), sample);
    assert_eq!((source.read(), target.read()), (sample.len() as u64, 0));
}
