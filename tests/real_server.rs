//! Another maker's FTP server on a loopback address of its own, in its own directory, gone when
//! dropped. What differs from maker to maker stands in `proftpd.rs`, `vsftpd.rs`, `pure_ftpd.rs` and
//! `pyftpdlib.rs`.

use std::{
    fs::{self, File},
    io::Read,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The password of every account.
pub const PASSWORD: &str = "secret";

/// The same as crypt(3) has it (`openssl passwd -5 -salt fxpdtests secret`).
pub const PASSWORD_HASH: &str = "$5$fxpdtests$.yy0A1tJa.gDsKztje0IGi8TCkdofPTVnsSG9k62Cp1";

const START_TIMEOUT: Duration = Duration::from_secs(20);

pub struct RealServer {
    child: Child,
    address: SocketAddr,
    account: Account,
    home: TempDir,
}

/// As whom to log in, and how the login directory calls `tree`: nothing, where it is that.
#[derive(Clone, Copy)]
pub struct Account {
    pub user: &'static str,
    pub tree: &'static str,
}

/// What most servers have.
pub const ANN: Account = Account { user: "ann", tree: "" };

/// Where a server is to be, and its directory: `tree` for its files, `cert.pem` and `key.pem`.
pub struct Place {
    pub address: SocketAddr,
    home: TempDir,
}

impl Place {
    /// At `host`, with a port that is free and a new certificate.
    pub fn at(host: &str) -> Place {
        let host: IpAddr = host.parse().unwrap();
        let address = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("tree")).unwrap();
        make_certificate(home.path(), host);
        Place { address, home }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.home().join(name), text).unwrap();
    }

    /// Starts `command` there, and waits until it greets.
    pub fn start(self, account: Account, command: &mut Command) -> RealServer {
        let words = File::create(self.home().join("stderr")).unwrap();
        // A group of its own, which its sessions belong to.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = RealServer { child, address: self.address, account, home: self.home };
        server.wait_for_greeting();
        server
    }
}

impl RealServer {
    /// The URL of `path` in `tree`.
    pub fn url(&self, path: &str) -> String {
        let Account { user, tree } = self.account;
        format!("ftps://{user}@{}/{tree}{path}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `host:port`, as known hosts are listed.
    pub fn name(&self) -> String {
        self.address.to_string()
    }

    /// Where `path` of `tree` is on this host.
    pub fn path(&self, path: &str) -> PathBuf {
        self.home.path().join("tree").join(path)
    }

    /// Its certificate, which signed itself.
    pub fn certificate(&self) -> PathBuf {
        self.home.path().join("cert.pem")
    }

    fn wait_for_greeting(&mut self) {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            let mut greeting = [0; 3];
            let answer = TcpStream::connect(self.address)
                .and_then(|mut socket| socket.read_exact(&mut greeting));
            if answer.is_ok() && greeting == *b"220" {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {}", self.words());
        }
        panic!("the server does not answer: {}", self.words());
    }

    fn words(&self) -> String {
        fs::read_to_string(self.home.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

/// A server's program, where `tests/peers.sh` has unpacked it.
pub fn peer(program: &str) -> Command {
    let program = peers().join(program);
    assert!(program.exists(), "no {}: run tests/peers.sh to get it", program.display());
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", peers().join("usr/lib/x86_64-linux-gnu"));
    command
}

/// What `tests/peers.sh` has unpacked.
pub fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("build/peers")
}

/// Makes `cert.pem` and `key.pem` for `host` in `home`.
pub fn make_certificate(home: &Path, host: IpAddr) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=localhost", "-days", "9"])
        .args(["-addext", &format!("subjectAltName=IP:{host}")])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(home)
        .output()
        .expect("the tests need the program openssl: apt-get install openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
