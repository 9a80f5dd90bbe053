//! What the user sees of a job: bars on a terminal, else a line for each file; or JSON.

#[cfg(feature = "bars")]
mod bars;
mod json;
mod lines;

use crate::{
    exit::Failure,
    options::{Format, Options, Talk},
};
use fxpd::{Observer, Summary};

/// One way to show a job.
pub trait Show: Observer {
    /// The job is over; its failures are still to be told.
    fn end(&mut self, summary: &Summary) -> Result<(), Failure>;
}

/// The way that the user wants.
pub fn begin(options: &Options) -> Box<dyn Show> {
    match (options.format, options.talk) {
        (Format::Json, _) => Box::new(json::Json),
        (Format::Text, Talk::Quiet) => Box::new(lines::Quiet::default()),
        #[cfg(feature = "bars")]
        (Format::Text, talk) if std::io::IsTerminal::is_terminal(&std::io::stderr()) => {
            Box::new(bars::Bars::new(talk))
        }
        (Format::Text, _) => Box::new(lines::Lines::default()),
    }
}
