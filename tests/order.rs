//! What comes when: verbs of two servers, connections before and after them, commands in the midst
//! of a transfer, and its end by ABOR.

use crate::{
    ftp::Ftp,
    other_server::{Means, OtherServer, introduce, listen, opposite, site_at},
    peer::{self, Client},
    site::Site,
    stuck::{self, Phase, RECEIVED},
};
use fxpd::TlsRole;
use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

/// Less than every timeout of a server, and more than any answer takes.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn the_verbs_of_a_copy_may_come_in_any_order() {
    let (source, target) = (site_at("127.0.0.2"), site_at("127.0.0.3"));
    source.put("out", b"hello");
    let (mut from, mut to) = (source.login("ann"), target.login("ann"));
    for source_is_passive in [true, false] {
        for (source_sscn, target_sscn) in [("ON", "OFF"), ("OFF", "ON")] {
            from.says(&format!("SSCN {source_sscn}"), 200);
            to.says(&format!("SSCN {target_sscn}"), 200);
            for store_first in [true, false] {
                match source_is_passive {
                    true => introduce(&mut from, "PASV", &mut to),
                    false => introduce(&mut to, "PASV", &mut from),
                }
                // The first side's 150 is awaited before the second gets its verb.
                if store_first {
                    to.says("STOR in", 150);
                    from.says("RETR out", 150);
                } else {
                    from.says("RETR out", 150);
                    to.says("STOR in", 150);
                }
                to.hears(226);
                from.hears(226);
                assert_eq!(target.file("in").unwrap(), b"hello");
            }
        }
    }
}

#[test]
fn a_client_hello_may_come_before_the_verb() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for means in [Means::Pasv, Means::Epsv] {
        let begun = Client::any().begin(means.prepare(&mut ftp).open());
        ftp.says("NOOP", 200);
        ftp.says("STOR in", 150);
        let mut data = begun.go_on().unwrap();
        data.write_all(b"hello").unwrap();
        peer::finish(data);
        ftp.hears(226);
        assert_eq!(site.file("in").unwrap(), b"hello");
    }
}

#[test]
fn a_peer_may_be_silent_before_it_shakes_hands() {
    let site = Site::start();
    let other = OtherServer::new(&site.identity);
    let mut ftp = site.login("ann");
    for role in [TlsRole::Accept, TlsRole::Connect] {
        ftp.says(if role == TlsRole::Connect { "SSCN ON" } else { "SSCN OFF" }, 200);
        for means in [Means::Epsv, Means::Eprt] {
            let route = means.prepare(&mut ftp);
            ftp.says("STOR in", 150);
            ftp.says("STAT", 211);
            let socket = route.open();
            // The server has looked around again and again, and waits.
            for _ in 0..100 {
                ftp.says("STAT", 211);
            }
            let mut data = other.shake(socket, opposite(role)).unwrap();
            data.write_all(b"hello").unwrap();
            peer::finish(data);
            ftp.hears(226);
            assert_eq!(site.file("in").unwrap(), b"hello");
        }
    }
}

#[test]
fn a_listener_that_is_gone_is_425_at_once() {
    let site = Site::start();
    site.put("out", b"hello");
    let mut ftp = site.login("ann");
    for verb in ["RETR out", "STOR in", "LIST"] {
        let began = Instant::now();
        drop(ftp.port());
        ftp.says(verb, 150);
        ftp.hears(425);
        ftp.says(verb, 425);
        assert!(began.elapsed() < AT_ONCE, "{verb}");
    }
    assert_eq!(site.names(), ["out"]);
}

#[test]
fn a_side_whose_partner_gets_no_verb_ends_in_time() {
    let hasty = |host: &str| {
        Site::with(|plan| {
            plan.host = host.parse().unwrap();
            plan.settings.data_timeout = Duration::from_secs(1);
            plan.settings.handshake_timeout = Duration::from_secs(1);
        })
    };
    let (source, target) = (hasty("127.0.0.2"), hasty("127.0.0.3"));
    source.put("out", b"hello");
    let (mut from, mut to) = (source.login("ann"), target.login("ann"));
    let began = Instant::now();
    introduce(&mut to, "PASV", &mut from);
    to.says("STOR in", 150);
    to.hears(425);
    for sscn in ["ON", "OFF"] {
        from.says(&format!("SSCN {sscn}"), 200);
        introduce(&mut to, "PASV", &mut from);
        from.says("RETR out", 150);
        from.hears(421);
    }
    assert!(began.elapsed() < 2 * AT_ONCE);
    assert!(target.names().is_empty());
    // What is left of it is in nobody's way.
    from.says("SSCN ON", 200);
    introduce(&mut to, "PASV", &mut from);
    from.says("RETR out", 150);
    to.says("STOR in", 150);
    from.hears(226);
    to.hears(226);
}

