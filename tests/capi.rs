//! The C interface, as a program in C has it: built by `make capi`, installed by `make install-capi`,
//! found by pkg-config, compiled by the C compiler with every warning an error.

use crate::{
    daemon::{add_account, write_identity},
    ftp::{Ftp, port_command},
    other_server::connect_from,
    peer::{self, Client},
    site::PATIENCE,
    started::{Running, free_address, wait_until},
};
use fxpd::Identity;
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Lines, Read, Write},
    iter,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        LazyLock,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// `etc/embed.c` and `tests/capi.c`, compiled once for all tests.
struct Programs {
    #[allow(dead_code)] // it is there as long as they
    stage: TempDir,
    embed: PathBuf,
    probe: PathBuf,
}

static PROGRAMS: LazyLock<Programs> = LazyLock::new(|| {
    let stage = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_fxpd")).parent().unwrap();
    run(Command::new("make").args(["-s", "capi", "PROFILE=dev"]));
    run(Command::new("make").args(["-s", "install-capi", "PREFIX=/usr"]).args([
        format!("BUILT={}", built.display()),
        format!("DESTDIR={}", stage.path().display()),
    ]));
    let prefix = stage.path().join("usr");
    let flags = run(Command::new("pkg-config")
        .arg(format!("--define-variable=prefix={}", prefix.display()))
        .args(["--cflags", "--libs", "fxpd"])
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
    let compile = |source: &str, name: &str| {
        let program = stage.path().join(name);
        run(Command::new("cc")
            .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"])
            .arg(&program)
            .arg(source)
            .args(flags.split_whitespace()));
        program
    };
    let (embed, probe) = (compile("etc/embed.c", "embed"), compile("tests/capi.c", "probe"));
    Programs { stage, embed, probe }
});

/// Runs a tool to its end, and returns what it printed.
#[track_caller]
fn run(command: &mut Command) -> String {
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    // A `make` that runs these tests says things to its children that are not for this one.
    command.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The program, with an account `ann` whose password is `pw`, at a port that it has told.
struct Server {
    running: Running,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
    fingerprint: String,
}

impl Server {
    fn start(home: &Path) -> Server {
        let mut command = Command::new(&PROGRAMS.embed);
        command.arg(home).args(["ann", "pw"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::start(&mut command);
        let mut lines = BufReader::new(child(&mut running).stdout.take().unwrap()).lines();
        let told = lines.next().expect("a line").unwrap();
        let (url, fingerprint) = told.split_once(' ').unwrap();
        let port = url.strip_prefix("ftps://ann@127.0.0.1:").unwrap();
        let port = port.trim_end_matches('/').parse().unwrap();
        Server { fingerprint: fingerprint.to_owned(), running, lines, port }
    }

    fn connect(&self) -> Ftp {
        let mut ftp = Ftp::connect(([127, 0, 0, 1], self.port).into());
        ftp.secure();
        ftp
    }

    #[track_caller]
    fn says(&mut self, line: &str) {
        assert_eq!(self.lines.next().expect("a line").unwrap(), line);
    }

    /// Ends its standard input, and returns its log.
    fn stops(mut self) -> String {
        let child = child(&mut self.running);
        drop(child.stdin.take());
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(child.wait().unwrap().success(), "{log}");
        self.says("stopped");
        assert!(self.lines.next().is_none(), "nothing is called any more");
        log
    }
}

fn child(running: &mut Running) -> &mut Child {
    &mut running.0
}

/// `tests/capi.c`, which says what it is told to, and prints what it hears.
struct Probe {
    running: Running,
    lines: Receiver<String>,
    /// For explicit and for implicit TLS.
    addresses: [SocketAddr; 2],
    fingerprint: String,
}

impl Probe {
    /// With these settings.
    fn start(settings: &[String]) -> Probe {
        let mut command = Command::new(&PROGRAMS.probe);
        command.args(settings).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start(&mut command);
        let output = BufReader::new(child(&mut running).stdout.take().unwrap());
        let (tell, lines) = mpsc::channel();
        let reader = thread::Builder::new();
        reader.spawn(move || output.lines().try_for_each(|line| tell.send(line.unwrap()))).unwrap();
        assert_eq!(lines.recv_timeout(PATIENCE).unwrap(), "60 seconds, no error: ''");
        let told = lines.recv_timeout(PATIENCE).unwrap();
        let words: Vec<&str> = told.split(' ').collect();
        let [explicit, implicit, fingerprint] = words[..] else { panic!("{told}") };
        let address = |port: &str| ([127, 0, 0, 1], port.parse().unwrap()).into();
        let addresses = [explicit, implicit].map(address);
        Probe { fingerprint: fingerprint.to_owned(), running, lines, addresses }
    }

    /// One where `authenticate` of the program says who may enter `home`.
    fn of_home(home: &Path, settings: &[&str]) -> Probe {
        let own = [format!("home={}", home.display()), "listen=127.0.0.1:0".to_owned()];
        Probe::start(
            &[&own[..], &settings.iter().map(|it| it.to_string()).collect::<Vec<_>>()].concat(),
        )
    }

    /// Does this; returns what it has said until it had done it.
    fn does(&mut self, line: &str) -> Vec<String> {
        const DONE: &str = "and says this";
        writeln!(child(&mut self.running).stdin.as_ref().unwrap(), "{line}\n{DONE}").unwrap();
        iter::repeat_with(|| self.line()).take_while(|line| line != DONE).collect()
    }

    /// Does this, and says that.
    #[track_caller]
    fn answers(&mut self, line: &str, answer: &str) {
        let said = self.does(line);
        assert!(said.iter().any(|line| line == answer), "{answer}: {said:?}");
    }

    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    #[track_caller]
    fn says(&mut self, beginning: &str) -> String {
        let line = self.line();
        assert!(line.starts_with(beginning), "{line}");
        line
    }

    fn connect(&self) -> Ftp {
        let mut ftp = Ftp::connect(self.addresses[0]);
        ftp.secure();
        ftp
    }

    fn log_in(&mut self, name: &str) -> Ftp {
        let mut ftp = self.connect();
        ftp.log_in(name);
        self.says(&format!("owner asks for {name} with pw of 2 bytes from 127.0.0.1"));
        ftp
    }

    /// Has it stop, and waits until it accepts nobody any more.
    fn begins_to_stop(&mut self) {
        drop(child(&mut self.running).stdin.take());
        wait_until("it has closed", || TcpStream::connect(self.addresses[0]).is_err());
    }

    /// What it says until it has ended.
    fn ends(mut self) -> Vec<String> {
        drop(child(&mut self.running).stdin.take());
        let lines: Vec<String> = self.lines.iter().collect();
        assert!(child(&mut self.running).wait().unwrap().success(), "{lines:?}");
        lines
    }
}

#[test]
fn a_program_in_c_serves_files_hears_of_transfers_and_stops() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("hello.txt"), b"hello\n").unwrap();
    let mut server = Server::start(home.path());
    let mut ftp = server.connect();
    assert_eq!(ftp.shown(), server.fingerprint);
    for (name, password) in [("ann", "pww"), ("ann", ""), ("anna", "pw")] {
        let mut stranger = server.connect();
        stranger.says(&format!("USER {name}"), 331);
        stranger.says(&format!("PASS {password}"), 530);
    }
    ftp.log_in("ann");
    assert_eq!(ftp.download("RETR hello.txt"), b"hello\n");
    server.says("ann took /hello.txt: 6 bytes");
    ftp.upload("STOR new.txt", b"something new");
    server.says("ann brought /new.txt: 13 bytes");
    assert_eq!(fs::read(home.path().join("new.txt")).unwrap(), b"something new");
    let log = server.stops();
    ftp.hears(421);
    assert!(log.contains("127.0.0.1: connected\n"), "{log}");
}

#[test]
fn an_account_without_a_home_of_the_host_may_come_later() {
    let server = Server::start(Path::new("no/absolute/path"));
    let mut ftp = server.connect();
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 421);
    let log = server.stops();
    assert!(log.contains("cannot check a password: the program around the server says so"));
}

#[test]
fn a_program_in_c_says_who_enters_and_what_each_may() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("file"), b"hello\n").unwrap();
    fs::create_dir(home.path().join("incoming")).unwrap();
    let mut probe = Probe::of_home(home.path(), &[]);
    for (name, code) in [("rejected", 530), ("seven", 530), ("homeless", 421), ("unavailable", 421)]
    {
        let mut ftp = probe.connect();
        ftp.says(&format!("USER {name}"), 331);
        ftp.says("PASS p\u{e4}", code);
        probe.says(&format!("owner asks for {name} with p\u{e4} of 3 bytes from 127.0.0.1"));
    }
    // Who it says no more of may look and download, and copy with verified servers.
    let elsewhere = "PORT 127,0,0,2,200,1";
    let mut reader = probe.log_in("reader");
    assert_eq!(reader.download("RETR file"), b"hello\n");
    probe.says("owner hears: reader /file ");
    reader.says("MKD new", 550);
    reader.says("MKD incoming/new", 550);
    reader.says(elsewhere, 200);
    assert!(reader.says("RETR file", 550).contains("verified servers only"));
    let mut incoming = probe.log_in("incoming");
    incoming.says("MKD new", 550);
    incoming.upload("STOR incoming/new", b"new");
    probe.says("owner hears: incoming /incoming/new ");
    let mut off = probe.log_in("all-off");
    off.says("MKD new", 257);
    assert!(off.says(elsewhere, 550).contains("may not copy"));
    assert_eq!(probe.ends(), ["stopped"]);
}

