//! As many sessions at once as a server takes by default: two thousand, under TLS, logged in.

use crate::{
    daemon::Daemon,
    ftp::Ftp,
    other_server::connect_from,
    peer::{self, Client},
    program::sample,
    site::PATIENCE,
};
use openssl::ssl::SslMode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    fs,
    io::Write,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

/// What a server takes by default: in all, and of one address.
const SESSIONS: usize = 2000;
const OF_AN_ADDRESS: usize = 50;

/// So many come at a time, each one after the other.
const COMERS: usize = 4;

/// One in so many moves a file while all are there.
const MOVES_A_FILE: usize = 100;

/// Memory of the server for a session that waits for a command; 67 KiB were measured.
const MOST_KIB: usize = 96;

/// A descriptor each, where many systems give 1024 unless asked for more.
fn raise_own_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, wanted).unwrap();
    let enough = limit.maximum.is_none_or(|most| most > 3 * SESSIONS as u64);
    assert!(enough, "{:?} descriptors: raise the limit (ulimit -Hn)", limit.maximum);
}

fn enter(server: SocketAddr, tls: &Client, number: usize) -> Ftp {
    let source = format!("127.0.5.{}", 1 + number / OF_AN_ADDRESS);
    let mut ftp = Ftp::over(connect_from(&source, server), server, tls.clone());
    ftp.hears(220);
    ftp.secure();
    ftp.log_in("anonymous");
    ftp
}

/// All but the first `from`, which are there before the measuring begins.
fn enter_all(server: SocketAddr, tls: &Client, from: usize) -> Vec<Ftp> {
    let comes = |comer: usize| {
        let numbers = (from..SESSIONS).filter(move |number| number % COMERS == comer);
        numbers.map(|number| enter(server, tls, number)).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let comers: Vec<_> = (0..COMERS).map(|comer| scope.spawn(move || comes(comer))).collect();
        comers.into_iter().flat_map(|comer| comer.join().unwrap()).collect()
    })
}

/// A file there and back, with the data connection from where the control connection is from.
fn moves_a_file(ftp: &mut Ftp, name: usize) {
    let bytes = sample(100_001);
    let source = ftp.own_ip().to_string();
    let open = |ftp: &mut Ftp, command: String| {
        let address = ftp.epsv();
        ftp.says(&command, 150);
        let session = ftp.session();
        ftp.tls.connect(connect_from(&source, address), session.as_ref()).unwrap()
    };
    let mut data = open(ftp, format!("STOR f{name}"));
    data.write_all(&bytes).unwrap();
    peer::finish(data);
    ftp.hears(226);
    let data = open(ftp, format!("RETR f{name}"));
    assert!(peer::read_to_close(data).unwrap() == bytes, "f{name}");
    ftp.hears(226);
}

#[test]
fn two_thousand_sessions_at_once_are_served_and_leave_nothing_behind() {
    raise_own_limit();
    let began = Instant::now();
    let daemon = Daemon::start_with(|home| {
        fs::create_dir(home.join("pub")).unwrap();
        let place = home.join("pub").display().to_string();
        format!(
            "anonymous = '{place}'\nanonymous_access = 'rw'\n\
             max_sessions_per_account = {SESSIONS}\n"
        )
    });
    // A client with 32 KiB of buffers for each connection would need more than the server.
    let tls = Client::built(|builder| {
        builder.set_mode(SslMode::RELEASE_BUFFERS);
    });
    let (fds, threads) = (daemon.count("fd"), daemon.lasting_threads());
    let mut first = enter(daemon.address, &tls, 0);
    moves_a_file(&mut first, 0);
    let before_kib = daemon.resident_kib();
    let mut all = enter_all(daemon.address, &tls, 1);
    all.push(first);
    let entered = began.elapsed();
    assert_eq!((all.len(), daemon.lasting_threads()), (SESSIONS, threads + SESSIONS));
    let each_kib = (daemon.resident_kib() - before_kib) / (SESSIONS - 1);
    let mut late = Ftp::silent(daemon.address, Client::any());
    assert!(late.hears(421).contains("Too many users"));

    for (number, ftp) in all.iter_mut().enumerate() {
        ftp.says("NOOP", 200);
        if number % MOVES_A_FILE == 0 {
            moves_a_file(ftp, number);
        }
    }
    println!(
        "{SESSIONS} sessions within {entered:?}: {each_kib} KiB each, {} descriptors",
        daemon.count("fd")
    );
    assert!(each_kib <= MOST_KIB, "{each_kib} KiB for an idle session");

    drop((all, late));
    let deadline = Instant::now() + PATIENCE;
    while daemon.lasting_threads() > threads + 2 || daemon.count("fd") > fds + 3 {
        let left = (daemon.count("fd"), daemon.lasting_threads());
        assert!(Instant::now() < deadline, "{fds} descriptors, {threads} threads → {left:?}");
        thread::sleep(Duration::from_millis(20)); // there is nothing to wait for but the sight of it
    }
    daemon.comes_to_rest();
    println!("{} KiB are left of {before_kib} before", daemon.resident_kib());
}
