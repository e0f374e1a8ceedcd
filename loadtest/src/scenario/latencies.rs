//! How long things took: a histogram of a whole run, and smaller ones of each second of it.
//! Both travel between processes as pairs of a value and how often it was.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::numbers::histogram;

/// Values and how often each was, in microseconds.
type Pairs = Vec<(u64, u64)>;
/// Binary digits that a second's histogram keeps of a value: off by less than one in 64.
const DIGITS: u32 = 7;

/// How long things took in a run, in microseconds, to two decimal digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Pairs", from = "Pairs")]
pub(crate) struct Latencies(Histogram<u64>);

/// How long things took in one second of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Pairs", from = "Pairs")]
pub(crate) struct Sparse(BTreeMap<u64, u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(histogram())
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, micros: u64, count: u64) {
        self.0.saturating_record_n(micros.max(1), count);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (micros, count) in other.pairs() {
            self.record(micros, count);
        }
    }

    pub(crate) fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    fn pairs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let recorded = self.0.iter_recorded();
        recorded.map(|value| (value.value_iterated_to(), value.count_at_value()))
    }
}

impl From<Pairs> for Latencies {
    fn from(pairs: Pairs) -> Self {
        let mut latencies = Self::default();
        for (micros, count) in pairs {
            latencies.record(micros, count);
        }
        latencies
    }
}

impl From<Latencies> for Pairs {
    fn from(latencies: Latencies) -> Self {
        latencies.pairs().collect()
    }
}

impl Sparse {
    pub(crate) fn record(&mut self, micros: u64) {
        self.add(micros, 1);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (micros, count) in other.pairs() {
            self.add(micros, count);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// What `of` in a hundred are at most; 0 when there are none.
    pub(crate) fn percentile(&self, of: u64) -> u64 {
        let wanted = (self.count() * of).div_ceil(100);
        let mut so_far = 0;
        for (micros, count) in self.pairs() {
            so_far += count;
            if so_far >= wanted {
                return micros;
            }
        }
        0
    }

    pub(crate) fn max(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(micros, _)| *micros)
    }

    fn pairs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(micros, count)| (*micros, *count))
    }

    fn add(&mut self, micros: u64, count: u64) {
        let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(DIGITS);
        *self.0.entry((micros >> shift) << shift).or_default() += count;
    }
}

impl From<Pairs> for Sparse {
    fn from(pairs: Pairs) -> Self {
        let mut sparse = Self::default();
        for (micros, count) in pairs {
            sparse.add(micros, count);
        }
        sparse
    }
}

impl From<Sparse> for Pairs {
    fn from(sparse: Sparse) -> Self {
        sparse.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_travels_is_what_was_recorded() {
        let (mut whole, mut second) = (Latencies::default(), Sparse::default());
        for micros in [1, 90, 12_345, 12_345, 7_000_000] {
            whole.record(micros, 1);
            second.record(micros);
        }
        let text = serde_json::to_string(&(&whole, &second)).unwrap();
        let read: (Latencies, Sparse) = serde_json::from_str(&text).unwrap();
        assert_eq!(read, (whole, second));
    }

    #[test]
    fn two_halves_make_a_whole() {
        let all: Vec<u64> = (1..=1_000).map(|at| at * at).collect();
        let of = |values: &[u64]| {
            let mut sparse = Sparse::default();
            let mut whole = Latencies::default();
            for value in values {
                sparse.record(*value);
                whole.record(*value, 1);
            }
            (sparse, whole)
        };
        let (mut sparse, mut whole) = of(&all[..300]);
        let (other_sparse, other_whole) = of(&all[300..]);
        sparse.merge(&other_sparse);
        whole.merge(&other_whole);
        assert_eq!((sparse, whole), of(&all));
    }

    #[test]
    fn percentiles_of_a_second_are_those_of_its_values() {
        let mut second = Sparse::default();
        assert_eq!((second.percentile(50), second.max()), (0, 0));
        (1..=1_000).for_each(|micros| second.record(micros));
        let check = |of, expected: u64| {
            let got = second.percentile(of);
            assert!(got <= expected && got * 64 >= expected * 63, "{of}: {got}");
        };
        check(50, 500);
        check(99, 990);
        check(100, 1_000);
    }
}
