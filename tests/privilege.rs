//! Who the threads of `fxpd` are, and what they may still do: as the kernel tells it, and as a
//! client meets it.

use crate::{
    ftp::Ftp,
    peer::Client,
    started::{Home, Running, wait_until},
};
use std::{
    collections::HashMap,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::{
        fd::OwnedFd,
        unix::{
            fs::{MetadataExt, PermissionsExt, chown},
            process::CommandExt,
        },
    },
    process::{Command, Stdio},
};

/// A user and a group that no system has.
pub const ANN: u32 = 54_321;

/// Someone else.
pub const BOB: u32 = 54_322;

/// What the kernel shows of no capabilities, and of CAP_SETGID and CAP_SETUID.
pub const NO_CAPABILITIES: &str = "0000000000000000";
pub const TO_CHANGE_IDS: &str = "00000000000000c0";

/// A home with these settings, whose account `ann` has the uid and gid [`ANN`] and owns its tree.
pub fn home(settings: &str) -> Home {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root, "this takes several users: run the tests as root, such as by sudo");
    let home = Home::new(&format!("log = 'syslog'\n{settings}"));
    let text = fs::read_to_string(home.path("passwd")).unwrap();
    let numbered = text.replace(":65534:65534:", &format!(":{ANN}:{ANN}:"));
    assert_ne!(text, numbered);
    fs::write(home.path("passwd"), numbered).unwrap();
    home.opens_to(ANN);
    fs::set_permissions(home.path("passwd"), fs::Permissions::from_mode(0o600)).unwrap();
    home
}

/// `fxpd` as root who is in further groups, of which none must be left to a session.
pub fn fxpd(home: &Home) -> Command {
    let mut command = Command::new("setpriv"); // of util-linux
    command.args(["--groups", &format!("0,{BOB}"), env!("CARGO_BIN_EXE_fxpd")]);
    command.arg("-c").arg(home.path("fxpd.conf")).env_remove("RUST_LOG");
    command
}

/// A server of that home, and its address.
pub fn serve(home: &Home) -> (Running, SocketAddr) {
    let server = Running::start(&mut fxpd(home));
    let address = home.address();
    home.hears("serving");
    (server, address)
}

pub fn log_in(address: SocketAddr) -> Ftp {
    let mut ftp = Ftp::connect(address);
    ftp.secure();
    ftp.log_in("ann");
    ftp
}

/// What `/proc` tells of a thread.
pub type Status = HashMap<String, String>;

/// Every thread of a process by its name.
pub fn threads(pid: i32) -> Vec<(String, Status)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = |task: fs::DirEntry| {
        // One that sees to a login's memory may end meanwhile.
        let text = fs::read_to_string(task.path().join("status")).ok()?;
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let status: Status = fields.map(|(key, value)| (key.to_owned(), words(value))).collect();
        Some((status["Name"].clone(), status))
    };
    tasks.filter_map(|task| status(task.unwrap())).collect()
}

/// The only thread of that name. A new thread bears that of its maker until it has given itself its
/// own, so a second one may be seen for a moment.
pub fn thread(pid: i32, name: &str) -> Status {
    let mut named = Vec::new();
    wait_until(&format!("a single thread called {name}"), || {
        named = threads(pid).into_iter().filter(|(it, _)| it == name).collect();
        named.len() == 1
    });
    named.remove(0).1
}

#[track_caller]
pub fn is(status: &Status, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(status[*key], *value, "{key} of {}", status["Name"]);
    }
}

/// The process has given its memory to nobody: then its files in `/proc` belong to root.
pub fn is_not_dumpable(pid: i32) -> bool {
    fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid() == 0
}

pub fn four(id: u32) -> String {
    format!("{id} {id} {id} {id}")
}

