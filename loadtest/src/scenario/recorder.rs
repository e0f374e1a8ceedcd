//! What one process of a crowd counted and measured. Processes hand it to their parent,
//! which merges them.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::latencies::{Latencies, Sparse};
use crate::numbers::{Disagreements, Numbers, locked, micros};

/// Seconds of one kind of thing in a piece of what was recorded.
const SECONDS_AT_ONCE: usize = 300;

/// Shared by everybody in one process.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    began: OnceLock<Instant>,
    recorded: Mutex<Recorded>,
}

/// What was recorded. All that can be merged is here, so two halves of a crowd are worth
/// one whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// How long each kind of thing took.
    pub(crate) took: BTreeMap<String, Series>,
    /// How many there were of each kind.
    pub(crate) counted: BTreeMap<String, u64>,
    /// Refusals by their slug.
    pub(crate) refused: BTreeMap<String, u64>,
    /// What was due and what was done in each second.
    pub(crate) pace: BTreeMap<u32, Done>,
    /// The stalest answer of each second, in seconds.
    pub(crate) stale: BTreeMap<u32, u64>,
    pub(crate) disagreements: Disagreements,
}

/// How long one kind of thing took: in all, and by the second in which it was due.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) whole: Latencies,
    pub(crate) seconds: BTreeMap<u32, Sparse>,
}

/// What was due and what was done in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) due: u64,
    pub(crate) done: u64,
}

impl Recorder {
    /// The run begins at this instant.
    pub(crate) fn begin(&self, at: Instant) {
        // Only the first beginning counts, and there is one.
        self.began.get_or_init(|| at);
    }

    /// When the run began; now, if it hasn't.
    pub(crate) fn began(&self) -> Instant {
        self.began.get().copied().unwrap_or_else(Instant::now)
    }

    /// Something that was due at one instant was done at another.
    pub(crate) fn took(&self, what: &str, due: Instant, done: Instant) {
        let micros = micros(done.saturating_duration_since(due));
        locked(&self.recorded).took(what, self.second(due), micros);
    }

    /// Things that were due at one instant took so many microseconds each.
    pub(crate) fn took_each(&self, what: &str, due: Instant, took: impl Iterator<Item = u64>) {
        let mut took = took.peekable();
        if took.peek().is_none() {
            return;
        }
        let mut recorded = locked(&self.recorded);
        let Series { whole, seconds } = entry(&mut recorded.took, what);
        let second = seconds.entry(self.second(due)).or_default();
        for micros in took {
            whole.record(micros, 1);
            second.record(micros);
        }
    }

    /// Something took so long, whenever it was.
    pub(crate) fn lasted(&self, what: &str, lasted: Duration) {
        let mut recorded = locked(&self.recorded);
        let series = entry(&mut recorded.took, what);
        series.whole.record(micros(lasted), 1);
    }

    /// Something that belongs to the schedule was done.
    pub(crate) fn done(&self, at: Instant) {
        let second = self.second(at);
        locked(&self.recorded).pace.entry(second).or_default().done += 1;
    }

    /// Something that no schedule plans is due.
    pub(crate) fn due(&self, at: Instant) {
        let second = self.second(at);
        locked(&self.recorded).pace.entry(second).or_default().due += 1;
    }

    /// What a schedule plans for each second.
    pub(crate) fn plans(&self, arrivals: impl Iterator<Item = Duration>) {
        let mut recorded = locked(&self.recorded);
        for at in arrivals {
            recorded.pace.entry(whole_seconds(at)).or_default().due += 1;
        }
    }

    pub(crate) fn count(&self, what: &str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&self, what: &str, more: u64) {
        *entry(&mut locked(&self.recorded).counted, what) += more;
    }

    pub(crate) fn refused(&self, slug: &str) {
        *entry(&mut locked(&self.recorded).refused, slug) += 1;
    }

    /// An answer said that it is so many seconds old.
    pub(crate) fn stale(&self, at: Instant, seconds: u64) {
        let second = self.second(at);
        let mut recorded = locked(&self.recorded);
        let stalest = recorded.stale.entry(second).or_default();
        *stalest = seconds.max(*stalest);
    }

    pub(crate) fn disagrees(&self, what: impl std::fmt::Display) {
        locked(&self.recorded).disagrees(what.to_string());
    }

    /// Everything so far, which is forgotten here.
    pub(crate) fn take(&self) -> Recorded {
        std::mem::take(&mut *locked(&self.recorded))
    }

    /// Things done so far, and disagreements.
    pub(crate) fn summary(&self) -> (u64, u64) {
        let recorded = locked(&self.recorded);
        let took = recorded.took.values();
        let done = took.map(|series| series.whole.histogram().len()).sum();
        (done, recorded.disagreements.count)
    }

