//! What an account may keep: no byte and no name beyond its quota, whatever it tries; and the count of
//! it is right after everything that can happen to a file.

use crate::{
    ftp::Ftp,
    peer,
    site::{Plan, Site},
};
use fxpd::Amount;
use std::{fs, io::Write, net::Shutdown};

/// An account that may keep so many bytes.
fn of_bytes(bytes: u64) -> Site {
    Site::with(|plan| plan.limits.quota_bytes = Some(Amount(bytes)))
}

/// What `SITE QUOTA` says is kept: bytes and names.
fn kept(ftp: &mut Ftp) -> (u64, u64) {
    let told = ftp.says("SITE QUOTA", 200);
    let (bytes, files) = told["200 Kept: ".len()..].split_once(", ").unwrap();
    let first = |part: &str| part.split(' ').next().unwrap().parse().unwrap();
    (first(bytes), first(files))
}

/// Sends `bytes` by `command` and hears `code`; 150 comes first.
#[track_caller]
fn uploads(ftp: &mut Ftp, command: &str, bytes: &[u8], code: u16) {
    let address = ftp.epsv();
    ftp.says(command, 150);
    let mut data = ftp.data(address);
    // Who is refused in the middle reads no more.
    let _ = data.write_all(bytes).is_ok() && data.shutdown().is_ok();
    ftp.hears(code);
}

#[test]
fn an_upload_that_crosses_the_quota_ends_there_and_leaves_what_fits() {
    let site = of_bytes(1_000_000);
    site.put("old", &[7; 400_000]);
    let mut ftp = site.login("ann");
    uploads(&mut ftp, "STOR big", &vec![7; 3_000_000], 552);
    let left = site.file("big").map_or(0, |file| file.len());
    assert!((1..=600_000).contains(&left), "{left} bytes, to be resumed");
    assert_eq!(kept(&mut ftp), (400_000 + left as u64, 2));
    ftp.says("DELE big", 250);
    ftp.upload("STOR fits", &[7; 600_000]);
    // Nothing more fits: that is said before anything is sent.
    ftp.epsv();
    ftp.says("STOR more", 552);
    ftp.says("APPE old", 552);
    ftp.says("DELE old", 250);
    ftp.upload("STOR more", &[7; 400_000]);
    assert_eq!(kept(&mut ftp), (1_000_000, 2));
}

#[test]
fn two_uploads_at_once_do_not_cross_it_together() {
    let site = of_bytes(1000);
    let (mut one, mut two) = (site.login("ann"), site.login("ann"));
    let begin = |ftp: &mut Ftp, name: &str| {
        let address = ftp.epsv();
        ftp.says(&format!("STOR {name}"), 150);
        let mut data = ftp.data(address);
        data.write_all(&[7; 600]).unwrap();
        data
    };
    let (first, second) = (begin(&mut one, "one"), begin(&mut two, "two"));
    peer::finish(first);
    peer::finish(second);
    let mut codes = [one.reply().unwrap(), two.reply().unwrap()].map(|reply| reply[..3].to_owned());
    codes.sort();
    assert_eq!(codes, ["226", "552"]);
    assert_eq!(kept(&mut one).0, 600);
}

#[test]
fn everything_that_happens_to_a_file_is_accounted() {
    for in_place in [false, true] {
        happens(in_place);
    }
}

fn happens(in_place: bool) {
    let site = Site::with(|plan| {
        plan.storage.in_place = in_place;
        plan.limits.quota_bytes = Some(Amount(1000));
        plan.limits.quota_files = Some(10);
    });
    let mut ftp = site.login("bob");
    assert_eq!(kept(&mut ftp), (0, 0));
    let steps: &[(&str, &[u8], (u64, u64))] = &[
        ("STOR a", &[1; 100], (100, 1)),
        // Overwritten, it makes room for its successor.
        ("STOR a", &[1; 950], (950, 1)),
        ("STOR a", &[1; 50], (50, 1)),
        ("APPE a", &[1; 25], (75, 1)),
        ("APPE new", &[1; 25], (100, 2)),
        ("REST 10", &[], (100, 2)),
        ("STOR a", &[1; 20], (55, 2)),
        ("RANG 25 34", &[], (55, 2)),
        ("STOR a", &[1; 10], (60, 2)),
        ("RANG 0 9", &[], (60, 2)),
        ("STOR a", &[1; 10], (60, 2)),
        ("STOU", &[1; 5], (65, 3)),
        ("MKD d", &[], (65, 4)),
        ("RNFR a", &[], (65, 4)),
        ("RNTO d/a", &[], (65, 4)),
        ("RNFR new", &[], (65, 4)),
        ("RNTO d/a", &[], (30, 3)),
        ("SITE SYMLINK d/a link", &[], (30, 4)),
        ("STOR link", &[1; 40], (45, 4)),
        ("DELE link", &[], (45, 3)),
        ("DELE d/a", &[], (5, 2)),
        ("RMD d", &[], (5, 1)),
        ("DELE none", &[], (5, 1)),
    ];
    for (command, bytes, after) in steps {
        if bytes.is_empty() {
            ftp.sends(format!("{command}\r\n").as_bytes());
            ftp.reply().unwrap();
        } else {
            ftp.upload(command, bytes);
        }
        if !matches!(&command[..4], "REST" | "RANG" | "RNFR") {
            assert_eq!(kept(&mut ftp), *after, "{command}");
        }
    }
}