#[test]
fn a_session_is_its_account_for_files_and_the_others_stay_who_they_are() {
    let home = home("account_ids = true\ntransfer_log = '/dev/null'");
    let (_server, address) = serve(&home);
    let pid = home.pid();
    let mut ftp = Ftp::connect(address);
    ftp.secure();
    let groups = format!("0 {BOB}");
    let before = [
        ("Uid", "0 0 0 0"),
        ("Groups", groups.as_str()),
        ("CapPrm", TO_CHANGE_IDS),
        ("Seccomp", "2"),
    ];
    is(&thread(pid, "session"), &before);
    ftp.log_in("ann");
    let for_files = format!("0 0 0 {ANN}");
    let session = [
        ("Uid", for_files.as_str()),
        ("Gid", &for_files),
        ("Groups", ""),
        ("CapInh", NO_CAPABILITIES),
        ("CapPrm", NO_CAPABILITIES),
        ("CapEff", NO_CAPABILITIES),
        ("CapAmb", NO_CAPABILITIES),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ];
    is(&thread(pid, "session"), &session);
    for name in ["fxpd", "acceptor", "transfer log", "signals"] {
        let others = [
            ("Uid", "0 0 0 0"),
            ("Gid", "0 0 0 0"),
            ("Groups", &groups),
            ("CapInh", NO_CAPABILITIES),
            ("CapPrm", TO_CHANGE_IDS),
            ("CapEff", TO_CHANGE_IDS),
            ("CapAmb", NO_CAPABILITIES),
            ("NoNewPrivs", "1"),
            ("Seccomp", "0"),
        ];
        is(&thread(pid, name), &others);
    }
    // The next one starts from the server's again, not from that account's.
    let mut next = Ftp::connect(address);
    next.secure();
    let sessions = threads(pid).into_iter().filter(|(name, _)| name == "session");
    let mut uids: Vec<_> = sessions.map(|(_, status)| status["Uid"].clone()).collect();
    uids.sort();
    assert_eq!(uids, ["0 0 0 0", &for_files]);
    next.log_in("ann");
    ftp.says("NOOP", 200);
}

#[test]
fn uploads_belong_to_the_account() {
    let home = home("account_ids = true\numask = '027'");
    let (_server, address) = serve(&home);
    let mut ftp = log_in(address);
    ftp.upload("STOR file", b"hello");
    ftp.says("MKD dir", 257);
    ftp.upload("APPE file", b" again");
    // Its owner may change what is recorded of a file that nobody may read.
    ftp.says("SITE CHMOD 000 file", 200);
    ftp.says("MFMT 20200102030405 file", 213);
    ftp.says("SITE CHMOD 600 file", 200);
    for (name, mode) in [("file", 0o600), ("dir", 0o750)] {
        let about = fs::metadata(home.path("ann").join(name)).unwrap();
        assert_eq!((about.uid(), about.gid(), about.mode() & 0o777), (ANN, ANN, mode), "{name}");
    }
}

