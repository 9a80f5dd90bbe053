//! The C interface, as a program in C has it: built by `make capi`, installed by `make install-capi`,
//! found by pkg-config, compiled by the C compiler with every warning an error.

use crate::{
    ftp::Ftp,
    started::{Running, wait_until},
};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
};
use tempfile::TempDir;

/// `etc/embed.c`, compiled once for all tests.
struct Embed {
    #[allow(dead_code)] // it is there as long as the program
    stage: TempDir,
    program: PathBuf,
}

static EMBED: LazyLock<Embed> = LazyLock::new(|| {
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
    let program = stage.path().join("embed");
    run(Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"])
        .arg(&program)
        .arg("etc/embed.c")
        .args(flags.split_whitespace()));
    Embed { stage, program }
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
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    port: u16,
    fingerprint: String,
}

impl Server {
    fn start(home: &Path) -> Server {
        let mut command = Command::new(&EMBED.program);
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
