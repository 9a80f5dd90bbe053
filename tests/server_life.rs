//! A server from its start to its end: who may come, what is logged, what a reload changes, and how
//! everybody is sent home.

use crate::{
    ftp::Ftp,
    peer::{self, Client},
    site::{PATIENCE, Site},
};
use fxpd::{
    Access, Account, AuthError, Authenticator, Builder, Handle, Identity, Listen, Memory, Secret,
    Settings, TlsFloor, Visitor,
};
use openssl::{
    hash::MessageDigest,
    ssl::{SslVerifyMode, SslVersion},
};
use socket2::{Domain, Socket, Type};
use std::{
    fs::{self, File},
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex, mpsc::channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Tells the server to stop, and goes on while it does.
fn stop(site: &mut Site) -> JoinHandle<()> {
    let handle = site.handle.take().unwrap();
    thread::Builder::new().spawn(move || handle.shutdown()).unwrap()
}

/// Tries until it succeeds: the server may not have counted a leaving client yet.
fn eventually<T>(attempt: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    let in_time = |_: &()| began.elapsed() < PATIENCE;
    let attempts = std::iter::repeat_with(|| ()).take_while(in_time);
    let mut attempt = attempt;
    attempts.map(|()| attempt()).find_map(|it| it).expect("it never came about")
}

/// A connection that has heard nothing yet.
fn knock(address: SocketAddr) -> Ftp {
    Ftp::silent(address, Client::any())
}

#[test]
fn every_transfer_is_one_line_of_eighteen_fields_whatever_its_end() {
    let mut site = Site::with(|plan| plan.log = true);
    site.put("tab\tand blank", b"hello");
    let sparse = File::create(site.path("big")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let mut ftp = site.login("ann");
    ftp.download("RETR tab\tand blank");
    ftp.upload("STOR a b", b"1234567");
    ftp.breaks_off("STOR cut", b"123");
    let address = ftp.epsv();
    ftp.says("STOR clear", 150);
    peer::connect(address).write_all(b"hello in clear text\n").unwrap();
    ftp.hears(421);
    let address = ftp.epsv();
    ftp.says("RETR big", 150);
    let data = ftp.data(address);
    ftp.says("ABOR", 426);
    ftp.hears(226);
    drop(data);
    ftp.epsv();
    ftp.says("RETR big", 150);
    ftp.says("ABOR", 426);
    ftp.hears(226);
    // What never began is no transfer, nor is a listing.
    ftp.says("RETR missing", 550);
    ftp.download("LIST");
    stop(&mut site).join().unwrap();

    let log = site.xferlog();
    let lines: Vec<Vec<&str>> = log.lines().map(|line| line.split(' ').collect()).collect();
    let parts: Vec<_> = lines.iter().map(|line| (line[8], line[9], line[11], line[17])).collect();
    let expected = [
        ("/tab_and_blank", "b", "o", "c"),
        ("/a_b", "b", "i", "c"),
        ("/cut", "b", "i", "i"),
        ("/clear", "b", "i", "i"),
        ("/big", "b", "o", "i"),
        ("/big", "b", "o", "i"),
    ];
    assert_eq!(parts, expected, "{log}");
    for line in &lines {
        assert_eq!(line.len(), 18, "{line:?}");
        assert_eq!((line[6], line[12], line[13]), ("127.0.0.1", "r", "ann"), "{line:?}");
    }
    let bytes: Vec<&str> = lines.iter().map(|line| line[7]).collect();
    assert_eq!((bytes[..4].to_vec(), bytes[5]), (vec!["5", "7", "3", "0"], "0"));
}

#[test]
fn a_rotated_log_is_opened_by_its_name_again() {
    let mut site = Site::with(|plan| plan.log = true);
    let mut ftp = site.login("ann");
    ftp.upload("STOR one", b"1");
    fs::rename(site.path("../xferlog"), site.path("../xferlog.1")).unwrap();
    ftp.upload("STOR two", b"2");
    site.handle.as_ref().unwrap().reopen_log();
    ftp.upload("STOR three", b"3");
    stop(&mut site).join().unwrap();
    let names = |log: &str| -> Vec<String> {
        log.lines().map(|line| line.split(' ').nth(8).unwrap().to_owned()).collect()
    };
    let old = fs::read_to_string(site.path("../xferlog.1")).unwrap();
    assert_eq!(names(&old), ["/one", "/two"]);
    assert_eq!(names(&site.xferlog()), ["/three"]);
}

#[test]
fn at_a_stop_idle_clients_hear_421_and_a_transfer_may_finish() {
    let mut site = Site::start();
    let (mut idle, mut stranger) = (site.login("bob"), site.connect());
    let mut busy = site.login("ann");
    let address = busy.epsv();
    busy.says("STOR a", 150);
    let mut data = busy.data(address);
    data.write_all(b"before ").unwrap();
    let stopping = stop(&mut site);
    for ftp in [&mut idle, &mut stranger] {
        ftp.hears(421);
        ftp.hears_the_end();
    }
    eventually(|| TcpStream::connect(site.address).err());
    eventually(|| TcpStream::connect(site.implicit).err());
    data.write_all(b"and after").unwrap();
    peer::finish(data);
    busy.hears(226);
    busy.hears(421);
    busy.hears_the_end();
    stopping.join().unwrap();
    assert_eq!(site.file("a").unwrap(), b"before and after");
    assert!(site.record().complete);
}

#[test]
fn at_a_stop_transfers_beyond_the_grace_are_cut() {
    let mut site = Site::with(|plan| {
        plan.settings.shutdown_grace = Duration::from_millis(300);
        plan.log = true;
    });
    site.put("old", b"the old file");
    File::create(site.path("big")).unwrap().set_len(1 << 40).unwrap();
    let mut stalled = site.login("ann");
    let address = stalled.epsv();
    stalled.says("STOR old", 150);
    let mut silent = stalled.data(address);
    silent.write_all(b"new").unwrap();
    let mut running = site.login("ann");
    let address = running.epsv();
    running.says("RETR big", 150);
    let mut flood = running.data(address);
    // It reads all it is sent, so the server never has to wait.
    let reader = thread::Builder::new().spawn(move || {
        let mut block = vec![0; 1 << 16];
        std::iter::repeat_with(|| flood.ssl_read(&mut block)).find(Result::is_err)
    });
    let began = Instant::now();
    let stopping = stop(&mut site);
    for ftp in [&mut stalled, &mut running] {
        ftp.hears(421);
        ftp.hears_the_end();
    }
    stopping.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    reader.unwrap().join().unwrap();
    assert_eq!(site.file("old").unwrap(), b"the old file");
    assert_eq!(site.names(), ["big", "old"], "nothing hidden is left");
    assert_eq!(site.xferlog().lines().filter(|line| line.ends_with(" i")).count(), 2);
}

#[test]
fn a_reload_counts_for_new_sessions_and_leaves_the_others_be() {
    let site = Site::start();
    site.put("a", b"hello");
    let shown = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&shown);
    let client = Client::built(move |builder| {
        builder.set_verify_callback(SslVerifyMode::PEER, move |_, chain| {
            let leaf = chain.current_cert().unwrap();
            seen.lock().unwrap().push(leaf.digest(MessageDigest::sha256()).unwrap().to_vec());
            true
        });
    });
    let enter = || {
        let mut ftp = Ftp::silent(site.address, client.clone());
        let greeting = ftp.hears(220);
        ftp.secure();
        ftp.log_in("ann");
        (ftp, greeting, shown.lock().unwrap().pop().unwrap())
    };
    let (mut old, greeting, old_certificate) = enter();
    assert_eq!(greeting, "220 fxpd ready");
    let settings =
        Settings { greeting: "anew".into(), passive_ports: 0..=0, ..Settings::default() };
    let identity = Identity::self_signed(&["localhost"]).unwrap();
    site.handle.as_ref().unwrap().reload(settings, identity, TlsFloor::Tls13, vec![]).unwrap();

    let (mut new, greeting, new_certificate) = enter();
    assert_eq!(greeting, "220 anew");
    assert_ne!(new_certificate, old_certificate);
    let mut late = Ftp::silent(site.address, Client::only(SslVersion::TLS1_2));
    late.hears(220);
    late.says("AUTH TLS", 234);
    Client::only(SslVersion::TLS1_2).connect(late.into_socket(), None).unwrap_err();
    assert_eq!(old.download("RETR a"), b"hello");
    assert_eq!(new.download("RETR a"), b"hello");
}

#[test]
fn there_are_so_many_sessions_and_no_more() {
    let site = Site::with(|plan| plan.settings.max_sessions = 2);
    let (mut first, _second) = (site.login("ann"), site.connect());
    let mut third = knock(site.address);
    assert_eq!(third.hears(421), "421 Too many users, try again later.");
    third.hears_the_end();
    assert!(peer::is_closed(&TcpStream::connect(site.implicit).unwrap()), "without clear text");
    first.says("QUIT", 221);
    first.hears_the_end();
    eventually(|| knock(site.address).reply().ok().filter(|reply| reply.starts_with("220")));
}

#[test]
fn there_are_so_many_sessions_of_one_address() {
    let site = Site::with(|plan| plan.settings.max_sessions_per_address = 1);
    let _first = site.login("ann");
    assert_eq!(knock(site.address).hears(421), "421 Too many connections from your address.");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
    socket.connect(&site.address.into()).unwrap();
    assert!(!peer::is_closed(&socket.into()), "another address hears the greeting");
}

#[test]
fn strangers_leave_room_for_those_who_have_logged_in() {
    let site = Site::with(|plan| plan.settings.max_sessions_not_logged_in = 1);
    let mut first = site.connect();
    assert!(knock(site.address).hears(421).contains("logging in"));
    first.secure();
    first.log_in("ann");
    let second = site.connect();
    assert!(knock(site.address).hears(421).contains("logging in"));
    drop(second);
    eventually(|| knock(site.address).reply().ok().filter(|reply| reply.starts_with("220")));
    first.says("USER bob", 331);
    assert!(knock(site.address).hears(421).contains("logging in"), "ann is a stranger again");
}

#[test]
fn a_login_has_its_time_however_busy_the_client() {
    let site = Site::with(|plan| plan.settings.login_timeout = Duration::from_secs(1));
    let mut busy = site.connect();
    let mut silent = site.connect();
    let mut member = site.login("ann");
    let last = eventually(|| {
        busy.sends(b"NOOP\r\n");
        busy.reply().ok().filter(|reply| !reply.starts_with("200"))
    });
    assert!(last.starts_with("421"), "{last}");
    silent.hears(421);
    silent.hears_the_end();
    member.says("NOOP", 200);
}

#[test]
fn a_silent_client_is_sent_home() {
    let site = Site::with(|plan| {
        plan.settings.idle_timeout = Duration::from_secs(1);
        plan.settings.handshake_timeout = Duration::from_secs(1);
    });
    let mut ftp = site.login("ann");
    let mut half = site.connect();
    half.says("AUTH TLS", 234);
    ftp.sends(b"NOO");
    ftp.hears(421);
    ftp.hears_the_end();
    half.hears_the_end();
}

#[test]
fn two_servers_live_in_one_process() {
    let (mut one, two) = (Site::start(), Site::start());
    let (mut ann, mut other) = (one.login("ann"), two.login("ann"));
    ann.upload("STOR a", b"one");
    other.upload("STOR a", b"two");
    assert_eq!((one.file("a").unwrap(), two.file("a").unwrap()), (b"one".into(), b"two".into()));
    stop(&mut one).join().unwrap();
    assert_eq!(other.download("RETR a"), b"two");
    assert_eq!(two.handle.as_ref().unwrap().sessions(), 1);
}

/// Lets everybody in, but fails by a fault of its own for one name.
struct Faulty;

impl Authenticator for Faulty {
    fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
        assert_ne!(visitor.name, "boom", "as the test wants it");
        Ok(Account::new(visitor.name, "home", Access::ReadWrite))
    }
}

