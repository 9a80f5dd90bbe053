//! One protected copy between two servers, by one plan: prepare, two verbs, two final replies.
//! Which plan, and what next when it fails, is `copy.rs`'s affair.

use crate::{
    client::{
        ClientError, Connection, Features, Plan, Progress, RemotePath, Side, Via,
        complaint::{Answer, Complaint, Ended, Step},
        connection::{Outstanding, work_time},
        gauge::{Gauge, Watch},
        ports::ListenFor,
    },
    proto::{Code, Protection, Reply, TlsRole},
    sys::poll::{self, Interest},
};
use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

/// The two servers.
pub(super) struct Pair<'a> {
    pub source: &'a mut Connection,
    pub target: &'a mut Connection,
    /// What looks at the target while it is busy.
    pub watch: Watch,
}

impl Pair<'_> {
    pub(super) fn side(&mut self, side: Side) -> &mut Connection {
        match side {
            Side::Source => self.source,
            Side::Target => self.target,
        }
    }

    pub(super) fn features(&self, side: Side) -> &Features {
        match side {
            Side::Source => self.source.features(),
            Side::Target => self.target.features(),
        }
    }
}

/// One file to copy.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub from: &'a RemotePath,
    pub to: &'a RemotePath,
    /// The file's size, where the source can tell.
    pub size: Option<u64>,
    /// So many bytes are at the target already.
    pub at: u64,
}

impl<'a> Job<'a> {
    /// What a side is told to do.
    fn order(&self, side: Side) -> (&'static str, &'a RemotePath) {
        match side {
            Side::Source => ("RETR", self.from),
            Side::Target => ("STOR", self.to),
        }
    }
}

/// Why a plan did not do.
pub(super) enum Failure {
    /// Another plan may do better.
    Plan(Ended),
    /// The data connection was there, and broke.
    Cut(Ended),
    /// No other plan can change this.
    Final(ClientError),
}

impl From<ClientError> for Failure {
    /// A broken connection can be a plan's doing: some servers die of a handshake.
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Lost(..) => Failure::Plan(Ended::Broken(error.to_string())),
            error => Failure::Final(error),
        }
    }
}

/// The active side gets this much time to refuse before the passive side is told: a source that
/// lacks the file should not cost the target an empty one. Some say 150 later than this.
const HEAD_START: Duration = Duration::from_secs(2);

/// How long the other side may take to notice that one has failed, before it is told.
const NOTICE: Duration = Duration::from_secs(1);

/// How often the caller hears that it goes on.
const TICK: Duration = Duration::from_millis(200);

/// A copy slower than this is given up. Only the two servers see its bytes, so a stall cannot be
/// told from slowness.
const MIN_COPY_BYTES_PER_S: u64 = 4096;

/// For a file of unknown size.
const UNKNOWN_SIZE_BYTES: u64 = 1 << 30;

/// Replies to a verb that speak of the data connection, and so of the plan.
const ABOUT_DATA: [u16; 11] = [421, 425, 426, 431, 435, 521, 522, 533, 534, 535, 536];

/// Copies one file by `plan`. Afterwards, both servers await the next command.
pub(super) fn exchange(
    pair: &mut Pair<'_>,
    plan: Plan,
    job: Job<'_>,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let mut states = [State::Idle, State::Idle];
    let mut outcome = prepare(pair, plan, job)
        .and_then(|()| transfer(pair, plan, job, &mut states, progress))
        .and_then(|()| verdict(pair, job, &states));
    if let Err(failure) = &mut outcome {
        for side in Side::BOTH {
            let outstanding = match states[side as usize] {
                State::Running => Outstanding::FinalReply,
                _ => Outstanding::Nothing,
            };
            let last = pair.side(side).resynchronise(outstanding).map_err(Failure::Final)?;
            // Who has waited in vain for the other server may know who came instead.
            if let (Failure::Plan(ended), Some(reply)) = (&mut *failure, last) {
                ended.add(Complaint { side, step: Step::BreakOff, answer: Answer::Reply(reply) });
            }
        }
    }
    outcome
}