#[test]
fn a_retr_whose_partner_refuses_ends_by_abor() {
    let (source, target) = (site_at("127.0.0.2"), site_at("127.0.0.3"));
    source.put("out", b"hello");
    let (mut from, mut to) = (source.login("ann"), target.login("reader"));
    introduce(&mut to, "PASV", &mut from);
    from.says("RETR out", 150);
    to.says("STOR in", 550);
    from.says("ABOR", 426);
    from.hears(226);
    from.says("NOOP", 200);
}

#[test]
fn a_port_is_closed_by_whatever_follows_it() {
    let site = site_at("127.0.0.6"); // where no other test could take a freed port
    let mut ftp = site.login("ann");
    let elsewhere = listen(ftp.own_ip());
    let port = Means::Port.naming(elsewhere.local_addr().unwrap());
    for (command, code) in [
        ("PASV", 227),
        ("EPSV", 229),
        ("CPSV", 227),
        (&port, 200),
        ("ABOR", 225),
        ("USER ann", 331),
        ("QUIT", 221),
    ] {
        let mut ftp = site.login("ann");
        let first = ftp.pasv("PASV");
        ftp.says(command, code);
        assert!(peer::is_refused(first), "{command}");
    }
    ftp.says("NOOP", 200);
}

#[test]
fn a_passive_port_takes_one_connection_for_one_transfer() {
    let site = Site::start();
    site.put("out", b"hello");
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("RETR out", 150);
    let data = ftp.data(address);
    assert!(TcpStream::connect(address).is_err(), "closed once the peer is there");
    peer::read_to_close(data).unwrap();
    ftp.hears(226);
    ftp.says("RETR out", 425);
}

#[test]
fn abor_ends_every_phase_and_the_next_transfer_works() {
    let site = stuck::site(|_| {});
    let synch = b"\xff\xf4\xff\xf2ABOR\r\n";
    for abor in [&b"ABOR\r\n"[..], b"abor  \r\n", synch] {
        for phase in Phase::ALL {
            let mut ftp = site.login("ann");
            let began = Instant::now();
            let mut stuck = stuck::stick(&mut ftp, phase);
            ftp.sends(abor);
            let row = format!("{phase:?} {}", abor.escape_ascii());
            assert!(ftp.hears(426).contains("abort"), "{row}");
            ftp.hears(226);
            assert!(began.elapsed() < AT_ONCE, "{row}");
            assert!(!site.record().complete, "{row}");
            assert!(stuck.is_freed(phase), "{row}");
            works_as_before(&site, &mut ftp);
        }
    }
    assert_eq!(site.file("in").unwrap().len(), RECEIVED, "what came is kept");
}

#[test]
fn abor_as_urgent_data_ends_every_phase() {
    let site = stuck::site(|plan| plan.settings.ccc = true);
    for phase in Phase::ALL {
        let mut ftp = site.login("ann");
        ftp.says("CCC", 200);
        ftp.leave_tls();
        let mut stuck = stuck::stick(&mut ftp, phase);
        ftp.sends_urgent(b"\xff\xf4\xff");
        ftp.sends(b"\xf2ABOR\r\n");
        ftp.hears(426);
        ftp.hears(226);
        assert!(!site.record().complete, "{phase:?}");
        assert!(stuck.is_freed(phase), "{phase:?}");
        works_as_before(&site, &mut ftp);
    }
}

fn works_as_before(site: &Site, ftp: &mut Ftp) {
    ftp.says("RETR out", 425);
    ftp.says("SSCN OFF", 200);
    ftp.says("ABOR", 225);
    assert_eq!(ftp.download("RETR out"), b"hello");
    assert!(site.record().complete);
}

