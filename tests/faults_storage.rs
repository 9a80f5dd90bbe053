//! Storage that fails in every way that a system knows, and in one that only we can: what the client
//! hears, and what goes on. The errors are injected, so that each verb meets each of them.

use crate::{
    faults::{Call, Fragile, Harm, ends_well, half, refuses},
    ftp::Ftp,
    peer,
    started::wait_until,
};
use fxpd::Direction;
use rustix::io::Errno;
use std::{io::Write, path::Path};

/// Every error, and the code that it becomes.
const CODES: [(Errno, u16); 12] = [
    (Errno::NOSPC, 452),
    (Errno::DQUOT, 552),
    (Errno::FBIG, 552),
    (Errno::IO, 451),
    (Errno::NFILE, 451),
    (Errno::MFILE, 451),
    (Errno::NOMEM, 451),
    (Errno::STALE, 451),
    (Errno::ROFS, 550),
    (Errno::ACCESS, 550),
    (Errno::PERM, 550),
    (Errno::NAMETOOLONG, 553),
];

/// Verbs that act by a name alone; those with two words are said after `RNFR`.
const BY_NAME: [&str; 10] = [
    "MKD new",
    "RMD d",
    "DELE old",
    "RNTO new",
    "MFMT 20200102030405 old",
    "MFF Modify=20200102030405; old",
    "SITE CHMOD 600 old",
    "SITE UTIME 20200102030405 old",
    "SITE SYMLINK old link",
    "HASH old",
];

const UPLOADS: [&str; 4] = ["STOR old", "STOR new", "APPE old", "STOU"];

fn fragile() -> Fragile {
    let site = Fragile::start(|_| {});
    site.files.put("home", "/old", b"the old file");
    site.files.put("home", "/d/x", b"");
    let mut ftp = site.login("ann");
    ftp.says("DELE d/x", 250);
    site
}

fn everything_is_as_it_was(site: &Fragile, ftp: &mut Ftp, what: &str) {
    assert_eq!(site.file("/old").unwrap(), b"the old file", "{what}");
    let names = String::from_utf8(ftp.download("NLST")).unwrap();
    assert_eq!(names.replace("\r\n", " "), "d old ", "{what}");
}

#[test]
fn every_verb_tells_every_error_by_its_code_and_the_session_goes_on() {
    let site = fragile();
    let mut ftp = site.login("ann");
    for (errno, code) in CODES {
        for command in BY_NAME {
            if command.starts_with("RNTO") {
                ftp.says("RNFR old", 350);
            }
            site.trouble.begins(Call::Name, Harm::Error(errno));
            ftp.says(command, code);
            site.trouble.ends();
        }
        for command in UPLOADS.into_iter().chain(["REST STOR", "RETR old", "LIST", "MLSD"]) {
            let command = match command {
                "REST STOR" => {
                    ftp.says("REST 3", 350);
                    "STOR old"
                }
                other => other,
            };
            ftp.epsv();
            site.trouble.begins(Call::Name, Harm::Error(errno));
            ftp.says(command, code);
            site.trouble.ends();
        }
        everything_is_as_it_was(&site, &mut ftp, &format!("{errno:?}"));
    }
}

#[test]
fn an_upload_that_fails_on_its_way_or_at_its_end_leaves_the_old_file_whole() {
    let site = fragile();
    let mut ftp = site.login("ann");
    for (errno, code) in CODES {
        for call in [Call::Write, Call::Commit] {
            for command in UPLOADS {
                // What a commit refuses was written in place by then.
                if (call, command) == (Call::Commit, "APPE old") {
                    continue;
                }
                site.trouble.begins(call, Harm::Error(errno));
                refuses(&mut ftp, command, b"the new one", code);
                site.trouble.ends();
                let record = site.record();
                assert!(!record.complete, "{record:?}");
            }
            everything_is_as_it_was(&site, &mut ftp, &format!("{errno:?} at {call:?}"));
        }
    }
    ftp.upload("STOR old", b"the new one");
    assert_eq!(site.file("/old").unwrap(), b"the new one");
}

#[test]
fn a_download_or_a_listing_that_fails_on_its_way_is_not_taken_for_whole() {
    let site = fragile();
    let mut ftp = site.login("ann");
    for command in ["RETR old", "LIST", "NLST", "MLSD"] {
        let address = ftp.epsv();
        site.trouble.begins(Call::Read, Harm::Error(Errno::IO));
        ftp.sends(format!("{command}\r\n").as_bytes());
        let mut reply = ftp.reply().unwrap();
        if reply.starts_with("150") {
            let data = ftp.data(address);
            peer::read_to_close(data).expect_err("half of it, and close_notify");
            reply = ftp.reply().unwrap();
        }
        assert!(reply.starts_with("451"), "{command}: {reply}");
        site.trouble.ends();
    }
    assert!(!site.record().complete);
    everything_is_as_it_was(&site, &mut ftp, "reading");
}

/// The session that meets a panic, where it does.
fn panics(site: &Fragile, command: &str, call: Call) {
    let mut ftp = site.login("bob");
    let address = ftp.epsv();
    if call == Call::Name {
        site.trouble.begins(call, Harm::Panic);
        ftp.sends(format!("{command}\r\n").as_bytes());
    } else {
        ftp.says(command, 150);
        let mut data = ftp.data(address);
        site.trouble.begins(call, Harm::Panic);
        let _ = data.write_all(b"some bytes").is_ok() && data.shutdown().is_ok();
        assert!(peer::read_to_close(data).is_err(), "{command}: no close_notify");
    }
    ftp.hears_the_end();
    let thread = format!("/proc/self/task/{}", site.trouble.ends().expect("a panic"));
    wait_until("its thread is gone", || !Path::new(&thread).exists());
}

#[test]
fn a_panic_in_a_transfer_ends_one_session_gives_its_place_back_and_is_recorded() {
    let site = Fragile::start(|settings| {
        settings.max_sessions = 2;
        settings.max_sessions_per_address = 2;
        settings.max_sessions_per_account = 1;
    });
    site.files.put("home", "/old", b"the old file");
    // More than the sockets take up before the trouble begins.
    site.files.put("home", "/big", &vec![7; 32 << 20]);
    let mut other = site.login("ann");
    for (command, call, direction) in [
        ("STOR old", Call::Write, Direction::Incoming),
        ("STOR old", Call::Commit, Direction::Incoming),
        ("APPE old", Call::Write, Direction::Incoming),
        ("RETR big", Call::Read, Direction::Outgoing),
    ] {
        // In the middle of a transfer of its own, which the trouble would meet as well if it moved.
        let data = half(&mut other, "STOR mine", b"before ");
        // There is one place left; it must be free again.
        panics(&site, command, call);
        let record = site.record();
        assert_eq!((&*record.account, record.complete), ("bob", false), "{command}: {record:?}");
        assert_eq!(record.direction, direction);
        ends_well(&mut other, data, b"and after");
        assert!(site.record().complete);
        assert_eq!(site.file("/mine").unwrap(), b"before and after");
        assert_eq!(site.file("/old").unwrap(), b"the old file");
        wait_until("one place is free", || site.server.sessions() == 1);
    }
    for command in ["MKD x", "STOR x", "LIST", "RETR old", "SITE CHMOD 600 old"] {
        panics(&site, command, Call::Name);
        wait_until("one place is free", || site.server.sessions() == 1);
    }
    other.says("NOOP", 200);
}
