//! What the tests of faults have in common: uploads that fail, and storage that fails when it is told
//! to.

use crate::{ftp::Ftp, peer, site::PATIENCE};
use fxpd::{
    Access, Account, AuthError, Authenticator, Builder, Change, Download, Entry, Handle, Identity,
    Kept, Listen, Listing, Memory, PathArg, Secret, Settings, Start, Storage, StorageError,
    TransferRecord, Tree, Upload, Version, VirtualPath, Visitor,
};
use openssl::ssl::SslStream;
use rustix::{io::Errno, process::Pid, thread::gettid};
use std::{
    ffi::OsStr,
    io::{self, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
};

type Result<T> = std::result::Result<T, StorageError>;

/// Begins a transfer.
pub fn begin(ftp: &mut Ftp, command: &str) -> SslStream<TcpStream> {
    let address = ftp.epsv();
    ftp.says(command, 150);
    ftp.data(address)
}

/// Uploads `bytes` by `command` and hears `code`, before anything is sent or after.
#[track_caller]
pub fn refuses(ftp: &mut Ftp, command: &str, bytes: &[u8], code: u16) -> String {
    let address = ftp.epsv();
    ftp.sends(format!("{command}\r\n").as_bytes());
    let reply = ftp.reply().unwrap();
    if reply.starts_with(&code.to_string()) {
        return reply;
    }
    assert!(reply.starts_with("150"), "{command}: {reply}");
    let mut data = ftp.data(address);
    // Who is refused in the middle reads no more.
    if data.write_all(bytes).is_ok() {
        let _ = data.shutdown();
    }
    let reply = ftp.reply().unwrap();
    assert!(reply.starts_with(&code.to_string()), "{command}: {code}, not {reply}");
    reply
}

/// Which call of the storage fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Whatever is done by a name: open, create, list, make, remove, rename, change.
    Name,
    Read,
    Write,
    Commit,
}

/// How it fails.
#[derive(Clone, Copy, Debug)]
pub enum Harm {
    Error(Errno),
    /// By a fault of the program.
    Panic,
}

/// What shall fail from now on, if anything.
#[derive(Clone, Default)]
pub struct Trouble(Arc<Mutex<Now>>);

#[derive(Default)]
struct Now {
    harm: Option<(Call, Harm)>,
    /// The thread that has panicked.
    victim: Option<Pid>,
}

impl Trouble {
    pub fn begins(&self, call: Call, harm: Harm) {
        *self.0.lock().unwrap() = Now { harm: Some((call, harm)), victim: None };
    }

    /// Tells which thread has panicked.
    pub fn ends(&self) -> Option<i32> {
        let now = std::mem::take(&mut *self.0.lock().unwrap());
        now.victim.map(Pid::as_raw_pid)
    }

    fn meet(&self, call: Call) -> Result<()> {
        let mut now = self.0.lock().unwrap();
        match now.harm {
            Some((at, Harm::Error(errno))) if at == call => Err(io::Error::from(errno).into()),
            Some((at, Harm::Panic)) if at == call => {
                now.victim = Some(gettid());
                drop(now);
                panic!("as the test wants it")
            }
            _ => Ok(()),
        }
    }
}

/// A storage in memory that fails when it is told to.
pub struct Breaking {
    pub files: Memory,
    pub trouble: Trouble,
}

impl Storage for Breaking {
    fn tree(&self, home: &OsStr) -> Result<Box<dyn Tree>> {
        Ok(Box::new(BreakingTree(self.files.tree(home)?, self.trouble.clone())))
    }
}

struct BreakingTree(Box<dyn Tree>, Trouble);

impl BreakingTree {
    fn sound(&self) -> Result<&dyn Tree> {
        self.1.meet(Call::Name).map(|()| &*self.0)
    }
}

