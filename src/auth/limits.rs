//! How much of the server one account may take, as its line in the users file says it.

use crate::proto::Amount;

/// The limits of an account. What is `None` follows the server's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountLimits {
    /// `rate=`: bytes a second of all its transfers together; 0 is no limit.
    pub rate: Option<Amount>,
}

impl AccountLimits {
    /// What the options of the users file say, those alone that are set.
    pub(super) fn options(&self) -> [(&'static str, Option<String>); 1] {
        [("rate", self.rate.map(|rate| rate.to_string()))]
    }

    /// Sets the limit called `key`, or takes it away if `value` is empty. `None` when there is no
    /// such limit.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Option<Result<(), String>> {
        Some(match key {
            "rate" => put(&mut self.rate, value),
            _ => return None,
        })
    }
}

fn put<T: std::str::FromStr<Err = String>>(
    place: &mut Option<T>,
    value: &str,
) -> Result<(), String> {
    *place = if value.is_empty() { None } else { Some(value.parse()?) };
    Ok(())
}
