//! The copy that the command line asks for.

use crate::{
    connect::Connect,
    exit::Failure,
    options::{Ends, Options},
    report,
    selection::{Journaling, Mode},
    show, state,
};
use fxpd::{Place, Request, Summary};

/// Runs a job for each source. A failure does not keep the others from being copied.
pub fn run_all(all: &[Ends], options: &Options) -> Result<(), Failure> {
    let mut outcome = Ok(());
    for ends in all {
        let ended = run(ends, options);
        if let (Err(before), Err(_)) = (&outcome, &ended) {
            eprintln!("fxp: {before}");
        }
        outcome = ended.and(outcome);
    }
    outcome
}

/// Runs it and says how it went.
fn run(ends: &Ends, options: &Options) -> Result<(), Failure> {
    let request = request(ends, options)?;
    let mut show = show::begin(options);
    if options.selection.mode == Mode::Rehearse {
        let prospect = request.prospect(&mut *show)?;
        drop(show);
        return report::steps(&prospect, options.talk);
    }
    let summary = request.run(&mut *show)?;
    show.end(&summary)?;
    drop(show);
    if let (Place::Remote(source), Place::Remote(target), Some(plan)) =
        (&ends.source, &ends.target, summary.plan)
    {
        state::remember_route(&source.site, &target.site, plan);
    }
    outcome(summary)
}

/// What the command line asks for, with all that it takes to do it.
pub fn request(ends: &Ends, options: &Options) -> Result<Request, Failure> {
    let connect = Connect::new(options)?;
    let (source, target) = (connect.end(&ends.source)?, connect.end(&ends.target)?);
    let mut request = options.selection.apply(Request::new(source, target));
    request.journal = match &options.selection.journal {
        Journaling::Usual => state::journal(&request),
        Journaling::File(file) => Some(file.clone()),
        Journaling::Off => None,
    };
    if let (Place::Remote(source), Place::Remote(target)) = (&ends.source, &ends.target) {
        request.preferred = state::known_route(&source.site, &target.site);
    }
    Ok(request)
}

/// One failure is told as it is, several are counted: each was told when it happened.
fn outcome(summary: Summary) -> Result<(), Failure> {
    match (summary.failed, summary.first_failure) {
        (0, _) | (_, None) => Ok(()),
        (1, Some(error)) if summary.copied + summary.skipped == 0 => Err(error.into()),
        (count, Some(error)) => Err(Failure::Some(count, error)),
    }
}
