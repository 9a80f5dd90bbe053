//! The program's own log: syslog, the journal, and what becomes of transfers when there is none.

use crate::{
    ftp::Ftp,
    started::{Home, Running},
};
use rustix::process::Signal;
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

    // Standard error whose reader sleeps: its pipe is soon full.
    let home = Home::new("");
    let mut server = Running::start(home.fxpd().arg("-v").arg("-v").stderr(Stdio::piped()));
    let mut log = BufReader::new(server.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on ") {
        line.clear();
        log.read_line(&mut line).unwrap();
    }
    let address = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
    let words = "x".repeat(2000);
    for _ in 0..40 {
        // Each is refused, and logged at length.
        let mut ftp = Ftp::connect(address);
        ftp.says(&format!("USER {words}"), 534);
    }
    login(address).upload("STOR one", b"1");
    assert_eq!(home.file("one"), b"1");

    // A syslogd that is there and hears nothing: its queue (net.unix.max_dgram_qlen) is soon full.
    let home = Home::new("log = 'syslog'");
    let _server = Running::start(home.fxpd().arg("-v").arg("-v"));
    let address = home.address();
    for number in 0..max_dgram_qlen() {
        let mut ftp = Ftp::connect(address);
        ftp.says(&format!("USER {number}"), 534);
    }
    login(address).upload("STOR one", b"1");
    assert_eq!(home.file("one"), b"1");
    // There is room again; the number follows the next message.
    (0..5).for_each(|_| drop(home.hears("")));
    drop(Ftp::connect(address));
    home.hears(" messages before this one were lost");
}

/// How many messages wait for a syslogd.
fn max_dgram_qlen() -> usize {
    let text = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap();
    text.trim().parse().unwrap()
}

#[test]
fn a_full_disk_stops_no_transfer_and_its_records_are_in_the_program_s_log() {
    let home =
        Home::new("log = 'syslog'\ntransfer_log = '/dev/full'\ntransfer_log_json = '/dev/full'");
    let server = Running::start(&mut home.fxpd());
    let mut ftp = login(home.address());
    for name in ["one", "two"] {
        ftp.upload(&format!("STOR {name}"), b"1");
    }
    server.signal(Signal::TERM);
    for (form, name) in
        [(" /one b _ i ", "one"), ("\"path\":\"/one\"", "one"), (" /two b _ i ", "two")]
    {
        let message = home.hears("cannot write /dev/full: ");
        assert!(message.contains(form), "{form}: {message}");
        assert_eq!(home.file(name), b"1");
    }
    for _ in 0..2 {
        home.hears("2 records are missing in /dev/full; see above");
    }
}

#[test]
fn every_transfer_is_an_object_of_json() {
    let home = Home::new("log = 'syslog'\nhash_transfers = 'all'");
    let json = format!("transfer_log_json={}", home.word("json"));
    let mut server = Running::start(home.fxpd().args(["-o", &json]));
    let mut ftp = login(home.address());
    ftp.upload("STOR a b", b"hello\n");
    assert_eq!(ftp.download("RETR a b"), b"hello\n");
    ftp.epsv();
    ftp.says("RETR a b", 150);
    ftp.says("ABOR", 426);
    ftp.hears(226);
    server.signal(Signal::TERM);
    assert!(server.0.wait().unwrap().success());
    let text = std::fs::read_to_string(home.path("json")).unwrap();
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 3, "{text}");
    for (record, direction, result) in [
        (&records[0], "in", "complete"),
        (&records[1], "out", "complete"),
        (&records[2], "out", "incomplete"),
    ] {
        assert_eq!(record["account"], "ann");
        assert_eq!(record["client"], "127.0.0.1");
        assert_eq!((&record["direction"], &record["result"]), (&direction.into(), &result.into()));
        assert_eq!((&record["path"], &record["foreign"]), (&"/a b".into(), &false.into()));
        assert!(record["ended"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
        assert!(record["seconds"].as_f64().is_some());
    }
    // sha256 of "hello\n"
    let hash = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    for record in &records[..2] {
        assert_eq!(record["bytes"], 6);
        assert_eq!(record["hash"], serde_json::json!({ "algorithm": "SHA-256", "value": hash }));
        let tls = &record["tls"];
        assert_eq!((&tls["version"], &tls["role"]), (&"TLSv1.3".into(), &"accept".into()));
        assert!(tls["cipher"].as_str().unwrap().starts_with("TLS_"));
        assert!(record["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    }
    assert!(records[2]["hash"].is_null() && records[2]["bytes"] == 0, "{}", records[2]);
}
