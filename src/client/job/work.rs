//! The job itself: survey, directories, files in lanes, deletions; and the books that are kept of it.

use crate::client::{
    Act, ClientError, Entry, Event, Observer, ProofKind, Request, Step, Summary, TreePath, Why,
    job::{
        carrier::Arrival,
        end::OpenEnd,
        journal::Journal,
        lane::{self, Desk, News},
        manifest::Manifest,
        patience::patiently,
        survey::{self, Survey},
    },
};
use crate::{
    proto::stamp,
    transfer::{Bucket, Pace},
};
use crossbeam_channel::Receiver;
use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

/// How long what is done may wait for the disk. What a loss of power takes of it is looked at again
/// by the next run; a kill takes nothing.
const SYNC_INTERVAL: Duration = Duration::from_millis(500);

impl Request {
    /// Does all of it. An error ends the job where it is; what failed for one file alone is counted in
    /// the summary, and the others are copied.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<Summary, ClientError> {
        let begun = Instant::now();
        let mut books = Books::open(self, observer)?;
        let mut source = OpenEnd::open_patiently(&self.source, self.retries)?;
        let mut target = OpenEnd::open_patiently(&self.target, self.retries)?;
        let journal = books.journal.clone();
        let survey =
            survey::survey(self, &mut source, &mut target, journal.as_deref(), books.observer)?;
        let Survey { steps, stumbles, single } = survey;
        books.surveyed(&steps)?;
        for stumble in stumbles {
            books.failed(&stumble.path, stumble.error);
        }
        let retries = self.retries;
        if single.is_none() {
            patiently(&mut target, retries, OpenEnd::make_root)?;
        }
        for step in steps.iter().filter(|step| step.act == Act::MakeDirectory) {
            let made = patiently(&mut target, retries, |end| end.make_directories(&step.path));
            books.changed(step, made);
        }
        if steps.iter().any(Step::is_copy) {
            (source, target) = self.copy(&steps, single.as_ref(), source, target, &mut books)?;
        }
        // Nothing is deleted for a job that did not do what it should.
        if books.summary.failed == 0 {
            for step in steps.iter().filter(|step| step.deletes()) {
                books.changed(step, patiently(&mut target, retries, |end| end.remove(step)));
            }
        }
        source.close();
        target.close();
        books.close(begun)
    }

    /// Copies the files, in lanes of their own threads. The first lane has the connections that are
    /// open, and they come back.
    fn copy(
        &self,
        steps: &[Step],
        single: Option<&TreePath>,
        mut source: OpenEnd,
        mut target: OpenEnd,
        books: &mut Books<'_>,
    ) -> Result<(OpenEnd, OpenEnd), ClientError> {
        let (queue, taken) = crossbeam_channel::unbounded();
        for (number, _) in steps.iter().enumerate().filter(|(_, step)| step.is_copy()) {
            let _ = queue.send(number); // `taken` is here
        }
        let (news, heard) = crossbeam_channel::unbounded();
        let lanes = self.lanes.clamp(1, taken.len());
        let (rest, journal) = (taken.clone(), books.journal.clone());
        let desk = Desk {
            steps,
            single,
            preserve: self.preserve,
            pace: Pace::of(self.max_rate.map(|rate| Arc::new(Bucket::new(rate)))),
            rate: self.max_rate.map(|rate| (rate / lanes as u64).max(1)),
            retries: self.retries,
            journal: journal.as_deref(),
            queue: taken,
            news,
            plan: Mutex::new(self.preferred),
            stop: AtomicBool::new(false),
        };
        let outcome = thread::scope(|scope| {
            let desk = &desk;
            for number in 1..lanes {
                let (from, to) =
                    (source.root(&self.source, number), target.root(&self.target, number));
                scope.spawn(move || {
                    let ends = || Ok((OpenEnd::open(&from)?, OpenEnd::open(&to)?));
                    match ends() {
                        Ok((mut source, mut target)) => {
                            lane::serve(number, &mut source, &mut target, desk);
                            source.close();
                            target.close();
                        }
                        Err(error) => desk.absent(number, error),
                    }
                });
            }
            let (source, target) = (&mut source, &mut target);
            scope.spawn(move || lane::serve(0, source, target, desk));
            let outcome = books.listen(steps, lanes, &heard);
            // Whoever still works stops after its file.
            drop(heard);
            outcome
        });
        books.summary.untried = rest.len() as u64;
        books.summary.plan = *desk.plan.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.map(|()| (source, target))
    }
}

/// What is written down of a job, and who hears of it.
struct Books<'a> {
    journal: Option<Arc<Journal>>,
    manifest: Option<Manifest>,
    observer: &'a mut dyn Observer,
    summary: Summary,
    synced: Instant,
}

