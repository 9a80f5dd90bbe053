//! What is recorded of files, and how clients change it; the small verbs that clients greet with.

use crate::{ftp::Ftp, site::Site};
use fxpd::{
    Access, Account, AuthError, Authenticator, Builder, Identity, Listen, Memory, Secret, Visitor,
};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

/// The permission bits of a file of `ann`'s.
fn mode(site: &Site, name: &str) -> u32 {
    site.path(name).metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn times_are_set_in_utc_and_read_back() {
    let site = Site::start();
    site.put("a b", b"x");
    let mut ftp = site.login("ann");
    let told = ftp.says("MFMT 20260203040506.250 a b", 213);
    assert_eq!(told, "213 Modify=20260203040506.250; a b");
    assert_eq!(ftp.says("MDTM a b", 213), "213 20260203040506.250");
    let set = site.path("a b").metadata().unwrap();
    assert_eq!((set.mtime(), set.mtime_nsec()), (1_770_091_506, 250_000_000));
    ftp.says("SITE UTIME 199912312359 a b", 200);
    assert_eq!(ftp.says("MDTM a b", 213), "213 19991231235900");
    ftp.says("SITE UTIME a b 20260101000000 20260203040506 20260101000000 UTC", 200);
    assert_eq!(ftp.says("MDTM a b", 213), "213 20260203040506");
    ftp.says("MFMT 19600203040506 a b", 213);
    assert_eq!(ftp.says("MDTM a b", 213), "213 19600203040506", "before the epoch");
    ftp.says("MFCT 20260203040506 a b", 504);
    ftp.says("MFMT 20260203040506 none", 550);
    ftp.says("MFMT yesterday a b", 501);
}

#[test]
fn modes_are_set_without_the_bits_above() {
    let site = Site::start();
    site.put("a", b"x");
    let mut ftp = site.login("ann");
    ftp.says("SITE CHMOD 640 a", 200);
    assert_eq!(mode(&site, "a"), 0o640);
    let told = ftp.says("MFF UNIX.mode=0600;Modify=20260203040506; a", 213);
    assert_eq!(told, "213 UNIX.mode=0600;Modify=20260203040506; a");
    assert_eq!(mode(&site, "a"), 0o600);
    assert_eq!(ftp.says("MDTM a", 213), "213 20260203040506");
    for bad in ["SITE CHMOD 4755 a", "SITE CHMOD u+s a", "MFF UNIX.mode=7777; a", "SITE CHMOD 1 a"]
    {
        ftp.says(bad, 501);
    }
    assert_eq!(mode(&site, "a"), 0o600);
}

#[test]
fn changes_do_not_follow_links_out_of_the_tree() {
    let site = Site::start();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let before = outside.path().metadata().unwrap();
    symlink(outside.path(), site.path("out")).unwrap();
    let mut ftp = site.login("ann");
    for command in ["MFMT 19990203040506 out", "SITE CHMOD 777 out", "MFF UNIX.mode=777; out"] {
        ftp.says(command, 550);
    }
    let after = outside.path().metadata().unwrap();
    assert_eq!((before.mode(), before.mtime()), (after.mode(), after.mtime()));
}

#[test]
fn a_reader_changes_nothing() {
    let site = Site::start();
    let mut ftp = site.login("reader");
    for command in [
        "MFMT 20260203040506 a",
        "MFF UNIX.mode=600; a",
        "SITE CHMOD 600 a",
        "SITE SYMLINK a b",
        "SITE UTIME 20260203040506 a",
        "MFCT 20260203040506 a",
    ] {
        ftp.says(command, 550);
    }
}

#[test]
fn links_and_the_list_of_sessions_take_a_right() {
    let site = Site::start();
    let mut ann = site.login("ann");
    ann.says("SITE SYMLINK a b", 550);
    ann.says("SITE WHO", 550);
    let mut bob = site.login("bob");
    bob.upload("STOR a", b"hello");
    bob.says("SITE SYMLINK a b", 200);
    assert_eq!(bob.download("RETR b"), b"hello");
    bob.says("SITE SYMLINK /etc/passwd c", 200);
    bob.says("RETR c", 550);
    let who = bob.says("SITE WHO", 211);
    assert!(who.contains("\r\n ann from 127.0.0.1 since "), "{who}");
    assert!(who.contains("\r\n bob from 127.0.0.1 since "), "{who}");
    let stranger = site.connect();
    assert!(bob.says("SITE WHO", 211).contains(" (not logged in) from 127.0.0.1"));
    drop((ann, stranger));
}

#[test]
fn an_idle_time_is_told_and_set_within_bounds() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    assert_eq!(ftp.says("SITE IDLE", 200), "200 Idle for 300 seconds.");
    ftp.says("SITE IDLE 0", 501);
    ftp.says("SITE IDLE 7201", 501);
    ftp.says("SITE IDLE 1", 200);
    ftp.hears(421);
}

#[test]
fn room_is_told_in_bytes() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for command in ["AVBL", "AVBL /"] {
        let told = ftp.says(command, 213);
        assert!(told[4..].parse::<u64>().unwrap() > 0, "{told}");
    }
    ftp.says("AVBL none", 550);
}

#[test]
fn allo_asks_whether_there_is_room() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("ALLO 0", 200);
    ftp.says("ALLO 1000000 R 80", 200);
    let told = ftp.says("ALLO 9223372036854775807", 552);
    assert!(told.starts_with("552 There is room for "), "{told}");
    ftp.upload("STOR a", b"it was only asked");

    // A storage that does not know how much it can take.
    let files = Memory::new();
    let handle = Builder::new(Identity::self_signed(&["localhost"]).unwrap(), Anyone, files)
        .listen("127.0.0.1:0".parse().unwrap(), Listen::Explicit)
        .bind()
        .unwrap()
        .start()
        .unwrap();
    let mut ftp = Ftp::connect(handle.addresses()[0]);
    ftp.secure();
    ftp.log_in("guest");
    ftp.says("ALLO 1000", 202);
}

/// Lets in everyone, to read.
struct Anyone;

impl Authenticator for Anyone {
    fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
        Ok(Account::new(visitor.name, "home", Access::ReadOnly))
    }
}

#[test]
fn cepr_makes_epsv_tell_the_address() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("CEPR ON", 200);
    let told = ftp.says("EPSV", 229);
    assert!(told.contains("(|1|127.0.0.1|"), "{told}");
    ftp.says("CEPR OFF", 200);
    let told = ftp.says("EPSV", 229);
    assert!(told.contains("(|||"), "{told}");
    ftp.says("CEPR MAYBE", 501);
}

#[test]
fn greetings_are_answered_and_old_forms_refused_with_the_way_out() {
    let site = Site::start();
    let mut ftp = site.connect();
    ftp.says("CLNT anything 1.0", 200);
    let told = ftp.says("CSID Name=test;", 200);
    assert!(told.starts_with("200 Name=fxpd;Version="), "{told}");
    ftp.says("LANG", 200);
    ftp.says("LANG en", 200);
    ftp.says("LANG fr", 504);
    ftp.says("MIC x", 503);
    ftp.secure();
    ftp.says("ADAT x", 503);
    ftp.says("ENC x", 537);
    ftp.says("ACCT x", 202);
    ftp.says("PRET RETR a", 530);
    ftp.log_in("ann");
    ftp.says("PRET RETR a", 200);
    ftp.says("LPRT 4,4,1,2,3,4,2,1,2", 521);
    ftp.says("LPSV", 521);
    ftp.says("SITE HELP", 214);
    ftp.says("SITE EXEC ls", 504);
}
