//! Why two servers can copy between them, or cannot: every route is tried with a tiny file, both
//! ways, and each failure is traced to a cause and to what to change.
//!
//! [`survey`](self) looks at each server alone, `scratch` has the files, `cause` reads the signs,
//! `remedy` knows the settings of each maker's server.

mod ailment;
mod cause;
mod remedy;
mod scratch;
mod survey;

pub use ailment::{Ailment, Cause};

use crate::{
    client::{
        ClientError, Connection, Plan, Proof, RemotePath, ServerKind, Side, Unseen,
        exchange::{self, Failure, Job, Pair},
        gauge::Watch,
        plan, proof,
    },
    proto::TlsRole,
};
use cause::Blame;
use jiff::Timestamp;

/// What came of an examination.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// From source to target.
    pub there: Vec<Route>,
    /// From target to source; the sides of its plans are turned round.
    pub back: Vec<Route>,
    /// What concerns no route in particular.
    pub ailments: Vec<Ailment>,
    /// How many seconds the clocks of source and target are ahead of ours, where they can tell.
    pub clocks_ahead_s: [Option<i64>; 2],
}

/// A route and what came of it.
#[derive(Clone, Debug)]
pub struct Route {
    /// Who listens, and who is the TLS client.
    pub plan: Plan,
    /// What came of it.
    pub outcome: RouteOutcome,
}

/// What came of a route.
#[derive(Clone, Debug)]
pub enum RouteOutcome {
    /// A file arrived.
    Works(Proof),
    /// None did.
    Fails(Vec<Ailment>),
    /// Not tried: what ended the route before it ends all.
    Untried,
}

impl Diagnosis {
    /// Whether a copy from source to target has a secure route.
    pub fn has_route(&self) -> bool {
        self.there.iter().any(|route| matches!(route.outcome, RouteOutcome::Works(_)))
    }
}

/// Examines the routes between a directory at each server, in which the account may write. What is
/// put there is removed. An error is one of a control connection.
pub fn diagnose(
    source: &mut Connection,
    from: &RemotePath,
    target: &mut Connection,
    to: &RemotePath,
) -> Result<Diagnosis, ClientError> {
    let kinds = [source.features().kind(), target.features().kind()];
    let servers = [source.site().to_string(), target.site().to_string()];
    let mut examination =
        Examination { kinds, servers, ailments: Vec::new(), misnamed: [false; 2] };
    let pair = &mut Pair { source, target, watch: Watch::default() };
    for side in Side::BOTH {
        examination.survey(side, pair.side(side))?;
    }
    let paths = [scratch::path(from)?, scratch::path(to)?];
    let mut clocks_ahead_s = [None; 2];
    let mut seeded = [None; 2];
    for side in Side::BOTH {
        let (connection, path) = (pair.side(side), &paths[side as usize]);
        match scratch::put(connection, path) {
            Ok(bytes) => {
                seeded[side as usize] = Some(bytes);
                clocks_ahead_s[side as usize] = survey::clock(connection, path);
            }
            Err(error) => examination.is_not_writable(side, error)?,
        }
    }
    examination.clocks(clocks_ahead_s);
    let there = examination.direction(pair, Direction::There, from, to, &paths, seeded);
    let back = examination.direction(pair, Direction::Back, from, to, &paths, seeded);
    for side in Side::BOTH {
        let connection = pair.side(side);
        let _ = connection.expect_peer(None).and(connection.set_role(TlsRole::Accept)); // leaving
        if seeded[side as usize].is_some() {
            scratch::remove(connection, &paths[side as usize]);
        }
    }
    Ok(Diagnosis { there: there?, back: back?, ailments: examination.ailments, clocks_ahead_s })
}

/// Which way a file is to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    There,
    Back,
}

/// An examination under way: sides are as the caller called them.
struct Examination {
    kinds: [ServerKind; 2],
    servers: [String; 2],
    ailments: Vec<Ailment>,
    /// Who names an address for its data where nobody reaches it.
    misnamed: [bool; 2],
}

impl Examination {
    fn ailment(&self, (side, cause, seen): Blame) -> Ailment {
        let server = self.servers[side as usize].clone();
        Ailment { at: Some(side), server, kind: self.kinds[side as usize], cause, seen }
    }

