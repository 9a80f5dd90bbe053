//! How fast bytes may move: buckets that fill with what has moved and drain with time. Whoever finds
//! one of its own filled waits before the next block, and goes on listening meanwhile.
//!
//! What moved is counted afterwards, a block at a time, so that a transfer which ends early has taken
//! no more than it moved, and those who share a bucket take turns, a block each.

use crate::net::{NetError, Wait};
use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The slowest rate there is: below it, hardly anything would move within the deadlines of peers.
const LEAST_RATE_BYTES_PER_S: u64 = 1024;

/// A block at full speed: it is in the processor's caches still when it goes on. With one of 256 KiB an
/// upload in clear text takes half as much of its time again, and a download under TLS a tenth.
const BLOCK_BYTES: usize = 64 << 10;

/// One that gains nothing by that. With a smaller one an upload under TLS takes a tenth more.
const BULK_BYTES: usize = 256 << 10;

/// Paced blocks are such a part of a second's bytes, so that bytes flow rather than gush.
const BLOCKS_PER_S: u64 = 8;
const LEAST_BLOCK_BYTES: usize = 1024;

/// Time that went by unused for this long can be made up for: nobody wakes in the very moment.
const SLACK: Duration = Duration::from_millis(100);

/// What one, or many together, may move within a second.
#[derive(Debug)]
pub struct Bucket {
    /// 0 is no limit.
    bytes_per_s: AtomicU64,
    /// All that has moved is paid for with the time up to this moment.
    paid_until: Mutex<Option<Instant>>,
}

impl Bucket {
    /// So many bytes a second; 0 is no limit.
    pub fn new(bytes_per_s: u64) -> Bucket {
        Bucket { bytes_per_s: AtomicU64::new(bytes_per_s), paid_until: Mutex::new(None) }
    }

    /// Another rate, for all who share it and from the next block on.
    pub fn set_rate(&self, bytes_per_s: u64) {
        self.bytes_per_s.store(bytes_per_s, Ordering::Relaxed);
    }

    /// How fast it drains; `None` is no limit.
    pub fn bytes_per_s(&self) -> Option<u64> {
        match self.bytes_per_s.load(Ordering::Relaxed) {
            0 => None,
            rate => Some(rate.max(LEAST_RATE_BYTES_PER_S)),
        }
    }

    /// Counts what has moved.
    pub fn count(&self, bytes: usize, now: Instant) {
        let Some(rate) = self.bytes_per_s() else { return };
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let from = paid_until.map_or(now, |paid| paid.max(earliest));
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(rate);
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        *paid_until = from.checked_add(time).or(Some(from));
    }

    /// When the next block may move; `None` for now.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.bytes_per_s()?;
        let paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        paid_until.filter(|paid| *paid > now)
    }
}

/// The buckets that a session's transfers count in.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    buckets: Vec<Arc<Bucket>>,
}

impl Pace {
    /// As slow as the slowest of `buckets`.
    pub fn of(buckets: impl IntoIterator<Item = Arc<Bucket>>) -> Pace {
        Pace { buckets: buckets.into_iter().collect() }
    }

    /// The slowest of the rates, if there is a limit.
    pub fn bytes_per_s(&self) -> Option<u64> {
        self.buckets.iter().filter_map(|bucket| bucket.bytes_per_s()).min()
    }

    /// How much is moved at a time.
    pub fn block_bytes(&self) -> usize {
        self.bytes_up_to(BLOCK_BYTES)
    }

    /// The same for what the kernel moves by itself, or TLS gathers record by record.
    pub fn bulk_bytes(&self) -> usize {
        self.bytes_up_to(BULK_BYTES)
    }

    fn bytes_up_to(&self, most: usize) -> usize {
        let paced = self.bytes_per_s().map(|rate| usize::try_from(rate / BLOCKS_PER_S));
        match paced {
            Some(Ok(bytes)) => bytes.clamp(LEAST_BLOCK_BYTES, most),
            _ => most,
        }
    }

