//! Copies between two servers: the run of files, the choice among plans, the proof.
//!
//! Every byte goes from server to server, under TLS unless the user allows one of the servers to
//! have none. When no plan works, that is the answer: between two servers with TLS this client
//! never asks for clear data, and it never carries the bytes itself.

use crate::{
    client::{
        Attempt, ClientError, Connection, Extension, Plan, Progress, Proof, RemotePath, Side,
        exchange::{self, Failure, Job, Pair},
        gauge::Watch,
        plan, proof,
        verified::{Verification, Verified},
    },
    proto::{Protection, TlsRole},
};
use std::time::{Duration, Instant};

/// A file that was copied.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Its size, where a server could tell.
    pub bytes: Option<u64>,
    /// So many of them were there before.
    pub resumed_at: u64,
    /// From the first command to the last final reply; the proof is not counted.
    pub elapsed: Duration,
    /// The way it took.
    pub plan: Plan,
    /// Which servers made sure of the other.
    pub verified: Verified,
    /// How it is known to have arrived.
    pub proof: Proof,
    /// The plans that were tried before, in vain.
    pub attempts: Vec<Attempt>,
}

/// What becomes of a file that the target has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced.
    Replace,
    /// It is continued where its bytes are known to be the beginning of the source's, by a hash of
    /// that part at both ends; else it is replaced.
    Continue,
}

/// Copies one file from server to server.
pub fn copy(
    source: &mut Connection,
    from: &RemotePath,
    target: &mut Connection,
    to: &RemotePath,
    existing: Existing,
    progress: &mut dyn Progress,
) -> Result<Copied, ClientError> {
    let mut run = Run::begin(source, target)?;
    let copied = run.file(from, to, existing, progress);
    run.end();
    copied
}

/// Copies files one after another between the same two servers. The TLS parts are set once (client
/// rule 4), and a plan that failed is not tried again.
pub struct Run<'a> {
    pair: Pair<'a>,
    plans: Vec<Plan>,
    /// The plan in use.
    chosen: usize,
    /// The plan by which a file has arrived.
    proven: Option<Plan>,
    /// How often in a row the plan in use has failed by what may be chance.
    interruptions: u32,
    /// Where the last copy began: one that begins behind it owes that to the plan in use.
    begun_at: u64,
}

/// Then it is the plan's fault.
const MAX_INTERRUPTIONS: u32 = 3;

/// The same for a plan by which nothing has arrived yet, when a control connection broke: some
/// servers die of a handshake.
const MAX_LOSSES: u32 = 1;

