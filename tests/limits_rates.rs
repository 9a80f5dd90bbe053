//! How fast bytes may move: for a session, an account and the server; and that whoever is slowed
//! down goes on being heard.

use crate::{
    ftp::{Ftp, port_command},
    peer,
    site::{PATIENCE, Site},
};
use fxpd::{Amount, Demand};
use openssl::ssl::SslStream;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// Bytes a second of most tests here.
const RATE: u64 = 200_000;

/// What takes a second and a half at that rate.
const BYTES: usize = 300_000;

/// How long `bytes` take at `RATE` at the least: the last block need not be waited for, and a tenth
/// of a second may be made up for.
fn least_time(bytes: usize) -> Duration {
    Duration::from_secs_f64((bytes as f64 - RATE as f64 / 8.0) / RATE as f64 - 0.1)
}

/// Bytes that no compression makes fewer.
fn noise(count: usize) -> Vec<u8> {
    let step = |seed: &mut u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Some((*seed >> 33) as u8)
    };
    std::iter::repeat(()).scan(7, |seed, ()| step(seed)).take(count).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    (work(), began.elapsed())
}

fn paced() -> Site {
    Site::with(|plan| plan.settings.max_rate_per_session = RATE)
}

#[test]
fn a_session_goes_no_faster_than_its_rate_in_both_directions() {
    let site = paced();
    let bytes = noise(BYTES);
    site.put("a", &bytes);
    let mut ftp = site.login("ann");
    let (file, took) = timed(|| ftp.download("RETR a"));
    assert!(file == bytes && took >= least_time(BYTES), "{took:?}");
    let (_, took) = timed(|| ftp.upload("STOR b", &bytes));
    assert!(site.file("b").unwrap() == bytes && took >= least_time(BYTES), "{took:?}");
    assert!(took < least_time(BYTES) * 3, "{took:?}");
}

#[test]
fn what_the_kernel_sends_is_paced_too() {
    let site = Site::with(|plan| {
        plan.settings.tls = Demand::Optional;
        plan.settings.max_rate_per_session = RATE;
    });
    site.put("a", &noise(BYTES));
    let mut ftp = site.login("ann");
    ftp.says("PROT C", 200);
    let address = ftp.epsv();
    ftp.says("RETR a", 150);
    let mut bytes = Vec::new();
    let (count, took) = timed(|| peer::connect(address).read_to_end(&mut bytes).unwrap());
    ftp.hears(226);
    assert!(count == BYTES && took >= least_time(BYTES), "{count} in {took:?}");
}

#[test]
fn in_mode_z_the_bytes_of_the_file_count() {
    let site = paced();
    // Compressed, it is next to nothing.
    site.put("a", &vec![b'a'; BYTES]);
    let mut ftp = site.login("ann");
    ftp.says("MODE Z", 200);
    let (packed, took) = timed(|| ftp.download("RETR a"));
    assert!(packed.len() < BYTES / 100 && took >= least_time(BYTES), "{took:?}");
    let (_, took) = timed(|| ftp.upload("STOR b", &packed));
    assert_eq!(site.file("b").unwrap().len(), BYTES);
    assert!(took >= least_time(BYTES), "{took:?}");
}

#[test]
fn many_small_files_are_paced_like_a_large_one() {
    let site = paced();
    let piece = noise(BYTES / 30);
    let mut ftp = site.login("ann");
    let (_, took) = timed(|| (0..30).for_each(|n| drop(ftp.upload(&format!("STOR {n}"), &piece))));
    assert!(took >= least_time(BYTES), "{took:?}");
}

/// Two sessions of these accounts, each moving half of the bytes at the same time.
fn together(site: &Site, accounts: [&str; 2]) -> Duration {
    let half = noise(BYTES / 2);
    let sessions = accounts.map(|account| site.login(account));
    let (_, took) = timed(|| {
        thread::scope(|scope| {
            for (name, mut ftp) in ["one", "two"].into_iter().zip(sessions) {
                let half = &half;
                scope.spawn(move || ftp.upload(&format!("STOR {name}"), half));
            }
        });
    });
    took
}

#[test]
fn the_sessions_of_an_account_share_its_rate_and_no_other_account_does() {
    let site = Site::with(|plan| plan.settings.max_rate_per_account = RATE);
    let took = together(&site, ["ann", "ann"]);
    assert!(took >= least_time(BYTES) - Duration::from_millis(200), "{took:?}");
    let apart = together(&site, ["ann", "bob"]);
    assert!(apart < took * 4 / 5, "{apart:?} alone, {took:?} together");
}

#[test]
fn all_sessions_share_the_rate_of_the_server() {
    let site = Site::with(|plan| plan.settings.max_rate = RATE);
    let took = together(&site, ["ann", "bob"]);
    assert!(took >= least_time(BYTES) - Duration::from_millis(200), "{took:?}");
}

#[test]
fn an_account_may_have_a_rate_of_its_own_or_none() {
    let told = |rate: Option<u64>| {
        let site = Site::with(|plan| {
            plan.settings.max_rate_per_account = RATE;
            plan.limits.rate = rate.map(Amount);
        });
        site.login("ann").says("SITE RATE", 200)
    };
    assert_eq!(told(None), "200 Rate: 200000 bytes a second.");
    assert_eq!(told(Some(5000)), "200 Rate: 5000 bytes a second.");
    assert_eq!(told(Some(0)), "200 Rate: 0, which is no limit.");
}

