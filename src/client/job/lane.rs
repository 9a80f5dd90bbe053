//! One lane of a job: takes the next file, copies it, tries again what may pass, and says how it went.

use crate::{
    client::{
        Act, ClientError, Connection, Existing, Plan, Progress, Run, Step, TreePath,
        job::{
            carrier::{Arrival, Between, Carrier, Down, Up},
            end::OpenEnd,
        },
    },
    proto::stamp,
    transfer::Pace,
};
use crossbeam_channel::{Receiver, Sender};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What the lanes of a job share.
pub(super) struct Desk<'a> {
    pub steps: &'a [Step],
    /// Of a single file, its name at the source.
    pub single: Option<&'a TreePath>,
    pub preserve: bool,
    /// Our own data connections keep to it, all together.
    pub pace: Pace,
    /// What the servers of one lane keep to, in bytes a second.
    pub rate: Option<u64>,
    pub retries: u32,
    /// Steps that nobody has taken yet.
    pub queue: Receiver<usize>,
    pub news: Sender<News>,
    /// The way between two servers that worked last.
    pub plan: Mutex<Option<Plan>>,
    /// Set when going on makes no sense.
    pub stop: AtomicBool,
}

/// What a lane tells: first its number (not for what ends a step without it), then that of the step.
pub(super) enum News {
    Begun(usize, usize),
    At(usize, u64),
    Waiting(usize),
    Retrying(usize, usize, ClientError, Duration),
    /// Both ends have the same already.
    Same(usize, Box<Arrival>),
    Done(usize, usize, Box<Arrival>),
    Failed(usize, ClientError),
    /// The lane has nothing more to do. An error is why it could not even begin.
    Idle(usize, Option<ClientError>),
}

/// The pause before the second try; each one is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// So many failures of the connection in a row end a job: the server is gone.
const MAX_LOST_IN_A_ROW: u32 = 3;

/// How often a file's progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Works until nothing is left. Dropping the desk's channel end is the caller's affair.
pub(super) fn serve(lane: usize, source: &mut OpenEnd, target: &mut OpenEnd, desk: &Desk<'_>) {
    let refused = match (source, target) {
        (OpenEnd::Remote(source, from), OpenEnd::Remote(target, to)) => {
            match desk.begin(source, target) {
                Ok(run) => {
                    let mut between = Between { run, source: from, target: to };
                    desk.work(lane, &mut between);
                    between.run.end();
                    None
                }
                Err(error) => {
                    desk.stop.store(true, Ordering::Relaxed);
                    Some(error)
                }
            }
        }
        (OpenEnd::Remote(source, root), OpenEnd::Local(target)) => {
            source.keep_pace(desk.pace.clone());
            desk.work(lane, &mut Down { source, root, target });
            None
        }
        (OpenEnd::Local(source), OpenEnd::Remote(target, root)) => {
            target.keep_pace(desk.pace.clone());
            desk.work(lane, &mut Up { source: source.clone(), target, root });
            None
        }
        (OpenEnd::Local(_), OpenEnd::Local(_)) => {
            Some(ClientError::BadText("a job with two local ends"))
        }
    };
    desk.tell(News::Idle(lane, refused));
}

impl Desk<'_> {
    /// A lane that could not begin.
    pub fn absent(&self, lane: usize, error: ClientError) {
        self.tell(News::Idle(lane, Some(error)));
    }

    fn begin<'c>(
        &self,
        source: &'c mut Connection,
        target: &'c mut Connection,
    ) -> Result<Run<'c>, ClientError> {
        let mut run = Run::begin(source, target)?;
        self.rate.map_or(Ok(()), |rate| run.limit_rate(rate))?;
        Ok(run)
    }

    fn work(&self, lane: usize, carrier: &mut dyn Carrier) {
        let mut lost_in_a_row = 0;
        while let Ok(number) = self.queue.try_recv() {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let Err(error) = self.step(lane, number, carrier) else {
                lost_in_a_row = 0;
                continue;
            };
            match &error {
                // No file has another way.
                ClientError::NoRoute(..) => self.stop.store(true, Ordering::Relaxed),
                ClientError::Lost(..) | ClientError::Unreachable(..) | ClientError::Login(..) => {
                    lost_in_a_row += 1;
                    let gone = lost_in_a_row >= MAX_LOST_IN_A_ROW;
                    self.stop.fetch_or(gone, Ordering::Relaxed);
                }
                _ => lost_in_a_row = 0,
            }
            self.tell(News::Failed(number, error));
        }
    }

    /// One file, as often as it takes.
    fn step(
        &self,
        lane: usize,
        number: usize,
        carrier: &mut dyn Carrier,
    ) -> Result<(), ClientError> {
        self.tell(News::Begun(lane, number));
        let mut existing = match self.steps[number].act {
            Act::Copy(existing) => existing,
            _ => Existing::Replace,
        };
        let mut pause = FIRST_PAUSE;
        for left in (0..=self.retries).rev() {
            let error = match self.try_step(lane, number, existing, carrier) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if left == 0 || !may_pass(&error) || self.stop.load(Ordering::Relaxed) {
                return Err(error);
            }
            self.tell(News::Retrying(lane, number, error, pause));
            thread::sleep(pause);
            pause = (pause * 2).min(MAX_PAUSE);
            // What is there now is what we have written, as far as it is equal.
            existing = Existing::Continue;
        }
        unreachable!("the last try returns")
    }

    fn try_step(
        &self,
        lane: usize,
        number: usize,
        existing: Existing,
        carrier: &mut dyn Carrier,
    ) -> Result<(), ClientError> {
        let step = &self.steps[number];
        let from = self.single.unwrap_or(&step.path);
        if existing == Existing::Continue {
            carrier.revive()?;
        }
        let stamped = |mut arrival: Arrival| {
            arrival.entry.modified = step.modified.map(|moment| stamp::print(moment.time));
            Box::new(arrival)
        };
        if step.act == Act::CopyUnlessHashEqual
            && let Some(proof) = carrier.compare(from, &step.path)?
        {
            let arrival = Arrival::already_there(&step.path, step.size, &proof);
            self.tell(News::Same(number, stamped(arrival)));
            return Ok(());
        }
        if let Some(plan) = *self.plan.lock().unwrap_or_else(PoisonError::into_inner) {
            carrier.prefer(plan);
        }
        let mut teller = Teller { lane, news: &self.news, told: Instant::now() };
        let arrival = carrier.carry(from, &step.path, existing, &mut teller)?;
        if self.preserve {
            carrier.preserve(&step.path, step.modified, step.mode)?;
        }
        if arrival.plan.is_some() {
            *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = arrival.plan;
        }
        self.tell(News::Done(lane, number, stamped(arrival)));
        Ok(())
    }

    /// Nobody listens only when the job was given up.
    fn tell(&self, news: News) {
        if self.news.send(news).is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether the next try may do better.
fn may_pass(error: &ClientError) -> bool {
    error.is_transient() || matches!(error, ClientError::Unreachable(..))
}

/// Tells how far a file is, not too often. Whoever does not listen misses nothing.
struct Teller<'a> {
    lane: usize,
    news: &'a Sender<News>,
    told: Instant,
}

impl Progress for Teller<'_> {
    fn begin(&mut self, _: Option<u64>) {}

    fn at(&mut self, bytes: u64) {
        if self.told.elapsed() >= PROGRESS_INTERVAL {
            self.told = Instant::now();
            let _ = self.news.send(News::At(self.lane, bytes));
        }
    }

    fn waiting(&mut self) {
        let _ = self.news.send(News::Waiting(self.lane));
    }
}
