//! The program `fxpd` as it runs for months: what it holds on to, and what signals do to clients.

use crate::{
    ftp::Ftp,
    peer::{self, Client},
    site::PATIENCE,
};
use crossbeam_channel::{Receiver, unbounded};
use fxpd::Identity;
use openssl::{
    hash::MessageDigest,
    ssl::{SslStream, SslVerifyMode},
    x509::{X509, X509Ref},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What a server at rest may have more than one that has just started: the ends of its threads'
/// stacks, which libc keeps, and what OpenSSL has looked up.
const MOST_KEPT_KIB: usize = 3 << 10;

/// What a server at rest may have in memory altogether, in this debugging build: 7 MiB were measured,
/// and 16 with the code and constants that had been used. `make footprint` measures the small build.
const MOST_AT_REST_KIB: usize = 10 << 10;

/// Threads that do what is done at rest.
const WAIT_FOR_REST: [&str; 2] = ["rest", "work areas"];

/// A running `fxpd` with an account `ann`, and the lines of its log.
pub struct Daemon {
    child: Child,
    pub address: SocketAddr,
    pub log: Receiver<String>,
    directory: TempDir,
}

impl Daemon {
    fn start() -> Daemon {
        Daemon::start_with(|_| String::new())
    }

    /// With these lines more in its configuration, of files in its directory.
    pub fn start_with(more: impl FnOnce(&Path) -> String) -> Daemon {
        Daemon::start_at("127.0.0.1", more)
    }

    /// The same at `host`.
    pub fn start_at(host: &str, more: impl FnOnce(&Path) -> String) -> Daemon {
        let directory = Daemon::prepare(host, more);
        let mut command = Command::new(env!("CARGO_BIN_EXE_fxpd"));
        command.arg("-c").arg(directory.path().join("fxpd.conf"));
        Daemon::launch(directory, command)
    }

    fn prepare(host: &str, more: impl FnOnce(&Path) -> String) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("ann")).unwrap();
        write_identity(&path("cert.pem"), &path("key.pem"), "localhost");
        add_account(&path("passwd"), "ann", &path("ann"));
        let place = directory.path().display();
        let config = format!(
            "listen = ['{host}:0']\n\
             certificate = '{place}/cert.pem'\n\
             key = '{place}/key.pem'\n\
             users = '{place}/passwd'\n\
             transfer_log = '{place}/xferlog'\n\
             state_directory = '{place}/state'\n"
        );
        fs::write(path("fxpd.conf"), config + &more(directory.path())).unwrap();
        directory
    }

    /// With a tree for `ann` on a disk of its own, which only the server sees. What is cut takes no
    /// room there.
    pub fn start_on_a_disk_of(bytes: u64) -> Daemon {
        let directory = Daemon::prepare("127.0.0.1", |_| "keep_partial = false\n".to_owned());
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs -o size=$1 none \"$2/ann\" && exec \"$3\" -c \"$2/fxpd.conf\"";
        command.args(["-rm", "sh", "-c", script, "sh", &bytes.to_string()]);
        command.arg(directory.path()).arg(env!("CARGO_BIN_EXE_fxpd"));
        Daemon::launch(directory, command)
    }

    fn launch(directory: TempDir, mut command: Command) -> Daemon {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = follow(child.stderr.take().unwrap());
        let listening = wait_for(&log, "listening on ");
        let address = listening.rsplit(' ').next().unwrap().parse().unwrap();
        wait_for(&log, "serving");
        Daemon { child, address, log, directory }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn connect(&self) -> Ftp {
        Ftp::connect(self.address)
    }

    fn login(&self) -> Ftp {
        let mut ftp = self.connect();
        ftp.secure();
        ftp.log_in("ann");
        ftp
    }

    /// A connection under TLS, and the digest of the certificate that it was shown.
    fn meet(&self) -> (Vec<u8>, Ftp) {
        let (tell, shown) = mpsc::channel();
        let tell = Mutex::new(tell);
        let client = Client::built(move |builder| {
            builder.set_verify_callback(SslVerifyMode::PEER, move |_, chain| {
                tell.lock().unwrap().send(digest(chain.current_cert().unwrap())).is_ok()
            });
        });
        let mut ftp = Ftp::silent(self.address, client);
        ftp.hears(220);
        ftp.secure();
        (shown.recv().unwrap(), ftp)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What `/proc` counts of it under `name`.
    pub fn count(&self, name: &str) -> usize {
        fs::read_dir(format!("/proc/{}/{name}", self.child.id())).unwrap().count()
    }

    /// Its threads, but for those that wait some seconds for it to be at rest.
    pub fn lasting_threads(&self) -> usize {
        self.threads().iter().filter(|name| !WAIT_FOR_REST.contains(&name.as_str())).count()
    }

    /// The names of its threads.
    fn threads(&self) -> Vec<String> {
        loop {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
            let comms = tasks.map(|task| task.unwrap().path().join("comm"));
            let names = comms.filter_map(|comm| fs::read_to_string(comm).ok());
            let names: Vec<_> = names.map(|name| name.trim_end().to_owned()).collect();
            // One that was just made bears its maker's name until it has its own.
            if names.iter().filter(|name| *name == "fxpd").count() == 1 {
                return names;
            }
        }
    }

    /// Waits until all sessions are over, and what is done at rest.
    pub fn comes_to_rest(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut busy = self.threads();
            busy.retain(|name| name == "session" || WAIT_FOR_REST.contains(&name.as_str()));
            if busy.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "{busy:?}");
            thread::sleep(Duration::from_millis(20)); // nothing tells
        }
    }

    /// Memory that it holds, in KiB.
    pub fn resident_kib(&self) -> usize {
        self.memory_kib("VmRSS:")
    }

    /// The same without the pages of files, which the debugging build has many of.
    fn anonymous_kib(&self) -> usize {
        self.memory_kib("RssAnon:")
    }

    fn memory_kib(&self, kind: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(kind)).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn write_identity(certificate: &Path, key: &Path, name: &str) {
    let identity = Identity::self_signed(&[name]).unwrap();
    fs::write(certificate, identity.certificate_pem().unwrap()).unwrap();
    fs::write(key, identity.key_pem().unwrap()).unwrap();
}

