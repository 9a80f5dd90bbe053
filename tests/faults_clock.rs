//! A clock that is set, a day forward and a day back, while clients are served: waits are measured by
//! the clock that nobody sets, and what is written down shows the one on the wall.
//!
//! libfaketime sets the clock of one process. It reads a file from every thread that asks for the
//! time, so these servers are not confined.

use crate::{
    faults::{begin, ends_well, half},
    ftp::Ftp,
    fxp_pairs::{fxp, url},
    other_server::connect_from,
    peer::{self, Client},
    program::sample,
    resumption::ticket_keys,
    site::Site,
    started::{Home, Running, wait_until},
};
use jiff::{Zoned, civil::DateTime, tz::TimeZone};
use openssl::ssl::SslVersion;
use rustix::process::Signal;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A server with a clock of its own.
struct Clocked {
    home: Home,
    server: Running,
    address: SocketAddr,
}

impl Clocked {
    fn start(settings: &str) -> Clocked {
        Clocked::with(settings, &[("FAKETIME_DONT_FAKE_MONOTONIC", "1")])
    }

    /// One whose clock is set with what else libfaketime is told.
    fn with(settings: &str, more: &[(&str, &str)]) -> Clocked {
        let open = "log = 'syslog'\nlandlock = 'off'\nseccomp = 'off'";
        let home = Home::new(&format!("{open}\n{settings}"));
        fs::write(home.path("clock"), "+0").unwrap();
        let mut command = home.fxpd();
        command.args(["-o", &format!("transfer_log={}", home.word("xferlog"))]);
        command.env("TZ", "UTC").envs(variables(&home.word("clock"))).envs(more.iter().copied());
        let server = Running::start(&mut command);
        let address = home.address();
        home.hears("serving");
        Clocked { home, server, address }
    }

    /// Sets its clock by so many days.
    fn jumps(&self, days: i32) {
        set(&self.home.path("clock"), days);
    }

    fn login(&self) -> Ftp {
        self.login_of(Client::any())
    }

    fn login_of(&self, client: Client) -> Ftp {
        let mut ftp = Ftp::silent(self.address, client);
        ftp.hears(220);
        ftp.secure();
        ftp.log_in("ann");
        ftp
    }

    /// The last line of its transfer log, as soon as it is about `name`.
    fn last_line(&self, name: &str) -> String {
        let last = || {
            let text = fs::read_to_string(self.home.path("xferlog")).unwrap_or_default();
            text.lines().last().unwrap_or_default().to_owned()
        };
        wait_until("the transfer is logged", || last().contains(&format!(" /{name} ")));
        last()
    }
}

/// What makes a program go by the clock in this file, as far as that is the one on the wall or any.
fn variables(clock: &str) -> [(&'static str, String); 3] {
    [
        ("LD_PRELOAD", library().into_os_string().into_string().unwrap()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_owned()),
    ]
}

/// Sets the clock in this file by so many days.
fn set(clock: &Path, days: i32) {
    set_hours(clock, 24 * days);
}

fn set_hours(clock: &Path, hours: i32) {
    let next = clock.with_extension("next");
    fs::write(&next, format!("{hours:+}h")).unwrap();
    fs::rename(&next, clock).unwrap();
}

fn library() -> PathBuf {
    let found = fs::read_dir("/usr/lib").unwrap().find_map(|directory| {
        let path = directory.unwrap().path().join("faketime/libfaketimeMT.so.1");
        path.exists().then_some(path)
    });
    found.expect("the tests need libfaketime: apt-get install faketime")
}

#[test]
fn a_clock_that_is_set_disturbs_no_session_no_transfer_and_no_log() {
    let clocked = Clocked::start("");
    let (mut idle, mut busy) = (clocked.login(), clocked.login());
    for (round, days) in [1, -1, 0].into_iter().enumerate() {
        let name = format!("file-{round}");
        let data = half(&mut busy, &format!("STOR {name}"), b"before ");
        clocked.jumps(days);
        idle.says("NOOP", 200);
        ends_well(&mut busy, data, b"and after");
        assert_eq!(clocked.home.file(&name), b"before and after");
        let line = clocked.last_line(&name);
        let (stamp, rest) = line.split_at("Sun Nov 22 14:12:26 2026".len());
        let stamp = DateTime::strptime("%a %b %e %H:%M:%S %Y", stamp).expect(&line);
        let now = Zoned::now().with_time_zone(TimeZone::UTC).datetime();
        let ahead = stamp.duration_since(now).as_secs_f64() / 3600.0;
        assert!((ahead - 24.0 * f64::from(days)).abs() < 1.0, "{ahead} hours: {line}");
        let took: u64 = rest.split_whitespace().next().unwrap().parse().unwrap();
        assert!(took < 60, "{took} s: {line}");
        // Rotated, it goes on.
        fs::rename(clocked.home.path("xferlog"), clocked.home.path("xferlog.1")).unwrap();
        clocked.server.signal(Signal::HUP);
        clocked.home.hears("reloaded");
        clocked.login().upload("STOR rotated", b"hello");
        clocked.last_line("rotated");
    }
}

#[test]
fn deadlines_and_rates_do_not_follow_the_clock_on_the_wall() {
    for days in [365, 1, -1] {
        let rate = "max_rate_per_session = 400_000\nlogin_timeout_s = 2";
        let clocked = Clocked::start(&format!("idle_timeout_s = 2\nstall_timeout_s = 2\n{rate}"));
        fs::write(clocked.home.path("ann/big"), vec![7; 1_200_000]).unwrap();
        let (mut stalled, mut reader) = (clocked.login(), clocked.login());
        let data = half(&mut stalled, "STOR new", b"half");
        let mut idle = clocked.login();
        let mut stranger = Ftp::connect(clocked.address);
        let began = Instant::now();
        let in_time = |what: &str| {
            let took = began.elapsed();
            let right = Duration::from_millis(1500)..Duration::from_secs(12);
            assert!(right.contains(&took), "{what} after {took:?}, {days} days");
        };
        let big = begin(&mut reader, "RETR big");
        clocked.jumps(days);
        assert_eq!(peer::read_to_close(big).unwrap().len(), 1_200_000);
        reader.hears(226);
        in_time("a download of three seconds");
        idle.hears(421);
        in_time("an idle session");
        stranger.hears(421);
        in_time("one who does not log in");
        stalled.hears(426);
        in_time("a stalled upload");
        drop(data);
    }
}

#[test]
fn a_ban_lasts_as_long_as_it_should() {
    let clocked = Clocked::start("ban_after = 2\nban_lasts_s = 4");
    let knock = || {
        let socket = connect_from("127.0.0.2", clocked.address);
        Ftp::over(socket, clocked.address, Client::any())
    };
    let mut ftp = knock();
    ftp.hears(220);
    ftp.secure();
    for _ in 0..2 {
        ftp.says("USER ann", 331);
        ftp.sends(b"PASS wrong\r\n");
        let _ = ftp.reply(); // the last may be followed by the end
    }
    let began = Instant::now();
    for days in [1, -1, 365, 0] {
        clocked.jumps(days);
        assert!(knock().hears(421).contains("wrong passwords"), "{days} days");
    }
    clocked.jumps(-1);
    wait_until("the ban ends", || knock().reply().unwrap().starts_with("220"));
    let took = began.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(12)).contains(&took), "{took:?}");
}

