//! Hosts of a network that exists for one test: processes with a network of their own, and, where a
//! server is installed, with their own `/etc`, `/usr/local`, `/srv`, `/var/lib` and `/var/log`. They have no names on this machine, change nothing on
//! it, reach nothing beyond each other, and are gone with the test, however it ends.

use crate::{
    program::{DEADLINE_S, Outcome},
    site::PATIENCE,
    started::{Running, wait_until},
};
use rustix::process::getuid;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};
use tempfile::TempDir;

/// What a host that servers are installed on has for itself, below its own directory.
const DIRECTORIES: &str = r#"cd ..
mkdir -p etc usr/local var/lib var/log srv work/etc work/local
for of in etc usr/local; do
    mount -t overlay none -o "lowerdir=/$of,upperdir=$PWD/$of,workdir=$PWD/work/${of##*/}" /$of
done
mount --bind srv /srv
mount --bind var/lib /var/lib
mount --bind var/log /var/log
"#;

/// A host.
pub struct Host {
    holder: Child,
    files: TempDir,
    /// Whose namespaces are about those of this one, if another's.
    parent: Option<Arc<Host>>,
}

impl Host {
    /// One that no cable leads to.
    pub fn new() -> Arc<Host> {
        let mut command = Command::new("unshare");
        // Whoever is not root is root in a namespace of users.
        command.args(["--net", "--mount"]).args((!getuid().is_root()).then_some("--map-root-user"));
        Host::hold(command, None)
    }

    /// Another, which cables can lead to.
    pub fn beside(parent: &Arc<Host>) -> Arc<Host> {
        let mut command = parent.enter();
        command.args(["unshare", "--net", "--mount"]);
        Host::hold(command, Some(Arc::clone(parent)))
    }

    fn hold(mut command: Command, parent: Option<Arc<Host>>) -> Arc<Host> {
        let files = tempfile::tempdir().unwrap();
        fs::create_dir(files.path().join("home")).unwrap();
        // It lasts until its standard input ends, which is when this test does at the latest.
        command.args(["sh", "-ec", "ip link set lo up; echo up; exec cat"]).stdin(Stdio::piped());
        let mut holder = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut word = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut word).unwrap();
        assert_eq!(
            word, "up\n",
            "no namespaces: these tests are for root, or for users to whom the \
                                  kernel gives namespaces; and they need the program ip: iproute2"
        );
        Arc::new(Host { holder, files, parent })
    }

    /// A cable to `other`, with these ends. Both are down and have no address.
    pub fn plug(&self, end: &str, other: &Host, other_end: &str) {
        let pid = other.holder.id();
        self.does(&format!(
            "ip link add name {end} type veth peer name {other_end} netns {pid}\n\
             ip link set {end} addrgenmode none"
        ));
        other.does(&format!("ip link set {other_end} addrgenmode none"));
    }

    /// Begins a command that runs there, with nothing of this test's environment.
    pub fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.holder.id().to_string()).args(["--net", "--mount"]);
        let of_user = ["--user", "--preserve-credentials"];
        command.args(of_user.iter().filter(|_| !getuid().is_root()));
        command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", self.home());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        // Whoever enters has left the directory where it was.
        command.arg("env").arg("--chdir").arg(self.home());
        command
    }

    /// Runs a script there to its end, which must be good, and tells what it printed.
    #[track_caller]
    pub fn does(&self, script: &str) -> String {
        self.runs(&["sh", "-ec", script]).succeeds().out
    }

    /// Runs a program there to its end.
    #[track_caller]
    pub fn runs(&self, words: &[&str]) -> Outcome {
        self.runs_on(words, "")
    }

    /// The same, with this text to read.
    #[track_caller]
    pub fn runs_on(&self, words: &[&str], text: &str) -> Outcome {
        let mut command = self.enter();
        command.args(["timeout", "--kill-after=2", DEADLINE_S]).args(words);
        command.env("FXP_PASSWORD", "pw").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        Outcome { status: output.status.code().unwrap(), out, err }
    }

    /// Where one of its files is for this test: one of its home, or, with a `/`, one of those that
    /// are its own.
    pub fn path(&self, name: &str) -> PathBuf {
        let home = if name.starts_with('/') { self.files.path().into() } else { self.home() };
        home.join(name.trim_start_matches('/'))
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    #[track_caller]
    pub fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.file(name)).unwrap()
    }

    fn home(&self) -> PathBuf {
        self.files.path().join("home")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        drop(self.parent.take());
    }
}

