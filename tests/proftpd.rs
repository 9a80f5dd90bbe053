//! A real proftpd on the loopback interface, with its own directory, gone when dropped.

use std::{
    fs,
    io::Read,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The password of `ann`, and proftpd's form of it (`openssl passwd -5 -salt fxpdtests secret`).
pub const PASSWORD: &str = "secret";
const PASSWORD_HASH: &str = "$5$fxpdtests$.yy0A1tJa.gDsKztje0IGi8TCkdofPTVnsSG9k62Cp1";

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Whether, as the accepting TLS end, it demands a resumed session: its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    Demanded,
    Waived,
}

pub struct Proftpd {
    child: Child,
    port: u16,
    home: TempDir,
}

impl Proftpd {
    /// Starts one with the account `ann`, and waits until it answers.
    pub fn start(resumption: Resumption) -> Proftpd {
        Proftpd::with(resumption, "")
    }

    /// The same with more lines of configuration.
    pub fn with(resumption: Resumption, more: &str) -> Proftpd {
        let home = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::create_dir(home.path().join("tree")).unwrap();
        make_certificate(home.path());
        configure(home.path(), port, resumption, more);
        let peers = peers();
        let child = Command::new(peers.join("usr/sbin/proftpd"))
            .env("LD_LIBRARY_PATH", peers.join("usr/lib/x86_64-linux-gnu"))
            .args(["-n", "-c"])
            .arg(home.path().join("conf"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(home.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let mut proftpd = Proftpd { child, port, home };
        proftpd.wait_for_greeting();
        proftpd
    }

    /// The URL of `path` in ann's login directory.
    pub fn url(&self, path: &str) -> String {
        format!("ftps://ann@127.0.0.1:{}/{path}", self.port)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// `host:port`, as known hosts are listed.
    pub fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where `path` of ann's login directory is on this host.
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
            let mut greeting = [0; 4];
            let answer = TcpStream::connect(("127.0.0.1", self.port))
                .and_then(|mut socket| socket.read_exact(&mut greeting));
            if answer.is_ok() && greeting == *b"220 " {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "proftpd ended: {}", self.words());
        }
        panic!("proftpd does not answer: {}", self.words());
    }

    fn words(&self) -> String {
        fs::read_to_string(self.home.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Proftpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `tests/peers.sh` has unpacked proftpd.
fn peers() -> PathBuf {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/peers");
    assert!(peers.join("usr/sbin/proftpd").exists(), "no proftpd: run tests/peers.sh to get it");
    peers
}

/// Makes `cert.pem` and `key.pem` for the loopback address.
pub fn make_certificate(home: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "9"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(home)
        .output()
        .expect("the tests need the program openssl: apt-get install openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn configure(home: &Path, port: u16, resumption: Resumption, more: &str) {
    let owner = fs::metadata(home).unwrap();
    let (uid, gid) = (owner.uid(), owner.gid());
    let tree = home.join("tree");
    let account = format!("ann:{PASSWORD_HASH}:{uid}:{gid}::{}:/bin/sh\n", tree.display());
    let passwd = home.join("passwd");
    fs::write(&passwd, account).unwrap();
    // proftpd refuses a file of passwords that others can read.
    fs::set_permissions(&passwd, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(home.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let waiver = match resumption {
        Resumption::Demanded => "",
        Resumption::Waived => "TLSOptions NoSessionReuseRequired",
    };
    let modules = peers().join("usr/lib/proftpd");
    let conf = home.join("conf");
    let (home, modules) = (home.display(), modules.display());
    let text = format!(
        "ModulePath {modules}\n\
         LoadModule mod_tls.c\n\
         LoadModule mod_digest.c\n\
         ServerName fxp\n\
         Port {port}\n\
         DefaultAddress 127.0.0.1\n\
         SocketBindTight on\n\
         UseIPv6 off\n\
         UseReverseDNS off\n\
         WtmpLog off\n\
         PidFile {home}/pid\n\
         ScoreboardFile none\n\
         SystemLog {home}/log\n\
         TransferLog none\n\
         DelayEngine off\n\
         AuthPAM off\n\
         AuthOrder mod_auth_file.c\n\
         AuthUserFile {home}/passwd\n\
         RequireValidShell off\n\
         RootLogin on\n\
         AllowForeignAddress on\n\
         AllowOverwrite on\n\
         TLSEngine on\n\
         TLSLog {home}/tlslog\n\
         TLSECCertificateFile {home}/cert.pem\n\
         TLSECCertificateKeyFile {home}/key.pem\n\
         TLSRequired on\n\
         TLSVerifyServer off\n\
         {waiver}\n\
         DigestEngine on\n\
         {more}\n"
    );
    fs::write(conf, text).unwrap();
}
