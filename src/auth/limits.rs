//! How much of the server one account may take, as its line in the users file says it.

use crate::proto::Amount;

/// The limits of an account. What is `None` follows the server's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountLimits {
    /// `rate=`: bytes a second of all its transfers together; 0 is no limit.
    pub rate: Option<Amount>,
    /// `quota_bytes=`: what its files may hold; 0 is no limit.
    pub quota_bytes: Option<Amount>,
    /// `quota_files=`: how many files, directories and links it may have; 0 is no limit.
    pub quota_files: Option<u64>,
    /// `sessions=`: how many it may have at a time.
    pub sessions: Option<usize>,
}

impl AccountLimits {
    /// What the options of the users file say, those alone that are set.
    pub(super) fn options(&self) -> [(&'static str, Option<String>); 4] {
        [
            ("quota_bytes", self.quota_bytes.map(|bytes| bytes.to_string())),
            ("quota_files", self.quota_files.map(|count| count.to_string())),
            ("rate", self.rate.map(|rate| rate.to_string())),
            ("sessions", self.sessions.map(|count| count.to_string())),
        ]
    }

    /// Sets the limit called `key`, or takes it away if `value` is empty. `None` when there is no
    /// such limit.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Option<Result<(), String>> {
        Some(match key {
            "quota_bytes" => put(&mut self.quota_bytes, value, str::parse),
            "quota_files" => put(&mut self.quota_files, value, whole),
            "rate" => put(&mut self.rate, value, str::parse),
            "sessions" => put(&mut self.sessions, value, count),
            _ => return None,
        })
    }
}

fn put<T>(
    place: &mut Option<T>,
    value: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<(), String> {
    *place = if value.is_empty() { None } else { Some(parse(value)?) };
    Ok(())
}

fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("'{text}' is not a whole number"))
}

/// To lock an account there is another way.
fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("'{text}' is not a number of sessions, 1 at least"))
}