#[test]
fn what_is_not_the_accounts_is_denied() {
    // Landlock would not look at owners, and must not be what denies.
    let home = home("account_ids = true\nlandlock = 'off'");
    let put = |name: &str, uid: u32, gid: u32, mode: u32| {
        let path = home.path("ann").join(name);
        fs::write(&path, "secret").unwrap();
        chown(&path, Some(uid), Some(gid)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    put("own", ANN, ANN, 0o600);
    put("everybodys", 0, 0, 0o644);
    put("roots", 0, 0, 0o600);
    put("of_group_0", 0, 0, 0o660);
    put("bobs", BOB, BOB, 0o660);
    put("closed_to_group_0_alone", BOB, 0, 0o604);
    let sticky = home.path("ann/sticky");
    fs::create_dir(&sticky).unwrap();
    put("sticky/roots", 0, 0, 0o666);
    chown(&sticky, Some(0), Some(0)).unwrap();
    fs::set_permissions(&sticky, fs::Permissions::from_mode(0o1777)).unwrap();
    let (_server, address) = serve(&home);
    let mut ftp = log_in(address);
    for readable in ["own", "everybodys", "closed_to_group_0_alone"] {
        assert_eq!(ftp.download(&format!("RETR {readable}")), b"secret", "{readable}");
    }
    for denied in ["roots", "of_group_0", "bobs"] {
        ftp.epsv();
        ftp.says(&format!("RETR {denied}"), 550);
        ftp.epsv();
        ftp.says(&format!("APPE {denied}"), 550);
        ftp.says(&format!("SITE CHMOD 666 {denied}"), 550);
    }
    ftp.says("SITE CHMOD 666 everybodys", 550);
    ftp.says("DELE sticky/roots", 550);
    let facts = ftp.says("MLST sticky/roots", 250);
    let facts = facts.lines().find(|line| line.contains("perm=")).unwrap().to_lowercase();
    let perm = facts.split("perm=").nth(1).unwrap().split(';').next().unwrap();
    assert!(!perm.contains(['d', 'f']) && perm.contains('r'), "{facts}");
}

#[test]
fn programs_of_the_account_cannot_signal_the_server() {
    let home = home("account_ids = true");
    let (_server, address) = serve(&home);
    let mut ftp = log_in(address);
    let pid = home.pid();
    let session = thread(pid, "session")["Pid"].clone();
    for target in [pid.to_string(), session] {
        let kill = Command::new("/bin/sh")
            .args(["-c", &format!("kill -KILL {target}")])
            .uid(ANN)
            .gid(ANN)
            .current_dir("/")
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&kill.stderr).into_owned();
        assert!(!kill.status.success() && words.contains("not permitted"), "{target}: {words}");
    }
    ftp.says("NOOP", 200);
    drop(log_in(address));
}

/// Another account, `bob`, with the uid and gid [`BOB`] and a tree of his own.
fn add_bob(home: &Home) {
    let text = fs::read_to_string(home.path("passwd")).unwrap();
    let fields: Vec<_> = text.trim_end().split(':').collect();
    let (id, place) = (BOB.to_string(), home.word("bob"));
    let bob = ["bob", fields[1], &id, &id, fields[4], &place, fields[6]].join(":");
    fs::write(home.path("passwd"), format!("{text}{bob}\n")).unwrap();
    fs::create_dir(home.path("bob")).unwrap();
    chown(home.path("bob"), Some(BOB), Some(BOB)).unwrap();
}

#[test]
fn each_login_of_a_connection_has_a_thread_of_its_own() {
    let home = home("account_ids = true");
    add_bob(&home);
    let (_server, address) = serve(&home);
    let mut ftp = log_in(address);
    let pid = home.pid();
    let alone = || {
        wait_until("one thread is left", || {
            threads(pid).iter().filter(|(name, _)| name == "session").count() == 1
        });
        thread(pid, "session")
    };
    let anns = alone();
    ftp.says("REIN", 220);
    ftp.leave_tls();
    ftp.secure();
    assert_eq!(alone()["Pid"], anns["Pid"], "nobody has logged in yet");
    // Nobody yet: as the acceptor is.
    ftp.says("USER bob", 331);
    is(&alone(), &[("Uid", "0 0 0 0"), ("CapPrm", TO_CHANGE_IDS), ("Seccomp", "2")]);
    ftp.says("PASS pw", 230);
    ftp.says("PBSZ 0", 200);
    ftp.says("PROT P", 200);
    ftp.upload("STOR file", b"bob's");
    assert_eq!(fs::metadata(home.path("bob/file")).unwrap().uid(), BOB);
    let bobs = alone();
    assert_ne!(bobs["Pid"], anns["Pid"]);
    is(&bobs, &[("Groups", ""), ("CapPrm", NO_CAPABILITIES)]);
    // A new name without REIN, in one breath.
    ftp.sends(b"USER ann\r\nPASS pw\r\nSIZE file\r\n");
    for code in [331, 230, 550] {
        ftp.hears(code);
    }
    ftp.upload("STOR file", b"ann's");
    assert_eq!(fs::metadata(home.path("ann/file")).unwrap().uid(), ANN);
    let last = alone();
    let for_files = format!("0 0 0 {ANN}");
    is(&last, &[("Uid", &for_files), ("Groups", ""), ("CapPrm", NO_CAPABILITIES)]);
    assert_ne!(last["Pid"], bobs["Pid"]);
}

#[test]
fn where_no_thread_is_left_for_another_login_the_session_ends() {
    let home = home("user = 'nobody'\nlandlock = 'required'");
    home.opens_to(65_534);
    let (_server, address) = serve(&home);
    let (mut ftp, mut other) = (log_in(address), log_in(address));
    let limit = Command::new("prlimit") // of util-linux
        .args(["--nproc=1:1", "--pid", &home.pid().to_string()])
        .uid(65_534)
        .gid(65_534)
        .status();
    assert!(limit.unwrap().success());
    let last_words = ftp.says("USER ann", 421);
    assert!(last_words.contains("Connect again"), "{last_words}");
    ftp.hears_the_end();
    home.hears("no thread for another login");
    other.upload("STOR file", b"hello");
}

#[test]
fn nobody_logs_in_as_root() {
    for (uid, gid) in [(0, ANN), (ANN, 0)] {
        let home = home("account_ids = true");
        let text = fs::read_to_string(home.path("passwd")).unwrap();
        let text = text.replace(&format!(":{ANN}:{ANN}:"), &format!(":{uid}:{gid}:"));
        fs::write(home.path("passwd"), text).unwrap();
        let (_server, address) = serve(&home);
        let mut ftp = Ftp::connect(address);
        ftp.secure();
        ftp.says("USER ann", 331);
        ftp.says("PASS pw", 530);
        home.hears("the ids of ann cannot be used: they are those of root");
    }
}

#[test]
fn a_home_that_its_account_cannot_reach_is_refused() {
    let home = home("account_ids = true");
    fs::set_permissions(home.path(""), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(home.path("syslog"), fs::Permissions::from_mode(0o777)).unwrap();
    let (_server, address) = serve(&home);
    let mut ftp = Ftp::connect(address);
    ftp.secure();
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 530);
    // The thread that was ann in vain does not try again.
    let (pid, first) = (home.pid(), thread(home.pid(), "session")["Pid"].clone());
    ftp.says("USER ann", 331);
    wait_until("it has ended", || {
        let sessions: Vec<_> =
            threads(pid).into_iter().filter(|(name, _)| name == "session").collect();
        sessions.len() == 1 && sessions[0].1["Pid"] != first
    });
    ftp.says("PASS pw", 530);
}

#[test]
fn settings_that_contradict_each_other_start_nothing() {
    let home = home("account_ids = true\nuser = 'nobody'");
    let refused = home.fxpd().arg("-t").output().unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(78), "{words}");
    assert!(words.contains("only root can take on accounts' ids"), "{words}");
}

