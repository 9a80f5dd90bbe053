//! A mixed crowd for a minute, or for as many as `SOAK_MINUTES` says (`make soak`): clients of every
//! kind, good and bad, copies between servers, and reloads all the time. Then everybody leaves, and
//! the servers hold what they held before, every acknowledged byte is there, and the logs have one
//! record of each transfer.
//!
//! `SOAK_SEED` repeats the choices of a run; which of the visitors is quicker it cannot repeat.

mod book;
mod dice;
mod intruders;
mod logs;
mod pairs;
mod programs;
mod report;
mod scene;
mod server;
mod shelf;
mod verdict;
mod visits;

use crate::ftp::Ftp;
use dice::Dice;
use report::Report;
use scene::Scene;
use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// What one visitor does.
type Visit = fn(&Scene, &mut Dice);

/// Every kind of visit, and how often it comes among the others.
const KINDS: &[(&str, usize, Visit)] = &[
    ("uploads", 12, visits::uploads),
    ("downloads", 12, visits::downloads),
    ("directories", 4, visits::tidies),
    ("uploads left", 8, visits::abandons_uploads),
    ("downloads left", 8, visits::abandons_downloads),
    ("idle sessions", 2, visits::falls_silent),
    ("a small quota", 2, visits::fills_a_quota),
    ("nonsense", 3, visits::talks_nonsense),
    ("half handshakes", 5, intruders::leaves_the_handshake),
    ("wrong passwords", 3, intruders::guesses),
    ("floods", 1, intruders::floods),
    ("curl", 4, programs::curl_moves),
    ("curl, killed", 2, programs::curl_is_killed),
    ("lftp", 2, programs::lftp_moves),
    ("fxp, trees", 2, programs::fxp_moves_a_tree),
    ("copies by hand", 8, pairs::copies_by_hand),
    ("copies cut", 4, pairs::breaks_off_copies),
    ("copies by fxp", 4, pairs::copies_by_fxp),
    ("with proftpd", 1, pairs::copies_with_proftpd),
];

/// Visitors at a time.
const VISITORS: u64 = 10;

/// A fault of the servers shows again and again: after so many the rest is no news.
const MOST_FAILURES: usize = 20;

/// Of all that is not as it should be.
const MOST_SHOWN: usize = 60;

const MINUTE: Duration = Duration::from_secs(60);

/// How long all of it takes, the minute or so not counted in which the last sessions end.
fn length() -> Duration {
    let minutes = env::var("SOAK_MINUTES").map(|minutes| minutes.parse::<u32>());
    minutes.map_or(MINUTE, |minutes| MINUTE * minutes.expect("SOAK_MINUTES is a number"))
}

fn seed() -> u64 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    env::var("SOAK_SEED")
        .map_or_else(|_| now(), |seed| seed.parse().expect("SOAK_SEED is a number"))
}

impl Scene {
    /// One visitor after the other, until it is over.
    fn is_visited(&self, dice: &mut Dice) {
        let all: Vec<_> = KINDS.iter().flat_map(|kind| vec![*kind; kind.1]).collect();
        while !self.is_over.load(Relaxed) {
            // Each kind comes once, however slow the host, and then as it happens.
            let turn = self.turns.fetch_add(1, Relaxed);
            let (name, _, visit) = KINDS.get(turn).unwrap_or_else(|| dice.pick(&all));
            *self.visits.lock().unwrap().entry(name).or_default() += 1;
            self.observes(name, || visit(self, dice));
        }
    }

    /// Keeps what was not as it should be, and ends it all when it is too much.
    fn observes(&self, what: &str, doing: impl FnOnce()) {
        let Err(panic) = catch_unwind(AssertUnwindSafe(doing)) else { return };
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("?");
        let mut failures = self.failures.lock().unwrap();
        failures.push(format!("{what}: {text}"));
        if failures.len() >= MOST_FAILURES {
            self.is_over.store(true, Relaxed);
        }
    }

    /// Reloads one server or the other, all the time.
    fn is_reloaded(&self, dice: &mut Dice) {
        while !self.is_over.load(Relaxed) {
            self.observes("reload", || dice.pick(&self.servers).reloads(&self.authority));
            thread::sleep(Duration::from_millis(100 + dice.below(900)));
        }
    }

    /// The crowd, for a time. The clerks keep their sessions, remove what was cut, and report.
    fn is_crowded(
        &self,
        time: Duration,
        dice: &mut Dice,
        clerks: &mut [Ftp; 2],
        report: &mut Report,
    ) {
        let end = Instant::now() + time;
        self.turns.store(0, Relaxed);
        self.is_over.store(self.failures.lock().unwrap().len() >= MOST_FAILURES, Relaxed);
        thread::scope(|scope| {
            for _ in 0..VISITORS {
                let mut dice = Dice::new(dice.throw());
                scope.spawn(move || self.is_visited(&mut dice));
            }
            let mut dice = Dice::new(dice.throw());
            scope.spawn(move || self.is_reloaded(&mut dice));
            while Instant::now() < end && !self.is_over.load(Relaxed) {
                thread::sleep(Duration::from_secs(1));
                self.observes("clerk", || self.sweeps(clerks));
                report.goes_on(self);
            }
            self.is_over.store(true, Relaxed);
        });
    }

    /// Removes what is left of uploads that were cut. Some may still be under way: they are tried
    /// again with the next ones, and in the end nobody minds them.
    fn sweeps(&self, clerks: &mut [Ftp; 2]) {
        let cut = std::mem::take(&mut *self.cut.lock().unwrap());
        for clerk in &mut *clerks {
            clerk.says("NOOP", 200);
        }
        for (server, name) in cut {
            clerks[server].sends(format!("DELE {name}\r\n").as_bytes());
            let answer = clerks[server].reply().unwrap();
            assert!(["250", "550"].contains(&&answer[..3]), "{answer}");
        }
    }
}

#[test]
fn a_mixed_crowd_leaves_nothing_behind_and_every_acknowledged_byte_is_there() {
    let (length, seed) = (length(), seed());
    let mut dice = Dice::new(seed);
    println!("soak: {} s, SOAK_SEED={seed}", length.as_secs());
    let scene = Scene::new();
    let mut report = Report::begin(length);
    let mut clerks = [0, 1].map(|server| scene.logs_in(server, "ann", &mut dice));
    let idle = scene.figures();

    scene.is_crowded(length / 4, &mut dice, &mut clerks, &mut report);
    scene.ghosts.lock().unwrap().clear();
    let before = scene.falls_quiet(&idle, &mut clerks);
    report.says("warm", &before);
    scene.is_crowded(length - length / 4, &mut dice, &mut clerks, &mut report);
    // Who is silent now stays: the servers' own deadlines end their sessions.
    let after = scene.falls_quiet(&idle, &mut clerks);
    report.says("after", &after);
    for (server, clerk) in clerks.iter_mut().enumerate() {
        scene.observes("the ledger", || scene.keeps_count(clerk, server, "ann"));
    }
    drop(clerks);
    let mut complaints = scene.strays();
    let growth = (0..2).filter_map(|at| scene.servers[at].growth(&before[at], &after[at]));
    complaints.extend(growth);
    let records = scene.stops(&mut complaints);
    complaints.extend(scene.failures.lock().unwrap().drain(..));
    report.sums_up(&scene, &records);
    let (count, first) = (complaints.len(), complaints.iter().take(MOST_SHOWN).collect::<Vec<_>>());
    assert!(complaints.is_empty(), "SOAK_SEED={seed}, {count} complaints: {first:#?}");
}
