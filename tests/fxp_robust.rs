//! `fxp` killed in the middle of large jobs, as `kill -9` does it: the next run goes on where the
//! killed one was, and copies nothing twice that had arrived.

use crate::{
    fxp_pairs::{fxp, url},
    proftpd::{Proftpd, Resumption},
    program::Program,
    real_server::PASSWORD,
    site::Site,
};
use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
};

/// Runs `fxp --json` until `enough` says so of a line that it writes, and kills it then. Whether it
/// was killed; if not, it has succeeded.
#[track_caller]
fn is_killed(
    fxp: &Program,
    arguments: &[&str],
    variables: &[(&str, &str)],
    mut enough: impl FnMut(&str) -> bool,
) -> bool {
    let mut child = fxp.starts(&[&["--trust-new", "--json", "-q"], arguments].concat(), variables);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let killed = lines.any(|line| enough(&line));
    if killed {
        child.kill().unwrap(); // SIGKILL
    }
    let status = child.wait().unwrap();
    let errors = fxp.file(".errors").unwrap();
    assert!(killed || status.success(), "{status}: {}", String::from_utf8_lossy(&errors));
    killed
}

/// What is copied. `make check-full` asks for more, for which there is no time at every change.
struct Extent {
    files: usize,
    /// To proftpd, which takes 0.4 s for each file: it holds back its handshakes (`TCP_CORK`).
    files_to_proftpd: usize,
    /// Bytes of the large file.
    big: u64,
    /// How many files at once.
    lanes: usize,
}

fn extent() -> Extent {
    match env::var_os("FXPD_TEST_FULL") {
        Some(_) => Extent { files: 10_000, files_to_proftpd: 10_000, big: 5 << 30, lanes: 16 },
        None => Extent { files: 2_500, files_to_proftpd: 125, big: 1 << 30, lanes: 4 },
    }
}

const KILLS: usize = 10;

/// Files of some bytes each, all different, in directories of a hundred.
fn grow_tree(root: &Path, files: usize) {
    for number in 0..files {
        let directory = root.join(format!("d{}", number / 100));
        if number % 100 == 0 {
            fs::create_dir_all(&directory).unwrap();
        }
        let text = format!("{number}\n").repeat(number % 97);
        fs::write(directory.join(format!("f{number}")), text).unwrap();
    }
}

#[track_caller]
fn is_equal(one: &Path, other: &Path) {
    let compared = Command::new("diff").arg("-rq").args([one, other]).output().unwrap();
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stdout));
}

/// Copies a tree by runs that are killed ten times and one that is not.
fn a_tree_arrives(site: &Site, fxp: &Program, to: &str, here: &Path, files: usize, password: &str) {
    grow_tree(&site.path("tree"), files);
    let port = to.split(':').next_back().unwrap().split('/').next().unwrap();
    let its = format!("FXP_PASSWORD_127_0_0_1_{port}");
    let variables = [("FXP_PASSWORD", "pw"), (its.as_str(), password)];
    let from = url(site, "tree");
    let lanes = extent().lanes;
    let at_once = lanes.to_string();
    let arguments = ["--mirror", "-j", &at_once, "--manifest", "m", &from, to];

    let mut done = 0;
    for kill in 0..KILLS {
        // From the very first file to one of the last, and never in the same place of the work.
        let until = done + 1 + kill * files / 60;
        let killed = is_killed(fxp, &arguments, &variables, |line| {
            done += usize::from(line.contains("\"event\":\"done\""));
            done >= until
        });
        assert!(killed, "nothing was left to do after {done} files");
    }
    assert!(done < files);
    let killed = is_killed(fxp, &arguments, &variables, |_| false);
    assert!(!killed);
    is_equal(&site.path("tree"), here);

    let transfers = site.records_by_now().len();
    assert!(transfers >= files && transfers <= files + KILLS * lanes, "{transfers}");
    let manifest = String::from_utf8(fxp.file("m").unwrap()).unwrap();
    let names: BTreeSet<_> =
        manifest.lines().map(|line| line.split("\"size\"").next().unwrap()).collect();
    assert_eq!((manifest.lines().count(), names.len()), (files, files));
    let verified = fxp.runs_with(&["--trust-new", "verify", "m", to], &variables);
    verified.succeeds().says(&format!("{files} equal, 0 of equal size without a hash, 0 wrong"));
}

#[test]
fn a_tree_whose_copy_is_killed_ten_times_arrives_whole_and_no_file_of_it_twice() {
    let (site, target, fxp) = (Site::start(), Site::start(), fxp());
    a_tree_arrives(&site, &fxp, &url(&target, "copy"), &target.path("copy"), extent().files, "pw");
}

#[test]
fn the_same_holds_when_the_target_is_proftpd() {
    let (site, proftpd, fxp) = (Site::start(), Proftpd::start(Resumption::Demanded), fxp());
    let to = proftpd.url("copy");
    a_tree_arrives(&site, &fxp, &to, &proftpd.path("copy"), extent().files_to_proftpd, PASSWORD);
}

#[test]
fn a_large_file_whose_copy_is_killed_goes_on_behind_what_has_arrived() {
    let big = extent().big; // to be killed in its middle
    let (source, target, fxp) = (Site::start(), Site::start(), fxp());
    let file = File::create(source.path("big")).unwrap();
    file.set_len(big).unwrap();
    for at in [0, big / 5 + 1, big / 2 + 5, big - 3] {
        file.write_all_at(b"not", at).unwrap();
    }
    let (from, to) = (url(&source, "big"), url(&target, "big"));
    let variables = [("FXP_PASSWORD", "pw")];
    let mut moved = Vec::new();
    for until in [big / 5, big / 2, u64::MAX] {
        let killed = is_killed(&fxp, &[&from, &to], &variables, |line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["event"] == "progress" && event["bytes"].as_u64().unwrap() >= until
        });
        assert_eq!(killed, until < big, "at {until}");
        let (sent, arrived) = (source.record(), target.record());
        assert_eq!(sent.complete && arrived.complete, !killed);
        moved.push((sent.bytes, arrived.bytes));
    }
    // What was under way when the connection was cut is the only thing sent twice.
    let sums = moved.iter().fold((0, 0), |sums, one| (sums.0 + one.0, sums.1 + one.1));
    assert_eq!(sums.1, big, "each byte arrived once: {moved:?}");
    assert!(sums.0 < big + big / 8, "{moved:?}");
    assert!(moved[2].1 <= big / 2, "it begins anew: {moved:?}");
    let compared = Command::new("cmp").args([source.path("big"), target.path("big")]).output();
    assert!(compared.unwrap().status.success());
}
