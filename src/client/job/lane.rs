//! One lane of a job: takes the next file, copies it, tries again what may pass, and says how it went.

use crate::{
    client::{
        Act, ClientError, Connection, Existing, Plan, Progress, Run, Step, TreePath,
        job::{
            carrier::{Arrival, Between, Carrier, Down, Up},
            end::OpenEnd,
            journal::Journal,
            patience::Patience,
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
    pub journal: Option<&'a Journal>,
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

/// So many tries in a row that the connection failed end a job: the server is gone.
const MAX_LOST_IN_A_ROW: u32 = 3;

/// How often a lane that pauses looks whether the job has ended.
const PAUSE_TICK: Duration = Duration::from_millis(100);

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

/// Whether the servers of a lane are known to await a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Footing {
    Firm,
    /// Something failed: a late reply could be taken for that to the next command.
    Shaken,
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
        let mut footing = Footing::Firm;
        while self.goes_on()
            && let Ok(number) = self.queue.try_recv()
        {
            let Err(error) = self.step(lane, number, carrier, &mut footing) else {
                lost_in_a_row = 0;
                continue;
            };
            match &error {
                // No file has another way.
                ClientError::NoRoute(..) => self.stop.store(true, Ordering::Relaxed),
                ClientError::Lost(..)
                | ClientError::Interrupted(_)
                | ClientError::Unreachable(..)
                | ClientError::Login(..) => {
                    lost_in_a_row += 1 + self.retries;
                    let gone = lost_in_a_row >= MAX_LOST_IN_A_ROW;
                    self.stop.fetch_or(gone, Ordering::Relaxed);
                }
                ClientError::NoSpace(..) if self.single.is_none() => {
                    carrier.make_room(&self.steps[number].path);
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
        footing: &mut Footing,
    ) -> Result<(), ClientError> {
        if let Some(journal) = self.journal {
            let written = journal.begin(&self.steps[number].path);
            written.inspect_err(|_| self.stop.store(true, Ordering::Relaxed))?;
        }
        self.tell(News::Begun(lane, number));
        let mut existing = match self.steps[number].act {
            Act::Copy(existing) => existing,
            _ => Existing::Replace,
        };
        let mut patience = Patience::new(self.retries);
        let mut proved = 0;
        loop {
            let revived = match footing {
                Footing::Firm => Ok(()),
                Footing::Shaken => carrier.revive(),
            };
            let mut teller = Teller::new(lane, &self.news);
            let tried =
                revived.and_then(|()| self.try_step(number, existing, carrier, &mut teller));
            let Err(error) = tried else {
                *footing = Footing::Firm;
                return Ok(());
            };
            *footing = Footing::Shaken;
            if let Some(at) = teller.begun_at.filter(|at| *at > proved) {
                // The try before has brought the file further: it may take many of them.
                (proved, patience) = (at, Patience::new(self.retries));
            }
            let Some(pause) = patience.after(&error).filter(|_| self.goes_on()) else {
                return Err(error);
            };
            self.tell(News::Retrying(lane, number, error, pause));
            self.pause(pause);
            // What is there now is what we have written, as far as it is equal.
            existing = Existing::Continue;
        }
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn pause(&self, pause: Duration) {
        let end = Instant::now() + pause;
        while self.goes_on() && Instant::now() < end {
            thread::sleep(PAUSE_TICK.min(end.saturating_duration_since(Instant::now())));
        }
    }

    fn try_step(
        &self,
        number: usize,
        existing: Existing,
        carrier: &mut dyn Carrier,
        teller: &mut Teller<'_>,
    ) -> Result<(), ClientError> {
        let step = &self.steps[number];
        let from = self.single.unwrap_or(&step.path);
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
        let arrival = carrier.carry(from, &step.path, existing, teller)?;
        if self.preserve {
            carrier.preserve(&step.path, step.modified, step.mode)?;
        }
        if arrival.plan.is_some() {
            *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = arrival.plan;
        }
        self.tell(News::Done(teller.lane, number, stamped(arrival)));
        Ok(())
    }

    /// Nobody listens only when the job was given up.
    fn tell(&self, news: News) {
        if self.news.send(news).is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Tells how far a file is, not too often. Whoever does not listen misses nothing.
struct Teller<'a> {
    lane: usize,
    news: &'a Sender<News>,
    told: Instant,
    /// So many bytes of the file were there at first, known to be right.
    begun_at: Option<u64>,
}

impl<'a> Teller<'a> {
    fn new(lane: usize, news: &'a Sender<News>) -> Teller<'a> {
        Teller { lane, news, told: Instant::now(), begun_at: None }
    }
}

impl Progress for Teller<'_> {
    fn begin(&mut self, _: Option<u64>) {}

    fn at(&mut self, bytes: u64) {
        self.begun_at.get_or_insert(bytes);
        if self.told.elapsed() >= PROGRESS_INTERVAL {
            self.told = Instant::now();
            let _ = self.news.send(News::At(self.lane, bytes));
        }
    }

    fn waiting(&mut self) {
        let _ = self.news.send(News::Waiting(self.lane));
    }
}
