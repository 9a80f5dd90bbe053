//! Where a password goes, and where none stays: in no log, and in no memory.

use crate::{
    ftp::Ftp,
    fxp_pairs::fxp,
    scripted_server::{SILENCE, Script, ScriptedServer},
    started::{Home, Running, wait_until},
};
use fxpd::{
    Access, Account, AuthError, Authenticator, Builder, Identity, Listen, Memory, Secret, Settings,
    Visitor,
};
use rustix::process::Signal;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read,
    os::unix::fs::{FileExt, PermissionsExt},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

/// Lets everybody in whose password it can count, and remembers how long each was.
#[derive(Clone, Default)]
struct Counting(Arc<Mutex<BTreeSet<usize>>>);

impl Authenticator for Counting {
    fn authenticate(&self, visitor: &Visitor<'_>, secret: &Secret) -> Result<Account, AuthError> {
        self.0.lock().unwrap().insert(secret.expose().len());
        Ok(Account::new(visitor.name, "home", Access::ReadOnly))
    }
}

#[test]
fn a_password_of_more_than_512_bytes_reaches_nobody_who_would_check_it() {
    let seen = Counting::default();
    let identity = Identity::self_signed(&["localhost"]).unwrap();
    let server = Builder::new(identity, seen.clone(), Memory::new())
        .settings(Settings { passive_ports: 0..=0, ..Settings::default() })
        .listen("127.0.0.1:0".parse().unwrap(), Listen::Explicit);
    let server = server.bind().unwrap().start().unwrap();
    for (length, code) in [(513, 530), (4500, 530), (512, 230)] {
        let mut ftp = Ftp::connect(server.addresses()[0]);
        ftp.secure();
        ftp.says("USER ann", 331);
        ftp.says(&format!("PASS {}", "x".repeat(length)), code);
    }
    assert_eq!(*seen.0.lock().unwrap(), [512].into());
}

#[test]
fn no_password_is_in_the_log_however_much_is_logged() {
    const PASSWORDS: [&str; 3] =
        ["wrong-zq7-password", "early-zq7-password", "pasted-zq7-password"];
    let home = Home::new("log = 'stderr'");
    let mut server = Running::start(home.fxpd().arg("-vvv").stderr(Stdio::piped()));
    let mut log = server.0.stderr.take().unwrap();
    let mut heard = Vec::new();
    // Up to the address, and then what the visit below left behind.
    while !heard.ends_with(b"serving\n") {
        let mut byte = [0];
        log.read_exact(&mut byte).unwrap();
        heard.push(byte[0]);
    }
    let told = String::from_utf8(heard).unwrap();
    let address = told.lines().find_map(|line| line.split("listening on ").nth(1)).unwrap();
    let reader = thread::Builder::new().spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).map(|_| text)
    });
    let mut ftp = Ftp::connect(address.parse().unwrap());
    ftp.says(&format!("PASS {}", PASSWORDS[1]), 534);
    ftp.secure();
    ftp.says("USER ann", 331);
    ftp.says(&format!("PASS {}", PASSWORDS[0]), 530);
    // A line that is no command, as one types it at the wrong moment.
    ftp.says(PASSWORDS[2], 500);
    ftp.says("QUIT", 221);
    server.signal(Signal::TERM);
    let log = reader.unwrap().join().unwrap().unwrap();
    assert!(log.contains("Pass(Secret(****))"), "the command itself is in it: {log}");
    for password in PASSWORDS {
        assert!(!log.contains(password), "{log}");
    }
}

