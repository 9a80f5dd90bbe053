//! What a service manager hears of `fxpd`, by the protocol of sd_notify(3), and the acceptors'
//! signs of life that it rests on.

use crate::{
    ftp::Ftp,
    site::PATIENCE,
    started::{Home, Running, wait_until},
};
use fxpd::{Builder, FxpLevel, Identity, Listen, Memory, UsersFile};
use rustix::{
    process::Signal,
    time::{ClockId, clock_gettime},
};
use std::{
    fs,
    net::TcpStream,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    process,
    sync::{Mutex, mpsc::channel},
    time::Duration,
};

/// A service manager's ear.
struct Ear(UnixDatagram);

impl Ear {
    fn at(address: &SocketAddr) -> Ear {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Ear(socket)
    }

    fn hears(&self) -> String {
        let mut bytes = [0; 4096];
        let count = self.0.recv(&mut bytes).expect("a word for the service manager");
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }
}

#[test]
fn a_service_manager_hears_of_every_turn_in_a_servers_life() {
    let home = Home::new("log = 'syslog'");
    let ear = Ear::at(&SocketAddr::from_pathname(home.path("notify")).unwrap());
    let server = Running::start(home.fxpd().env("NOTIFY_SOCKET", home.path("notify")));
    let address = home.address();
    assert_eq!(ear.hears(), "READY=1");
    assert_eq!(ear.hears(), "STATUS=0 sessions");
    let one = Ftp::connect(address);
    assert_eq!(ear.hears(), "STATUS=1 session");
    let two = Ftp::connect(address);
    assert_eq!(ear.hears(), "STATUS=2 sessions");
    drop(one);
    assert_eq!(ear.hears(), "STATUS=1 session");

    server.signal(Signal::HUP);
    let reloading = ear.hears();
    let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&reloading);
    let now = clock_gettime(ClockId::Monotonic);
    let age = now.tv_sec * 1_000_000 + now.tv_nsec / 1000 - micros.parse::<i64>().unwrap();
    assert!((0..10_000_000).contains(&age), "{age} µs ago");
    assert_eq!(ear.hears(), "READY=1");
    fs::write(home.path("cert.pem"), "nonsense").unwrap();
    server.signal(Signal::HUP);
    assert!(ear.hears().starts_with("RELOADING=1\n"));
    assert_eq!(ear.hears(), "READY=1", "also when nothing was reloaded");

    server.signal(Signal::TERM);
    let stopping = ear.hears();
    assert_eq!(stopping.lines().next(), Some("STOPPING=1"));
    assert!(stopping.contains("\nEXTEND_TIMEOUT_USEC=90000000"), "{stopping}");
    drop(two);
}

#[test]
fn the_watchdog_is_fed_at_an_abstract_socket_too() {
    let home = Home::new("log = 'syslog'");
    let name = format!("fxpd-test-{}", process::id());
    let ear = Ear::at(&SocketAddr::from_abstract_name(&name).unwrap());
    let _server = Running::start(
        home.fxpd().env("NOTIFY_SOCKET", format!("@{name}")).env("WATCHDOG_USEC", "300000"),
    );
    let mut heard: Vec<String> = (0..5).map(|_| ear.hears()).collect();
    heard.sort();
    let signs = ["WATCHDOG=1"; 3];
    assert_eq!(heard, [&["READY=1", "STATUS=0 sessions"][..], &signs].concat());
}

#[test]
fn a_watchdog_that_is_another_process_s_is_not_fed() {
    let home = Home::new("log = 'syslog'");
    let ear = Ear::at(&SocketAddr::from_pathname(home.path("notify")).unwrap());
    let server = Running::start(
        home.fxpd()
            .env("NOTIFY_SOCKET", home.path("notify"))
            .env("WATCHDOG_USEC", "1000")
            .env("WATCHDOG_PID", "1"),
    );
    home.hears("serving");
    server.signal(Signal::TERM);
    assert_eq!((ear.hears(), ear.hears()), ("READY=1".into(), "STATUS=0 sessions".into()));
    assert!(ear.hears().starts_with("STOPPING=1"));
}

#[test]
fn an_acceptor_that_hangs_shows_no_sign_of_life() {
    let (hang, hung) = channel::<()>();
    let hung = Mutex::new(hung);
    const EVERY: Duration = Duration::from_millis(50);
    let identity = Identity::self_signed(&["localhost"]).unwrap();
    let nobody = UsersFile::new("/nonexistent", FxpLevel::Off);
    let server = Builder::new(identity, nobody, Memory::new())
        .listen("127.0.0.1:0".parse().unwrap(), Listen::Explicit)
        .heartbeat(EVERY)
        .on_change(move || {
            // As long as the test holds its end.
            let _ = hung.lock().unwrap().recv();
        });
    let handle = server.bind().unwrap().start().unwrap();
    let heartbeat = || handle.oldest_heartbeat();
    // It goes round without clients.
    for _ in 0..3 {
        wait_until("an old sign", || heartbeat() > EVERY / 2);
        wait_until("a new sign", || heartbeat() < EVERY / 2);
    }
    let _client = TcpStream::connect(handle.addresses()[0]).unwrap();
    wait_until("no sign", || heartbeat() > EVERY * 20);
    drop(hang);
    wait_until("a sign again", || heartbeat() < EVERY * 2);
}