#[test]
fn what_is_cut_short_counts_as_far_as_it_is_kept() {
    let site = of_bytes(1000);
    site.put("old", &[7; 300]);
    let mut ftp = site.login("ann");
    let cut = |ftp: &mut Ftp, command: &str| {
        let address = ftp.epsv();
        ftp.says(command, 150);
        let mut data = ftp.data(address);
        data.write_all(&[7; 200]).unwrap();
        data.get_ref().shutdown(Shutdown::Write).unwrap();
        ftp.hears(426);
    };
    cut(&mut ftp, "STOR new");
    assert_eq!((site.file("new").unwrap().len(), kept(&mut ftp)), (200, (500, 2)));
    cut(&mut ftp, "STOR old");
    assert_eq!((site.file("old").unwrap().len(), kept(&mut ftp)), (300, (500, 2)));
    cut(&mut ftp, "APPE old");
    assert_eq!((site.file("old").unwrap().len(), kept(&mut ftp)), (500, (700, 2)));
}

#[test]
fn room_that_somebody_else_takes_away_is_not_lent_for_ever() {
    let site = of_bytes(1000);
    site.put("old", &[7; 900]);
    let (mut ftp, mut other) = (site.login("ann"), site.login("ann"));
    let address = ftp.epsv();
    ftp.says("STOR old", 150);
    let mut data = ftp.data(address);
    data.write_all(&[7; 900]).unwrap();
    other.says("DELE old", 250);
    data.write_all(&[7; 900]).unwrap();
    peer::finish(data);
    ftp.hears(552);
    assert_eq!(kept(&mut ftp), (0, 0));
    assert_eq!(site.names(), [""; 0]);
}

#[test]
fn so_many_names_and_no_more() {
    let site = Site::with(|plan| plan.limits.quota_files = Some(3));
    let mut ftp = site.login("bob");
    ftp.says("MKD d", 257);
    ftp.upload("STOR a", b"1");
    ftp.says("SITE SYMLINK a l", 200);
    ftp.says("MKD e", 552);
    ftp.epsv();
    ftp.says("STOR b", 552);
    ftp.says("SITE SYMLINK a m", 552);
    ftp.upload("STOR a", b"2");
    ftp.says("DELE l", 250);
    ftp.says("MKD e", 257);
}

#[test]
fn avbl_and_allo_tell_what_the_quota_leaves() {
    let site = of_bytes(1000);
    site.put("a", &[7; 400]);
    let mut ftp = site.login("ann");
    assert_eq!(ftp.says("AVBL", 213), "213 600");
    ftp.says("ALLO 600", 200);
    ftp.says("ALLO 601", 552);
    assert_eq!(ftp.says("SITE QUOTA", 200), "200 Kept: 400 of 1000 bytes, 1 files.");
    let status = ftp.says("STAT", 211);
    assert!(status.contains("\n Kept: 400 of 1000 bytes, 1 files.\r\n"), "{status}");
    assert!(!Site::start().login("ann").says("STAT", 211).contains("Kept"));
}

#[test]
fn what_is_kept_is_counted_anew_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    // What a server that was killed has left: files that no ledger knows.
    fs::create_dir(directory.path().join("d")).unwrap();
    fs::write(directory.path().join("d/a"), [7; 700]).unwrap();
    std::os::unix::fs::symlink("d", directory.path().join("again")).unwrap();
    std::os::unix::fs::symlink("..", directory.path().join("d/up")).unwrap();
    let site = of_bytes(1000);
    fs::rename(directory.path().join("d"), site.path("d")).unwrap();
    fs::rename(directory.path().join("again"), site.path("again")).unwrap();
    let mut ftp = site.login("ann");
    assert_eq!(kept(&mut ftp), (700, 4));
    uploads(&mut ftp, "STOR b", &[7; 301], 552);
    ftp.upload("STOR b", &[7; 300]);
}

#[test]
fn who_names_no_quota_has_that_of_the_server_or_none() {
    let told = |change: fn(&mut Plan)| Site::with(change).login("ann").says("SITE QUOTA", 200);
    assert_eq!(told(|_| {}), "200 There is no quota.");
    assert_eq!(
        told(|plan| {
            plan.settings.quota_bytes = 5;
            plan.settings.quota_files = 6;
        }),
        "200 Kept: 0 of 5 bytes, 0 of 6 files."
    );
    let freed = told(|plan| {
        plan.settings.quota_bytes = 5;
        plan.limits.quota_bytes = Some(Amount(0));
    });
    assert_eq!(freed, "200 There is no quota.");
}

#[test]
fn a_client_may_leave_while_it_is_counted() {
    let site = of_bytes(1000);
    (0..100).for_each(|number: u32| site.put(&number.to_string(), b""));
    let mut ftp = site.login("ann");
    ftp.sends(b"AVBL\r\nABOR\r\n");
    let answers = [ftp.reply().unwrap(), ftp.reply().unwrap()];
    assert!(answers[0].starts_with("426") && answers[1].starts_with("226"), "{answers:?}");
    assert_eq!(kept(&mut ftp), (0, 100));
}
