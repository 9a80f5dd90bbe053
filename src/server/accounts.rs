//! The accounts that are on, and what the sessions of each share.

use crate::transfer::Bucket;
use std::{collections::HashMap, sync::Arc, time::Instant};

/// An account: the host it is at, and its name there.
pub type Who = (String, String);

/// Every account that has a session.
#[derive(Default)]
pub struct Accounts {
    on: HashMap<Who, On>,
}

struct On {
    sessions: usize,
    bucket: Arc<Bucket>,
}

impl Accounts {
    /// One more session of an account, or `None` if it has `most`. Its sessions share the bucket,
    /// all at the rate that was given last.
    pub fn enter(&mut self, who: &Who, most: usize, rate_bytes_per_s: u64) -> Option<Arc<Bucket>> {
        let fresh = || On { sessions: 0, bucket: Arc::new(Bucket::new(rate_bytes_per_s)) };
        let on = self.on.entry(who.clone()).or_insert_with(fresh);
        if on.sessions >= most {
            return None;
        }
        on.sessions += 1;
        on.bucket.set_rate(rate_bytes_per_s);
        Some(Arc::clone(&on.bucket))
    }

    /// One less. An account is remembered until what it moved is paid for: logging in anew buys
    /// nothing.
    pub fn leave(&mut self, who: &Who) {
        if let Some(on) = self.on.get_mut(who) {
            on.sessions -= 1;
        }
        let now = Instant::now();
        self.on.retain(|_, on| on.sessions > 0 || on.bucket.due(now).is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str) -> Who {
        ("host".to_owned(), name.to_owned())
    }

    #[test]
    fn sessions_of_an_account_share_a_bucket_and_its_latest_rate() {
        let mut accounts = Accounts::default();
        let first = accounts.enter(&who("ann"), 9, 2000).unwrap();
        let second = accounts.enter(&who("ann"), 9, 3000).unwrap();
        assert!(Arc::ptr_eq(&first, &second) && first.bytes_per_s() == Some(3000));
        assert!(!Arc::ptr_eq(&first, &accounts.enter(&who("bob"), 9, 2000).unwrap()));
        let elsewhere = ("other".to_owned(), "ann".to_owned());
        assert!(
            !Arc::ptr_eq(&first, &accounts.enter(&elsewhere, 9, 2000).unwrap()),
            "another host's ann"
        );
    }

    #[test]
    fn an_account_has_so_many_sessions_and_no_more() {
        let mut accounts = Accounts::default();
        assert!(accounts.enter(&who("ann"), 2, 0).is_some());
        assert!(accounts.enter(&who("ann"), 2, 0).is_some());
        assert!(accounts.enter(&who("ann"), 2, 0).is_none());
        assert!(accounts.enter(&who("bob"), 2, 0).is_some());
        accounts.leave(&who("ann"));
        assert!(accounts.enter(&who("ann"), 2, 0).is_some());
    }

    #[test]
    fn an_account_is_forgotten_when_it_has_left_and_paid() {
        let mut accounts = Accounts::default();
        let bucket = accounts.enter(&who("ann"), 9, 2000).unwrap();
        accounts.enter(&who("bob"), 9, 2000).unwrap();
        accounts.leave(&who("bob"));
        assert_eq!(accounts.on.len(), 1);
        bucket.count(1 << 20, Instant::now());
        accounts.leave(&who("ann"));
        assert!(
            Arc::ptr_eq(&bucket, &accounts.enter(&who("ann"), 9, 2000).unwrap()),
            "it has not paid"
        );
        bucket.set_rate(0);
        accounts.leave(&who("ann"));
        assert!(accounts.on.is_empty());
    }
}