#[test]
fn a_client_may_wish_to_go_slower_and_never_faster_than_it_may() {
    let site = Site::with(|plan| plan.settings.max_rate_per_session = 10 * RATE);
    site.put("a", &noise(BYTES));
    let mut ftp = site.login("ann");
    assert!(ftp.says("FEAT", 211).contains("\r\n SITE RATE\r\n"));
    for (command, told) in [
        ("SITE RATE", "200 Rate: 2000000 bytes a second."),
        ("SITE RATE 9000000", "200 Rate: 2000000 bytes a second."),
        ("SITE RATE 18446744073709551615", "200 Rate: 2000000 bytes a second."),
        ("SITE RATE 0", "200 Rate: 2000000 bytes a second."),
        ("SITE RATE 1", "200 Rate: 1024 bytes a second."),
        ("SITE RATE 200000", "200 Rate: 200000 bytes a second."),
        ("SITE RATE", "200 Rate: 200000 bytes a second."),
    ] {
        assert_eq!(ftp.says(command, 200), told, "{command}");
    }
    let (_, took) = timed(|| ftp.download("RETR a"));
    assert!(took >= least_time(BYTES), "{took:?}");
    ftp.says("SITE RATE fast", 501);
    // Whoever comes next on this connection has not wished for it.
    ftp.log_in("bob");
    assert_eq!(ftp.says("SITE RATE", 200), "200 Rate: 2000000 bytes a second.");
    assert!(ftp.says("SITE HELP", 214).contains("RATE [<bytes a second>]"));
}

/// So many sessions of an account at the least rate that each waits for many seconds.
const CROWD: usize = 10;

/// Less than that: what comes sooner was not waited for.
const SOON: Duration = Duration::from_secs(4);

fn slow() -> Site {
    Site::with(|plan| {
        plan.limits.rate = Some(Amount(1024));
        plan.settings.stall_timeout = Duration::from_secs(1);
        plan.settings.shutdown_grace = Duration::from_millis(300);
    })
}

/// An account whose sessions have each moved a block, so that the next of each is `CROWD` seconds
/// away. The first does `verb`.
fn crowd(site: &Site, verb: &str) -> Vec<(Ftp, SslStream<TcpStream>)> {
    site.put("a", &noise(BYTES));
    let mut crowd: Vec<_> = (0..CROWD).map(|number| begin(site, verb, number)).collect();
    for (ftp, data) in &mut crowd {
        data.write_all(&noise(4096)).unwrap();
        let began = Instant::now();
        while ftp.says("STAT", 211).starts_with("211 0 bytes") {
            assert!(began.elapsed() < PATIENCE, "nothing was moved");
        }
    }
    crowd
}

fn begin(site: &Site, verb: &str, number: usize) -> (Ftp, SslStream<TcpStream>) {
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    match number {
        0 => ftp.says(verb, 150),
        _ => ftp.says(&format!("STOR {number}"), 150),
    };
    let data = ftp.data(address);
    (ftp, data)
}

#[test]
fn whoever_waits_for_its_rate_is_heard_at_once() {
    for verb in ["RETR a", "STOR b"] {
        let site = slow();
        let mut crowd = crowd(&site, verb);
        let ftp = &mut crowd[0].0;
        let (_, took) = timed(|| {
            ftp.says("STAT", 211);
            ftp.says("ABOR", 426);
            ftp.hears(226);
        });
        assert!(took < SOON, "{verb}: {took:?}");
        ftp.says("NOOP", 200);
    }
}

#[test]
fn a_client_that_leaves_while_it_waits_for_its_rate_is_gone_at_once() {
    let site = slow();
    let mut crowd = crowd(&site, "RETR a");
    let (ftp, _data) = crowd.swap_remove(0);
    drop(ftp);
    let (record, took) = timed(|| site.record());
    assert!(!record.complete && took < SOON, "{took:?}");
}

#[test]
fn a_server_that_stops_does_not_wait_for_a_slow_transfer() {
    let mut site = slow();
    let _crowd = crowd(&site, "RETR a");
    let (_, took) = timed(|| site.handle.take().unwrap().shutdown());
    assert!(took < SOON, "{took:?}");
}

#[test]
fn whoever_is_slowed_down_does_not_stall() {
    let site = Site::with(|plan| {
        plan.settings.max_rate_per_session = 4096;
        plan.settings.stall_timeout = Duration::from_secs(1);
    });
    let bytes = noise(12_000);
    site.put("a", &bytes);
    let mut ftp = site.login("ann");
    let (file, took) = timed(|| ftp.download("RETR a"));
    assert!(file == bytes && took > Duration::from_secs(2), "{took:?}");
    let (_, took) = timed(|| ftp.upload("STOR b", &bytes));
    assert!(took > Duration::from_secs(2), "{took:?}");
    assert_eq!(fs::read(site.path("b")).unwrap(), bytes);
}

#[test]
fn a_sender_feels_the_pace_before_much_is_taken() {
    let site = Site::with(|plan| plan.settings.max_rate_per_session = 4096);
    let mut ftp = site.login("ann");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    ftp.says(&port_command(listener.local_addr().unwrap()), 200);
    ftp.says("STOR a", 150);
    let socket = listener.accept().unwrap().0;
    socket2::SockRef::from(&socket).set_send_buffer_size(32 << 10).unwrap();
    let mut data = ftp.tls.connect(socket, None).unwrap();
    data.get_ref().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut taken = 0;
    while data.write_all(&[7; 4096]).is_ok() && taken < 4 << 20 {
        taken += 4096;
    }
    assert!(taken < 260_000, "{taken} bytes were taken without a wait");
}