pub fn add_account(users: &Path, name: &str, home: &Path) {
    let mut passwd = Command::new(env!("CARGO_BIN_EXE_fxpd"))
        .args(["passwd", "add", name, "--stdin", "-f"])
        .arg(users)
        .arg("--home")
        .arg(home)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    passwd.stdin.take().unwrap().write_all(b"pw\n").unwrap();
    assert!(passwd.wait().unwrap().success());
}

/// The SHA-256 of a certificate, in DER form.
fn digest(certificate: &X509Ref) -> Vec<u8> {
    certificate.digest(MessageDigest::sha256()).unwrap().to_vec()
}

/// That of the certificate in the daemon's file.
fn fingerprint(daemon: &Daemon) -> Vec<u8> {
    digest(&X509::from_pem(&fs::read(daemon.path("cert.pem")).unwrap()).unwrap())
}

/// Reads the log as it is written, so that its writer never waits.
fn follow(log: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, lines) = unbounded();
    let read = move || {
        BufReader::new(log).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
    };
    thread::Builder::new().spawn(read).unwrap();
    lines
}

pub fn wait_for(log: &Receiver<String>, what: &str) -> String {
    loop {
        let line = log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no '{what}' in the log"));
        if line.contains(what) {
            return line;
        }
    }
}

/// One client of a kind, from its coming to its going.
fn visit(daemon: &Daemon, kind: usize) {
    match kind {
        0 => drop(daemon.connect()),
        1 => daemon.connect().secure(),
        2 => {
            let mut ftp = daemon.login();
            ftp.upload("STOR a", b"hello");
            assert_eq!(ftp.download("RETR a"), b"hello");
            ftp.says("QUIT", 221);
        }
        3 => drop(amid_a_download(daemon)),
        4 => {
            let mut ftp = daemon.login();
            ftp.epsv();
            ftp.says("STOR b", 150);
            ftp.says("ABOR", 426);
            ftp.hears(226);
            ftp.epsv();
        }
        5 => break_off_uploads(daemon),
        6 => break_off_downloads(daemon),
        7 => {
            let mut socket = TcpStream::connect(daemon.address).unwrap();
            socket.write_all(b"\x16\x03\x01\x00\x05hello").unwrap();
        }
        _ => {
            let mut ftp = daemon.connect();
            ftp.secure();
            ftp.says("USER nobody", 331);
            // The answer is kept back longer and longer: this client does not stay for it.
            ftp.sends(b"PASS pw\r\n");
        }
    }
}