    /// What the server shows by itself.
    fn survey(&mut self, side: Side, connection: &mut Connection) -> Result<(), ClientError> {
        if let Some(seen) = survey::passive_address(connection)? {
            self.misnamed[side as usize] = true;
            self.ailments.push(self.ailment((side, Cause::PassiveAddress, seen)));
        }
        if let Some((cause, seen)) = survey::certificate(connection, Timestamp::now()) {
            self.ailments.push(self.ailment((side, cause, seen)));
        }
        Ok(())
    }

    fn clocks(&mut self, ahead: [Option<i64>; 2]) {
        for side in Side::BOTH {
            let (own, other) = (ahead[side as usize], ahead[side.other() as usize]);
            if let Some(seen) = survey::difference(own, other) {
                self.ailments.push(self.ailment((side, Cause::ClockOff, seen)));
            }
        }
    }

    /// Our own data connection failed: nothing can be sent from there, though perhaps to there.
    fn is_not_writable(&mut self, side: Side, error: ClientError) -> Result<(), ClientError> {
        let cause = match error {
            ClientError::Unreachable(..) => Cause::PassivePorts,
            ClientError::Refused(..) | ClientError::NotCreated(..) | ClientError::NoSpace(..) => {
                Cause::NotWritable
            }
            error => return Err(error),
        };
        let seen = match error {
            ClientError::NotCreated(_, why) | ClientError::NoSpace(_, why) => why,
            error => error.to_string(),
        };
        self.ailments.push(self.ailment((side, cause, seen)));
        Ok(())
    }

    /// Tries every route of a direction.
    fn direction(
        &mut self,
        pair: &mut Pair<'_>,
        direction: Direction,
        from: &RemotePath,
        to: &RemotePath,
        paths: &[RemotePath; 2],
        seeded: [Option<u64>; 2],
    ) -> Result<Vec<Route>, ClientError> {
        let (mut pair, begin, into) = match direction {
            Direction::There => (
                Pair { source: pair.source, target: pair.target, watch: Watch::default() },
                Side::Source,
                to,
            ),
            Direction::Back => (
                Pair { source: pair.target, target: pair.source, watch: Watch::default() },
                Side::Target,
                from,
            ),
        };
        let plans = plan::plans(pair.source.features(), pair.target.features());
        if plans.is_empty() && direction == Direction::There {
            let (server, kind) = (String::new(), ServerKind::Unknown);
            let (cause, seen) = (Cause::NoTlsClient, "neither lists SSCN or CPSV".to_owned());
            self.ailments.push(Ailment { at: None, server, kind, cause, seen });
        }
        let Some(size) = seeded[begin as usize] else {
            let untried = |plan| Route { plan, outcome: RouteOutcome::Untried };
            return Ok(plans.into_iter().map(untried).collect());
        };
        let arrival = scratch::path(into)?;
        let job = Job { from: &paths[begin as usize], to: &arrival, size: Some(size), at: 0 };
        let mut routes = Vec::with_capacity(plans.len());
        let mut over = false;
        for plan in plans {
            let outcome = match over {
                true => RouteOutcome::Untried,
                false => self.attempt(&mut pair, direction, plan, job, &mut over),
            };
            routes.push(Route { plan, outcome });
        }
        Ok(routes)
    }

    /// Tries one route. `over` becomes true when what ended it ends all.
    fn attempt(
        &self,
        pair: &mut Pair<'_>,
        direction: Direction,
        plan: Plan,
        job: Job<'_>,
        over: &mut bool,
    ) -> RouteOutcome {
        let turned = |side: Side| if direction == Direction::Back { side.other() } else { side };
        let kind = |side: Side| self.kinds[turned(side) as usize];
        let copied = exchange::exchange(pair, plan, job, &mut Unseen)
            .and_then(|()| Ok(proof::of_servers(pair, job)?));
        scratch::remove(pair.target, job.to);
        let blames = match copied {
            Ok(proof) => return RouteOutcome::Works(proof),
            Err(Failure::Plan(ended) | Failure::Cut(ended)) => {
                *over = ended.shut_out_by(kind).is_some();
                cause::of_end(plan, &ended, kind)
            }
            Err(Failure::Final(error)) => {
                *over = !matches!(error, ClientError::Mismatch(..));
                vec![cause::of_error(&error, plan, kind)]
            }
        };
        let ailments = blames.into_iter().map(|(side, cause, seen)| {
            let side = turned(side);
            let misnamed = cause == Cause::PassivePorts && self.misnamed[side as usize];
            let cause = if misnamed { Cause::PassiveAddress } else { cause };
            self.ailment((side, cause, seen))
        });
        RouteOutcome::Fails(ailments.collect())
    }
}
