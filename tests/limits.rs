//! Who may come, how often, and from where.

use crate::{
    daemon::Daemon,
    ftp::Ftp,
    other_server::connect_from,
    peer::{self, Client},
    site::Site,
};
use std::{
    io::Read,
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

/// Tries until it succeeds: the server may not have counted a leaving client yet.
fn eventually(mut attempt: impl FnMut() -> bool) {
    let began = Instant::now();
    while !attempt() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never came about");
    }
}

#[test]
fn an_account_has_so_many_sessions_and_no_more() {
    let site = Site::with(|plan| plan.settings.max_sessions_per_account = 2);
    let (first, mut second) = (site.login("ann"), site.login("ann"));
    let mut third = site.connect();
    third.secure();
    third.says("USER ann", 331);
    let told = third.says("PASS pw", 421);
    assert_eq!(told, "421 Too many sessions of this account, try again later.");
    third.hears_the_end();
    // Only who knows the password learns of it, and others have their own count.
    let mut stranger = site.connect();
    stranger.secure();
    stranger.says("USER ann", 331);
    stranger.says("PASS no", 530);
    let _bob = site.login("bob");
    // Who becomes somebody else makes room, and so does who leaves.
    second.log_in("bob");
    let _fourth = site.login("ann");
    drop(first);
    eventually(|| {
        let mut ftp = site.connect();
        ftp.secure();
        ftp.says("USER ann", 331);
        ftp.sends(b"PASS pw\r\n");
        ftp.reply().unwrap().starts_with("230")
    });
}

#[test]
fn an_account_may_have_a_number_of_sessions_of_its_own() {
    let site = Site::with(|plan| plan.limits.sessions = Some(1));
    let _first = site.login("ann");
    let mut second = site.connect();
    second.secure();
    second.says("USER ann", 331);
    second.says("PASS pw", 421);
}

/// What a client at `source` hears when it connects.
fn greeting(source: &str, server: SocketAddr) -> String {
    let mut socket = connect_from(source, server);
    let mut heard = [0; 100];
    let count = socket.read(&mut heard).unwrap();
    String::from_utf8_lossy(&heard[..count]).into_owned()
}

#[test]
fn only_some_networks_are_served_and_others_are_told_before_any_handshake() {
    let site = Site::with(|plan| {
        plan.settings.allow_networks = vec!["127.0.0.0/29".parse().unwrap()];
        plan.settings.deny_networks = vec!["127.0.0.2/32".parse().unwrap()];
    });
    for (source, begins) in [
        ("127.0.0.1", "220 "),
        ("127.0.0.2", "421 This server is not for your address.\r\n"),
        ("127.0.0.7", "220 "),
        ("127.0.0.8", "421 This server is not for your address.\r\n"),
    ] {
        let heard = greeting(source, site.address);
        assert!(heard.starts_with(begins), "{source}: {heard}");
    }
    assert!(peer::is_closed(&connect_from("127.0.0.2", site.implicit)), "without clear text");
    site.login("ann");
}

/// Guesses in sessions of its own until it is banned, or `most` times; tells how often.
fn guess(site: &Site, most: usize) -> usize {
    for number in 0..most {
        let mut ftp = Ftp::silent(site.address, Client::any());
        if ftp.reply().is_ok_and(|reply| reply.starts_with("421")) {
            return number;
        }
        ftp.secure();
        ftp.says("USER ann", 331);
        ftp.sends(b"PASS no\r\n");
        ftp.reply().unwrap();
    }
    most
}

#[test]
fn an_address_with_enough_wrong_passwords_is_banned_for_a_time() {
    let site = Site::with(|plan| {
        plan.settings.ban_after = 3;
        plan.settings.ban_lasts = Duration::from_secs(2);
    });
    let mut member = site.login("ann");
    let mut early = site.connect();
    early.secure();
    early.says("USER ann", 331);
    assert_eq!(guess(&site, 9), 3);
    // A connection from before the ban guesses no more, not even rightly.
    early.says("PASS pw", 421);
    early.hears_the_end();
    let heard = greeting("127.0.0.1", site.address);
    assert_eq!(heard, "421 Too many wrong passwords from your address, try again later.\r\n");
    assert!(greeting("127.0.0.2", site.address).starts_with("220 "), "another address");
    member.says("NOOP", 200);
    eventually(|| greeting("127.0.0.1", site.address).starts_with("220 "));
    site.login("ann");
}

#[test]
fn the_session_whose_guess_was_one_too_many_ends_with_it() {
    let site = Site::with(|plan| plan.settings.ban_after = 2);
    let mut ftp = site.connect();
    ftp.secure();
    for code in [530, 421] {
        ftp.says("USER ann", 331);
        ftp.says("PASS no", code);
    }
    ftp.hears_the_end();
}

#[test]
fn trusted_addresses_are_never_banned() {
    let site = Site::with(|plan| {
        plan.settings.ban_after = 2;
        plan.settings.trusted_networks = vec!["127.0.0.0/8".parse().unwrap()];
    });
    assert_eq!(guess(&site, 3), 3);
    site.login("ann");
}

#[test]
fn an_account_of_other_networks_answers_its_password_like_a_wrong_one() {
    let daemon = Daemon::start_with(|_| String::new());
    let answer = |password: &str| {
        let mut ftp = daemon.connect();
        ftp.secure();
        ftp.says("USER ann", 331);
        ftp.sends(format!("PASS {password}\r\n").as_bytes());
        ftp.reply().unwrap()
    };
    set_option(&daemon, "networks=192.0.2.0/24");
    let (right, wrong) = (answer("pw"), answer("no"));
    assert!(right == wrong && wrong.starts_with("530"), "{right} / {wrong}");
    set_option(&daemon, "networks=192.0.2.0/24,127.0.0.1");
    assert!(answer("pw").starts_with("230"));
}

/// `fxpd passwd set`, for the account of a daemon.
fn set_option(daemon: &Daemon, option: &str) {
    let mut passwd = Command::new(env!("CARGO_BIN_EXE_fxpd"));
    passwd.args(["passwd", "set", "ann", "--option", option, "-f"]).arg(daemon.path("passwd"));
    assert!(passwd.status().unwrap().success());
}