#[test]
fn abor_that_came_with_the_verb_is_heard_as_well() {
    let site = stuck::site(|_| {});
    let mut ftp = site.login("ann");
    let began = Instant::now();
    ftp.epsv();
    ftp.sends(b"STOR in\r\nABOR\r\n");
    ftp.hears(150);
    ftp.hears(426);
    ftp.hears(226);
    let mut stuck = stuck::stick(&mut ftp, Phase::Accepting);
    ftp.sends(b"EPSV\r\nSTOR in\r\nABOR\r\n");
    assert!(began.elapsed() < AT_ONCE);
    // The ABOR is for the transfer that runs; what stands before it is still answered.
    ftp.hears(426);
    ftp.hears(229);
    ftp.hears(150);
    ftp.hears(426);
    ftp.hears(226);
    assert!(stuck.is_freed(Phase::Accepting));
    assert!(began.elapsed() < AT_ONCE);
    assert!(site.file("in").is_none());
    ftp.upload("STOR in", b"hello");
    assert_eq!(site.file("in").unwrap(), b"hello");
}

#[test]
fn stat_is_answered_in_every_phase() {
    let site = stuck::site(|_| {});
    for phase in Phase::ALL {
        let mut ftp = site.login("ann");
        let mut stuck = stuck::stick(&mut ftp, phase);
        let reply = ftp.says("STAT", 211);
        assert!(reply.contains("bytes transferred so far"), "{phase:?}: {reply}");
        if phase == Phase::Receiving {
            assert_eq!(reply, format!("211 {RECEIVED} bytes transferred so far."));
        }
        drop(ftp);
        assert!(stuck.is_freed(phase), "{phase:?}");
    }
}

#[test]
fn stat_that_came_with_the_verb_is_answered_at_once() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.sends(b"STOR in\r\nSTAT\r\nPWD\r\n");
    ftp.hears(150);
    assert_eq!(ftp.hears(211), "211 0 bytes transferred so far.");
    peer::finish(ftp.data(address));
    ftp.hears(226);
    ftp.hears(257);
    assert_eq!(site.file("in").unwrap(), b"");
}

#[test]
fn commands_in_the_midst_of_a_transfer_are_answered_after_it_in_order() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("STOR in", 150);
    let mut data = ftp.data(address);
    ftp.sends(b"SIZE in\r\nPWD\r\nFROB\r\nSTAT\r\nMKD d\r\n");
    for _ in 0..200 {
        ftp.sends(b"NOOP\r\n");
    }
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    ftp.hears(226);
    assert_eq!(ftp.hears(213), "213 5", "the file is there");
    for code in [257, 500, 211, 257] {
        ftp.hears(code);
    }
    for _ in 0..200 {
        ftp.hears(200);
    }
    ftp.says("SYST", 215);
}

#[test]
fn quit_in_the_midst_of_a_transfer_waits_for_its_end() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("STOR in", 150);
    let mut data = ftp.data(address);
    ftp.sends(b"QUIT\r\n");
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    ftp.hears(226);
    ftp.hears(221);
    ftp.hears_the_end();
    assert_eq!(site.file("in").unwrap(), b"hello");
}

#[test]
fn a_lost_control_connection_ends_every_phase_and_its_session() {
    let site = stuck::site(|plan| plan.settings.max_sessions = 1);
    for phase in Phase::ALL {
        let mut ftp = the_only_session(&site);
        let began = Instant::now();
        let mut stuck = stuck::stick(&mut ftp, phase);
        drop(ftp);
        let record = site.record();
        assert!(!record.complete, "{phase:?}");
        assert!(stuck.is_freed(phase), "{phase:?}");
        drop(the_only_session(&site));
        assert!(began.elapsed() < AT_ONCE, "{phase:?}");
    }
}

/// A login where there is room for one session, as soon as the one before has ended.
fn the_only_session(site: &Site) -> Ftp {
    let began = Instant::now();
    let mut ftp = loop {
        let mut ftp = Ftp::silent(site.address, Client::any());
        if ftp.reply().unwrap().starts_with("220") {
            break ftp;
        }
        assert!(began.elapsed() < AT_ONCE, "the session before does not end");
    };
    ftp.secure();
    ftp.log_in("ann");
    ftp
}
