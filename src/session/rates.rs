//! How fast a session's transfers may go: as the operator says, and slower if its client wishes.

use crate::{
    proto::{Code, Reply},
    session::{Session, refusal::Handled},
    transfer::{Bucket, Pace},
};
use std::sync::Arc;

/// The rates of someone who has logged in.
pub struct Rates {
    own: Arc<Bucket>,
    /// What the operator gives a session; 0 is no limit.
    given_bytes_per_s: u64,
    pace: Pace,
}

impl Rates {
    /// `given_bytes_per_s` for this session alone, and what it has to share with others.
    pub fn new(given_bytes_per_s: u64, shared: [Arc<Bucket>; 2]) -> Rates {
        let own = Arc::new(Bucket::new(given_bytes_per_s));
        let pace = Pace::of([Arc::clone(&own)].into_iter().chain(shared));
        Rates { own, given_bytes_per_s, pace }
    }

    /// That of the next transfer.
    pub fn pace(&self) -> Pace {
        self.pace.clone()
    }

    /// Goes at `bytes_per_s`, but never faster than the operator says; 0 is as fast as that.
    fn wish(&self, bytes_per_s: u64) {
        self.own.set_rate(match (bytes_per_s, self.given_bytes_per_s) {
            (0, given) => given,
            (wish, 0) => wish,
            (wish, given) => wish.min(given),
        });
    }
}

impl Session {
    /// `SITE RATE`: how fast the transfers of this session go, in bytes a second. The reply tells
    /// what holds, which may be less than was asked for.
    pub(super) fn site_rate(&mut self, wish: Option<u64>) -> Handled {
        let rates = &self.member()?.rates;
        if let Some(bytes_per_s) = wish {
            rates.wish(bytes_per_s);
        }
        let text = match rates.pace.bytes_per_s() {
            Some(rate) => format!("Rate: {rate} bytes a second."),
            None => "Rate: 0, which is no limit.".to_owned(),
        };
        Ok(Reply::new(Code::OK, text))
    }
}