/// A host on which `make install` was done, and all else that the README asks of an administrator.
pub struct Installed {
    pub host: Arc<Host>,
    /// Its certificate's, as `fxpd cert` tells it.
    pub fingerprint: String,
    server: Running,
}

impl Installed {
    /// With these names and addresses in its certificate, the account `ann`, whose password is `pw`,
    /// and these settings.
    pub fn on(host: Arc<Host>, names: &[&str], settings: &[(&str, &str)]) -> Installed {
        furnish(&host);
        host.does("mkdir -p /srv/ann /var/log/fxpd");
        let fingerprint = make_certificate(&host, "cert.pem", "key.pem", names);
        let words = ["fxpd", "passwd", "add", "ann", "-f", "/etc/fxpd/passwd"];
        let words = [&words[..], &["--home", "/srv/ann", "--stdin"]].concat();
        host.runs_on(&words, "pw\n").succeeds();
        for (key, value) in settings {
            set(&host, key, value);
        }
        let checked = host.runs(&["fxpd", "-t"]).succeeds();
        assert_eq!(
            (checked.err.as_str(), checked.out.as_str()),
            ("", "fxpd: configuration is good\n")
        );
        let log = File::create(host.path("log")).unwrap();
        let server = Running::start(host.enter().arg("fxpd").stdin(Stdio::null()).stderr(log));
        let installed = Installed { host, fingerprint, server };
        installed.logs("] serving", 1);
        installed
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        self.server.signal(signal);
    }

    /// Waits until so many lines of its log have these words.
    pub fn logs(&self, words: &str, count: usize) {
        let has = || {
            let log = self.host.text("log");
            log.lines().filter(|line| line.contains(words)).count() >= count
        };
        wait_until(&format!("{words} in the log within {PATIENCE:?}"), has);
    }
}

/// Gives a host directories of its own, and does `make install` there.
pub fn furnish(host: &Host) {
    host.does(DIRECTORIES);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Path::new(env!("CARGO_BIN_EXE_fxpd")).parent().unwrap();
    let install = Command::new("make")
        .args(["-s", "install", &format!("BUILT={}", built.display())])
        .arg(format!("DESTDIR={}", host.path("/").display()))
        .current_dir(root)
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .output()
        .unwrap();
    assert!(install.status.success(), "{}", String::from_utf8_lossy(&install.stderr));
}

/// Makes a certificate in `/etc/fxpd`, and tells its fingerprint.
pub fn make_certificate(host: &Host, certificate: &str, key: &str, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("--name {name}")).collect();
    let place = "/etc/fxpd";
    let told = host.does(&format!(
        "fxpd cert --cert {place}/{certificate} --key {place}/{key} {}",
        names.join(" ")
    ));
    let fingerprint = told.split_ascii_whitespace().find(|word| word.starts_with("SHA256:"));
    fingerprint.expect(&told).to_owned()
}

/// Changes a line of `/etc/fxpd.conf`, as its head says.
#[track_caller]
pub fn set(host: &Host, key: &str, value: &str) {
    let text = host.text("/etc/fxpd.conf");
    let is_it = |line: &&str| line.trim_start_matches('#').starts_with(&format!("{key} = "));
    // The tables at its end have some of these keys again.
    let old = text.lines().find(is_it).unwrap_or_else(|| panic!("no {key} in the sample"));
    let new = text.replacen(&format!("\n{old}\n"), &format!("\n{key} = {value}\n"), 1);
    fs::write(host.path("/etc/fxpd.conf"), new).unwrap();
}