    /// When the next block may move; `None` for now.
    pub fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        self.buckets.iter().filter_map(|bucket| bucket.due(now)).max()
    }

    /// Waits, once, until all that moved before is paid for. Those who share a bucket and have moved
    /// something meanwhile wait for it afterwards, which is what makes them take turns.
    pub fn turn(&self, wait: &mut dyn Wait) -> Result<(), NetError> {
        self.due().map_or(Ok(()), |due| wait.pause(due))
    }

    /// Counts what has moved.
    pub fn count(&self, bytes: usize) {
        let now = Instant::now();
        self.buckets.iter().for_each(|bucket| bucket.count(bytes, now));
    }
}

/// What a transfer tells of its bytes: to those who ask how far it is, and to its pace.
#[derive(Clone, Copy)]
pub struct Meter<'a> {
    /// Bytes that have moved.
    pub moved: &'a Cell<u64>,
    /// How fast they may.
    pub pace: &'a Pace,
}

impl Meter<'_> {
    /// Counts what has moved.
    pub fn count(&self, bytes: usize) {
        self.moved.set(self.moved.get() + bytes as u64);
        self.pace.count(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_drains_at_its_rate() {
        let (bucket, now) = (Bucket::new(10_000), Instant::now());
        assert_eq!(bucket.due(now), None, "nothing has moved");
        bucket.count(10_000, now);
        assert_eq!(bucket.due(now), Some(now + SECOND));
        bucket.count(5_000, now + SECOND / 2);
        assert_eq!(bucket.due(now + SECOND), Some(now + SECOND * 3 / 2));
        assert_eq!(bucket.due(now + SECOND * 3 / 2), None);
    }

    #[test]
    fn a_rest_is_made_up_for_but_for_a_moment_only() {
        let (bucket, now) = (Bucket::new(10_000), Instant::now());
        bucket.count(10_000, now);
        bucket.count(10_000, now + SECOND + SLACK / 2);
        assert_eq!(bucket.due(now + SECOND), Some(now + SECOND * 2), "it woke late");
        bucket.count(10_000, now + SECOND * 60);
        assert_eq!(bucket.due(now + SECOND * 60), Some(now + SECOND * 61 - SLACK), "it rested");
    }

    #[test]
    fn another_rate_counts_from_the_next_block_on() {
        let (bucket, now) = (Bucket::new(0), Instant::now());
        bucket.count(usize::MAX, now);
        assert_eq!((bucket.due(now), bucket.bytes_per_s()), (None, None));
        bucket.set_rate(2_000);
        assert_eq!(bucket.due(now), None, "what was free stays free");
        bucket.count(2_000, now);
        assert_eq!(bucket.due(now), Some(now + SECOND));
        bucket.set_rate(0);
        assert_eq!(bucket.due(now), None);
        bucket.set_rate(1);
        assert_eq!(bucket.bytes_per_s(), Some(LEAST_RATE_BYTES_PER_S));
    }

    #[test]
    fn a_pace_is_that_of_its_slowest_bucket() {
        let rates = |rates: &[u64]| Pace::of(rates.iter().map(|rate| Arc::new(Bucket::new(*rate))));
        for (pace, slowest, block) in [
            (rates(&[]), None, BLOCK_BYTES),
            (rates(&[0, 0]), None, BLOCK_BYTES),
            (rates(&[0, 80_000, 160_000]), Some(80_000), 10_000),
            (rates(&[2_000]), Some(2_000), LEAST_BLOCK_BYTES),
            (rates(&[u64::MAX]), Some(u64::MAX), BLOCK_BYTES),
        ] {
            assert_eq!((pace.bytes_per_s(), pace.block_bytes()), (slowest, block), "{pace:?}");
            let bulk = if block == BLOCK_BYTES { BULK_BYTES } else { block };
            assert_eq!(pace.bulk_bytes(), bulk, "{pace:?}");
        }
        let pace = rates(&[1 << 40, 10_000]);
        pace.count(10_000);
        let due = pace.due().unwrap();
        assert!(due > Instant::now() + SECOND / 2, "the slow one decides");
    }
}