    fn second(&self, at: Instant) -> u32 {
        whole_seconds(at.saturating_duration_since(self.began()))
    }
}

impl Recorded {
    /// Something due in a second of the run took so many microseconds.
    pub(crate) fn took(&mut self, what: &str, second: u32, micros: u64) {
        let series = entry(&mut self.took, what);
        series.whole.record(micros, 1);
        series.seconds.entry(second).or_default().record(micros);
    }

    /// The same in pieces, each a short message; merged again they are worth the whole.
    pub(crate) fn pieces(mut self) -> Vec<Self> {
        let took = std::mem::take(&mut self.took);
        let mut pieces = vec![self];
        for (what, Series { whole, seconds }) in took {
            let mut piece = |whole, seconds| {
                let series = Series { whole, seconds };
                pieces.push(Self {
                    took: [(what.clone(), series)].into(),
                    ..Self::default()
                });
            };
            piece(whole, BTreeMap::new());
            let seconds: Vec<_> = seconds.into_iter().collect();
            for seconds in seconds.chunks(SECONDS_AT_ONCE) {
                piece(Latencies::default(), seconds.iter().cloned().collect());
            }
        }
        pieces
    }

    /// Adds what another process recorded.
    pub(crate) fn merge(&mut self, other: Self) {
        for (what, series) in other.took {
            let mine = self.took.entry(what).or_default();
            mine.whole.merge(&series.whole);
            for (second, latencies) in series.seconds {
                mine.seconds.entry(second).or_default().merge(&latencies);
            }
        }
        for (mine, others) in [
            (&mut self.counted, other.counted),
            (&mut self.refused, other.refused),
        ] {
            for (what, count) in others {
                *mine.entry(what).or_default() += count;
            }
        }
        for (second, Done { due, done }) in other.pace {
            let mine = self.pace.entry(second).or_default();
            mine.due += due;
            mine.done += done;
        }
        for (second, seconds) in other.stale {
            let mine = self.stale.entry(second).or_default();
            *mine = seconds.max(*mine);
        }
        self.disagreements.merge(other.disagreements);
    }

    /// Adds what buyers counted, who have numbers of their own.
    pub(crate) fn absorb(&mut self, numbers: &Numbers) {
        for (what, count) in numbers.all_counted() {
            *entry(&mut self.counted, what) += count;
        }
        for (slug, count) in numbers.all_refusals() {
            *self.refused.entry(slug).or_default() += count;
        }
        self.disagreements.merge(numbers.disagreements());
    }

    pub(crate) fn disagrees(&mut self, what: String) {
        self.disagreements.add(what);
    }

    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.counted.get(what).copied().unwrap_or(0)
    }
}

/// The second of a run that a moment of it is in.
pub(crate) fn whole_seconds(at: Duration) -> u32 {
    u32::try_from(at.as_secs()).unwrap_or(u32::MAX)
}

/// The value under a name.
fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    map.entry(name.to_owned()).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_are_worth_one() {
        let things: Vec<u64> = (0..400).collect();
        let record = |recorder: &Recorder, things: &[u64]| {
            let began = recorder.began();
            for thing in things {
                recorder.due(began + Duration::from_millis(thing * 20));
                let due = began + Duration::from_millis(thing * 10);
                let done = due + Duration::from_micros(thing * thing);
                recorder.took("read", due, done);
                recorder.done(done);
                recorder.stale(due, thing / 100);
                recorder.refused("busy");
                recorder.disagrees(thing % 2);
            }
        };
        let [whole, one, other] = [(); 3].map(|()| Recorder::default());
        let now = Instant::now();
        [&whole, &one, &other].iter().for_each(|of| of.begin(now));
        record(&whole, &things);
        record(&one, &things[..150]);
        record(&other, &things[150..]);
        let mut merged = one.take();
        merged.merge(other.take());
        assert_eq!(merged.disagreements.count, 400);
        assert_eq!(merged, whole.take());
    }

    #[test]
    fn pieces_are_worth_the_whole() {
        let mut whole = Recorded::default();
        (0..1_000).for_each(|second| whole.took("read", second, u64::from(second)));
        (0..3).for_each(|_| whole.disagrees("odd".to_owned()));
        whole.counted.insert("reads".to_owned(), 7);
        let pieces = whole.clone().pieces();
        let longest = pieces.iter().flat_map(|piece| piece.took.values());
        let longest = longest.map(|series| series.seconds.len()).max();
        assert_eq!(longest, Some(SECONDS_AT_ONCE));
        let mut merged = Recorded::default();
        pieces.into_iter().for_each(|piece| merged.merge(piece));
        assert_eq!(merged, whole);
    }
}
