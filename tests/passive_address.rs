//! What `PASV` tells: by the client's network, and by name.

use crate::{
    daemon::{Daemon, wait_for},
    ftp::Ftp,
    peer,
    proxy::connect_from,
    site::PATIENCE,
};
use rustix::process::Signal;
use std::{fs, time::Instant};

/// Names that every resolver knows without asking anybody (inet_aton(3)).
const NAME: &str = "0x7f000009";
const OTHER_NAME: &str = "0x7f00000a";
/// One that cannot be: no label has more than 63 letters.
const NO_NAME: &str =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example";

/// What `PASV` tells a client that comes from `source`.
fn told(daemon: &Daemon, source: &str) -> String {
    let socket = connect_from(source, daemon.address);
    let mut ftp = Ftp::over(socket, daemon.address, peer::Client::any());
    ftp.hears(220);
    ftp.secure();
    ftp.log_in("ann");
    ftp.pasv("PASV").ip().to_string()
}

#[test]
fn clients_are_told_the_address_of_their_network() {
    let daemon = Daemon::start_with(|_| {
        format!(
            "passive_address = '198.51.100.7'\npassive_addresses = [\n\
             {{ networks = ['127.0.0.2', '10.0.0.0/8'], address = '192.0.2.5' }},\n\
             {{ networks = ['127.0.0.2/31'], address = '{NAME}' }},\n\
             {{ networks = ['127.0.0.4'], address = '{NO_NAME}' }},\n]\n"
        )
    });
    assert_eq!(told(&daemon, "127.0.0.1"), "198.51.100.7");
    assert_eq!(told(&daemon, "127.0.0.2"), "192.0.2.5");
    assert_eq!(told(&daemon, "127.0.0.3"), "127.0.0.9");
    assert_eq!(told(&daemon, "127.0.0.4"), "127.0.0.1", "unknown: the server's own");
}

#[test]
fn a_reload_has_a_new_name_looked_up_in_the_background() {
    let daemon = Daemon::start_with(|_| format!("passive_address = '{NAME}'\n"));
    assert_eq!(told(&daemon, "127.0.0.1"), "127.0.0.9");
    let conf = daemon.path("fxpd.conf");
    let text = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, text.replace(NAME, OTHER_NAME)).unwrap();
    daemon.signal(Signal::HUP);
    let deadline = Instant::now() + PATIENCE;
    while told(&daemon, "127.0.0.1") != "127.0.0.10" {
        assert!(Instant::now() < deadline, "the name is not looked up");
    }
}

#[test]
fn a_name_that_is_not_found_stops_no_server() {
    let daemon = Daemon::start_with(|_| format!("passive_address = '{NO_NAME}'\n"));
    // That is in the log from before the server served; a reload tries again.
    daemon.signal(Signal::HUP);
    wait_for(&daemon.log, "cannot be looked up; PASV tells what it did before");
    assert_eq!(told(&daemon, "127.0.0.1"), "127.0.0.1");
}
