//! What is tried again, how often, and after which pause.

use crate::client::{ClientError, End, TreePath, job::end::OpenEnd};
use crate::proto::Listed;
use std::{thread, time::Duration};

/// The pause before the second try; each one is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The tries that something has left.
pub(super) struct Patience {
    left: u32,
    pause: Duration,
}

impl Patience {
    pub fn new(retries: u32) -> Patience {
        Patience { left: retries, pause: FIRST_PAUSE }
    }

    /// How long to wait before the next try; `None` when there is none, or it would not help.
    pub fn after(&mut self, error: &ClientError) -> Option<Duration> {
        let may_pass = error.is_transient() || matches!(error, ClientError::Unreachable(..));
        if !may_pass {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        let pause = self.pause;
        self.pause = (pause * 2).min(MAX_PAUSE);
        Some(pause)
    }
}

/// Waits before the next try, and says why.
pub(super) fn pause(error: &ClientError, pause: Duration) {
    log::warn!("{error}; again in {} s", pause.as_secs());
    thread::sleep(pause);
}

/// Does what may be done twice, until it succeeds or trying again is no use.
pub(super) fn patiently<T>(
    end: &mut OpenEnd,
    retries: u32,
    mut act: impl FnMut(&mut OpenEnd) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let mut patience = Patience::new(retries);
    let mut outcome = act(end);
    while let Err(error) = &outcome {
        let Some(pause) = patience.after(error) else { break };
        self::pause(error, pause);
        outcome = match end.connection() {
            Some(connection) => connection.revive().and_then(|()| act(end)),
            None => act(end),
        };
    }
    outcome
}

/// An end whose directories are listed patiently.
pub(super) struct Patient<'a> {
    pub end: &'a mut OpenEnd,
    pub retries: u32,
}

impl End for Patient<'_> {
    fn list(&mut self, directory: &TreePath) -> Result<Vec<Listed>, ClientError> {
        patiently(self.end, self.retries, |end| end.list(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{client::Plan, net::NetError};

    #[test]
    fn pauses_grow_and_end_and_only_what_may_pass_is_tried_again() {
        let lost = ClientError::Lost("a".to_owned(), NetError::Timeout);
        let mut patience = Patience::new(9);
        let pauses: Vec<_> = std::iter::from_fn(|| patience.after(&lost)).collect();
        assert_eq!(
            pauses.iter().map(Duration::as_secs).collect::<Vec<_>>(),
            [1, 2, 4, 8, 16, 32, 60, 60, 60]
        );
        let plan: Plan = "source passive, source TLS client by SSCN".parse().unwrap();
        let attempt = crate::client::Attempt { plan, refusal: String::new() };
        let mismatch = ClientError::Mismatch("it differs".to_owned(), vec![attempt]);
        assert_eq!(Patience::new(9).after(&mismatch), None);
        assert_eq!(Patience::new(0).after(&lost), None);
    }
}