#[test]
fn no_password_stays_in_the_memory_of_the_server() {
    assert!(rustix::process::geteuid().is_root(), "only root reads the server's memory");
    const NAME: &str = "a-name-that-zq7-remembers";
    // Long, for what is freed is used again from its beginning.
    let password: String = (0..30).map(|number| format!("{number:03}-zq7-secret")).collect();
    let home = Home::new("log = 'syslog'");
    let server = Running::start(&mut home.fxpd());
    let mut ftp = Ftp::connect(home.address());
    ftp.secure();
    let remembers = |what: &str| {
        let dump = home.path("memory");
        fs::write(&dump, memory_of(&server.0)).unwrap();
        // Many megabytes, for which a loop of an unoptimised test is slow.
        Command::new("grep").args(["-aqF", what]).arg(&dump).status().unwrap().success()
    };
    for refused in [password.clone(), format!("{password}\0")] {
        ftp.says(&format!("USER {NAME}"), 331);
        assert!(remembers(NAME), "it remembers who says to be somebody");
        let code = if refused.ends_with('\0') { 501 } else { 530 };
        ftp.says(&format!("PASS {refused}"), code);
        // It is forgotten when the next line is waited for, which nothing tells.
        wait_until("no password is left", || !remembers("zq7-secret"));
    }
    // Half of one, and nothing more.
    ftp.sends(format!("PASS {password}").as_bytes());
    drop(ftp);
    home.hears("the client closed the connection");
    wait_until("no half of one is left", || !remembers("zq7-secret"));
}

#[test]
fn fxp_holds_the_password_that_it_may_need_again_and_no_other() {
    assert!(rustix::process::geteuid().is_root(), "only root reads the memory of others");
    const SILENT: Script = &[("SIZE", SILENCE)];
    let server = ScriptedServer::start(SILENT);
    let fxp = fxp();
    // Long, for what is freed is used again from its beginning.
    let long =
        |word: &str| (0..300).map(|number| format!("{number:03}-{word}-")).collect::<String>();
    let entry = |machine: &str, word: &str| format!("machine {machine} password {}\n", long(word));
    let quoted = format!("machine 127.0.0.1 login ann password \"{}\"\n", long("zq7-mine"));
    let netrc = [entry("a.example", "zq7-first"), quoted, entry("b.example", "zq7-last")].concat();
    fxp.put(".netrc", netrc.as_bytes());
    fs::set_permissions(fxp.path(".netrc"), fs::Permissions::from_mode(0o600)).unwrap();
    let arguments = ["--trust-new", "--log-protocol", &server.url("a"), "b"];
    let client = Running(fxp.starts(&arguments, &[]));
    let said = || String::from_utf8_lossy(&fxp.file(".errors").unwrap_or_default()).into_owned();
    wait_until("it is logged in", || said().contains("> SIZE"));
    let memory = String::from_utf8_lossy(&memory_of(&client.0)).into_owned();
    let pieces =
        |word: &str| (0..300).map(|number| format!("{number:03}-{word}")).collect::<Vec<_>>();
    let count = |word: &str| pieces(word).iter().map(|piece| times(&memory, piece)).max();
    // As long as it may have to log in again: one for that, and one for the connection.
    assert_eq!(count("zq7-mine"), Some(2), "copies of the password");
    assert_eq!((count("zq7-first"), count("zq7-last")), (Some(0), Some(0)), "those of others");
    drop(client);
    assert!(server.heard().contains(&format!("PASS {}", long("zq7-mine"))));
}

/// How often `what` stands in `memory`.
fn times(memory: &str, what: &str) -> usize {
    memory.matches(what).count()
}

/// All that a process can write to and we can read, one piece behind the other.
fn memory_of(process: &Child) -> Vec<u8> {
    let place = format!("/proc/{}", process.id());
    let maps = fs::read_to_string(format!("{place}/maps")).unwrap();
    let memory = File::open(format!("{place}/mem")).unwrap();
    let mut bytes = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        let begin = bytes.len();
        bytes.resize(begin + usize::try_from(to - from).unwrap(), 0);
        // A piece may have gone meanwhile, with the thread whose stack it was.
        if memory.read_exact_at(&mut bytes[begin..], from).is_err() {
            bytes.truncate(begin);
        }
    }
    assert!(bytes.len() > 1 << 18, "a process has more memory than {} bytes", bytes.len());
    bytes
}
