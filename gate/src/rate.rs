//! How many requests a client may make.
//!
//! A client's bucket holds `burst` tokens and gains `per_second`; a request takes one.
//! All that is kept of a bucket is the moment at which it will be full again, so the rule
//! is one pure function over one number.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use parterre_domain::limits;

use crate::client::Client;

/// How much one client may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second for long.
    pub per_second: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            per_second: limits::RATE,
            burst: limits::RATE_BURST,
        }
    }
}

/// When a client's bucket will be full again, in nanoseconds of the table's own clock.
/// A bucket that was full before now is as good as one never used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    full_at: u64,
}

impl Bucket {
    /// The bucket after one request at `now`; when there is no token left, how long until
    /// there is one.
    fn take(self, rate: Rate, now: u64) -> Result<Self, Duration> {
        let token = 1_000_000_000 / u64::from(rate.per_second.get());
        let depth = token.saturating_mul(u64::from(rate.burst.get()));
        let full_at = self.full_at.max(now).saturating_add(token);
        match full_at.saturating_sub(now).checked_sub(depth) {
            None | Some(0) => Ok(Self { full_at }),
            Some(wait) => Err(Duration::from_nanos(wait)),
        }
    }
}

/// The buckets of all clients, shared by the shards of an edge.
///
/// Bounded: a stripe that is full forgets the half that was used longest ago. Whoever is
/// forgotten begins with a full bucket, so a flood of addresses buys a client at most one
/// more burst for each time that it fills the table.
#[derive(Debug)]
pub(crate) struct Rates {
    rate: Rate,
    hasher: RandomState,
    stripes: Vec<Mutex<Stripe>>,
}

/// Stripes are locked one at a time, so that shards seldom wait for each other.
const STRIPES: usize = 64;
/// Clients in one half of a stripe.
const HALF: usize = limits::RATE_CLIENTS / STRIPES / 2;

/// Some of the buckets, in two halves: those used since the last turn, and the others.
#[derive(Debug, Default)]
struct Stripe {
    recent: HashMap<Client, Bucket>,
    older: HashMap<Client, Bucket>,
}

impl Stripe {
    fn get(&self, client: Client) -> Bucket {
        let found = self.recent.get(&client).or_else(|| self.older.get(&client));
        found.copied().unwrap_or_default()
    }

    fn put(&mut self, client: Client, bucket: Bucket) {
        if self.recent.len() >= HALF && !self.recent.contains_key(&client) {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(client, bucket);
    }
}

impl Rates {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            hasher: RandomState::new(),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }

    /// Counts one request of a client, `now` after any fixed moment; when it is one too
    /// many, says how long until the next one.
    pub(crate) fn take(&self, client: Client, now: Duration) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let [stripe, ..] = self.hasher.hash_one(client).to_le_bytes();
        let stripe = &self.stripes[usize::from(stripe) % STRIPES];
        // A bucket is whole whatever happened to who held the lock.
        let mut stripe = stripe.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = stripe.get(client).take(self.rate, now)?;
        stripe.put(client, bucket);
        Ok(())
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let size = |stripe: &Mutex<Stripe>| {
            let stripe = stripe.lock().unwrap();
            stripe.recent.len() + stripe.older.len()
        };
        self.stripes.iter().map(size).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn rate(per_second: u32, burst: u32) -> Rate {
        Rate {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    fn client(number: u32) -> Client {
        Client::of(IpAddr::V4(Ipv4Addr::from(number)))
    }

    #[test]
    fn a_bucket_lets_a_burst_pass_and_then_its_rate() {
        // (milliseconds at which requests come, which of them pass) at 10 a second, 3 at once
        let rows: [(&[u64], &str); 6] = [
            (&[0, 0, 0, 0], "yyyn"),
            (&[0, 0, 0, 99, 100, 100], "yyynyn"),
            (&[0, 0, 0, 200, 200, 200], "yyyyyn"),
            (&[0, 0, 0, 10_000, 10_000, 10_000, 10_000], "yyyyyyn"),
            (&[5_000, 5_100, 5_200, 5_300, 5_400], "yyyyy"),
            // To a shard that reads its clock early the bucket is emptier by as much.
            (&[1_000, 1_000, 999, 1_000], "yyny"),
        ];
        for (times, expected) in rows {
            let mut bucket = Bucket::default();
            let passed: String = times
                .iter()
                .map(|at| match bucket.take(rate(10, 3), at * 1_000_000) {
                    Ok(next) => {
                        bucket = next;
                        'y'
                    }
                    Err(_) => 'n',
                })
                .collect();
            assert_eq!(passed, expected, "{times:?}");
        }
    }

    #[test]
    fn who_waits_as_long_as_told_passes() {
        for (per_second, burst) in [(1, 1), (50, 200), (7, 3), (1_000_000, 1)] {
            let rate = rate(per_second, burst);
            let mut bucket = Bucket::default();
            while let Ok(next) = bucket.take(rate, 5) {
                bucket = next;
            }
            let wait = bucket.take(rate, 5).unwrap_err();
            let wait = u64::try_from(wait.as_nanos()).unwrap();
            assert!(bucket.take(rate, 5 + wait - 1).is_err(), "{rate:?}");
            assert!(bucket.take(rate, 5 + wait).is_ok(), "{rate:?}");
        }
    }

    #[test]
    fn one_client_costs_no_other() {
        let rates = Rates::new(rate(1, 2));
        for _ in 0..2 {
            assert!(rates.take(client(1), Duration::ZERO).is_ok());
        }
        assert!(rates.take(client(1), Duration::ZERO).is_err());
        assert!(rates.take(client(2), Duration::ZERO).is_ok());
    }

    #[test]
    fn the_table_never_grows_and_remembers_who_came_last() {
        let rates = Rates::new(rate(1, 1));
        let many = u32::try_from(limits::RATE_CLIENTS).unwrap() * 3;
        for number in 0..many {
            assert!(rates.take(client(number), Duration::ZERO).is_ok());
        }
        assert!(rates.len() <= limits::RATE_CLIENTS, "{}", rates.len());
        let last = client(many - 1);
        assert!(rates.take(last, Duration::ZERO).is_err());
        assert!(rates.take(client(0), Duration::ZERO).is_ok());
    }
}
