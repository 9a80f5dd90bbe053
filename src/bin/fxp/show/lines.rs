//! A line for each file that arrived, and for each that did not.

use crate::{exit::Failure, report, show::Show};
use fxpd::{Event, Observer, Summary};

/// Tells everything that changes something.
#[derive(Default)]
pub struct Lines {
    files: Files,
}

/// Tells failures.
#[derive(Default)]
pub struct Quiet {
    files: Files,
}

/// How many files there are to copy. The failure of a single one is told at the end.
#[derive(Default)]
pub struct Files {
    pub count: u64,
}

impl Files {
    pub fn failed(&self, event: &Event<'_>) -> Option<String> {
        match event {
            Event::Failed { path, error } if self.count > 1 => {
                Some(format!("fxp: {}: {error}", report::path(path)))
            }
            _ => None,
        }
    }

    pub fn hear(&mut self, event: &Event<'_>) {
        if let Event::Surveyed { files, .. } = event {
            self.count = *files;
        }
    }
}

impl Observer for Quiet {
    fn event(&mut self, event: &Event<'_>) {
        self.files.hear(event);
        if let Some(line) = self.files.failed(event) {
            eprintln!("{line}");
        }
    }
}

impl Show for Quiet {
    fn end(&mut self, _: &Summary) -> Result<(), Failure> {
        Ok(())
    }
}

impl Observer for Lines {
    fn event(&mut self, event: &Event<'_>) {
        self.files.hear(event);
        if let Some(line) = self.files.failed(event).or_else(|| note(event)) {
            eprintln!("{line}");
        }
        if let Some(line) = told(event, self.files.count) {
            // That nobody reads it is no reason to stop copying.
            let _ = report::say(&line);
        }
    }
}

impl Show for Lines {
    fn end(&mut self, summary: &Summary) -> Result<(), Failure> {
        match self.files.count {
            1 if summary.skipped + summary.deleted == 0 => Ok(()),
            _ => report::say(&report::summary(summary)),
        }
    }
}

/// What goes to standard output.
pub fn told(event: &Event<'_>, files: u64) -> Option<String> {
    match event {
        Event::Done { path, entry, moved, elapsed, .. } => Some(match files {
            1 => report::one_file(path, entry, *moved, *elapsed),
            _ => report::one_of_many(path, entry, *moved, *elapsed),
        }),
        Event::Changed(step) => Some(report::change(step)),
        _ => None,
    }
}

/// What goes to standard error, though it is no failure.
pub fn note(event: &Event<'_>) -> Option<String> {
    match event {
        Event::Retrying { path, error, pause, .. } => {
            Some(format!("fxp: {path}: {error}; again in {} s", pause.as_secs()))
        }
        _ => None,
    }
}
