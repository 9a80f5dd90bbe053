//! `fxpd` as others start it: a home with all that it needs, an ear for its syslog, and programs
//! that end with the test.

use crate::{
    daemon::{add_account, write_identity},
    site::PATIENCE,
};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::{
    cell::Cell,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixDatagram,
    },
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A directory with a configuration, a certificate, and an account `ann` with the password `pw`.
pub struct Home {
    directory: TempDir,
    syslog: UnixDatagram,
    /// Whose messages [`Home::hears`] heard last.
    pid: Cell<i32>,
}

impl Home {
    /// With these lines more in the configuration.
    pub fn new(more: &str) -> Home {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("ann")).unwrap();
        write_identity(&path("cert.pem"), &path("key.pem"), "localhost");
        add_account(&path("passwd"), "ann", &path("ann"));
        let place = directory.path().display();
        let config = format!(
            "listen = ['127.0.0.1:0']\ncertificate = '{place}/cert.pem'\nkey = '{place}/key.pem'\n\
             users = '{place}/passwd'\nsyslog_socket = '{place}/syslog'\n\
             state_directory = '{place}/state'\n{more}\n"
        );
        fs::write(path("fxpd.conf"), config).unwrap();
        let syslog = UnixDatagram::bind(path("syslog")).unwrap();
        syslog.set_read_timeout(Some(PATIENCE)).unwrap();
        Home { directory, syslog, pid: Cell::new(0) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Lets this user read all of it, and write where accounts do.
    pub fn opens_to(&self, uid: u32) {
        let mode = |name: &str, mode: u32| {
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        mode("", 0o755);
        mode("passwd", 0o644);
        mode("syslog", 0o777);
        chown(self.path("ann"), Some(uid), None).unwrap();
    }

    pub fn word(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// `fxpd` with this home's configuration.
    pub fn fxpd(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fxpd"));
        command.arg("-c").arg(self.path("fxpd.conf")).env_remove("RUST_LOG");
        command
    }

    /// A file of `ann`'s.
    pub fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.path("ann").join(name)).unwrap()
    }

    /// Waits for a message in syslog that holds `what`, and returns it whole.
    #[track_caller]
    pub fn hears(&self, what: &str) -> String {
        let mut bytes = [0; 9000];
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "no '{what}' among much else");
            let count = self.syslog.recv(&mut bytes).unwrap_or_else(|_| panic!("no '{what}'"));
            let message = String::from_utf8_lossy(&bytes[..count]).into_owned();
            if let Some((_, behind)) = message.split_once(" fxpd[") {
                self.pid.set(behind.split(']').next().unwrap().parse().unwrap());
            }
            if message.contains(what) {
                return message;
            }
        }
    }

    /// Waits for the address that the server says it listens at.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        self.hears("listening on ").rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// The process of the last message.
    pub fn pid(&self) -> i32 {
        self.pid.get()
    }
}

/// A program that is told to end with the test.
pub struct Running(pub Child);

impl Running {
    pub fn start(command: &mut Command) -> Running {
        Running(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that is nobody's child here, ended with the test.
pub struct Orphan(pub i32);

impl Orphan {
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.0).unwrap(), signal).unwrap();
    }

    /// Waits for its end, which its new parent may be slow to notice.
    pub fn ends(&self) {
        let is_zombie = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
            stat.rsplit(')').next().unwrap().trim_start().starts_with('Z')
        };
        let lives = || test_kill_process(Pid::from_raw(self.0).unwrap()).is_ok() && !is_zombie();
        wait_until("it ends", || !lives());
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_raw(self.0).unwrap(), Signal::KILL);
    }
}

/// An address at which nobody listens, for programs that cannot choose one themselves.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// Waits until somebody listens at `address`, by the look of the kernel: a connection would be one
/// client too many.
pub fn wait_for_listener(address: SocketAddr) {
    let port = format!(":{:04X} ", address.port());
    wait_until("somebody listens", || {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
        let is_it = |line: &str| line.contains(&port) && line.contains(" 0A ");
        tables.iter().flatten().any(|table| table.lines().any(is_it))
    });
}

pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5)); // nothing tells
    }
}

/// Everything that comes until the other end closes.
pub fn all_of(mut socket: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    std::io::Read::read_to_end(&mut socket, &mut bytes).unwrap();
    bytes
}

/// The line of fxpd(8), EXAMPLES, that begins so, in words. A manual that shows no such line, or
/// two, shows what nobody tries.
#[track_caller]
pub fn example(beginning: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/fxpd.8");
    let page = fs::read_to_string(page).unwrap();
    let examples = page.split(".Sh EXAMPLES").nth(1).unwrap().split(".Sh ").next().unwrap();
    let lines = examples.lines().map(|line| line.strip_prefix(".Dl ").unwrap_or(line));
    let found: Vec<&str> = lines.filter(|line| line.starts_with(beginning)).collect();
    assert_eq!(found.len(), 1, "'{beginning}' in EXAMPLES: {found:?}");
    found[0].split(' ').map(str::to_owned).collect()
}
