//! The limits that a system sets to a process: on the size of files, on descriptors, on threads. Each
//! is reached, hurts those who meet it, and is forgotten when there is room again.

use crate::{
    child::Daemon,
    faults::{begin, refuses},
    ftp::Ftp,
    mounts::run,
    peer::{self, Client},
    started::{Home, Running, wait_until},
    stuck::{self, Phase},
};
use socket2::SockRef;
use std::{
    ffi::OsString,
    fs::{self, File},
    net::SocketAddr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const SHORT: &str = "421 The server is short of resources, try again later.";

/// A server started by such words as `prlimit --nofile=64`.
struct Limited {
    home: Home,
    server: Running,
    address: SocketAddr,
}

impl Limited {
    fn start(by: &[&str]) -> Limited {
        let crowds = "max_sessions_per_address = 500\nmax_sessions_not_logged_in = 500";
        // In a file its log takes one descriptor, and always the same.
        let home = Home::new(&format!("log = 'stderr'\n{crowds}"));
        home.opens_to(NOBODY_ELSE);
        let log = File::create(home.path("log")).unwrap();
        let mut command = Command::new(by[0]); // of util-linux
        command.args(&by[1..]).arg(env!("CARGO_BIN_EXE_fxpd")).arg("-c");
        command.arg(home.path("fxpd.conf")).env_remove("RUST_LOG");
        let server = Running::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log));
        let told = || fs::read_to_string(home.path("log")).unwrap();
        wait_until("it serves", || told().contains("serving\n"));
        let log = told();
        let (_, address) = log.split_once("listening on ").unwrap();
        let address = address.lines().next().unwrap().parse().unwrap();
        fs::write(home.path("ann/old"), "the old file").unwrap();
        Limited { home, server, address }
    }

    /// A client, as soon as there is room for one.
    fn login(&self) -> Ftp {
        let mut ftp = Ftp::silent(self.address, Client::any());
        wait_until("a client is let in", || {
            let is_in = ftp.reply().is_ok_and(|reply| reply.starts_with("220"));
            if !is_in {
                ftp = Ftp::silent(self.address, Client::any());
            }
            is_in
        });
        ftp.secure();
        ftp.log_in("ann");
        ftp
    }

    /// Clients that come and say nothing, until one is turned away.
    fn fill(&self) -> Vec<Ftp> {
        let mut crowd = Vec::new();
        loop {
            let mut ftp = Ftp::silent(self.address, Client::any());
            let reply = ftp.reply().unwrap();
            if reply == SHORT {
                ftp.hears_the_end();
                return crowd;
            }
            assert!(reply.starts_with("220") && crowd.len() < 200, "{}: {reply}", crowd.len());
            crowd.push(ftp);
        }
    }

    /// How many descriptors it may still have of `limit`.
    fn free_descriptors(&self, limit: usize) -> usize {
        let taken = fs::read_dir(format!("/proc/{}/fd", self.server.0.id())).unwrap();
        let number = |name: OsString| name.into_string().unwrap().parse::<usize>().unwrap();
        // Some may be inherited from before the limit.
        limit - taken.filter(|fd| number(fd.as_ref().unwrap().file_name()) < limit).count()
    }

    /// Processor time that it has taken. The kernel counts it in hundredths of seconds here.
    fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.server.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Signals by such a key of `/proc/PID/status`, as bits.
    fn signals(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.0.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    }

    fn serves_everybody_again(&self) {
        let mut ftp = self.login();
        ftp.upload("STOR new", b"new");
        assert_eq!(ftp.download("RETR new"), b"new");
    }
}

/// A user that no system has, to whom no process belongs but the one that is counted.
const NOBODY_ELSE: u32 = 54_777;

#[test]
fn a_file_beyond_the_size_limit_is_552_and_kills_nobody() {
    let limited = Limited::start(&["prlimit", "--fsize=1000000"]);
    let mut ftp = limited.login();
    for command in ["STOR new", "STOR old", "STOU", "APPE old"] {
        refuses(&mut ftp, command, &vec![7; 3_000_000], 552);
        assert!(limited.home.file("old").starts_with(b"the old file"), "{command}");
    }
    assert_eq!(limited.home.file("new").len(), 1_000_000, "to be resumed, if the limit goes");
    ftp.upload("STOR old", b"new");
    drop(limited.login());
}

