//! What the kernel still holds back when the code that should is broken.

use crate::{ftp::Ftp, started::Home};
use fxpd::{
    Access, Account, AuthError, Authenticator, Builder, Confinement, Download, Entry, Handle,
    Identity, Listen, Listing, Local, Secret, Settings, Start, Storage, StorageError, Tree, Upload,
    VirtualPath, Visitor, Wish,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::{fd::BorrowedFd, unix::ffi::OsStrExt},
    path::Path,
    process::Command,
    thread,
};

/// A tree that has been taken over: it opens whatever path of the host a client names, and runs
/// programs.
struct Broken(Box<dyn Tree>);

/// Where trees of that kind come from.
struct BrokenStorage(Local);

impl Storage for BrokenStorage {
    fn tree(&self, home: &OsStr) -> Result<Box<dyn Tree>, StorageError> {
        Ok(Box::new(Broken(self.0.tree(home)?)))
    }
}

struct HostFile(File);

impl Download for HostFile {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StorageError> {
        Ok(std::io::Read::read(&mut self.0, buffer)?)
    }
}

impl Tree for Broken {
    fn directory(&self) -> Option<BorrowedFd<'_>> {
        self.0.directory()
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry, StorageError> {
        self.0.entry(path)
    }

    fn list(&self, path: &VirtualPath) -> Result<Listing, StorageError> {
        self.0.list(path)
    }

    fn open(&self, path: &VirtualPath, _: u64) -> Result<Box<dyn Download>, StorageError> {
        let file = File::open(Path::new(OsStr::from_bytes(path.as_bytes())))?;
        Ok(Box::new(HostFile(file)))
    }

    fn create(&self, path: &VirtualPath, start: Start) -> Result<Box<dyn Upload>, StorageError> {
        self.0.create(path, start)
    }

    /// Not a directory: a program.
    fn make_directory(&self, _: &VirtualPath) -> Result<(), StorageError> {
        assert!(Command::new("/bin/true").status()?.success());
        Ok(())
    }

    fn remove_directory(&self, path: &VirtualPath) -> Result<(), StorageError> {
        self.0.remove_directory(path)
    }

    fn remove_file(&self, path: &VirtualPath) -> Result<(), StorageError> {
        self.0.remove_file(path)
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<(), StorageError> {
        self.0.rename(from, to)
    }
}

/// Lets everybody in, to one home.
struct Everybody(OsString);

impl Authenticator for Everybody {
    fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
        Ok(Account::new(visitor.name, &self.0, Access::ReadWrite))
    }
}

/// A server of broken trees, and a client that has logged in.
fn broken(home: &Path, confinement: Confinement) -> (Handle, Ftp) {
    let identity = Identity::self_signed(&["localhost"]).unwrap();
    let storage = BrokenStorage(Local::default());
    let handle = Builder::new(identity, Everybody(home.into()), storage)
        .settings(Settings { passive_ports: 0..=0, ..Settings::default() })
        .confinement(confinement)
        .listen("127.0.0.1:0".parse().unwrap(), Listen::Explicit)
        .bind()
        .unwrap()
        .start()
        .unwrap();
    let mut ftp = Ftp::connect(handle.addresses()[0]);
    ftp.secure();
    ftp.log_in("ann");
    (handle, ftp)
}

#[test]
fn landlock_holds_back_a_resolver_that_is_broken() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(home.path().join("mine"), "mine").unwrap();
    fs::write(other.path().join("others"), "others").unwrap();
    let retr = |place: &Path, name: &str| format!("RETR {}", place.join(name).display());
    let (mine, others) = (retr(home.path(), "mine"), retr(other.path(), "others"));
    let (_handle, mut free) = broken(home.path(), Confinement::none());
    assert_eq!(free.download(&others), b"others", "it is broken indeed");
    let confinement = Confinement::none().landlock(Wish::Required).unwrap();
    let (_handle, mut ftp) = broken(home.path(), confinement);
    assert_eq!(ftp.download(&mine), b"mine");
    for denied in [&others, "RETR /etc/passwd", "RETR /proc/self/maps", "RETR /dev/zero"] {
        ftp.epsv();
        ftp.says(denied, 550);
    }
    ftp.upload("STOR new", b"new");
    assert_eq!(fs::read(home.path().join("new")).unwrap(), b"new");
    // Another login is another thread, and locked in as well.
    ftp.says("USER bob", 331);
    ftp.says("PASS pw", 230);
    assert_eq!(ftp.download(&mine), b"mine");
    ftp.epsv();
    ftp.says(&others, 550);
    free.says("USER bob", 331);
}

#[test]
fn seccomp_starts_no_program_for_code_that_is_not_ours() {
    let home = tempfile::tempdir().unwrap();
    let (_handle, mut free) = broken(home.path(), Confinement::none());
    free.says("MKD x", 257);
    let confinement = Confinement::none().seccomp(Wish::Required).unwrap();
    let (_handle, mut ftp) = broken(home.path(), confinement);
    ftp.says("MKD x", 550);
    ftp.says("USER bob", 331);
}

#[test]
fn a_system_without_openat2_is_told_so_before_anybody_is_served() {
    let home = Home::new("");
    let run = |words: &'static [&'static str]| {
        let conf = home.path("fxpd.conf");
        // As RestrictSUIDSGID= of systemd does it, for whatever this thread starts.
        let shut_in = thread::Builder::new().spawn(move || {
            let denied = [(libc::SYS_openat2, Vec::new())].into_iter().collect();
            let error = SeccompAction::Errno(libc::ENOSYS as u32);
            let arch = std::env::consts::ARCH.try_into().unwrap();
            let filter = SeccompFilter::new(denied, SeccompAction::Allow, error, arch).unwrap();
            apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
            Command::new(env!("CARGO_BIN_EXE_fxpd")).args(words).arg("-c").arg(conf).output()
        });
        shut_in.unwrap().join().unwrap().unwrap()
    };
    for words in [&["-t"][..], &[]] {
        let output = run(words);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.starts_with("fxpd: openat2(2), by which "), "{words:?}: {told}");
        assert!(told.contains("RestrictSUIDSGID="), "{told}");
        assert_eq!(output.status.code(), Some(71), "{words:?}");
    }
}
