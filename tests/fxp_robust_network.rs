//! `fxp` through networks that delay, cut and lose: it tries again, goes on, and ends.

use crate::{
    fxp_pairs::fxp,
    program::{Outcome, Program, sample},
    unsteady::{Unsteady, Weather},
};
use std::{
    fs,
    time::{Duration, Instant},
};

const UNREACHABLE: i32 = 69;
const TRY_AGAIN: i32 = 75;

/// Runs `fxp` with little patience.
fn copies(fxp: &Program, arguments: &[&str]) -> Outcome {
    let arguments = [&["--trust-new", "--timeout", "2"], arguments].concat();
    fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")])
}

const FILES: usize = 24;

fn contents(number: usize) -> Vec<u8> {
    sample(30_000)[number..number * 1000 + 1000].to_vec()
}

#[test]
fn a_tree_arrives_between_two_servers_whose_connections_are_cut_again_and_again() {
    for seed in [1] {
        // Behind the login, which is about 6000 bytes: a server that was never met is not waited for.
        let bad = |seed| (Weather::bad(3, 12_000, seed), Weather::bad(4, 40_000, seed + 10));
        let ((source_control, source_data), (control, data)) = (bad(seed), bad(seed + 20));
        let source = Unsteady::start("127.0.6.3", "127.0.6.4", &source_control, &source_data);
        let target = Unsteady::start("127.0.6.5", "127.0.6.6", &control, &data);
        fs::create_dir(source.site.path("d")).unwrap();
        for number in 0..FILES {
            fs::write(source.site.path(&format!("d/{number}")), contents(number)).unwrap();
        }
        let fxp = fxp();
        // Where the very first connection is cut, nothing can be told of the server but that.
        let mut outcome =
            copies(&fxp, &["--mirror", "-j", "2", &source.url("d"), &target.url("d")]);
        for _ in 0..6 {
            if outcome.status == 0 {
                break;
            }
            assert_eq!((outcome.status, &*outcome.out), (UNREACHABLE, ""), "{}", outcome.err);
            outcome = copies(&fxp, &["--mirror", "-j", "2", &source.url("d"), &target.url("d")]);
        }
        outcome.succeeds();
        for number in 0..FILES {
            let arrived = fs::read(target.site.path(&format!("d/{number}"))).unwrap();
            assert!(arrived == contents(number), "{number}, seed {seed}");
        }
        assert_eq!((source_control.left(), control.left(), data.left()), (0, 0, 0), "seed {seed}");
    }
}

const BIG: u32 = 12_000_000;

#[test]
fn a_large_file_goes_on_behind_what_has_arrived_however_often_its_connection_is_cut() {
    // More cuts than a file has tries: each try brings it further.
    let data = Weather::bad(7, 3_000_000, 5);
    let source = Unsteady::start("127.0.6.7", "127.0.6.8", &Weather::good(), &Weather::good());
    let target = Unsteady::with("127.0.6.9", "127.0.6.10", &Weather::good(), &data, |plan| {
        plan.settings.stall_timeout = Duration::from_secs(2); // for those that fall silent
    });
    let bytes = sample(BIG);
    source.site.put("big", &bytes);
    let fxp = fxp();
    copies(&fxp, &["--retries", "3", &source.url("big"), &target.url("big")]).succeeds();
    assert_eq!(data.left(), 0);
    assert!(target.site.file("big").unwrap() == bytes);
    let arrived: u64 = target.site.records_by_now().iter().map(|record| record.bytes).sum();
    assert_eq!(arrived, u64::from(BIG), "no byte was stored twice");
}

#[test]
fn uploads_and_downloads_go_on_as_well() {
    let (control, data) = (Weather::bad(2, 12_000, 3), Weather::bad(5, 2_000_000, 4));
    let site = Unsteady::start("127.0.6.11", "127.0.6.12", &control, &data);
    let (fxp, bytes) = (fxp(), sample(BIG / 4));
    fxp.put("a", &bytes);
    for arguments in [["a", &site.url("b")], [&site.url("b"), "c"]] {
        let mut outcome = copies(&fxp, &arguments);
        for _ in 0..3 {
            if outcome.status == 0 {
                break;
            }
            assert!([UNREACHABLE, TRY_AGAIN].contains(&outcome.status), "{outcome:?}");
            outcome = copies(&fxp, &arguments);
        }
        outcome.succeeds();
    }
    assert!(site.site.file("b").unwrap() == bytes && fxp.file("c").unwrap() == bytes);
    assert_eq!((control.left(), data.left()), (0, 0));
}

#[test]
fn a_server_that_is_gone_for_good_ends_the_job_soon_and_is_named() {
    let (weather, begun) = (Weather::good(), Instant::now());
    let source = Unsteady::start("127.0.6.13", "127.0.6.14", &Weather::good(), &Weather::good());
    let target = Unsteady::start("127.0.6.15", "127.0.6.16", &weather, &weather);
    for number in 0..200 {
        source.site.put(&format!("f{number}"), &contents(number % FILES));
    }
    let (fxp, to) = (fxp(), target.url(""));
    let outcome = std::thread::scope(|scope| {
        let copying =
            scope.spawn(|| copies(&fxp, &["-j", "2", "--retries", "1", &source.url("f*"), &to]));
        target.site.record();
        weather.ends();
        copying.join().unwrap()
    });
    assert!([UNREACHABLE, TRY_AGAIN].contains(&outcome.status), "{outcome:?}");
    let name = to.split(['@', '/']).nth(3).unwrap();
    assert!(outcome.err.contains(name), "{outcome:?}");
    let outcome = outcome.says(" not tried");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?} {outcome:?}", begun.elapsed());
}
