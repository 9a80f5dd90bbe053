//! A bar for each file under way and one for all of them, if they are several, on a terminal.

use crate::{
    exit::Failure,
    options::Talk,
    report,
    show::{
        Show,
        lines::{self, Files},
    },
};
use fxpd::{Event, Observer, Summary};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;

const FILE: &str = "{prefix:20!} {bar:20} {percent:>3}% {binary_bytes_per_sec:>12} {eta:>4}";
const COUNT: &str = "{prefix:20!} {spinner} {binary_bytes} {elapsed}";
const TOTAL: &str = "{msg:20!} {bar:20} {percent:>3}% {binary_bytes_per_sec:>12} {eta:>4}";
const SEARCH: &str = "{spinner} {msg}";

/// Bars on standard error; lines above them.
pub struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    lanes: BTreeMap<usize, Lane>,
    talk: Talk,
    files: Files,
    finished: u64,
}

struct Lane {
    bar: ProgressBar,
    /// What the total has of this file.
    counted: u64,
}

impl Bars {
    pub fn new(talk: Talk) -> Bars {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = all.add(ProgressBar::no_length());
        style(&total, SEARCH);
        let (lanes, files) = (BTreeMap::new(), Files::default());
        Bars { all, total, lanes, talk, files, finished: 0 }
    }

    fn line(&self, text: &str) {
        self.all.suspend(|| eprintln!("{text}"));
    }

    fn begin(&mut self, lane: usize, name: String, bytes: Option<u64>) {
        let bar = match bytes {
            Some(bytes) => ProgressBar::new(bytes),
            None => ProgressBar::no_length(),
        };
        let bar = self.all.insert_before(&self.total, bar);
        style(&bar, if bytes.is_some() { FILE } else { COUNT });
        bar.set_prefix(name);
        self.lanes.insert(lane, Lane { bar, counted: 0 });
    }

    fn at(&mut self, lane: usize, bytes: u64) {
        let Some(lane) = self.lanes.get_mut(&lane) else { return };
        lane.bar.set_position(bytes);
        // A file that begins anew takes back what was counted.
        self.total.set_position((self.total.position() + bytes).saturating_sub(lane.counted));
        lane.counted = bytes;
    }

    /// The file is over; the total gets what it lacks of it.
    fn end_file(&mut self, lane: usize, bytes: Option<u64>) {
        if let Some(bytes) = bytes {
            self.at(lane, bytes);
        }
        if let Some(lane) = self.lanes.remove(&lane) {
            lane.bar.finish_and_clear();
        }
        self.finished += 1;
        self.total.set_message(format!("{}/{} files", self.finished, self.files.count));
    }
}

impl Observer for Bars {
    fn event(&mut self, event: &Event<'_>) {
        self.files.hear(event);
        if let Some(line) = self.files.failed(event).or_else(|| lines::note(event)) {
            self.line(&line);
        }
        match event {
            Event::Surveying(count) => self.total.set_message(format!("{count} found")),
            // One file has its own bar, and no more is to be told of them all.
            Event::Surveyed { files: 1, .. } => self.total.finish_and_clear(),
            Event::Surveyed { files, bytes } => {
                self.total.set_length(*bytes);
                style(&self.total, TOTAL);
                self.total.set_message(format!("0/{files} files"));
            }
            Event::Begun { lane, path, bytes } => {
                let name = path.name().unwrap_or_default();
                self.begin(*lane, report::path(name), *bytes);
            }
            Event::At { lane, bytes } => self.at(*lane, *bytes),
            Event::Waiting { lane } => {
                if let Some(lane) = self.lanes.get(lane) {
                    lane.bar.tick();
                }
            }
            Event::Done { lane, entry, .. } => {
                if self.talk == Talk::Verbose && self.files.count > 1 {
                    self.line(&lines::told(event, self.files.count).unwrap_or_default());
                }
                self.end_file(*lane, entry.size);
                if self.files.count == 1 {
                    let line = lines::told(event, 1).unwrap_or_default();
                    self.all.suspend(|| report::say(&line)).unwrap_or_default();
                }
            }
            Event::Idle { lane } => {
                if let Some(lane) = self.lanes.remove(lane) {
                    lane.bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }
}

impl Show for Bars {
    fn end(&mut self, summary: &Summary) -> Result<(), Failure> {
        self.total.finish_and_clear();
        match self.files.count {
            1 if summary.skipped + summary.deleted == 0 => Ok(()),
            _ => report::say(&report::summary(summary)),
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.total.finish_and_clear();
        for lane in self.lanes.values() {
            lane.bar.finish_and_clear();
        }
    }
}

fn style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}
