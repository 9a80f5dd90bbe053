//! What is to be done, found out by looking at both ends: nothing is changed here.

use crate::{
    client::{
        ClientError, End, Event, Existing, Features, Found, Observer, OnExisting, Plan, Request,
        Stumble, TreePath, Walk,
        job::{
            decide::{self, Earlier},
            end::OpenEnd,
            journal::Journal,
            patience::{Patient, patiently},
            roots::{self, Scope},
        },
        plan,
    },
    proto::{Algorithm, Fingerprint, Listed, ListedKind, Moment},
};
use std::collections::BTreeMap;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where, from the target's root.
    pub path: TreePath,
    /// What.
    pub act: Act,
    /// The size of a file, where the source tells it.
    pub size: Option<u64>,
    /// Its time of modification at the source.
    pub modified: Option<Moment>,
    /// Its permissions there.
    pub mode: Option<u32>,
}

/// What is done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A directory is made.
    MakeDirectory,
    /// A file is copied.
    Copy(Existing),
    /// A file is copied unless both ends have the same hash of it.
    CopyUnlessHashEqual,
    /// It is left alone.
    Skip(Why),
    /// A file of the target that the source has not is deleted.
    DeleteFile,
    /// A directory, with nothing left in it.
    DeleteDirectory,
}

/// Why something is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The target has it, with the same size and time.
    Same,
    /// The target has it, with the same size and hash.
    SameHash,
    /// The target has one of that name.
    Exists,
    /// The target's is not older.
    NotNewer,
    /// It arrived in an earlier run.
    DoneEarlier,
    /// Links are not followed.
    Link,
    /// It is no file.
    Special,
}

/// What a job is going to do, and how it could.
pub struct Prospect {
    /// In the order in which it is done.
    pub steps: Vec<Step>,
    /// Where it could not look.
    pub stumbles: Vec<Stumble>,
    /// What is known of the source, if it is a server.
    pub source: Option<ServerFacts>,
    /// What is known of the target, if it is a server.
    pub target: Option<ServerFacts>,
    /// The ways between two servers, surest first.
    pub routes: Vec<Plan>,
    /// The hash by which arrivals are proved; without one it is the size.
    pub proof: Option<Algorithm>,
}

/// What a server has shown of itself.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// `host:port`.
    pub name: String,
    /// What it says that it can do.
    pub features: Features,
    /// The TLS version of its control connection.
    pub tls_version: &'static str,
    /// Its certificate; `None` where it is spoken to in clear text.
    pub fingerprint: Option<Fingerprint>,
}

/// What was found.
pub(super) struct Survey {
    pub steps: Vec<Step>,
    pub stumbles: Vec<Stumble>,
    /// Of a single file, its name at the source. The directory that it goes to has to be there.
    pub single: Option<TreePath>,
}

impl Request {
    /// Looks at both ends, and changes nothing.
    pub fn prospect(&self, observer: &mut dyn Observer) -> Result<Prospect, ClientError> {
        let mut source = OpenEnd::open(&self.source)?;
        let mut target = OpenEnd::open(&self.target)?;
        let journal = self.journal.as_deref().filter(|path| path.exists());
        let journal = journal.map(|path| Journal::open(path, &self.name())).transpose()?;
        let survey = survey(self, &mut source, &mut target, journal.as_ref(), observer)?;
        let prospect = Prospect {
            steps: survey.steps,
            stumbles: survey.stumbles,
            routes: match (source.connection(), target.connection()) {
                (Some(source), Some(target)) => plan::between(source, target),
                _ => Vec::new(),
            },
            proof: proof_of(
                source.connection().map(|end| end.features()),
                target.connection().map(|end| end.features()),
            ),
            source: facts(&mut source),
            target: facts(&mut target),
        };
        source.close();
        target.close();
        Ok(prospect)
    }

    /// What makes two jobs the same.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.source, self.target)
    }
}

fn facts(end: &mut OpenEnd) -> Option<ServerFacts> {
    end.connection().map(|connection| ServerFacts {
        name: connection.site().to_string(),
        features: connection.features().clone(),
        tls_version: connection.tls_version(),
        fingerprint: connection.fingerprint(),
    })
}

/// We compute every hash that a server may.
fn proof_of(source: Option<&Features>, target: Option<&Features>) -> Option<Algorithm> {
    let both = |algorithm: &Algorithm| {
        [source, target]
            .into_iter()
            .flatten()
            .all(|end| end.hashes().any(|row| row.0 == *algorithm))
    };
    let known = source.or(target)?.hashes().map(|row| row.0);
    known.into_iter().find(both)
}

/// Looks at both ends. They are moved to the roots that the request means.
pub(super) fn survey(
    request: &Request,
    source: &mut OpenEnd,
    target: &mut OpenEnd,
    journal: Option<&Journal>,
    observer: &mut dyn Observer,
) -> Result<Survey, ClientError> {
    let retries = request.retries;
    let scope = roots::find(request, source, target)?;
    let mut survey = Survey { steps: Vec::new(), stumbles: Vec::new(), single: None };
    if let Scope::File(from, file, to) = scope {
        let asks = request.on_existing != OnExisting::Overwrite || is_resumed(journal);
        let there = match asks {
            true => patiently(target, retries, |end| end.look(&to))?,
            false => None,
        };
        let earlier = journal.map_or(Earlier::Unknown, |journal| journal.earlier(&to));
        survey.decide(&to, &file, there.as_ref(), request, earlier);
        survey.single = Some(from);
        return Ok(survey);
    }
    let mut there = present(request, &scope, target, journal)?;
    let mut source = Patient { end: source, retries };
    survey.walk_source(Look::new(request, &scope), &mut source, &mut there, journal, observer);
    if request.delete && survey.stumbles.is_empty() {
        survey.delete(there);
    }
    Ok(survey)
}

