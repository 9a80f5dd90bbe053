//! A server of the soak: the program `fxpd`, what it says, and what `/proc` tells of it.

use crate::{
    authority::Authority,
    daemon::{Daemon, add_account},
    site::PATIENCE,
};
use rustix::process::Signal;
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// Bytes that `quinn` may keep. What `ann` may keep is more than there ever is: it is counted.
pub const QUOTA_BYTES: u64 = 1_000_000;

/// The longest that a session lasts whose client has fallen silent: a transfer that stalls, and
/// then the control connection.
const SETTINGS: &str = "\
    handshake_timeout_s = 10\n\
    login_timeout_s = 20\n\
    data_timeout_s = 15\n\
    stall_timeout_s = 15\n\
    idle_timeout_s = 20\n\
    quota_bytes = 1000000000000\n";
pub const LONGEST_SILENCE_S: u64 = 35;

pub struct Server {
    pub host: &'static str,
    pub daemon: Daemon,
    told: Arc<Told>,
    rotations: AtomicUsize,
}

/// What its log has told.
#[derive(Default)]
struct Told {
    reloads: AtomicUsize,
    stopped: AtomicBool,
    faults: Mutex<Vec<String>>,
}

/// What it holds.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub descriptors: usize,
    pub threads: usize,
    pub kib: usize,
}

impl Server {
    pub fn start(host: &'static str, authority: &Authority) -> Server {
        let daemon = Daemon::start_at(host, |home| {
            // Certificate and key in one file, which a renewal replaces in one step.
            fs::write(home.join("cert.pem"), authority.signs_for(host)).unwrap();
            fs::remove_file(home.join("key.pem")).unwrap();
            symlink(home.join("cert.pem"), home.join("key.pem")).unwrap();
            fs::create_dir(home.join("quinn")).unwrap();
            add_account(&home.join("passwd"), "quinn", &home.join("quinn"));
            limit(&home.join("passwd"), "quinn");
            format!("{SETTINGS}transfer_log_json = '{}/json'\n", home.display())
        });
        let told = Arc::new(Told::default());
        let (log, notes) = (daemon.log.clone(), Arc::clone(&told));
        // It ends with the server.
        thread::Builder::new().spawn(move || log.iter().for_each(|line| notes.hear(line))).unwrap();
        Server { host, daemon, told, rotations: AtomicUsize::new(0) }
    }

    /// A new certificate, in one step, and the logs under other names, and then SIGHUP. Waits until
    /// the server has done it.
    pub fn reloads(&self, authority: &Authority) {
        let (new, pem) = (self.daemon.path("cert.new"), self.daemon.path("cert.pem"));
        fs::write(&new, authority.signs_for(self.host)).unwrap();
        fs::rename(new, pem).unwrap();
        let number = self.rotations.fetch_add(1, Relaxed);
        for log in ["xferlog", "json"] {
            let old = self.daemon.path(&format!("{log}.{number}"));
            fs::rename(self.daemon.path(log), old).unwrap();
        }
        let before = self.reloads_done();
        self.daemon.signal(Signal::HUP);
        let deadline = Instant::now() + PATIENCE;
        // Until its log is there again too: the next rotation shall find it.
        while self.reloads_done() == before || !self.daemon.path("json").exists() {
            assert!(Instant::now() < deadline, "{} does not reload", self.host);
            thread::yield_now();
        }
    }

    pub fn reloads_done(&self) -> usize {
        self.told.reloads.load(Relaxed)
    }

    /// Errors and panics that it has spoken of.
    pub fn faults(&self) -> Vec<String> {
        self.told.faults.lock().unwrap().clone()
    }

    /// Waits for its end after SIGTERM; its logs are then written.
    #[track_caller]
    pub fn ends_within(&self, time: Duration) {
        let deadline = Instant::now() + time;
        while !self.told.stopped.load(Relaxed) {
            assert!(Instant::now() < deadline, "{} does not stop", self.host);
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn figures(&self) -> Figures {
        Figures {
            descriptors: self.daemon.count("fd"),
            threads: self.daemon.lasting_threads(),
            kib: self.daemon.resident_kib(),
        }
    }
}

impl Told {
    fn hear(&self, line: String) {
        if line.contains("] reloaded") {
            self.reloads.fetch_add(1, Relaxed);
        }
        if line.ends_with("] stopped") {
            self.stopped.store(true, Relaxed);
        }
        if line.contains(" ERROR ") || line.contains("panicked") {
            self.faults.lock().unwrap().push(line);
        }
    }
}

/// Gives an account its quota.
fn limit(users: &Path, name: &str) {
    let set = Command::new(env!("CARGO_BIN_EXE_fxpd"))
        .args(["passwd", "set", name, "--option", &format!("quota_bytes={QUOTA_BYTES}"), "-f"])
        .arg(users)
        .status();
    assert!(set.unwrap().success());
}