impl<'a> Run<'a> {
    /// An error when neither server can be a TLS client: then no protected copy is possible.
    pub fn begin(
        source: &'a mut Connection,
        target: &'a mut Connection,
    ) -> Result<Run<'a>, ClientError> {
        let plans = plan::between(source, target);
        if plans.is_empty() {
            let why = format!(
                "no secure way from {} to {}: neither lists SSCN or CPSV in its FEAT, so neither can \
                 be the TLS client that their data connection needs",
                source.site(),
                target.site()
            );
            return Err(ClientError::NoRoute(why, Vec::new()));
        }
        let verified = Verified::of(source, target);
        if source.verification() == Verification::BothEnds && verified != Verified::Both {
            return Err(ClientError::NoRoute(unverifiable(source, target), Vec::new()));
        }
        source.settle()?;
        target.settle()?;
        let pair = Pair { source, target, watch: Watch::default() };
        Ok(Run { pair, plans, chosen: 0, proven: None, interruptions: 0, begun_at: 0 })
    }

    /// Has the two servers move so many bytes a second at most. An error when neither of them can.
    pub fn limit_rate(&mut self, bytes_per_s: u64) -> Result<(), ClientError> {
        for side in [Side::Target, Side::Source] {
            if self.pair.side(side).limit_rate(bytes_per_s)? {
                return Ok(());
            }
        }
        let (source, target) = (self.pair.source.site(), self.pair.target.site());
        Err(ClientError::NoRateLimit(format!("{source} nor {target}")))
    }

    /// Tries this plan first, if it is one of those that are left.
    pub fn prefer(&mut self, plan: Plan) {
        let rest = &mut self.plans[self.chosen..];
        if let Some(index) = rest.iter().position(|other| *other == plan) {
            rest[..=index].rotate_right(1);
        }
    }

    /// Copies one file. Another plan is tried only after a failure that can depend on the plan. A
    /// file that did not arrive whole is removed from the target.
    pub fn file(
        &mut self,
        from: &RemotePath,
        to: &RemotePath,
        existing: Existing,
        progress: &mut dyn Progress,
    ) -> Result<Copied, ClientError> {
        // Asked first, so that a missing file costs the target nothing.
        let size = self.pair.source.size(from)?;
        progress.begin(size);
        let mut job = Job { from, to, size, at: 0 };
        if existing == Existing::Continue {
            job.at = proof::common_prefix(&mut self.pair, job)?;
        }
        if job.at > self.begun_at {
            self.interruptions = 0;
        }
        self.begun_at = job.at;
        if job.at > 0 {
            match self.by_any_plan(job, progress) {
                // A server may refuse to go on in the middle of a file.
                Err(ClientError::Refused(_, command, reply)) => {
                    log::info!("{from} begins anew: {command} was answered {reply}");
                }
                Err(ClientError::Mismatch(why, _)) => log::info!("{from} begins anew: {why}"),
                outcome => return outcome,
            }
            job.at = 0;
        }
        self.by_any_plan(job, progress)
    }

    fn by_any_plan(
        &mut self,
        job: Job<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Copied, ClientError> {
        progress.at(job.at);
        let mut attempts = Vec::new();
        let mut arrived_wrong = false;
        while let Some(plan) = self.plans.get(self.chosen).copied() {
            let refusal = match self.attempt(plan, job, progress) {
                Ok(copied) => {
                    (self.proven, self.interruptions) = (Some(plan), 0);
                    return Ok(Copied { attempts, ..copied });
                }
                Err(Failure::Final(ClientError::Mismatch(why, _))) => {
                    let why = format!("{why}; {}", proof::condemn(self.pair.target, job.to));
                    if job.at > 0 {
                        return Err(ClientError::Mismatch(why, attempts));
                    }
                    // proftpd 1.3.8 loses the tail of a file as TLS client of a peer that sends
                    // tickets, and another plan makes it the server.
                    arrived_wrong = true;
                    why
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Cut(ended)) if self.may_be_chance(MAX_INTERRUPTIONS) => {
                    return Err(ClientError::Interrupted(ended.to_string()));
                }
                Err(Failure::Plan(ended))
                    if self.proven == Some(plan) && self.may_be_chance(MAX_INTERRUPTIONS) =>
                {
                    return Err(ClientError::Interrupted(ended.to_string()));
                }
                Err(Failure::Plan(ended)) if ended.is_loss() && self.may_be_chance(MAX_LOSSES) => {
                    log::info!("{plan}, again: {ended}");
                    continue;
                }
                Err(Failure::Plan(ended) | Failure::Cut(ended)) => {
                    let kind = |side| self.pair.features(side).kind();
                    if let Some(side) = ended.shut_out_by(kind) {
                        attempts.push(Attempt { plan, refusal: ended.to_string() });
                        return Err(self.closed(side, attempts));
                    }
                    ended.to_string()
                }
            };
            log::info!("{plan}: {refusal}");
            attempts.push(Attempt { plan, refusal });
            self.next_plan();
        }
        Err(self.give_up(job.from, attempts, arrived_wrong))
    }

    fn next_plan(&mut self) {
        (self.chosen, self.interruptions) = (self.chosen + 1, 0);
    }

    /// The proof that both servers have the same file, if there is one by a hash.
    pub fn compare(
        &mut self,
        from: &RemotePath,
        to: &RemotePath,
    ) -> Result<Option<Proof>, ClientError> {
        let size = self.pair.source.size(from)?;
        let outcome = proof::of_servers(&mut self.pair, Job { from, to, size, at: 0 });
        proof::known_equal(outcome)
    }

    /// The server that the files go to, between two of them.
    pub fn target(&mut self) -> &mut Connection {
        self.pair.target
    }

    /// The TLS versions of the two control connections.
    pub fn tls_versions(&self) -> [&'static str; 2] {
        [self.pair.source.tls_version(), self.pair.target.tls_version()]
    }

    /// Makes sure that both servers hear us, after a failure; logs in anew where not.
    pub fn revive(&mut self) -> Result<(), ClientError> {
        Side::BOTH.into_iter().try_for_each(|side| self.pair.side(side).revive())
    }

    /// Makes both servers TLS servers again that expect nobody, their data protected. A server that refuses or is gone
    /// is left as it is: the next transfer on its connection asks again (client rule 5).
    pub fn end(mut self) {
        for side in Side::BOTH {
            let _ = self.pair.side(side).set_role(TlsRole::Accept); // see above
            let _ = self.pair.side(side).expect_peer(None); // and here
            let _ = self.pair.side(side).set_protection(Protection::Private); // and here
        }
        self.pair.watch.close();
    }

    fn attempt(
        &mut self,
        plan: Plan,
        job: Job<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Copied, Failure> {
        let begun = Instant::now();
        if job.size != Some(job.at) || job.at == 0 {
            exchange::exchange(&mut self.pair, plan, job, progress)?;
        }
        let elapsed = begun.elapsed();
        // The plan has done its part: what fails now is not its fault.
        let proof = proof::of_servers(&mut self.pair, job).map_err(Failure::Final)?;
        let (bytes, resumed_at) = (proof.size().or(job.size), job.at);
        let (verified, attempts) = (self.verified(), Vec::new());
        Ok(Copied { bytes, resumed_at, elapsed, plan, verified, proof, attempts })
    }

    /// A plan that works can fail by chance, but not again and again.
    fn may_be_chance(&mut self, most: u32) -> bool {
        self.interruptions += 1;
        self.interruptions <= most
    }

    /// A copy that worked is as sure as its servers can make it: what they cannot do, no plan can
    /// change, and what they can is never left out.
    fn verified(&self) -> Verified {
        Verified::of(self.pair.source, self.pair.target)
    }

    fn closed(&self, side: Side, attempts: Vec<Attempt>) -> ClientError {
        let (source, target) = (self.pair.source.site(), self.pair.target.site());
        let why = format!(
            "no secure way from {source} to {target}: the {side} exchanges files with no other \
             server; tried:"
        );
        ClientError::NoRoute(why, attempts)
    }

    /// What it means that no plan is left. The next file begins with all of them again where they
    /// can do better than with this one.
    fn give_up(
        &mut self,
        from: &RemotePath,
        mut attempts: Vec<Attempt>,
        arrived_wrong: bool,
    ) -> ClientError {
        if arrived_wrong || self.proven.is_some() {
            (self.chosen, self.interruptions) = (0, 0);
        }
        if let Some(plan) = self.proven.filter(|_| !arrived_wrong) {
            self.prefer(plan);
            let why = attempts.pop().map_or_else(String::new, |attempt| attempt.refusal);
            return ClientError::Interrupted(why);
        }
        let (source, target) = (self.pair.source.site(), self.pair.target.site());
        match arrived_wrong {
            true => ClientError::Mismatch(
                format!("{from} did not arrive whole from {source} at {target}; tried:"),
                attempts,
            ),
            false => ClientError::NoRoute(
                format!("no secure way from {source} to {target} worked; tried:"),
                attempts,
            ),
        }
    }
}

/// Why a copy cannot be verified on both ends.
fn unverifiable(source: &Connection, target: &Connection) -> String {
    let unable: Vec<_> = [source, target]
        .iter()
        .filter(|server| !server.features().has(Extension::Xpeer))
        .map(|server| server.site().to_string())
        .collect();
    format!(
        "no verified way from {} to {}: XPEER SHA-256 is not in the FEAT of {}",
        source.site(),
        target.site(),
        unable.join(" and ")
    )
}