#[test]
fn a_service_user_keeps_no_way_back() {
    let home = home("user = 'nobody'");
    home.opens_to(65_534);
    let (_server, address) = serve(&home);
    let mut ftp = log_in(address);
    ftp.upload("STOR file", b"hello");
    let pid = home.pid();
    let all = threads(pid);
    assert!(all.len() >= 4, "{all:?}");
    for (_, status) in all {
        let nobody = four(65_534);
        let expected = [
            ("Uid", nobody.as_str()),
            ("Gid", &nobody),
            ("Groups", "65534"),
            ("CapInh", NO_CAPABILITIES),
            ("CapPrm", NO_CAPABILITIES),
            ("CapEff", NO_CAPABILITIES),
            ("CapAmb", NO_CAPABILITIES),
            ("NoNewPrivs", "1"),
        ];
        is(&status, &expected);
    }
    assert!(is_not_dumpable(pid));
}

#[test]
fn a_server_without_privilege_shows_its_memory_to_nobody() {
    let home = home("");
    for name in ["passwd", "key.pem"] {
        chown(home.path(name), Some(ANN), None).unwrap();
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &ANN.to_string(), "--regid", &ANN.to_string(), "--clear-groups"]);
    command.arg(env!("CARGO_BIN_EXE_fxpd")).arg("-c").arg(home.path("fxpd.conf"));
    let _server = Running::start(command.env_remove("RUST_LOG"));
    home.hears("serving");
    for (_, status) in threads(home.pid()) {
        is(&status, &[("Uid", &four(ANN)), ("CapPrm", NO_CAPABILITIES), ("NoNewPrivs", "1")]);
    }
    assert!(is_not_dumpable(home.pid()), "its other programs could read the key");
}

/// `fxpd` as inetd's `nowait` starts it, and its client.
pub fn inetd(home: &Home) -> (Running, Ftp) {
    let (server, mut ftp) = silent_inetd(home);
    ftp.hears(220);
    ftp.secure();
    (server, ftp)
}

/// The same, where nothing has been said yet.
pub fn silent_inetd(home: &Home) -> (Running, Ftp) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ftp = Ftp::silent(listener.local_addr().unwrap(), Client::any());
    let socket = OwnedFd::from(listener.accept().unwrap().0);
    let mut command = fxpd(home);
    let server = Running::start(command.stdin(socket).stdout(Stdio::null()).stderr(Stdio::null()));
    drop(command);
    (server, ftp)
}

#[test]
fn a_process_of_one_client_becomes_its_account_for_good() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("xferlog");
    let home = home(&format!("account_ids = true\ntransfer_log = '{}'", log.display()));
    let (mut server, mut ftp) = inetd(&home);
    home.hears("serving");
    let pid = home.pid();
    is(&thread(pid, "session"), &[("Uid", "0 0 0 0"), ("CapPrm", TO_CHANGE_IDS)]);
    ftp.log_in("ann");
    let all = threads(pid);
    assert!(all.len() >= 3, "{all:?}");
    for (name, status) in all {
        let ann = four(ANN);
        // The other of these is the session's child, which sees to its login's memory.
        let is_filtered = ["session", "work areas"].contains(&name.as_str());
        let expected = [
            ("Uid", ann.as_str()),
            ("Gid", &ann),
            ("Groups", ""),
            ("CapInh", NO_CAPABILITIES),
            ("CapPrm", NO_CAPABILITIES),
            ("CapEff", NO_CAPABILITIES),
            ("CapAmb", NO_CAPABILITIES),
            ("NoNewPrivs", "1"),
            ("Seccomp", if is_filtered { "2" } else { "0" }),
        ];
        is(&status, &expected);
    }
    assert!(is_not_dumpable(pid));
    ftp.upload("STOR file", b"hello");
    assert_eq!(fs::metadata(home.path("ann/file")).unwrap().uid(), ANN);
    ftp.says("USER ann", 530);
    ftp.says("QUIT", 221);
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
    wait_until("the transfer is in the log", || {
        fs::read_to_string(&log).unwrap().contains("/file")
    });
}