impl Tree for BreakingTree {
    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        self.0.entry(path)
    }

    fn list(&self, path: &VirtualPath) -> Result<Listing> {
        let trouble = self.1.clone();
        let entries = self.sound()?.list(path)?;
        Ok(Box::new(entries.map(move |entry| trouble.meet(Call::Read).and(entry))))
    }

    fn open(&self, path: &VirtualPath, offset: u64) -> Result<Box<dyn Download>> {
        Ok(Box::new(BreakingDownload(self.sound()?.open(path, offset)?, self.1.clone())))
    }

    fn create(&self, path: &VirtualPath, start: Start) -> Result<Box<dyn Upload>> {
        Ok(Box::new(BreakingUpload(self.sound()?.create(path, start)?, self.1.clone())))
    }

    fn make_directory(&self, path: &VirtualPath) -> Result<()> {
        self.sound()?.make_directory(path)
    }

    fn remove_directory(&self, path: &VirtualPath) -> Result<()> {
        self.sound()?.remove_directory(path)
    }

    fn remove_file(&self, path: &VirtualPath) -> Result<()> {
        self.sound()?.remove_file(path)
    }

    fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<()> {
        self.sound()?.rename(from, to)
    }

    fn change(&self, path: &VirtualPath, change: Change) -> Result<()> {
        self.sound()?.change(path, change)
    }

    fn make_link(&self, target: &PathArg, path: &VirtualPath) -> Result<()> {
        self.sound()?.make_link(target, path)
    }
}

struct BreakingDownload(Box<dyn Download>, Trouble);

impl Download for BreakingDownload {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.1.meet(Call::Read)?;
        self.0.read(buffer)
    }

    fn version(&self) -> Option<Version> {
        self.0.version()
    }
}

struct BreakingUpload(Box<dyn Upload>, Trouble);

impl Upload for BreakingUpload {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.1.meet(Call::Write)?;
        self.0.write(bytes)
    }

    fn commit(self: Box<Self>) -> Result<Option<Version>> {
        self.1.meet(Call::Commit)?;
        self.0.commit()
    }

    fn keep_partial(self: Box<Self>) -> Result<Kept> {
        self.0.keep_partial()
    }

    fn is_in_place(&self) -> bool {
        self.0.is_in_place()
    }
}

/// Lets in whoever comes, to one home.
struct Anyone;

impl Authenticator for Anyone {
    fn authenticate(
        &self,
        visitor: &Visitor<'_>,
        _: &Secret,
    ) -> std::result::Result<Account, AuthError> {
        Ok(Account {
            rights: vec![fxpd::Right::Links],
            ..Account::new(visitor.name, "home", Access::ReadWrite)
        })
    }
}

/// A server of such a storage.
pub struct Fragile {
    pub server: Handle,
    pub files: Memory,
    pub trouble: Trouble,
    records: Mutex<Receiver<TransferRecord>>,
}

impl Fragile {
    pub fn start(change: impl FnOnce(&mut Settings)) -> Fragile {
        let (files, trouble) = (Memory::new(), Trouble::default());
        let storage = Breaking { files: files.clone(), trouble: trouble.clone() };
        let mut settings = Settings { passive_ports: 0..=0, ..Settings::default() };
        change(&mut settings);
        let (sender, records) = channel();
        let server = Builder::new(Identity::self_signed(&["localhost"]).unwrap(), Anyone, storage)
            .settings(settings)
            .listen("127.0.0.1:0".parse().unwrap(), Listen::Explicit)
            .on_transfer(move |record| drop(sender.send(record.clone())));
        let server = server.bind().unwrap().start().unwrap();
        Fragile { server, files, trouble, records: Mutex::new(records) }
    }

    pub fn login(&self, account: &str) -> Ftp {
        let mut ftp = Ftp::connect(self.server.addresses()[0]);
        ftp.secure();
        ftp.log_in(account);
        ftp
    }

    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.files.get("home", path)
    }

    /// The next transfer's record.
    pub fn record(&self) -> TransferRecord {
        self.records.lock().unwrap().recv_timeout(PATIENCE).expect("a transfer's record")
    }
}

/// Begins an upload, and sends a part of it.
pub fn half(ftp: &mut Ftp, command: &str, bytes: &[u8]) -> SslStream<TcpStream> {
    let mut data = begin(ftp, command);
    data.write_all(bytes).unwrap();
    crate::stuck::waits_until_moved(ftp, bytes.len());
    data
}

/// Ends one properly, and hears that it is whole.
pub fn ends_well(ftp: &mut Ftp, mut data: SslStream<TcpStream>, rest: &[u8]) {
    data.write_all(rest).unwrap();
    peer::finish(data);
    ftp.hears(226);
}
