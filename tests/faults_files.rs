//! Real file systems that are full, over quota, broken or read-only: what the client hears, what
//! becomes of its files, and that the session goes on.

use crate::{
    faults::{begin, refuses},
    ftp::Ftp,
    mounts::{Mount, run},
    peer,
    site::Site,
    started::wait_until,
};
use rustix::fs::{Advice, fadvise, syncfs};
use std::{
    fs::{self, File},
    io::Write,
    net::Shutdown,
    os::unix::fs::PermissionsExt,
    process::Command,
};

const OLD: &[u8] = b"the old file";

/// More than any of these file systems takes.
fn too_much() -> Vec<u8> {
    vec![7; 6 << 20]
}

/// Every upload meets `code`, and `old` stays what it was, up to what stands in place behind it.
fn uploads_meet(site: &Site, ftp: &mut Ftp, code: u16) {
    let much = too_much();
    for command in ["STOR old", "STOR new", "STOU"] {
        refuses(ftp, command, &much, code);
        assert_eq!(site.file("old").unwrap(), OLD, "{command}");
        forget_others(site);
    }
    for (rest, command) in [("NOOP", "APPE old"), ("REST 4", "STOR old")] {
        ftp.says(rest, if rest == "NOOP" { 200 } else { 350 });
        refuses(ftp, command, &much, code);
        let kept = site.file("old").unwrap();
        assert!(kept.starts_with(&OLD[..4]), "{command}");
        fs::remove_file(site.path("old")).unwrap();
        forget_others(site);
        site.put("old", OLD);
    }
}

/// Removes all but `old`: what was kept of uploads that were cut.
fn forget_others(site: &Site) {
    for name in site.names().into_iter().filter(|name| name != "old" && name != "lost+found") {
        fs::remove_file(site.path(&name)).unwrap();
    }
    // Some give room back only then.
    syncfs(File::open(site.path("")).unwrap()).unwrap();
}

fn goes_on(ftp: &mut Ftp) {
    assert_eq!(ftp.download("RETR old"), OLD);
    ftp.upload("STOR fits", b"fits");
    ftp.says("DELE fits", 250);
}

#[test]
fn a_full_disk_is_452_and_what_is_there_stays() {
    for in_place in [false, true] {
        let site = Site::with(|plan| plan.storage.in_place = in_place);
        let _disk = Mount::in_memory(&site.path(""), "size=1m");
        site.put("old", OLD);
        let mut ftp = site.login("ann");
        if in_place {
            // There the old contents make way, as the manual says.
            refuses(&mut ftp, "STOR old", &too_much(), 452);
            site.put("old", OLD);
            refuses(&mut ftp, "STOR new", &too_much(), 452);
            assert!(ftp.says("SIZE new", 213).len() > "213 0".len(), "what fits can be resumed");
            ftp.says("DELE new", 250);
        } else {
            uploads_meet(&site, &mut ftp, 452);
        }
        goes_on(&mut ftp);
    }
}

#[test]
fn a_disk_without_room_for_names_is_452() {
    let site = Site::start();
    let _disk = Mount::in_memory(&site.path(""), "nr_inodes=3");
    site.put("old", OLD);
    site.put("other", b"");
    let mut ftp = site.login("ann");
    for command in ["MKD new", "STOR new", "STOR old", "STOU", "APPE new"] {
        ftp.epsv();
        ftp.says(command, 452);
    }
    ftp.upload("APPE old", b"!");
    ftp.says("RNFR other", 350);
    ftp.says("RNTO renamed", 250);
    ftp.says("DELE renamed", 250);
    ftp.says("MKD new", 257);
    assert_eq!(site.names(), ["new", "old"]);
}

#[test]
fn a_quota_of_the_file_system_is_552() {
    let site = Site::start();
    let disk = Mount::of_disk(&site.path(""), 256 << 20, &["mkfs.btrfs", "-q"]);
    let btrfs =
        |words: &[&str]| run("btrfs-progs", Command::new("btrfs").args(words).arg(site.path("")));
    btrfs(&["quota", "enable"]);
    site.put("old", OLD);
    btrfs(&["qgroup", "limit", "3M"]);
    let mut ftp = site.login("ann");
    uploads_meet(&site, &mut ftp, 552);
    goes_on(&mut ftp);
    drop(disk);
}

