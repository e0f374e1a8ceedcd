//! What a run counted and measured, and what it found wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Disagreements that are kept in words; more are only counted.
const DISAGREEMENTS_KEPT: usize = 200;

/// Shared by everybody who takes part in a run.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    counted: Mutex<BTreeMap<&'static str, u64>>,
    refusals: Mutex<BTreeMap<String, u64>>,
    took: Mutex<BTreeMap<&'static str, Histogram<u64>>>,
    disagreements: Mutex<Disagreements>,
}

/// What was found wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Disagreements {
    /// How many things.
    pub(crate) count: u64,
    /// The first of them in words.
    pub(crate) said: Vec<String>,
}

/// What was measured under one name, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// Half took at most this long.
    pub p50_micros: u64,
    /// 99 in 100 took at most this long.
    pub p99_micros: u64,
    /// The longest.
    pub max_micros: u64,
}

impl Numbers {
    /// Counts one more of something.
    pub(crate) fn count(&self, what: &'static str) {
        self.add(what, 1);
    }

    /// Counts several more of something.
    pub(crate) fn add(&self, what: &'static str, more: u64) {
        *locked(&self.counted).entry(what).or_default() += more;
    }

    /// Counts a refusal by its slug.
    pub(crate) fn refused(&self, slug: &str) {
        *locked(&self.refusals).entry(slug.to_owned()).or_default() += 1;
    }

    /// Notes how long something took.
    pub(crate) fn took(&self, what: &'static str, duration: Duration) {
        let mut took = locked(&self.took);
        let histogram = took.entry(what).or_insert_with(histogram);
        histogram.saturating_record(micros(duration).max(1));
    }

    /// Notes that something is wrong.
    pub(crate) fn disagrees(&self, what: impl fmt::Display) {
        locked(&self.disagreements).add(what.to_string());
    }

    /// How many of something there were.
    pub(crate) fn counted(&self, what: &'static str) -> u64 {
        locked(&self.counted).get(what).copied().unwrap_or(0)
    }

    pub(crate) fn all_counted(&self) -> BTreeMap<&'static str, u64> {
        locked(&self.counted).clone()
    }

    pub(crate) fn all_refusals(&self) -> BTreeMap<String, u64> {
        locked(&self.refusals).clone()
    }

    pub(crate) fn all_spreads(&self) -> BTreeMap<&'static str, Spread> {
        let took = locked(&self.took);
        let spreads = took.iter().map(|(&what, of)| (what, Spread::of(of)));
        spreads.collect()
    }

    pub(crate) fn disagreements(&self) -> Disagreements {
        locked(&self.disagreements).clone()
    }
}

impl Disagreements {
    pub(crate) fn add(&mut self, what: String) {
        self.count += 1;
        if self.said.len() < DISAGREEMENTS_KEPT {
            self.said.push(what);
        }
    }

    /// Adds what somebody else found.
    pub(crate) fn merge(&mut self, other: Self) {
        let unsaid = other.count - other.said.len() as u64;
        other.said.into_iter().for_each(|said| self.add(said));
        self.count += unsaid;
    }
}

/// From a microsecond to two minutes, to two digits: made of constants that fit.
#[expect(clippy::expect_used, reason = "the bounds are constants and valid")]
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000, 2).expect("valid bounds")
}

/// A duration in whole microseconds.
pub(crate) fn micros(lasted: Duration) -> u64 {
    u64::try_from(lasted.as_micros()).unwrap_or(u64::MAX)
}

impl Spread {
    /// The spread of a histogram of microseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            count: histogram.len(),
            p50_micros: histogram.value_at_quantile(0.5),
            p99_micros: histogram.value_at_quantile(0.99),
            max_micros: histogram.max(),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {}  p99 {}  max {}  ({})",
            Micros(self.p50_micros),
            Micros(self.p99_micros),
            Micros(self.max_micros),
            self.count
        )
    }
}

/// A duration as people read it.
pub(crate) struct Micros(pub(crate) u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0;
        let text = match micros {
            0..1_000 => format!("{micros} µs"),
            1_000..1_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
            _ => format!(
                "{}.{:02} s",
                micros / 1_000_000,
                micros % 1_000_000 / 10_000
            ),
        };
        write!(f, "{text:>8}")
    }
}

/// Locks; what another thread left when it panicked is still only numbers.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