impl<'a> Books<'a> {
    fn open(request: &Request, observer: &'a mut dyn Observer) -> Result<Books<'a>, ClientError> {
        let journal = request.journal.as_deref();
        let journal = journal.map(|path| Journal::open(path, &request.name())).transpose()?;
        let journal = journal.map(Arc::new);
        let manifest = request.manifest.as_deref().map(Manifest::create).transpose()?;
        let summary = Summary::default();
        Ok(Books { journal, manifest, observer, summary, synced: Instant::now() })
    }

    /// What is there already gets into the manifest first.
    fn surveyed(&mut self, steps: &[Step]) -> Result<(), ClientError> {
        let files = steps.iter().filter(|step| step.is_copy());
        let (files, bytes) = files.fold((0, 0_u64), |(files, bytes), step| {
            (files + 1, bytes.saturating_add(step.size.unwrap_or_default()))
        });
        self.observer.event(&Event::Surveyed { files, bytes });
        for step in steps {
            let Act::Skip(why) = step.act else { continue };
            let entry = match why {
                Why::DoneEarlier => self.journal.as_ref().and_then(|book| book.entry(&step.path)),
                Why::Same => Some(there_already(step)),
                _ => None,
            };
            if let (Some(entry), Some(manifest)) = (entry, &mut self.manifest) {
                manifest.add(&entry)?;
            }
            self.skipped(step, why);
        }
        Ok(())
    }

    /// Hears the lanes to their end.
    fn listen(
        &mut self,
        steps: &[Step],
        lanes: usize,
        heard: &Receiver<News>,
    ) -> Result<(), ClientError> {
        let mut working = lanes;
        while working > 0 {
            let Ok(news) = heard.recv() else { return Ok(()) };
            if let News::Idle(lane, why) = news {
                working -= 1;
                self.observer.event(&Event::Idle { lane });
                match why {
                    Some(error) if lane == 0 => return Err(error),
                    // The others do its work.
                    Some(error) => log::warn!("one connection less: {error}"),
                    None => {}
                }
                continue;
            }
            self.hear(steps, news)?;
            if self.synced.elapsed() >= SYNC_INTERVAL {
                self.sync()?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, steps: &[Step], news: News) -> Result<(), ClientError> {
        match news {
            News::Begun(lane, number) => {
                let Step { path, size, .. } = &steps[number];
                self.observer.event(&Event::Begun { lane, path, bytes: *size });
            }
            News::At(lane, bytes) => self.observer.event(&Event::At { lane, bytes }),
            News::Waiting(lane) => self.observer.event(&Event::Waiting { lane }),
            News::Retrying(lane, number, error, pause) => {
                let path = &steps[number].path;
                self.observer.event(&Event::Retrying { lane, path, error: &error, pause });
            }
            News::Same(number, arrival) => {
                self.arrived(&arrival)?;
                self.skipped(&steps[number], Why::SameHash);
            }
            News::Done(lane, number, arrival) => {
                self.arrived(&arrival)?;
                let Arrival { entry, moved, elapsed, .. } = *arrival;
                self.summary.copied += 1;
                self.summary.bytes += moved;
                let path = &steps[number].path;
                self.observer.event(&Event::Done { lane, path, entry: &entry, moved, elapsed });
            }
            News::Failed(number, error) => self.failed(steps[number].path.as_bytes(), error),
            News::Idle(..) => {}
        }
        Ok(())
    }

    fn arrived(&mut self, arrival: &Arrival) -> Result<(), ClientError> {
        if let Some(journal) = &self.journal {
            journal.done(&arrival.entry)?;
        }
        match &mut self.manifest {
            Some(manifest) => manifest.add(&arrival.entry),
            None => Ok(()),
        }
    }

    fn skipped(&mut self, step: &Step, why: Why) {
        self.summary.skipped += 1;
        self.observer.event(&Event::Skipped(&step.path, why));
    }

    fn changed(&mut self, step: &Step, outcome: Result<(), ClientError>) {
        match outcome {
            Ok(()) => {
                self.summary.deleted += u64::from(step.deletes());
                self.observer.event(&Event::Changed(step));
            }
            Err(error) => self.failed(step.path.as_bytes(), error),
        }
    }

    fn failed(&mut self, path: &[u8], error: ClientError) {
        self.observer.event(&Event::Failed { path, error: &error });
        self.summary.failed += 1;
        self.summary.first_failure.get_or_insert(error);
    }

    fn sync(&mut self) -> Result<(), ClientError> {
        match &self.journal {
            Some(journal) => {
                self.synced = Instant::now();
                journal.sync()
            }
            None => Ok(()),
        }
    }

    /// A job without failures leaves nothing to go on with.
    fn close(mut self, begun: Instant) -> Result<Summary, ClientError> {
        self.sync()?;
        self.summary.elapsed = begun.elapsed();
        if let Some(journal) = self.journal.filter(|_| self.summary.failed == 0) {
            journal.finish()?;
        }
        Ok(self.summary)
    }
}

/// A file that was left alone because it is the same.
fn there_already(step: &Step) -> Entry {
    let mut entry = Entry::new(step.path.as_bytes(), step.size, ProofKind::SizeAndTime);
    entry.modified = step.modified.map(|moment| stamp::print(moment.time));
    entry
}