#[test]
fn a_disk_that_fails_is_451_whether_it_is_read_or_written() {
    let site = Site::with(|plan| plan.storage.fsync = true);
    let mkfs = ["mkfs.ext4", "-q", "-F", "-O", "^has_journal"];
    let disk = Mount::of_disk(&site.path(""), 16 << 20, &mkfs);
    site.put("old", OLD);
    site.put("lost", &too_much());
    for name in ["old", "lost"] {
        File::open(site.path(name)).unwrap().sync_all().unwrap();
    }
    let mut ftp = site.login("ann");
    // The directory and the small file are remembered; of the large one only its place is.
    assert_eq!(ftp.download("RETR old"), OLD);
    let lost = File::open(site.path("lost")).unwrap();
    fadvise(&lost, 0, None, Advice::DontNeed).unwrap();
    disk.fails_behind(64 << 10);
    let data = begin(&mut ftp, "RETR lost");
    peer::read_to_close(data).expect_err("half a file, and close_notify");
    ftp.hears(451);
    for command in ["STOR new", "STOR old", "STOU"] {
        refuses(&mut ftp, command, b"it will never be on the disk", 451);
        assert_eq!(site.file("old").unwrap(), OLD, "{command}");
    }
    ftp.says("NOOP", 200);
}

#[test]
fn a_disk_that_becomes_read_only_refuses_changes_and_goes_on_when_it_is_mended() {
    let site = Site::start();
    let disk = Mount::in_memory(&site.path(""), "size=9m");
    site.put("old", OLD);
    fs::create_dir(site.path("d")).unwrap();
    let mut ftp = site.login("ann");
    ftp.upload("STOR before", b"before");
    disk.remount("ro");
    for command in ["STOR old", "STOR new", "APPE old", "STOU"] {
        ftp.epsv();
        assert_eq!(ftp.says(command, 550), "550 The file system is read-only.", "{command}");
    }
    for command in ["MKD new", "RMD d", "DELE old", "MFMT 20200102030405 old", "SITE CHMOD 600 old"]
    {
        assert_eq!(ftp.says(command, 550), "550 The file system is read-only.", "{command}");
    }
    ftp.says("RNFR old", 350);
    assert_eq!(ftp.says("RNTO new", 550), "550 The file system is read-only.");
    assert_eq!(ftp.download("RETR old"), OLD);
    assert_eq!(ftp.download("NLST"), b"before\r\nd\r\nold\r\n");
    disk.remount("rw");
    ftp.upload("STOR old", b"new");
    ftp.says("RMD d", 250);
    assert_eq!(site.file("old").unwrap(), b"new");
}

#[test]
fn where_there_are_no_nameless_files_uploads_have_hidden_names_and_are_as_safe() {
    let site = Site::start();
    let shared = Mount::shared(&site.path(""));
    site.put("old", OLD);
    let mut ftp = site.login("ann");
    let mut other = site.login("ann");
    let mut data = begin(&mut ftp, "STOR old");
    data.write_all(b"new").unwrap();
    let hidden = shared.hidden_names();
    assert_eq!(hidden.len(), 1, "{hidden:?}");
    let mode = fs::metadata(site.path(&hidden[0])).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads what is not whole");
    // Who lists meanwhile leaves it alone.
    assert_eq!(other.download("NLST"), b"old\r\n");
    assert_eq!(shared.hidden_names(), hidden);
    peer::finish(data);
    ftp.hears(226);
    assert_eq!(site.file("old").unwrap(), b"new");
    for (command, kept) in [("STOR new", true), ("STOR old", false), ("APPE third", true)] {
        let mut data = begin(&mut ftp, command);
        data.write_all(b"half").unwrap();
        data.get_ref().shutdown(Shutdown::Write).unwrap();
        ftp.hears(426);
        let half = site.file(&command[5..]).unwrap() == b"half";
        assert_eq!(half, kept, "{command}");
    }
    ftp.upload("STOU", b"unique");
    ftp.upload("APPE third", b" and more");
    assert_eq!(site.file("third").unwrap(), b"half and more");
    assert!(shared.hidden_names().is_empty());
    site.put(".fxpd.0123456789abcdef.part", b"of a server that was killed");
    ftp.download("LIST");
    wait_until("it is gone", || shared.hidden_names().is_empty());
}
