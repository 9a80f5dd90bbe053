//! Who may come, how often, and from where.

use crate::site::Site;
use std::time::{Duration, Instant};

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