#[test]
fn the_patience_and_the_pace_of_fxp_do_not_follow_the_clock_on_the_wall() {
    let (source, target, fxp) = (Site::start(), Site::start(), fxp());
    let bytes = sample(1_200_000);
    source.put("a", &bytes);
    fxp.put("a", &bytes);
    let clock = fxp.word("clock");
    let variables = variables(&clock);
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let more = [("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("FXP_PASSWORD", "pw")];
    let variables = [&variables[..], &more].concat();
    for (from, to) in [(url(&source, "a"), url(&target, "b")), ("a".to_owned(), url(&target, "c"))]
    {
        for days in [365, -1] {
            fxp.put("clock", b"+0");
            fxp.put(".errors", b"");
            let options = ["--trust-new", "--log-protocol", "--timeout", "5", "--retries", "0"];
            let arguments = [&options[..], &["--limit-rate", "400K", &from, &to]].concat();
            let mut copying = Running(fxp.starts(&arguments, &variables));
            let said = || String::from_utf8(fxp.file(".errors").unwrap()).unwrap();
            wait_until("it has begun", || said().contains("> STOR "));
            let began = Instant::now();
            set(&fxp.path("clock"), days);
            wait_until("it ends", || copying.0.try_wait().unwrap().is_some());
            let context = format!("{days} days, {from}: {}", said());
            assert!(copying.0.wait().unwrap().success(), "{context}");
            // At that rate it takes three seconds.
            assert!(began.elapsed() > Duration::from_secs(1), "{context}");
        }
    }
    assert!(target.file("b").unwrap() == bytes && target.file("c").unwrap() == bytes);
}

#[test]
fn the_keys_of_tickets_last_for_a_day() {
    // Here time itself goes by, by every clock.
    let clocked = Clocked::with("", &[]);
    let keys = || ticket_keys(&mut clocked.login());
    let first = keys();
    assert_eq!(keys(), first);
    clocked.jumps(1);
    // Whoever comes wakes the server up, which has slept by the clock of before.
    wait_until("there are others", || keys() != first);
    let second = keys();
    assert_eq!(keys(), second);
}

#[test]
fn a_data_connection_resumes_the_session_of_a_long_day() {
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let clocked = Clocked::start("data_tls_reuse = 'required'");
        let mut ftp = clocked.login_of(Client::only(version));
        for hours in [1, 3, 23] {
            set_hours(&clocked.home.path("clock"), hours);
            let name = format!("after-{hours}");
            ftp.upload(&format!("STOR {name}"), b"hello");
            assert_eq!(clocked.home.file(&name), b"hello", "{version:?}");
        }
    }
}
