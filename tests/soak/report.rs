//! What is seen while it runs, and the table at its end.

use super::{KINDS, logs::Record, scene::Scene, server::Figures};
use std::time::{Duration, Instant};

pub struct Report {
    began: Instant,
    every: Duration,
    next: Instant,
    peak_kib: [usize; 2],
    peak_threads: [usize; 2],
}

impl Report {
    /// A line every ten seconds, or every half a minute of a long run.
    pub fn begin(length: Duration) -> Report {
        let every = Duration::from_secs(if length > Duration::from_secs(300) { 30 } else { 10 });
        let began = Instant::now();
        Report { began, every, next: began + every, peak_kib: [0; 2], peak_threads: [0; 2] }
    }

    /// A line, if it is time for one.
    pub fn goes_on(&mut self, scene: &Scene) {
        let figures = scene.figures();
        for (at, now) in figures.iter().enumerate() {
            self.peak_kib[at] = self.peak_kib[at].max(now.kib);
            self.peak_threads[at] = self.peak_threads[at].max(now.threads);
        }
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + self.every;
        let visits: u64 = scene.visits.lock().unwrap().values().sum();
        let sums = [0, 1].map(|server| scene.book.sums(server));
        let moved: u64 = sums.iter().map(|sums| sums.acknowledged).sum();
        let mib = sums.iter().map(|sums| sums.bytes).sum::<u64>() >> 20;
        let failures = scene.failures.lock().unwrap().len();
        let text = format!("{visits} visits, {moved} transfers, {mib} MiB, {failures} failures");
        self.says(&text, &figures);
    }

    /// A line with the figures of both servers.
    pub fn says(&self, text: &str, figures: &[Figures; 2]) {
        let its = figures.map(|now| {
            let Figures { descriptors, threads, kib } = now;
            format!("{threads} threads, {descriptors} descriptors, {} MiB", kib >> 10)
        });
        println!("{:5} s: {text} | {} | {}", self.began.elapsed().as_secs(), its[0], its[1]);
    }

    /// The table.
    pub fn sums_up(&self, scene: &Scene, records: &[Vec<Record>; 2]) {
        println!("\n{:<18}{:>8}", "visits", "");
        for (name, _, _) in KINDS {
            let count = scene.visits.lock().unwrap().get(name).copied().unwrap_or(0);
            println!("  {name:<16}{count:>8}");
        }
        let row = |name: &str, count: &dyn Fn(usize) -> u64| {
            println!("{name:<34}{:>14}{:>14}", count(0), count(1));
        };
        let of = |at: usize| scene.book.sums(at);
        let logged = |at: usize, which: &dyn Fn(&Record) -> bool| {
            records[at].iter().filter(|record| which(record)).count() as u64
        };
        let as_role = |at: usize, role: &str| logged(at, &|record| record.is_copy_as(role));
        println!("\n{:<34}{:>14}{:>14}", "", scene.servers[0].host, scene.servers[1].host);
        row("transfers acknowledged", &|at| of(at).acknowledged);
        row("their bytes", &|at| of(at).bytes);
        row("refused on the way", &|at| of(at).failed);
        row("left by their clients", &|at| of(at).unheard);
        row("records", &|at| records[at].len() as u64);
        row("complete", &|at| logged(at, &|record| record.complete));
        row("copies, as the accepting TLS end", &|at| as_role(at, "accept"));
        row("copies, as the connecting TLS end", &|at| as_role(at, "connect"));
        row("reloads", &|at| scene.servers[at].reloads_done() as u64);
        row("most threads", &|at| self.peak_threads[at] as u64);
        row("most memory, KiB", &|at| self.peak_kib[at] as u64);
    }
}
