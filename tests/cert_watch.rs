//! Certificates that are renewed while clients come and go, as an ACME client does it: new files
//! take the names of the old ones, one after the other.

use crate::{
    daemon::write_identity,
    ftp::Ftp,
    started::{Home, Running, wait_until},
};
use fxpd::Identity;
use rustix::process::Signal;
use std::{
    fs,
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

fn fingerprint(home: &Home) -> String {
    let identity = Identity::from_files(&home.path("cert.pem"), &home.path("key.pem"));
    identity.unwrap().fingerprint().to_string()
}

/// Logs in and uploads, and tells which certificate was shown.
fn visit(address: SocketAddr, name: &str) -> String {
    let mut ftp = Ftp::connect(address);
    ftp.secure();
    ftp.log_in("ann");
    ftp.upload(&format!("STOR {name}"), name.as_bytes());
    ftp.shown()
}

#[test]
fn renewed_certificates_are_shown_by_themselves_and_no_client_notices() {
    let home = Home::new("log = 'syslog'\ncertificate_check_s = 1");
    let _server = Running::start(&mut home.fxpd());
    let address = home.address();
    let old = fingerprint(&home);
    let mut stays = Ftp::connect(address);
    stays.secure();
    stays.log_in("ann");
    assert_eq!(visit(address, "before"), old);

    write_identity(&home.path("new.cert"), &home.path("new.key"), "localhost");
    let (done, visits) = (AtomicBool::new(false), AtomicUsize::new(0));
    let shown: Vec<String> = thread::scope(|scope| {
        let visitor = |number: usize| {
            let (done, visits) = (&done, &visits);
            move || {
                let mut shown = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    shown.push(visit(address, &format!("load.{number}")));
                    visits.fetch_add(1, Ordering::Relaxed);
                }
                shown
            }
        };
        let visitors: Vec<_> = (0..3).map(|number| scope.spawn(visitor(number))).collect();
        wait_until("visits", || visits.load(Ordering::Relaxed) > 5);
        // The certificate comes first, and fits no key for a while.
        fs::rename(home.path("new.cert"), home.path("cert.pem")).unwrap();
        home.hears("certificates were not renewed: ");
        fs::rename(home.path("new.key"), home.path("key.pem")).unwrap();
        home.hears("certificates renewed");
        let so_far = visits.load(Ordering::Relaxed);
        wait_until("visits", || visits.load(Ordering::Relaxed) > so_far + 5);
        done.store(true, Ordering::Relaxed);
        visitors.into_iter().flat_map(|visitor| visitor.join().unwrap()).collect()
    });
    let new = fingerprint(&home);
    assert_ne!(new, old);
    assert!(shown.iter().all(|shown| [&old, &new].contains(&shown)), "{shown:?}");
    assert!(shown.contains(&old) && shown.contains(&new), "{shown:?}");
    assert_eq!(visit(address, "after"), new);
    stays.upload("STOR stays", b"1");
    assert_eq!(stays.shown(), old);
}

#[test]
fn a_renewal_reads_no_settings() {
    let home = Home::new("log = 'syslog'\ncertificate_check_s = 1");
    let _server = Running::start(&mut home.fxpd());
    let address = home.address();
    let half_edited = fs::read_to_string(home.path("fxpd.conf")).unwrap() + "greeting = 'other'\n";
    fs::write(home.path("fxpd.conf"), half_edited).unwrap();
    write_identity(&home.path("cert.pem"), &home.path("key.pem"), "localhost");
    home.hears("certificates renewed");
    let mut ftp = Ftp::silent(address, crate::peer::Client::any());
    assert_eq!(ftp.hears(220), "220 fxpd ready");
    ftp.secure();
    assert_eq!(ftp.shown(), fingerprint(&home));
}

#[test]
fn a_renewal_keeps_what_a_reload_has_brought() {
    let home = Home::new("log = 'syslog'\ncertificate_check_s = 1");
    let server = Running::start(&mut home.fxpd());
    let address = home.address();
    home.hears("serving");
    let more = "greeting = 'other'\npassive_address = '198.51.100.7'\n";
    let edited = fs::read_to_string(home.path("fxpd.conf")).unwrap() + more;
    fs::write(home.path("fxpd.conf"), edited).unwrap();
    server.signal(Signal::HUP);
    home.hears(": reloaded");
    write_identity(&home.path("cert.pem"), &home.path("key.pem"), "localhost");
    home.hears("certificates renewed");
    let mut ftp = Ftp::silent(address, crate::peer::Client::any());
    assert_eq!(ftp.hears(220), "220 other");
    ftp.secure();
    ftp.log_in("ann");
    assert_eq!(ftp.shown(), fingerprint(&home));
    assert_eq!(ftp.pasv("PASV").ip().to_string(), "198.51.100.7");
}
