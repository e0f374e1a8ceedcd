//! What a run gave, before it is put into words.

use std::collections::BTreeMap;
use std::time::Duration;

use super::crowd::Change;
use super::people::{DELTAS, LOOK};
use super::recorder::{Recorded, whole_seconds};
use super::sampler::Samples;
use crate::numbers::Spread;

/// From the instant at which a change was due to a screen that shows it.
pub(super) const TO_SCREEN: &str = "change to screen";
/// From a change's 201 to a screen that shows it; nothing for a screen that was faster.
pub(super) const ANSWERED_TO_SCREEN: &str = "201 to screen";

/// A run's numbers.
pub(super) struct Outcome {
    pub(super) recorded: Recorded,
    pub(super) samples: Samples,
    /// Looks or deltas a second that this tool can take, if that was measured.
    pub(super) ceiling: Option<f64>,
    /// Screens that should have shown a change, added up over all changes.
    pub(super) deliveries_due: u64,
    /// When all connections were cut.
    pub(super) cut_at: Option<Duration>,
    /// How long the load lasted.
    pub(super) lasts: Duration,
}

impl Outcome {
    /// Turns what screens saw of each change into latencies. Of changes that weren't
    /// answered 201, nothing is known: somebody else may have taken the ticket.
    pub(super) fn resolve(
        &mut self,
        changes: &[Change],
        answered: &BTreeMap<u32, Duration>,
        watchers: impl Fn(&Change) -> u64,
    ) {
        for (number, screens) in std::mem::take(&mut self.recorded.changes) {
            let Some(change) = changes.get(number as usize) else {
                continue;
            };
            let Some(answered) = answered.get(&number) else {
                continue;
            };
            let second = whole_seconds(change.at);
            let until_answered = crate::numbers::micros(*answered);
            for (micros, count) in screens.pairs() {
                let since = micros.saturating_sub(until_answered);
                let recorded = &mut self.recorded;
                recorded.took_often(TO_SCREEN, second, micros, count);
                recorded.took_often(ANSWERED_TO_SCREEN, second, since, count);
            }
        }
        let known = answered
            .keys()
            .filter_map(|number| changes.get(*number as usize));
        self.deliveries_due = known.map(watchers).sum();
    }

    /// The longest of one kind.
    pub(super) fn max(&self, what: &str) -> Option<Duration> {
        let series = self.recorded.took.get(what)?;
        Some(Duration::from_micros(series.whole.histogram().max()))
    }

    /// The shortest of one kind.
    pub(super) fn min(&self, what: &str) -> Option<Duration> {
        let series = self.recorded.took.get(what)?;
        Some(Duration::from_micros(series.whole.histogram().min()))
    }

    /// A finding about how long one kind took.
    pub(super) fn spread(&self, says: &str, what: &str) -> (String, String) {
        let spread = self.recorded.took.get(what);
        let said = match spread {
            Some(series) => Spread::of(series.whole.histogram()).to_string(),
            None => "never".to_owned(),
        };
        (says.to_owned(), said.trim().to_owned())
    }

    /// How many looks there were, beside what this tool can make.
    pub(super) fn looks(&self) -> (String, String) {
        let series = self.recorded.took.get(LOOK);
        let count = series.map_or(0, |series| series.whole.histogram().len());
        let rate = whole(count) / self.lasts.as_secs_f64();
        ("looks".to_owned(), self.beside_ceiling(rate))
    }

    /// How soon changes were on screens, and on how many of them.
    pub(super) fn deliveries(&self) -> Vec<(String, String)> {
        let Some(series) = self.recorded.took.get(TO_SCREEN) else {
            let none = "no change was made, so none was timed".to_owned();
            return vec![("changes on screens".to_owned(), none)];
        };
        let (shown, due) = (series.whole.histogram().len(), self.deliveries_due);
        let rest = match due.saturating_sub(shown) {
            0 => "",
            _ => "; the rest came within a snapshot",
        };
        vec![
            self.spread("from a change's instant to a screen", TO_SCREEN),
            self.spread("from its 201 to a screen", ANSWERED_TO_SCREEN),
            (
                "changes shown as such".to_owned(),
                format!("{shown} of {due}{rest}"),
            ),
        ]
    }

    /// How many deltas live clients took in, beside what this tool can take.
    pub(super) fn deltas(&self) -> (String, String) {
        let rate = whole(self.recorded.counted(DELTAS)) / self.lasts.as_secs_f64();
        ("deltas".to_owned(), self.beside_ceiling(rate))
    }

    fn beside_ceiling(&self, rate: f64) -> String {
        match self.ceiling {
            Some(ceiling) => format!(
                "{rate:.0} a second; this tool's own ceiling is {ceiling:.0}, so it was busy \
                 to {:.0} %",
                rate / ceiling * 100.0
            ),
            None => format!("{rate:.0} a second"),
        }
    }

    /// What was due and wasn't done, if anything.
    pub(super) fn late(&self) -> Option<(String, String)> {
        let pace = self.recorded.pace.values();
        let (due, done) = pace.fold((0, 0), |sum, of| (sum.0 + of.due, sum.1 + of.done));
        let missing = due.saturating_sub(done);
        (missing > 0).then(|| {
            let said = format!("{missing} of {due}: refused, broken, or not begun in time");
            ("due and not done".to_owned(), said)
        })
    }
}

/// A count for a calculation; exact below 2^53.
pub(super) fn whole(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use parterre_domain::{EventId, TicketId};

    use super::*;
    use crate::scenario::latencies::Sparse;

    #[test]
    fn screens_are_timed_from_the_instant_and_from_the_201_of_answered_changes_only() {
        let change = |seconds| Change {
            at: Duration::from_secs(seconds),
            event: EventId::from_number(1),
            ticket: TicketId(0),
        };
        let mut screens = Sparse::default();
        screens.record(50_000);
        screens.record(4_000);
        let recorded = Recorded {
            changes: [(0, screens.clone()), (1, screens)].into(),
            ..Recorded::default()
        };
        let mut outcome = Outcome {
            recorded,
            samples: Samples::default(),
            ceiling: None,
            deliveries_due: 0,
            cut_at: None,
            lasts: Duration::from_secs(10),
        };
        let answered = [(1, Duration::from_millis(10))].into();
        outcome.resolve(&[change(3), change(7)], &answered, |_| 2);
        let check = |what, expected: [u64; 2]| {
            let series = &outcome.recorded.took[what];
            let seconds: Vec<_> = series.seconds.keys().collect();
            assert_eq!(seconds, [&7], "{what}");
            let whole = series.whole.histogram();
            for (got, expected) in [whole.min(), whole.max()].iter().zip(expected) {
                assert!(got.abs_diff(expected) <= expected / 50 + 1, "{what}: {got}");
            }
        };
        check(TO_SCREEN, [4_000, 50_000]);
        check(ANSWERED_TO_SCREEN, [1, 40_000]);
        assert_eq!(outcome.deliveries_due, 2);
    }
}