fn in_memory(files: Memory) -> Builder {
    let identity = Identity::self_signed(&["localhost"]).unwrap();
    Builder::new(identity, Faulty, files)
        .settings(Settings { passive_ports: 0..=0, ..Settings::default() })
        .listen("127.0.0.1:0".parse().unwrap(), Listen::Explicit)
}

fn serve_memory(files: Memory) -> Handle {
    in_memory(files).bind().unwrap().start().unwrap()
}

#[test]
fn a_stop_returns_when_the_last_record_has_been_told() {
    let (tell, told) = channel();
    let files = Memory::new();
    files.put("home", "/a", b"hello");
    let server = in_memory(files).on_transfer(move |record| {
        thread::sleep(Duration::from_millis(300)); // whoever hears of it may take its time
        tell.send(record.bytes).unwrap();
    });
    let server = server.bind().unwrap().start().unwrap();
    let mut ftp = Ftp::connect(server.addresses()[0]);
    ftp.secure();
    ftp.log_in("ann");
    ftp.download("RETR a");
    server.shutdown();
    assert_eq!(told.try_recv(), Ok(5));
}

#[test]
fn a_panic_ends_the_session_that_met_it_and_no_other() {
    let server = serve_memory(Memory::new());
    let mut other = Ftp::connect(server.addresses()[0]);
    other.secure();
    let mut ftp = Ftp::connect(server.addresses()[0]);
    ftp.secure();
    ftp.says("USER boom", 331);
    ftp.sends(b"PASS pw\r\n");
    ftp.hears_the_end();
    other.log_in("ann");
    eventually(|| (server.sessions() == 1).then_some(()));
    other.says("NOOP", 200);
}

