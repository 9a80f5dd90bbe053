//! Floods of those who never log in, as many as a server takes by default: neither who is logged in
//! nor who comes from a calm address notices.

use crate::{
    ftp::Ftp,
    other_server::{connect_from, try_connect_from},
    peer::{self, Client},
    site::{PATIENCE, Site},
};
use fxpd::Settings;
use std::{
    collections::VecDeque,
    io::Write,
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

/// How far a stranger goes before it falls silent.
#[derive(Clone, Copy, Debug)]
enum Silent {
    /// Hears the greeting or not.
    AtOnce,
    /// `AUTH TLS` is answered.
    BeforeTheHandshake,
    /// The server has answered its ClientHello.
    InTheHandshake,
    /// `USER` is answered.
    BeforeThePassword,
}

const WAYS: [Silent; 4] =
    [Silent::AtOnce, Silent::BeforeTheHandshake, Silent::InTheHandshake, Silent::BeforeThePassword];

/// A stranger that stays where it has fallen silent.
#[expect(dead_code, reason = "they are held, not used")]
enum Stranger {
    Clear(TcpStream),
    Conversing(Ftp),
}

fn stranger(site: &Site, source: &str, way: Silent) -> Stranger {
    let socket = connect_from(source, site.address);
    if let Silent::AtOnce = way {
        return Stranger::Clear(socket);
    }
    let mut ftp = Ftp::over(socket, site.address, Client::any());
    ftp.hears(220);
    match way {
        Silent::BeforeThePassword => {
            ftp.secure();
            ftp.says("USER ann", 331);
            Stranger::Conversing(ftp)
        }
        _ => {
            ftp.says("AUTH TLS", 234);
            let mut socket = ftp.into_socket();
            if let Silent::InTheHandshake = way {
                socket.write_all(&Client::any().hello()).unwrap();
                peer::hears_something(&socket);
            }
            Stranger::Clear(socket)
        }
    }
}

/// No deadline sends the strangers away while the test runs.
fn patient_site() -> Site {
    Site::with(|plan| {
        plan.settings.handshake_timeout = Duration::from_secs(600);
        plan.settings.login_timeout = Duration::from_secs(600);
    })
}

/// Fills every place for strangers from as few addresses as that takes.
fn crowd(site: &Site) -> Vec<Stranger> {
    let Settings { max_sessions_not_logged_in, max_sessions_per_address, .. } = Settings::default();
    let (places, each) = (max_sessions_not_logged_in, max_sessions_per_address);
    let source = |n: usize| format!("127.0.3.{}", 1 + n / each);
    let crowd = (0..places).map(|n| stranger(site, &source(n), WAYS[n % WAYS.len()])).collect();
    let sessions = site.handle.as_ref().unwrap().sessions();
    assert!(sessions >= places, "{sessions} of {places} are in");
    crowd
}

/// Logs in from an address, and does what everybody does.
fn works_from(site: &Site, source: &str) {
    let socket = connect_from(source, site.address);
    let mut ftp = Ftp::over(socket, site.address, Client::any());
    ftp.hears(220);
    ftp.secure();
    ftp.log_in("bob");
    ftp.says("PWD", 257);
    ftp.says("QUIT", 221);
}

/// Ends the flood when dropped, by a failure too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn waits_for_sessions(site: &Site, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    let sessions = || site.handle.as_ref().unwrap().sessions();
    while sessions() > count {
        assert!(Instant::now() < deadline, "{} sessions, not {count}", sessions());
        thread::sleep(Duration::from_millis(20)); // nobody tells of it
    }
}

#[test]
fn silent_strangers_in_every_place_keep_nobody_out() {
    let site = patient_site();
    let mut member = site.login("ann");
    let crowd = crowd(&site);
    // Only where the crowd is there is no place left.
    let mut one_more =
        Ftp::over(connect_from("127.0.3.1", site.address), site.address, Client::any());
    assert!(one_more.hears(421).contains("from your address"));
    for host in 1..=20 {
        works_from(&site, &format!("127.0.4.{host}"));
    }
    member.upload("STOR a", b"hello");
    assert_eq!(member.download("RETR a"), b"hello");
    drop(crowd);
    waits_for_sessions(&site, 1);
    member.says("NOOP", 200);
}

#[test]
fn who_leaves_while_a_wrong_password_is_answered_slowly_is_gone_at_once() {
    let site = Site::start();
    let said = |lines: &[u8]| {
        let mut ftp = site.connect();
        ftp.secure();
        ftp.sends(lines);
        ftp
    };
    // The seventh of an address waits for eight seconds, and whatever follows it waits unread.
    let guess = b"USER ann\r\nPASS no\r\n";
    let guessers: Vec<_> = (0..8).map(|_| said(guess)).collect();
    let more = said(&[&guess[..], &b"NOOP\r\n".repeat(2000)].concat());
    let began = Instant::now();
    drop((guessers, more));
    waits_for_sessions(&site, 0);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    // Who only stops speaking hears no sooner that it was wrong, and so guesses no faster.
    let mut half = site.connect();
    half.secure();
    half.sends(guess);
    half.stops_speaking();
    half.hears(331);
    half.hears_the_end();
}

#[test]
fn a_flood_that_goes_on_keeps_nobody_out() {
    let site = patient_site();
    let mut member = site.login("ann");
    let held = crowd(&site);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for flooder in 0..2 {
            let (site, is_over) = (&site, &is_over);
            scope.spawn(move || {
                let mut kept = VecDeque::new();
                for n in 0.. {
                    if is_over.load(Relaxed) {
                        break;
                    }
                    let source = format!("127.0.3.{}", 1 + (n + flooder) % 8);
                    // A place that is taken is answered 421, and tried again at once.
                    let Ok(mut socket) = try_connect_from(&source, site.address) else { continue };
                    let _ = socket.write_all(b"AUTH TLS\r\n\x16\x03\x01");
                    kept.push_back(socket);
                    if kept.len() > 100 {
                        kept.pop_front();
                    }
                }
            });
        }
        let _over = Over(&is_over);
        for host in 1..=10 {
            works_from(&site, &format!("127.0.4.{host}"));
            member.upload("STOR a", b"hello");
        }
    });
    drop(held);
    waits_for_sessions(&site, 1);
    member.says("NOOP", 200);
}
