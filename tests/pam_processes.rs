//! The processes that ask PAM: who starts them, what they may, and modules that misbehave.

use crate::{
    ftp::Ftp,
    pam::{home, introduced, log_in, refused, serve},
    privilege::thread as thread_of,
    started::{Home, Orphan, Running, wait_until},
    system_user::{PASSWORD, Service, User, module, script},
};
use fxpd::{Authenticator, FxpLevel, Pam, Secret, Visitor};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// The processes that `parent` has started and that are there.
fn children(parent: i32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// The helper of a server.
#[track_caller]
pub fn helper(server: i32) -> i32 {
    let is_helper = |pid: &i32| {
        fs::read(format!("/proc/{pid}/cmdline")).unwrap().starts_with(b"fxpd\0pam-helper\0")
    };
    let helpers: Vec<i32> = children(server).into_iter().filter(is_helper).collect();
    assert_eq!(helpers.len(), 1);
    helpers[0]
}

/// A client that has said its password, and has not heard what comes of it.
fn unanswered(address: SocketAddr, name: &str) -> Ftp {
    let mut ftp = introduced(address, name);
    ftp.sends(format!("PASS {PASSWORD}\r\n").as_bytes());
    ftp
}

/// The lines of a service where this one comes before the password is looked at.
fn behind(line: &str) -> String {
    format!("{line}\n{UNIX}")
}

const UNIX: &str = "auth required pam_unix.so\naccount required pam_unix.so";

/// The lines of a service where a module waits for a program that does not end.
fn waiting(home: &Home) -> String {
    behind(&module(&format!("runs {}", home.word("programs"))))
}

/// These programs, once there are so many.
fn programs(home: &Home, count: usize) -> Vec<Orphan> {
    let numbers = || fs::read_to_string(home.path("programs")).unwrap_or_default();
    wait_until("all run", || numbers().matches('\n').count() == count);
    numbers().lines().map(|number| Orphan(number.parse().unwrap())).collect()
}

/// How many work at a time.
const WORKERS: usize = 32;

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn modules_run_apart_from_the_server_with_all_that_they_may_need() {
    let place = tempfile::tempdir().unwrap();
    let service = Service::new(&format!(
        "auth required pam_unix.so\nauth required pam_exec.so quiet {0}/look\n\
         account required pam_unix.so",
        place.path().display()
    ));
    let home = home(&service, "");
    let told = place.path().join("told");
    let look = format!(
        "cp /proc/$PPID/status {0}/worker\nls -l /proc/$PPID/fd > {0}/open\n\
         env > {0}/env\ntr '\\0' '\\n' < /proc/$PPID/environ > {0}/environ\nmv {0}/env {1}",
        place.path().display(),
        told.display()
    );
    fs::copy(script(&home, "look", &look), place.path().join("look")).unwrap();
    let user = User::new(&home);
    let (_server, address) = serve(&home);
    let mut ftp = log_in(address, &user.name);
    let (server, read) =
        (home.pid(), |name: &str| fs::read_to_string(place.path().join(name)).unwrap());
    let worker = read("worker");
    let field = |key: &str| {
        let line = worker.lines().find_map(|line| line.strip_prefix(&format!("{key}:\t")));
        line.unwrap_or_else(|| panic!("{key}: {worker}")).to_owned()
    };
    assert_eq!(field("Name"), "fxpd-pam-worker");
    assert_eq!(field("PPid"), helper(server).to_string(), "of the helper, not of the server");
    assert_eq!((field("NoNewPrivs"), field("Seccomp")), ("0".to_owned(), "0".to_owned()));
    assert_ne!(field("CapEff"), thread_of(server, "fxpd")["CapEff"]);
    assert_eq!(field("Uid"), "0\t0\t0\t0");
    // One socket: that of the question.
    assert_eq!(read("open").matches("socket:").count(), 1, "{}", read("open"));
    let environ = read("environ");
    let environ: Vec<&str> = environ.lines().collect();
    assert!(environ.len() == 1 && environ[0].starts_with("PATH="), "{environ:?}");
    let told = fs::read_to_string(told).unwrap();
    let told: BTreeSet<&str> = told.lines().collect();
    let user_line = format!("PAM_USER={}", user.name);
    let service_line = format!("PAM_SERVICE={}", service.name);
    for line in [&user_line, &service_line, "PAM_RHOST=127.0.0.1", "PAM_TTY=ftp", "PAM_TYPE=auth"] {
        assert!(told.contains(line), "{line} in {told:?}");
    }
    // Nothing of PAM's modules was ever loaded here; libpam alone was.
    let maps = fs::read_to_string(format!("/proc/{server}/maps")).unwrap();
    assert!(maps.contains("/libpam.so") && !maps.contains("/pam_"), "{maps}");
    // The helper holds no socket but its own end, has a session of its own, and no worker is left.
    let helper = helper(server);
    let stat = fs::read_to_string(format!("/proc/{helper}/stat")).unwrap();
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap().to_owned();
    assert_eq!(session, helper.to_string(), "signals of the terminal are for the server");
    let open = fs::read_dir(format!("/proc/{helper}/fd")).unwrap();
    let links = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let sockets = links.filter(|link| link.to_string_lossy().starts_with("socket:"));
    assert_eq!(sockets.count(), 1);
    wait_until("the worker has ended", || children(helper).is_empty());
    ftp.says("NOOP", 200);
}

#[test]
fn a_module_that_hangs_stops_nobody_else() {
    let service = Service::unix("");
    let home = home(&service, "pam_timeout_s = 8\n");
    let (slow, good) = (User::new(&home), User::new(&home));
    // Bounded, and never waited for to its end.
    let hang = script(&home, "hang", "[ \"$PAM_USER\" != \"$1\" ] || exec sleep 60");
    service.becomes(&behind(&format!("auth required pam_exec.so quiet {hang} {}", slow.name)));
    let (_server, address) = serve(&home);
    let pass = format!("PASS {PASSWORD}\r\n");
    let mut waiting: Vec<Ftp> = (0..3).map(|_| introduced(address, &slow.name)).collect();
    let began = Instant::now();
    waiting.iter_mut().for_each(|ftp| ftp.sends(pass.as_bytes()));
    let helper = helper(home.pid());
    wait_until("all hang", || children(helper).len() == 3);
    for _ in 0..3 {
        log_in(address, &good.name).upload("STOR file", b"hello");
        home.hears("logged in as"); // a full ear would miss what comes below
    }
    crate::privilege::log_in(address);
    assert_eq!(children(helper).len(), 3, "they hang still after {:?}", began.elapsed());
    for ftp in &mut waiting {
        assert!(ftp.hears(421).contains("try again later"));
    }
    home.hears("PAM: it has not answered in time");
    wait_until("the workers are ended", || children(helper).is_empty());
    log_in(address, &good.name);
}

#[test]
fn questions_beyond_the_number_of_workers_wait_and_are_given_up_in_time() {
    const AFTERWARDS: usize = 3;
    let service = Service::unix("");
    let home = home(&service, "");
    let user = User::new(&home);
    let (began, enough) = (home.word("began"), home.word("enough"));
    let text = format!("echo >> {began}\n[ -e {enough} ] || exec sleep 60");
    let hang = script(&home, "hang", &text);
    service.becomes(&behind(&format!("auth required pam_exec.so quiet {hang}")));
    let mut helper = Command::new(env!("CARGO_BIN_EXE_fxpd"));
    helper.args(["pam-helper", &service.name, "1000", "10"]);
    let pam = Pam::start(helper, Duration::from_secs(10), FxpLevel::Off).unwrap();
    let visitor = Visitor::new(&user.name, [127, 0, 0, 1].into());
    let ask = || pam.authenticate(&visitor, &Secret::new(PASSWORD));
    thread::scope(|scope| {
        let asked: Vec<_> = (0..WORKERS + 3).map(|_| scope.spawn(ask)).collect();
        for answer in asked {
            let error = answer.join().unwrap().unwrap_err().to_string();
            assert!(error.contains("PAM: it has not answered in time"), "{error}");
        }
    });
    fs::write(enough, "").unwrap();
    // Those who waited longest come first, and each of these takes its time.
    for _ in 0..AFTERWARDS {
        assert_eq!(ask().unwrap().ids.unwrap().uid, user.uid);
    }
    let worked = fs::read(began).unwrap().len();
    assert_eq!(worked, WORKERS + AFTERWARDS, "nobody works for who has gone");
}

#[test]
fn a_worker_that_is_late_ends_with_the_programs_that_it_waits_for() {
    let service = Service::unix("");
    let home = home(&service, "pam_timeout_s = 3\n");
    let user = User::new(&home);
    service.becomes(&waiting(&home));
    let (_server, address) = serve(&home);
    let mut ftp = unanswered(address, &user.name);
    let programs = programs(&home, 1);
    ftp.hears(421);
    programs[0].ends();
}

#[test]
fn all_that_works_for_a_server_ends_with_it() {
    let service = Service::unix("");
    let home = home(&service, "pam_timeout_s = 300\n");
    let user = User::new(&home);
    service.becomes(&waiting(&home));
    let (server, address) = serve(&home);
    let helper = Orphan(helper(home.pid()));
    // One more than can be heard.
    let _waiting: Vec<Ftp> = (0..=WORKERS).map(|_| unanswered(address, &user.name)).collect();
    let programs = programs(&home, WORKERS);
    server.signal(Signal::KILL);
    helper.ends();
    programs.iter().for_each(Orphan::ends);
}

#[test]
fn a_worker_ends_with_its_helper() {
    let service = Service::unix("");
    let home = home(&service, "pam_timeout_s = 300\n");
    let user = User::new(&home);
    service.becomes(&waiting(&home));
    let (_server, address) = serve(&home);
    let mut ftp = unanswered(address, &user.name);
    let _program = programs(&home, 1); // nobody is left to end it
    let helper = helper(home.pid());
    let worker = Orphan(children(helper)[0]);
    kill(helper);
    worker.ends();
    ftp.hears(421);
}

#[test]
fn a_helper_that_is_short_of_descriptors_answers_again_when_it_has_some() {
    let service = Service::unix("");
    let home = home(&service, "");
    let user = User::new(&home);
    let (_server, address) = serve(&home);
    let helper = helper(home.pid());
    let open = fs::read_dir(format!("/proc/{helper}/fd")).unwrap().count() as u64;
    let limit = |current: Option<u64>| {
        let before = getrlimit(Resource::Nofile);
        let new = Rlimit { current: current.or(before.current), ..before };
        prlimit(Pid::from_raw(helper), Resource::Nofile, new).unwrap();
    };
    // For the question, and for a process that would answer it.
    for left in [0, 1] {
        limit(Some(open + left));
        unanswered(address, &user.name).hears(421);
        home.hears("cannot check a password: PAM: ");
    }
    limit(None);
    log_in(address, &user.name);
}

#[test]
fn a_module_that_crashes_is_one_login_that_fails() {
    let service = Service::unix("");
    let home = home(&service, "");
    let user = User::new(&home);
    let (_server, address) = serve(&home);
    service.becomes(&behind(&module("crashes")));
    unanswered(address, &user.name).hears(421);
    home.hears("PAM: it has ended without an answer");
    service.becomes(UNIX);
    log_in(address, &user.name);
}

#[test]
fn without_its_helper_a_server_refuses_users_of_the_system_and_says_why() {
    let service = Service::unix("");
    let home = home(&service, "");
    let user = User::new(&home);
    let (_server, address) = serve(&home);
    let mut ftp = log_in(address, &user.name);
    kill(helper(home.pid()));
    home.hears("the helper for PAM has ended; only a restart brings another (signal: 9");
    let mut late = introduced(address, &user.name);
    assert!(late.says(&format!("PASS {PASSWORD}"), 421).contains("try again later"));
    late.hears_the_end();
    home.hears("PAM: the helper for PAM has ended; only a restart brings another");
    crate::privilege::log_in(address);
    refused(address, "ann", "wrong");
    ftp.upload("STOR file", b"hello");
}

#[test]
fn in_the_background_the_helper_holds_up_nobody_and_ends_with_the_server() {
    let service = Service::unix("");
    let home = home(&service, "");
    let user = User::new(&home);
    for signal in [Signal::TERM, Signal::KILL] {
        // It waits for the end of the server's output, which nobody else may hold.
        let mut command = Running::start(home.fxpd().arg("--daemon"));
        wait_until("the command ends", || command.0.try_wait().unwrap().is_some());
        assert!(command.0.wait().unwrap().success());
        let address = home.address();
        home.hears("serving");
        let (server, helper) = (Orphan(home.pid()), Orphan(helper(home.pid())));
        log_in(address, &user.name).says("QUIT", 221);
        server.signal(signal);
        server.ends();
        helper.ends();
    }
}

#[test]
fn the_processes_of_pam_are_nobodys_to_start() {
    for words in [&["pam-helper"][..], &["pam-worker", "fxpd"], &["pam-worker", "fxpd", "x"]] {
        let run = Command::new(env!("CARGO_BIN_EXE_fxpd")).args(words).output().unwrap();
        assert_eq!(run.status.code(), Some(64), "{words:?}");
        assert!(String::from_utf8_lossy(&run.stderr).contains("only fxpd itself starts"));
    }
}