#[test]
fn a_tree_in_memory_is_served_like_one_on_disk() {
    let files = Memory::new();
    files.put("home", "/d/a", b"hello");
    let server = serve_memory(files.clone());
    let mut ftp = Ftp::connect(server.addresses()[0]);
    ftp.secure();
    ftp.log_in("ann");
    ftp.says("CWD d", 250);
    assert_eq!(ftp.download("RETR a"), b"hello");
    ftp.says("REST 3", 350);
    ftp.upload("STOR a", b"p!");
    ftp.upload("APPE a", b"?");
    assert_eq!(files.get("home", "/d/a").unwrap(), b"help!?");
    ftp.says("MKD /e", 257);
    ftp.says("RNFR a", 350);
    ftp.says("RNTO /e/b", 250);
    assert_eq!(ftp.download("NLST /e"), b"/e/b\r\n");
    assert!(ftp.download("LIST /").starts_with(b"drwx"));
    assert_eq!(ftp.says("SIZE /e/b", 213), "213 6");
    ftp.breaks_off("STOR cut", b"half");
    assert_eq!(files.get("home", "/d/cut").unwrap(), b"half");
    ftp.says("DELE /e/b", 250);
    ftp.says("RMD /e", 250);
    ftp.says("RETR /e/b", 550);
}