#[test]
fn a_program_in_c_hears_all_that_is_known_of_a_transfer() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("file"), b"hello\n").unwrap();
    let mut probe = Probe::of_home(home.path(), &[]);
    let mut ftp = probe.log_in("all-any");
    let elsewhere = TcpListener::bind("127.0.0.3:0").unwrap();
    ftp.says(&port_command(elsewhere.local_addr().unwrap()), 200);
    let began = Instant::now();
    ftp.says("RETR file", 150);
    let socket = elsewhere.accept().unwrap().0;
    // It has begun, and takes this long at least.
    let least = Duration::from_millis(20);
    wait_until("it takes time", || began.elapsed() > least);
    peer::read_to_close(ftp.tls.connect(socket, None).unwrap()).unwrap();
    ftp.hears(226);
    let heard = probe.says("owner hears: all-any /file ");
    let (before, rest) = heard.split_once(" ms=").unwrap();
    let (milliseconds, after) = rest.split_once(' ').unwrap();
    let took: u128 = milliseconds.parse().unwrap();
    assert!((1..=began.elapsed().as_millis()).contains(&took), "{heard}");
    assert!(before.ends_with("client=127.0.0.1 peer=127.0.0.3 bytes=6"), "{heard}");
    let hash = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    assert_eq!(after, format!("out=1 whole=1 foreign=1 SHA-256 {hash}"));
    ftp.upload("STOR new", b"something");
    let heard = probe.says("owner hears: all-any /new client=127.0.0.1 peer=127.0.0.1 bytes=9 ");
    assert!(heard.contains(" out=0 whole=1 foreign=0 "), "{heard}");
    assert_eq!(probe.ends(), ["stopped"]);
}