/// A client, and the data connection of a download that has begun.
fn amid_a_download(daemon: &Daemon) -> (Ftp, SslStream<TcpStream>) {
    let mut ftp = daemon.login();
    let address = ftp.epsv();
    ftp.says("RETR big", 150);
    let mut data = ftp.data(address);
    data.read_exact(&mut [0; 1000]).unwrap();
    (ftp, data)
}

/// One before its handshake, and one in its midst.
fn break_off_uploads(daemon: &Daemon) {
    let mut ftp = daemon.login();
    let address = ftp.epsv();
    ftp.says("STOR c", 150);
    peer::connect(address).write_all(b"clear text that is no TLS\n").unwrap();
    ftp.hears(421);
    let address = ftp.epsv();
    ftp.says("STOR c", 150);
    let mut data = ftp.data(address);
    data.write_all(b"half").unwrap();
    data.get_ref().shutdown(Shutdown::Write).unwrap();
    ftp.hears(426);
}

/// One in its midst, and one in its handshake.
fn break_off_downloads(daemon: &Daemon) {
    let (mut ftp, _data) = amid_a_download(daemon);
    ftp.says("ABOR", 426);
    ftp.hears(226);
    let address = ftp.epsv();
    ftp.says("RETR big", 150);
    peer::connect(address).write_all(&Client::any().hello()).unwrap();
    ftp.hears(421);
    ftp.says("NOOP", 200);
}

#[test]
fn five_hundred_visits_leave_nothing_behind() {
    const KINDS: usize = 9;
    // Among them are more wrong passwords than an address is forgiven.
    let daemon = Daemon::start_with(|_| "ban_after = 0\n".to_owned());
    File::create(daemon.path("ann/big")).unwrap().set_len(1 << 32).unwrap();
    let (fds, threads) = (daemon.count("fd"), daemon.count("task"));
    (0..KINDS).for_each(|kind| visit(&daemon, kind));
    let warm_kib = daemon.resident_kib();
    (0..500).for_each(|number| visit(&daemon, number % KINDS));
    // The last of them may still be on their way out.
    let deadline = Instant::now() + PATIENCE;
    while daemon.count("task") > threads + 2 || daemon.count("fd") > fds + 3 {
        let (fds_now, threads_now) = (daemon.count("fd"), daemon.count("task"));
        assert!(
            Instant::now() < deadline,
            "{fds} → {fds_now} fds, {threads} → {threads_now} threads"
        );
        daemon.connect().says("NOOP", 200);
    }
    let grown = || daemon.resident_kib().saturating_sub(warm_kib);
    // Memory to hash passwords in is kept for a while.
    while grown() >= 16 << 10 {
        assert!(Instant::now() < deadline, "{} KiB more than {warm_kib}", grown());
        thread::sleep(Duration::from_millis(50)); // nothing tells
    }
    let hidden = fs::read_dir(daemon.path("ann")).unwrap();
    let mut names: Vec<_> = hidden.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a", "big", "c"]);
}

