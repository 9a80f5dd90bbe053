//! The program's own log: syslog, the journal, and what becomes of transfers when there is none.

use crate::{
    ftp::Ftp,
    started::{Home, Running},
};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    process::Stdio,
};

fn login(address: SocketAddr) -> Ftp {
    let mut ftp = Ftp::connect(address);
    ftp.secure();
    ftp.log_in("ann");
    ftp
}

#[test]
fn syslog_gets_messages_in_the_form_of_rfc_3164() {
    let home = Home::new("log = 'syslog'");
    let server = Running::start(home.fxpd().env("TZ", "UTC").stderr(Stdio::null()));
    let message = home.hears("serving");
    // <PRI>Mmm dd hh:mm:ss TAG[PID]: text, PRI being ftp.info.
    let rest = message.strip_prefix("<94>").expect(&message);
    let (stamp, rest) = rest.split_at(15);
    let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
    let year = now.strftime("%Y");
    let time = jiff::civil::DateTime::strptime("%Y %b %e %H:%M:%S", format!("{year} {stamp}"));
    let age = now.datetime().since(time.expect(stamp)).unwrap();
    assert!(age.total(jiff::Unit::Second).unwrap() < 60.0, "{stamp}");
    assert_eq!(rest, format!(" fxpd[{}]: serving", server.0.id()));
}

#[test]
fn the_journal_gets_priorities_and_other_files_do_not() {
    for is_journal in [true, false] {
        let home = Home::new("");
        let log = File::create(home.path("journal")).unwrap();
        let about = log.metadata().unwrap();
        let inode = about.ino() + u64::from(!is_journal);
        let mut server = Running::start(
            home.fxpd().env("JOURNAL_STREAM", format!("{}:{inode}", about.dev())).stderr(log),
        );
        crate::started::wait_until("it serves", || {
            std::fs::read_to_string(home.path("journal")).unwrap().contains("serving")
        });
        let text = std::fs::read_to_string(home.path("journal")).unwrap();
        let priorities = ["<4>", "<6>"]; // of warnings, and of what is good to know
        let has_priority = |line: &&str| priorities.iter().any(|it| line.starts_with(it));
        let with_priority = text.lines().filter(has_priority).count();
        assert_eq!(with_priority, if is_journal { text.lines().count() } else { 0 }, "{text}");
        assert_eq!(text.contains("\n<6>serving\n"), is_journal, "{text}");
        server.0.kill().unwrap();
    }
}

#[test]
fn a_log_that_nobody_takes_stops_no_transfer() {
    // Standard error whose reader has gone.
    let home = Home::new("");
    let mut server = Running::start(home.fxpd().stderr(Stdio::piped()));
    let mut lines = BufReader::new(server.0.stderr.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        line.unwrap().rsplit_once("listening on ").map(|(_, address)| address.parse().unwrap())
    });
    drop(lines);
    login(address.unwrap()).upload("STOR one", b"1");
    assert_eq!(home.file("one"), b"1");

    // A syslogd that is there and hears nothing: its queue is soon full.
    let home = Home::new("log = 'syslog'");
    let _server = Running::start(home.fxpd().arg("-v").arg("-v"));
    let address = home.address();
    for number in 0..40 {
        let mut ftp = Ftp::connect(address);
        ftp.says(&format!("USER {number}"), 534);
    }
    login(address).upload("STOR one", b"1");
    assert_eq!(home.file("one"), b"1");
    home.hears(" messages before this one were lost");
}