/// Sets protection, TLS parts and who is expected, makes one side listen and the other aim there.
fn prepare(pair: &mut Pair<'_>, plan: Plan, job: Job<'_>) -> Result<(), Failure> {
    // The only call that ever asks for clear data.
    let protection = match plan.via {
        Via::Clear => Protection::Clear,
        Via::Sscn | Via::Cpsv => Protection::Private,
    };
    for side in Side::BOTH {
        // Each is told whom it will meet: we have seen the certificates of both. Clear text shows
        // nobody's.
        let peer = match protection {
            Protection::Private => pair.side(side.other()).fingerprint(),
            Protection::Clear => None,
        };
        if let Some(refusal) = pair.side(side).expect_peer(peer)? {
            return Err(refused(side, Step::Expect, Answer::Reply(refusal)));
        }
        let by_sscn = plan.via == Via::Sscn && plan.connects == side;
        let role = if by_sscn { TlsRole::Connect } else { TlsRole::Accept };
        if let Some(refusal) = pair.side(side).set_role(role)? {
            return Err(refused(side, Step::Role, Answer::Reply(refusal)));
        }
        if let Some(refusal) = pair.side(side).set_protection(protection)? {
            return Err(refused(side, Step::Protect, Answer::Reply(refusal)));
        }
    }
    let listen = match plan.via {
        Via::Sscn | Via::Clear => ListenFor::Peer,
        Via::Cpsv => ListenFor::PeerAsTlsClient,
    };
    let (verb, path) = job.order(plan.passive);
    let passive = pair.side(plan.passive);
    passive.announce(verb, path)?;
    let address = passive
        .listen(listen)?
        .map_err(|why| refused(plan.passive, Step::Listen, Answer::Unfit(why)))?;
    let active = plan.passive.other();
    match pair.side(active).aim(address)? {
        Some(refusal) => Err(refused(active, Step::Aim(address), Answer::Reply(refusal))),
        None => Ok(()),
    }
}

fn refused(side: Side, step: Step, answer: Answer) -> Failure {
    Failure::Plan(Complaint::alone(side, step, answer))
}

/// How far a side is with its verb.
enum State {
    /// It was not told yet.
    Idle,
    /// Its final reply is to come.
    Running,
    Replied(Reply),
    Lost(String),
}

impl State {
    fn is_over(&self) -> bool {
        matches!(self, State::Replied(_) | State::Lost(_))
    }

    fn is_success(&self) -> bool {
        matches!(self, State::Replied(reply) if reply.code().is_success())
    }
}

/// Tells the active side, then the passive one, and waits until both are over or it is no use.
fn transfer(
    pair: &mut Pair<'_>,
    plan: Plan,
    job: Job<'_>,
    states: &mut [State; 2],
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let active = plan.passive.other();
    let mut gauge = Gauge::begin(pair);
    begin(pair, active, job, states)?;
    let head_start = Instant::now() + HEAD_START;
    while Instant::now() < head_start && !hear(pair, active, states, &mut gauge, job, progress) {
        wait(pair, states, head_start)?;
    }
    if states[active as usize].is_over() && !states[active as usize].is_success() {
        return Ok(());
    }
    // Its 150 is not waited for: some servers say it only when the TCP connection is there.
    begin(pair, plan.passive, job, states)?;

    let timeout = pair.source.timeout();
    let size = job.size.unwrap_or(UNKNOWN_SIZE_BYTES).saturating_sub(job.at);
    let mut deadline = Instant::now() + timeout + work_time(size, MIN_COPY_BYTES_PER_S);
    while Instant::now() < deadline {
        for side in Side::BOTH {
            let running = !states[side as usize].is_over();
            if running && hear(pair, side, states, &mut gauge, job, progress) {
                let patience = match &states[side as usize] {
                    state if state.is_success() => timeout,
                    state if state.is_over() => NOTICE,
                    _ => continue,
                };
                deadline = deadline.min(Instant::now() + patience);
            }
        }
        if states.iter().all(State::is_over) {
            break;
        }
        progress.waiting();
        let running = |side: Side| matches!(states[side as usize], State::Running);
        if let Some(bytes) = gauge.ask(pair, job.to, running)? {
            progress.at(bytes);
        }
        wait(pair, states, deadline)?;
    }
    gauge.end(pair).map_err(Failure::Final)
}

