//! What hostile clients tried against deadlines, limits and acknowledgements, and what holds them.

use crate::{
    ftp::{Ftp, port_command},
    other_server::connect_from,
    peer,
    site::Site,
};
use std::{
    io::{Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Sends `bytes` again and again until the server has closed, and tells how long that took.
fn flood(ftp: Ftp, bytes: &[u8]) -> Duration {
    let began = Instant::now();
    let socket = ftp.into_socket();
    let mut reader = socket.try_clone().unwrap();
    let drain = std::thread::Builder::new()
        .spawn(move || while matches!(reader.read(&mut [0; 65536]), Ok(1..)) {})
        .unwrap();
    let mut writer = &socket;
    while began.elapsed() < Duration::from_secs(15) && writer.write_all(bytes).is_ok() {}
    let _ = socket.shutdown(std::net::Shutdown::Both);
    drain.join().unwrap();
    began.elapsed()
}

#[test]
fn the_login_deadline_holds_against_a_flood_of_any_kind() {
    let site = Site::with(|plan| plan.settings.login_timeout = Duration::from_secs(1));
    let endless = vec![b'x'; 1 << 16];
    for bytes in [b"NOOP\r\n".repeat(1000), b"FEAT\r\n".repeat(1000), endless] {
        let took = flood(site.connect(), &bytes);
        assert!(took < Duration::from_secs(8), "{took:?} of {}", bytes[..6].escape_ascii());
    }
}

#[test]
fn a_client_that_does_not_read_does_not_delay_the_stop() {
    let mut site = Site::start();
    let mut socket = site.connect().into_socket();
    socket.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while socket.write_all(&b"FEAT\r\n".repeat(1000)).is_ok() {}
    let began = Instant::now();
    site.handle.take().unwrap().shutdown();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_name_and_a_password_do_not_pass_in_clear_text_after_ccc() {
    let site = Site::with(|plan| plan.settings.ccc = true);
    let mut ftp = site.login("ann");
    ftp.says("CCC", 200);
    ftp.leave_tls();
    ftp.says("PWD", 257);
    ftp.says("USER ann", 534);
    ftp.says("PASS pw", 534);
    ftp.says("REIN", 220);
    ftp.says("SSCN", 503);
    ftp.says("USER ann", 534);
}

#[test]
fn guessing_passwords_gets_slower_on_all_connections_together() {
    let site = Site::start();
    let mut took = Vec::new();
    for _ in 0..3 {
        let mut ftp = site.connect();
        ftp.secure();
        for _ in 0..2 {
            let began = Instant::now();
            ftp.says("USER ann", 331);
            ftp.says("PASS no", 530);
            took.push(began.elapsed());
        }
    }
    for (number, least) in [(2, 500), (3, 1000), (4, 2000), (5, 4000)] {
        assert!(took[number] >= Duration::from_millis(least), "{number}: {took:?}");
    }
    site.login("ann");
}

#[test]
fn who_logs_out_late_may_log_in_again() {
    let site = Site::with(|plan| plan.settings.login_timeout = Duration::from_secs(2));
    let mut ftp = site.login("ann");
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2200) {
        ftp.says("SITE IDLE", 200);
    }
    ftp.says("USER bob", 331);
    ftp.says("PASS pw", 230);
}

#[test]
fn refusals_of_a_mirror_do_not_end_its_session() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("MKD d", 257);
    for _ in 0..120 {
        ftp.says("MKD d", 550);
    }
    for _ in 0..49 {
        ftp.says("FROB", 500);
    }
    ftp.says("NOOP", 200);
    for _ in 0..49 {
        ftp.says("FROB", 500);
    }
    ftp.says("FROB", 500);
    ftp.hears(421);
    ftp.hears_the_end();
}

#[test]
fn a_crowd_of_strangers_does_not_end_a_transfer() {
    let site = Site::with(|plan| plan.fxp = fxpd::FxpGrant::both(fxpd::FxpLevel::Off));
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("RETR a", 150);
    for _ in 0..150 {
        assert!(peer::is_closed(&connect_from("127.0.0.2", address)));
    }
    let data = ftp.data(address);
    assert_eq!(peer::read_to_close(data).unwrap(), b"hello");
    ftp.hears(226);
}

#[test]
fn bytes_that_lost_their_name_are_not_acknowledged() {
    let site = Site::start();
    site.put("a", b"old");
    let mut writer = site.login("ann");
    let address = writer.epsv();
    writer.says("APPE a", 150);
    let mut data = writer.data(address);
    data.write_all(b" and more").unwrap();
    let mut other = site.login("ann");
    other.upload("STOR a", b"new");
    peer::finish(data);
    writer.hears(550);
    assert_eq!(site.file("a").unwrap(), b"new");
}

#[test]
fn addresses_within_other_networks_are_refused_in_every_disguise() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for address in [
        "240.0.0.1:5000",
        "[::10.0.0.1]:5000",
        "[ff02::1]:5000",
        "[fe80::1]:5000",
        "[64:ff9b::a9fe:101]:5000",
        "[2002:a9fe:101::1]:5000",
    ] {
        let address: SocketAddr = address.parse().unwrap();
        ftp.says(&port_command(address), 501);
    }
}
