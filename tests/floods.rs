//! Much of everything: connections, handshakes, commands, names without end. Those who work are
//! left in peace, and whatever is asked for has an end.

use crate::{
    ftp::Ftp,
    one_directory,
    other_server::connect_from,
    peer::{self, Client},
    site::{PATIENCE, Site},
};
use fxpd::Demand;
use socket2::SockRef;
use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    io::Write,
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Ends the flood when dropped, by a failure too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_flood_of_connections_and_handshakes_leaves_those_at_work_alone() {
    let site = Site::with(|plan| {
        plan.settings.max_sessions_not_logged_in = 8;
        plan.settings.max_sessions_per_address = 12;
        plan.settings.login_timeout = Duration::from_secs(2);
    });
    let mut ftp = site.login("ann");
    let hello = Client::any().hello();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over = Over(&is_over);
        // Some begin a handshake and leave it, some only connect, all come again and again.
        for stranger in ["127.0.0.8", "127.0.0.9"] {
            let (hello, is_over, address) = (&hello, &is_over, site.address);
            let flood = thread::Builder::new().spawn_scoped(scope, move || {
                let mut open = VecDeque::new();
                while !is_over.load(Ordering::Relaxed) {
                    let mut socket = connect_from(stranger, address);
                    let _ = socket.write_all(b"AUTH TLS\r\n");
                    let _ = socket.write_all(&hello[..hello.len() / 2]);
                    open.push_back(socket);
                    open.drain(..open.len().saturating_sub(100));
                }
            });
            flood.unwrap();
        }
        let began = Instant::now();
        for round in 0..20 {
            let bytes = vec![b'x'; 1000 * round];
            ftp.upload("STOR a", &bytes);
            assert_eq!(ftp.download("RETR a"), bytes);
        }
        let took = began.elapsed();
        assert!(took < 2 * PATIENCE, "{took:?}");
    });
    // And when it is over, there is room again as soon as the strangers' time is.
    let began = Instant::now();
    let newcomer = loop {
        let mut ftp = Ftp::silent(site.address, Client::any());
        if ftp.reply().is_ok_and(|reply| reply.starts_with("220")) {
            break ftp;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "nobody gets in any more");
    };
    drop(newcomer);
    ftp.says("NOOP", 200);
}

#[test]
fn a_flood_of_commands_in_a_transfer_waits_outside() {
    let site = Site::with(|plan| plan.settings.tls = Demand::Optional);
    let mut ftp = site.connect();
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 230);
    let mut data = TcpStream::connect(ftp.epsv()).unwrap();
    ftp.says("STOR in", 150);
    let mut control = ftp.into_socket();
    control.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    SockRef::from(&control).set_send_buffer_size(16 << 10).unwrap();
    let (lines, mut taken) = (b"NOOP\r\n".repeat(1000), 0);
    // What the system keeps for a server that does not read is less than that.
    while let Ok(count) = control.write(&lines) {
        taken += count;
        assert!(taken < 2 << 20, "all that is said in a transfer is kept in memory");
    }
    data.write_all(b"hello").unwrap();
    drop(data);
    assert!(site.record().complete, "the transfer itself goes on");
    assert_eq!(site.file("in").unwrap(), b"hello");
}

#[test]
fn so_many_shake_hands_at_a_port_at_a_time_and_no_more() {
    let site = Site::with(|plan| plan.settings.handshake_timeout = 9 * PATIENCE);
    site.put("out", b"hello");
    let mut ftp = site.login("ann");
    ftp.says(&format!("XPEER SHA-256 {}", "ab".repeat(32)), 200);
    let address = ftp.epsv();
    ftp.says("RETR out", 150);
    let crowd: Vec<_> = (0..40).map(|_| peer::connect(address)).collect();
    // Whoever comes displaces who has been there longest: what a crowd costs has a bound.
    assert!(crowd[..20].iter().all(peer::is_closed));
    ftp.says("ABOR", 426);
    ftp.hears(226);
}

#[test]
fn what_is_said_in_the_midst_of_a_transfer_does_not_touch_it() {
    let site = Site::start();
    fs::create_dir(site.path("d")).unwrap();
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    ftp.says("STOR in", 150);
    let mut data = ftp.data(address);
    let said = [
        ("CWD d", 250),
        ("TYPE A", 200),
        ("MODE Z", 200),
        ("REST 3", 350),
        ("SSCN ON", 200),
        ("PBSZ 0", 200),
        ("EPSV", 229),
        ("USER bob", 331),
        ("PASS pw", 230),
        ("PWD", 257),
    ];
    for (command, _) in said {
        ftp.sends(format!("{command}\r\n").as_bytes());
    }
    data.write_all(b"one\r\ntwo").unwrap();
    peer::finish(data);
    ftp.hears(226);
    for (_, code) in said {
        ftp.hears(code);
    }
    assert_eq!(site.file("in").unwrap(), b"one\r\ntwo");
    let record = site.record();
    assert_eq!((record.account.as_str(), record.path.to_string()), ("ann", "/in".to_owned()));
    assert!(record.complete);
}

#[test]
fn the_next_passive_port_cannot_be_told_from_the_last() {
    let site = Site::with(|plan| {
        plan.host = "127.0.0.7".parse().unwrap(); // where no other test listens
        plan.settings.passive_ports = 30_000..=30_999;
    });
    let mut ftp = site.login("ann");
    let ports: Vec<u16> = (0..20).map(|_| ftp.epsv().port()).collect();
    assert!(ports.iter().all(|port| (30_000..=30_999).contains(port)), "{ports:?}");
    let steps: BTreeSet<i32> =
        ports.windows(2).map(|pair| i32::from(pair[1]) - i32::from(pair[0])).collect();
    assert!(steps.len() > 10, "{ports:?}");
}

#[test]
fn a_listing_of_names_without_end_has_an_end() {
    // They begin with a dot: nothing is sent of them.
    let (_server, mut ftp) = one_directory::serve(|| (0_u64..).map(|number| format!(".{number}")));
    for listing in ["LIST -R", "NLST */*"] {
        let address = ftp.epsv();
        ftp.says(listing, 150);
        let data = ftp.data(address);
        // A million names are looked at before that.
        data.get_ref().set_read_timeout(Some(9 * PATIENCE)).unwrap();
        let shown = peer::read_to_close(data).unwrap();
        assert!(shown.len() < 100, "{listing}: {}", shown.escape_ascii());
        let cut = ftp.hears(550);
        assert!(cut.contains("cut short: too many entries"), "{listing}: {cut}");
    }
    for listing in ["STAT -R", "STAT /"] {
        let told = ftp.says(listing, 212);
        assert!(told.ends_with("212 End of what is shown; LIST shows all."), "{told}");
    }
    // One directory is shown whole, and for as long as somebody wants to hear of it.
    let address = ftp.epsv();
    ftp.says("LIST", 150);
    let _data = ftp.data(address);
    ftp.says("ABOR", 426);
    ftp.hears(226);
    ftp.says("NOOP", 200);
}