#[test]
fn at_rest_again_it_has_given_back_what_a_crowd_took() {
    const CROWD: usize = 16;
    let daemon = Daemon::start_with(|_| "max_sessions_per_address = 200\n".to_owned());
    File::create(daemon.path("ann/big")).unwrap().set_len(4 << 20).unwrap();
    daemon.comes_to_rest();
    let fresh_kib = daemon.anonymous_kib();
    thread::scope(|scope| {
        for number in 0..CROWD {
            let daemon = &daemon.address;
            scope.spawn(move || {
                let mut ftp = Ftp::connect(*daemon);
                ftp.secure();
                ftp.log_in("ann");
                let bytes = ftp.download("RETR big");
                ftp.upload(&format!("STOR {number}"), &bytes);
                ftp.says("QUIT", 221);
            });
        }
    });
    let strangers: Vec<Ftp> = (0..100)
        .map(|_| {
            let mut ftp = daemon.connect();
            ftp.secure();
            ftp
        })
        .collect();
    // One after the other: what a thread ends with is free only then.
    for mut ftp in strangers {
        ftp.says("QUIT", 221);
        ftp.hears_the_end();
    }
    // A password's hash alone has taken 19 MiB, and what was small lies scattered.
    daemon.comes_to_rest();
    let (own_kib, all_kib) = (daemon.anonymous_kib(), daemon.resident_kib());
    println!("{all_kib} KiB at rest, {own_kib} of them its own, after {fresh_kib}");
    assert!(own_kib <= fresh_kib + MOST_KEPT_KIB, "{fresh_kib} KiB at first, {own_kib} now");
    assert!(all_kib <= MOST_AT_REST_KIB, "{all_kib} KiB");
}

#[test]
fn what_it_has_let_go_of_comes_back_and_goes_again_also_behind_a_confined_session() {
    let confined = "landlock = 'required'\nseccomp = 'required'\n";
    let daemon = Daemon::start_with(|_| confined.to_owned());
    for round in 0..2 {
        daemon.comes_to_rest();
        let at_rest_kib = daemon.resident_kib();
        assert!(at_rest_kib <= MOST_AT_REST_KIB, "{round}: {at_rest_kib} KiB");
        let mut ftp = daemon.login();
        ftp.upload("STOR a", b"hello");
        assert_eq!(ftp.download("RETR a"), b"hello");
        let used_kib = daemon.resident_kib();
        assert!(used_kib > at_rest_kib + (2 << 10), "{round}: {at_rest_kib} → {used_kib} KiB");
        ftp.says("QUIT", 221);
        ftp.hears_the_end();
    }
}

#[test]
fn sighup_reopens_the_log_and_shows_the_new_certificate() {
    let daemon = Daemon::start();
    let before = fingerprint(&daemon);
    let mut old = daemon.login();
    old.upload("STOR one", b"1");
    fs::rename(daemon.path("xferlog"), daemon.path("xferlog.1")).unwrap();
    write_identity(&daemon.path("cert.pem"), &daemon.path("key.pem"), "localhost");
    daemon.signal(Signal::HUP);
    wait_for(&daemon.log, "reloaded");
    let (shown, mut new) = daemon.meet();
    assert_ne!(fingerprint(&daemon), before);
    assert_eq!(shown, fingerprint(&daemon), "to those who come now");
    old.upload("STOR two", b"2");
    new.log_in("ann");
    new.upload("STOR three", b"3");
    daemon.signal(Signal::TERM);
    wait_for(&daemon.log, "stopped");
    let lines = |name: &str| fs::read_to_string(daemon.path(name)).unwrap().lines().count();
    assert_eq!((lines("xferlog.1"), lines("xferlog")), (1, 2));
}

#[test]
fn a_reload_that_cannot_be_leaves_the_server_as_it_was() {
    let daemon = Daemon::start();
    let mut ftp = daemon.login();
    fs::write(daemon.path("cert.pem"), "nonsense").unwrap();
    daemon.signal(Signal::HUP);
    wait_for(&daemon.log, "nothing reloaded: ");
    ftp.says("NOOP", 200);
    daemon.login().upload("STOR a", b"hello");
}

#[test]
fn sigterm_says_goodbye_and_exits_0() {
    let mut daemon = Daemon::start();
    let (mut idle, mut busy) = (daemon.login(), daemon.login());
    let address = busy.epsv();
    busy.says("STOR a", 150);
    let mut data = busy.data(address);
    let began = Instant::now();
    daemon.signal(Signal::TERM);
    idle.hears(421);
    idle.hears_the_end();
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    busy.hears(226);
    busy.hears(421);
    busy.hears_the_end();
    wait_for(&daemon.log, "stopped");
    assert_eq!(daemon.child.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(fs::read(daemon.path("ann/a")).unwrap(), b"hello");
    assert!(fs::read_to_string(daemon.path("xferlog")).unwrap().ends_with(" c\n"));
}
