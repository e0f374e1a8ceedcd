//! What a run gave, before it is put into words.

use std::time::Duration;

use super::people::{ANSWERED_TO_SCREEN, DELTAS, LOOKS, TO_SCREEN, UNTIMED};
use super::recorder::Recorded;
use super::sampler::Samples;
use crate::numbers::Spread;

/// A run's numbers.
pub(crate) struct Outcome {
    pub(crate) recorded: Recorded,
    pub(crate) samples: Samples,
    /// Looks or deltas a second that this tool can take, if that was measured.
    pub(crate) ceiling: Option<f64>,
    /// Screens that should have shown a change, added up over all changes.
    pub(crate) deliveries_due: u64,
    /// When purchases ended because nothing was left, if they did.
    pub(crate) sold_out_at: Option<Duration>,
    /// When all connections were cut.
    pub(crate) cut_at: Option<Duration>,
    /// How long the load lasted.
    pub(crate) lasts: Duration,
}

impl Outcome {
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
        let rate = whole(self.recorded.counted(LOOKS)) / self.lasts.as_secs_f64();
        ("looks".to_owned(), self.beside_ceiling(rate))
    }

    /// That purchases ended before the run did, if they did.
    pub(super) fn sold_out(&self) -> Option<(String, String)> {
        let at = self.sold_out_at?.as_secs_f64();
        let of = self.lasts.as_secs();
        let said = format!("after {at:.1} s of {of}, when every ticket had been wanted once");
        Some(("purchases ended".to_owned(), said))
    }

    /// How soon changes were on screens, and on how many of them.
    pub(super) fn deliveries(&self) -> Vec<(String, String)> {
        let Some(series) = self.recorded.took.get(TO_SCREEN) else {
            let none = "no change was made, so none was timed".to_owned();
            return vec![("changes on screens".to_owned(), none)];
        };
        let untimed = self.recorded.counted(UNTIMED);
        let shown = series.whole.histogram().len() + untimed;
        let due = self.deliveries_due;
        let rest = match due.saturating_sub(shown) {
            0 => "",
            _ => "; the rest came within a snapshot or together with its release",
        };
        let beyond = match untimed {
            0 => String::new(),
            _ => format!("; the last {untimed} were too many to be timed"),
        };
        vec![
            self.spread("from a change's instant to a screen", TO_SCREEN),
            self.spread("from its 201 to a screen", ANSWERED_TO_SCREEN),
            (
                "changes shown as such".to_owned(),
                format!("{shown} of {due}{rest}{beyond}"),
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
    pub(crate) fn late(&self) -> Option<(String, String)> {
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