fn is_resumed(journal: Option<&Journal>) -> bool {
    journal.is_some_and(|journal| !journal.is_new())
}

/// A walk through either end that sees what the request is about.
struct Look<'a> {
    request: &'a Request,
    scope: &'a Scope,
    walk: Walk,
}

impl<'a> Look<'a> {
    fn new(request: &'a Request, scope: &'a Scope) -> Look<'a> {
        Look { request, scope, walk: Walk::new(request.filter.clone()) }
    }

    fn next(&mut self, end: &mut dyn End) -> Option<Result<(TreePath, Listed), Stumble>> {
        loop {
            let Found { path, kind, size, modified, mode } = match self.walk.next(end)? {
                Ok(found) => found,
                Err(stumble) => return Some(Err(stumble)),
            };
            let name = path.name().unwrap_or_default().to_vec();
            let depth = path.components().count();
            let is_directory = kind == ListedKind::Directory;
            let too_deep = self.request.max_depth.is_some_and(|most| depth >= most);
            let matches = match self.scope {
                Scope::Matching(glob) => depth > 1 || glob.matches(&name),
                _ => true,
            };
            if !matches || is_directory && (!self.request.recursive || too_deep) {
                self.walk.pass();
                continue;
            }
            return Some(Ok((path, Listed { name, kind, size, modified, mode })));
        }
    }
}

/// What the target has; nothing where that does not matter.
fn present(
    request: &Request,
    scope: &Scope,
    target: &mut OpenEnd,
    journal: Option<&Journal>,
) -> Result<BTreeMap<TreePath, Listed>, ClientError> {
    let matters =
        request.on_existing != OnExisting::Overwrite || request.delete || is_resumed(journal);
    if !matters || patiently(target, request.retries, roots::look)?.is_none() {
        return Ok(BTreeMap::new());
    }
    let mut look = Look::new(request, scope);
    let mut present = BTreeMap::new();
    let target = &mut Patient { end: target, retries: request.retries };
    while let Some(found) = look.next(target) {
        // What cannot be looked at there might be deleted, or copied again and again.
        let (path, listed) = found.map_err(|stumble| stumble.error)?;
        present.insert(path, listed);
    }
    Ok(present)
}

impl Survey {
    fn walk_source(
        &mut self,
        mut look: Look<'_>,
        source: &mut dyn End,
        there: &mut BTreeMap<TreePath, Listed>,
        journal: Option<&Journal>,
        observer: &mut dyn Observer,
    ) {
        let mut count = 0;
        while let Some(found) = look.next(source) {
            let (path, listed) = match found {
                Ok(found) => found,
                Err(stumble) => {
                    self.stumbles.push(stumble);
                    continue;
                }
            };
            count += 1;
            observer.event(&Event::Surveying(count));
            let present = there.remove(&path);
            if listed.kind != ListedKind::Directory {
                let earlier = journal.map_or(Earlier::Unknown, |journal| journal.earlier(&path));
                self.decide(&path, &listed, present.as_ref(), look.request, earlier);
            } else if present.as_ref().is_none_or(|there| there.kind != ListedKind::Directory) {
                // Where a file is in the way, the target will say so.
                self.steps.push(Step::new(path, Act::MakeDirectory, &listed));
            }
        }
    }

    fn decide(
        &mut self,
        path: &TreePath,
        source: &Listed,
        target: Option<&Listed>,
        request: &Request,
        earlier: Earlier<'_>,
    ) {
        match decide::decide(source, target, request.on_existing, earlier) {
            Ok(act) => self.steps.push(Step::new(path.clone(), act, source)),
            Err(_) => self.stumbles.push(Stumble {
                path: path.as_bytes().to_vec(),
                error: ClientError::NotCreated(
                    path.to_string(),
                    "the target has a directory of that name".to_owned(),
                ),
            }),
        }
    }

    /// What is left of the target, the deepest first.
    fn delete(&mut self, surplus: BTreeMap<TreePath, Listed>) {
        for (path, listed) in surplus.into_iter().rev() {
            let act = match listed.kind {
                ListedKind::Directory => Act::DeleteDirectory,
                _ => Act::DeleteFile,
            };
            self.steps.push(Step::new(path, act, &listed));
        }
    }
}

impl Step {
    fn new(path: TreePath, act: Act, listed: &Listed) -> Step {
        let Listed { size, modified, mode, .. } = *listed;
        Step { path, act, size, modified, mode }
    }

    /// Whether something of the target goes by it.
    pub fn deletes(&self) -> bool {
        matches!(self.act, Act::DeleteFile | Act::DeleteDirectory)
    }

    /// Whether bytes may have to be moved for it.
    pub fn is_copy(&self) -> bool {
        matches!(self.act, Act::Copy(_) | Act::CopyUnlessHashEqual)
    }
}