#[test]
fn a_server_in_a_program_in_c_has_the_settings_that_it_is_given() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    write_identity(&path("cert.pem"), &path("key.pem"), "localhost");
    add_account(&path("passwd"), "ann", place.path());
    let passive = free_address().port();
    let setting = |name: &str, file: &str| format!("{name}={}", path(file).display());
    let mut probe = Probe::start(&[
        "listen=127.0.0.1:0".to_owned(),
        "listen_implicit=127.0.0.1:0".to_owned(),
        setting("certificate", "cert.pem"),
        setting("key", "key.pem"),
        setting("users", "passwd"),
        format!("first_passive_port={passive}"),
        format!("last_passive_port={passive}"),
        "max_sessions=1".to_owned(),
    ]);
    let identity = Identity::from_files(&path("cert.pem"), &path("key.pem")).unwrap();
    probe.answers("sessions", "0 sessions");
    let mut ftp = Ftp::implicit(probe.addresses[1]);
    assert_eq!(ftp.shown(), identity.fingerprint().to_string());
    assert_eq!(ftp.shown(), probe.fingerprint);
    ftp.log_in("ann");
    assert_eq!(ftp.epsv().port(), passive);
    probe.answers("sessions", "1 sessions");
    Ftp::silent(probe.addresses[0], Client::any()).hears(421);
    assert_eq!(probe.ends(), ["stopped"]);
    ftp.hears(421);
}