#[test]
fn a_peer_that_goes_in_any_phase_kills_nobody() {
    const SIGPIPE: u32 = 13;
    const SIGXFSZ: u32 = 25;
    let limited = Limited::start(&["env"]);
    // By the kernel's word: one is ignored, the other is caught and nothing comes of it.
    assert_ne!(limited.signals("SigIgn:") & 1 << (SIGPIPE - 1), 0);
    assert_ne!(limited.signals("SigCgt:") & 1 << (SIGXFSZ - 1), 0);
    fs::write(limited.home.path("ann/out"), "hello").unwrap();
    File::create(limited.home.path("ann/big")).unwrap().set_len(1 << 30).unwrap();
    for phase in Phase::ALL {
        let mut ftp = limited.login();
        let stuck = stuck::stick(&mut ftp, phase);
        // First the control connection: what is still said to it meets nobody.
        drop(ftp);
        drop(stuck);
    }
    let mut ftp = limited.login();
    let data = begin(&mut ftp, "RETR big");
    SockRef::from(data.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(data);
    ftp.hears(426);
    limited.serves_everybody_again();
}

#[test]
fn without_descriptors_clients_are_turned_away_at_ease_and_sessions_go_on() {
    const DESCRIPTORS: usize = 64;
    let limited = Limited::start(&["prlimit", &format!("--nofile={DESCRIPTORS}")]);
    let (mut first, mut second, mut third) = (limited.login(), limited.login(), limited.login());
    first.epsv();
    third.epsv();
    let free = || limited.free_descriptors(DESCRIPTORS);
    let mut crowd = limited.fill();
    while free() > 0 {
        crowd.extend(limited.fill()); // the server had one for a moment only
    }
    assert!((10..DESCRIPTORS).contains(&crowd.len()), "{}", crowd.len());

    second.says("EPSV", 425);
    for command in ["RETR old", "STOR old", "APPE old", "STOU", "MKD d", "LIST"] {
        let reply = first.says(command, 4);
        assert!(reply.starts_with("451"), "{command}: {reply}");
    }
    // A crowd before the door: ten a second are taken, and told so.
    let (began, before) = (Instant::now(), limited.processor_time());
    let outside: Vec<Ftp> = (0..12).map(|_| Ftp::silent(limited.address, Client::any())).collect();
    for mut ftp in outside {
        assert_eq!(ftp.hears(421), SHORT);
    }
    let (took, busy) = (began.elapsed(), limited.processor_time() - before);
    assert!(took > Duration::from_millis(600), "{took:?}");
    assert!(busy < took / 3, "{busy:?} of {took:?}");

    // Room for a file, and none for the connection that it shall go by.
    third.says("ABOR", 225);
    assert_eq!(free(), 1, "that of its port");
    first.says("RETR old", 150);
    first.hears(425);
    drop(crowd);
    first.upload("STOR old", b"new");
    second.upload("STOR other", b"other");
    limited.serves_everybody_again();
}

#[test]
fn without_threads_clients_are_turned_away_and_later_ones_are_served() {
    let (user, threads) = (NOBODY_ELSE.to_string(), "--nproc=12");
    let limited = Limited::start(&[
        "setpriv",
        "--reuid",
        &user,
        "--regid",
        &user,
        "--clear-groups",
        "prlimit",
        threads,
    ]);
    let (mut first, mut again) = (limited.login(), limited.login());
    let mut crowd = limited.fill();
    // A further login takes a thread that nothing has confined yet.
    again.says("USER ann", 421);
    again.hears_the_end();
    crowd.push(limited.login());
    assert!((2..12).contains(&crowd.len()), "{}", crowd.len());
    for _ in 0..3 {
        // Who is in is not concerned.
        first.upload("STOR new", b"new");
        crowd.pop().unwrap().says("QUIT", 221);
        let mut late = limited.login();
        assert_eq!(late.download("RETR new"), b"new");
        assert_eq!(Ftp::silent(limited.address, Client::any()).hears(421), SHORT);
        crowd.push(late);
    }
}

#[test]
fn without_address_space_clients_are_turned_away_and_later_ones_are_served() {
    let limited = Limited::start(&["env"]);
    let allow = |bytes: &str| {
        let pid = limited.server.0.id().to_string();
        run(
            "util-linux",
            Command::new("prlimit").args(["--pid", &pid]).arg(format!("--as={bytes}")),
        );
    };
    let mut first = limited.login();
    let pages = fs::read_to_string(format!("/proc/{}/statm", limited.server.0.id())).unwrap();
    let pages: u64 = pages.split_whitespace().next().unwrap().parse().unwrap();
    // Room for the stacks of some more sessions, and for little else.
    allow(&format!("{}:unlimited", pages * 4096 + (8 << 20)));
    let crowd = limited.fill();
    first.says("NOOP", 200);
    allow("unlimited:unlimited");
    drop(crowd);
    first.upload("STOR new", b"new");
    limited.serves_everybody_again();
}

#[test]
fn nothing_that_a_client_sends_takes_memory() {
    const MAY_TAKE_KIB: u64 = 2 << 10;
    let daemon = Daemon::start(&["max_sessions_not_logged_in=500"], &[]);
    File::create(daemon.path("big")).unwrap().set_len(1 << 30).unwrap();
    daemon.login().says("QUIT", 221);
    let takes_little = |what: &str, act: &mut dyn FnMut()| {
        let before = daemon.forget_peak_kib();
        act();
        let took = daemon.peak_kib().saturating_sub(before);
        assert!(took <= MAY_TAKE_KIB, "{what} took {took} KiB");
    };
    takes_little("a line of 16 MiB", &mut || {
        let mut ftp = Ftp::connect(daemon.address);
        ftp.sends(&vec![b'x'; 16 << 20]);
        ftp.says("", 500);
    });
    let mut ftp = daemon.login();
    takes_little("a line of 16 MiB under TLS", &mut || {
        ftp.sends(&vec![b'x'; 16 << 20]);
        ftp.says("", 500);
    });
    let data = begin(&mut ftp, "RETR big");
    takes_little("a queue of long lines", &mut || {
        // More than waits for the end of a transfer: the rest waits in the sockets.
        let line = [&[b'y'; 4000][..], b"\r\n"].concat();
        (0..100).for_each(|_| ftp.sends(&line));
    });
    drop(data);
    drop(ftp);
    let mut ftp = daemon.login();
    File::create(daemon.path(&"b".repeat(200))).unwrap();
    takes_little("a pattern that fits in many ways", &mut || {
        let address = ftp.epsv();
        ftp.says(&format!("NLST {}x", "*b".repeat(100)), 150);
        let _ = peer::read_to_close(ftp.data(address));
        ftp.hears(550);
    });
}