fn begin(
    pair: &mut Pair<'_>,
    side: Side,
    job: Job<'_>,
    states: &mut [State; 2],
) -> Result<(), Failure> {
    let (verb, path) = job.order(side);
    pair.side(side).skip_to(job.at)?;
    pair.side(side).begin(verb, path)?;
    states[side as usize] = State::Running;
    Ok(())
}

/// Takes the replies of a side that are there. Whether there was any.
fn hear(
    pair: &mut Pair<'_>,
    side: Side,
    states: &mut [State; 2],
    gauge: &mut Gauge,
    job: Job<'_>,
    progress: &mut dyn Progress,
) -> bool {
    let mut heard = false;
    while matches!(states[side as usize], State::Running) {
        match pair.side(side).control().try_reply() {
            Ok(None) => break,
            Ok(Some(reply)) if reply.code().is_preliminary() => {}
            Ok(Some(reply)) => match gauge.hears(side, &reply) {
                Some(moved) => moved.into_iter().for_each(|bytes| progress.at(job.at + bytes)),
                None => states[side as usize] = State::Replied(reply),
            },
            Err(error) => states[side as usize] = State::Lost(error.to_string()),
        }
        heard = true;
    }
    heard
}

/// Waits for a side that is running, for a tick at most.
fn wait(pair: &Pair<'_>, states: &[State; 2], deadline: Instant) -> Result<(), Failure> {
    let mut waited = Vec::with_capacity(2);
    for (side, connection) in [(Side::Source, &*pair.source), (Side::Target, &*pair.target)] {
        if matches!(states[side as usize], State::Running) {
            waited.push((connection.as_fd(), Interest::Read));
        }
    }
    let until = deadline.min(Instant::now() + TICK);
    match poll::ready(&waited, until) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Final(pair.source.lost(error.into()))),
    }
}

/// What the two endings mean together.
fn verdict(pair: &Pair<'_>, job: Job<'_>, states: &[State; 2]) -> Result<(), Failure> {
    if states.iter().all(State::is_success) {
        return Ok(());
    }
    let mut told = Vec::new();
    let mut broke = false;
    for (side, connection) in [(Side::Source, &*pair.source), (Side::Target, &*pair.target)] {
        let answer = match &states[side as usize] {
            State::Replied(reply) if is_final(reply.code()) => {
                let (verb, path) = job.order(side);
                return Err(Failure::Final(connection.refused(verb, path, reply.clone())));
            }
            State::Replied(reply) => {
                broke |= reply.code() == Code::TRANSFER_ABORTED;
                Answer::Reply(reply.clone())
            }
            State::Lost(why) => Answer::Lost(why.clone()),
            State::Running => Answer::Silence,
            State::Idle => continue,
        };
        told.push(Complaint { side, step: Step::Transfer, answer });
    }
    // Whoever could not shake hands says something else than 426.
    let whole = |state: &State| match state {
        State::Replied(reply) => {
            reply.code().is_success() || reply.code() == Code::TRANSFER_ABORTED
        }
        _ => false,
    };
    match broke && states.iter().all(whole) {
        true => Err(Failure::Cut(Ended::Complaints(told))),
        false => Err(Failure::Plan(Ended::Complaints(told))),
    }
}

/// Whether no other plan can change this refusal: no such file, no right, no space.
fn is_final(code: Code) -> bool {
    code.is_error() && !ABOUT_DATA.contains(&code.number())
}