#[test]
fn a_program_in_c_hears_as_much_of_the_log_as_it_asks_for() {
    let home = tempfile::tempdir().unwrap();
    let mut probe = Probe::of_home(home.path(), &[]);
    // Each from elsewhere, where nobody has guessed before.
    let mut hosts = 1..;
    let mut visit = |probe: &mut Probe| {
        let source = format!("127.0.0.{}", hosts.next().unwrap());
        let address = probe.addresses[0];
        let mut ftp = Ftp::over(connect_from(&source, address), address, Client::any());
        ftp.hears(220);
        ftp.secure();
        ftp.says("USER rejected", 331);
        ftp.says("PASS pw", 530);
        let lines = probe.does("sessions");
        ftp.says("QUIT", 221);
        ftp.hears_the_end();
        lines
    };
    let levels = |lines: &[String]| {
        let level =
            |line: &String| line.strip_prefix("reader logs ")?.split(':').next()?.parse().ok();
        lines.iter().filter_map(level).collect::<BTreeSet<u8>>()
    };
    assert_eq!(levels(&visit(&mut probe)), [].into());
    for (asked, heard) in [(1, &[][..]), (2, &[2]), (3, &[2, 3]), (4, &[2, 3]), (5, &[2, 3, 5])] {
        probe.answers(&format!("log {asked}"), "log: 0");
        let lines = visit(&mut probe);
        assert_eq!(levels(&lines), heard.iter().copied().collect(), "{lines:?}");
    }
    probe.answers("log 9", "log: -1");
    probe.answers("error", "error: 9 is no level of the log: 1 to 5 are");
    probe.answers("log nowhere", "log: 0");
    assert_eq!(levels(&visit(&mut probe)), [].into());
    assert_eq!(levels(&probe.ends()), [].into());
}

#[test]
fn a_program_in_c_that_stops_gives_transfers_their_grace_and_hears_of_the_last() {
    let home = tempfile::tempdir().unwrap();
    let begin = |grace: &str| {
        let mut probe = Probe::of_home(home.path(), &[grace]);
        let mut ftp = probe.log_in("all");
        let address = ftp.epsv();
        ftp.says("STOR new", 150);
        let data = ftp.data(address);
        probe.begins_to_stop();
        (probe, ftp, data)
    };
    let (probe, mut ftp, mut data) = begin("grace_s=100");
    data.write_all(b"the rest").unwrap();
    peer::finish(data);
    ftp.hears(226);
    let lines = probe.ends();
    assert!(lines.len() == 2 && lines[0].contains(" bytes=8 ") && lines[0].contains(" whole=1 "));
    assert_eq!(lines[1], "stopped");
    let (probe, _ftp, _data) = begin("grace_s=0");
    let lines = probe.ends();
    assert!(lines.len() == 2 && lines[0].contains(" whole=0 "), "{lines:?}");
    assert_eq!(lines[1], "stopped");
}

/// A signal handler of the program's must not run on a session's thread, and SIGPIPE, which C does
/// not ignore, must not end the program.
#[test]
fn no_signal_reaches_the_threads_of_a_server() {
    let home = tempfile::tempdir().unwrap();
    let mut server = Server::start(home.path());
    let _ftp = server.connect();
    let tasks = format!("/proc/{}/task", child(&mut server.running).id());
    let blocked = |task: &Path| {
        let status = fs::read_to_string(task.join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t"));
        u64::from_str_radix(line?, 16).ok()
    };
    // The acceptor, the transfer log and the session, beside the program's own thread.
    wait_until("there are four threads", || fs::read_dir(&tasks).unwrap().count() == 4);
    let mut masks: Vec<u64> =
        fs::read_dir(&tasks).unwrap().map(|task| blocked(&task.unwrap().path()).unwrap()).collect();
    masks.sort_unstable();
    const SIGPIPE: u64 = 1 << 12;
    assert_eq!(masks[0], 0, "the program's own thread is as it was");
    assert!(masks[1..].iter().all(|mask| mask & SIGPIPE != 0), "{masks:x?}");
    server.stops();
}
