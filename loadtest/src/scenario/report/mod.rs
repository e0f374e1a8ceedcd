//! What a run found: as text for a terminal, as JSON for a program, and as one HTML page
//! with plots that needs nothing else.

mod html;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use super::outcome::Outcome;
use super::recorder::{Recorded, Series};
use super::sampler::Samples;

/// What a report is about.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Subject {
    pub(crate) scenario: &'static str,
    pub(crate) question: &'static str,
    /// Where all randomness began, where there was some.
    pub(crate) seed: Option<u64>,
    /// How long the load lasted.
    pub(crate) seconds: u64,
    /// Processes of the crowd.
    pub(crate) processes: usize,
    /// What was chosen, in words.
    pub(crate) chosen: Vec<(&'static str, String)>,
    /// What is timed from one instant for everybody, by its name.
    #[serde(skip)]
    pub(crate) at_once: &'static [&'static str],
    /// What the plots over time show, by its name.
    pub(crate) main: &'static [&'static str],
}

/// The result of a scenario.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    subject: Subject,
    /// What was found, in words; the most important first.
    findings: Vec<(String, String)>,
    took: Vec<Took>,
    counted: BTreeMap<String, u64>,
    refusals: BTreeMap<String, u64>,
    throughput: Vec<Throughput>,
    /// The stalest answer or edge of each second, in seconds.
    staleness: Vec<(u32, f64)>,
    server: Samples,
    /// Looks or deltas a second that this tool can take, where it was measured.
    ceiling: Option<f64>,
    /// What is timed from one instant for everybody: how many had it by when.
    at_once: Vec<SoFar>,
    disagreements: u64,
    /// The first of them in words.
    said: Vec<String>,
}

/// How long one kind of thing took.
#[derive(Clone, Debug, Serialize)]
struct Took {
    what: String,
    count: u64,
    p50_micros: u64,
    p90_micros: u64,
    p99_micros: u64,
    p999_micros: u64,
    max_micros: u64,
    /// Quantiles from 0 to 1, and the microseconds that this share took at most.
    by_quantile: Vec<(f64, u64)>,
    by_second: Vec<Second>,
}

/// How many had something so long after the one instant that it is timed from.
#[derive(Clone, Debug, Serialize)]
struct SoFar {
    what: String,
    /// Microseconds, and how many had it by then.
    points: Vec<(u64, u64)>,
}

/// The things that were due in one second of the run.
#[derive(Clone, Copy, Debug, Serialize)]
struct Second {
    second: u32,
    count: u64,
    p50_micros: u64,
    p99_micros: u64,
    max_micros: u64,
}

/// What was due and what was done in one second of the run.
#[derive(Clone, Copy, Debug, Serialize)]
struct Throughput {
    second: u32,
    due: u64,
    done: u64,
}

impl Report {
    /// What is found in an outcome, the most important of it in words.
    pub(crate) fn new(
        subject: Subject,
        findings: Vec<(String, String)>,
        outcome: &Outcome,
    ) -> Self {
        let recorded = &outcome.recorded;
        let took = recorded.took.iter().map(|(what, of)| Took::new(what, of));
        let pace = recorded.pace.iter().map(|(second, of)| Throughput {
            second: *second,
            due: of.due,
            done: of.done,
        });
        Self {
            findings,
            took: took.collect(),
            counted: recorded.counted.clone(),
            refusals: recorded.refused.clone(),
            throughput: pace.collect(),
            staleness: staleness(outcome),
            server: outcome.samples.clone(),
            ceiling: outcome.ceiling,
            at_once: so_far(subject.at_once, recorded),
            disagreements: recorded.disagreements.count,
            said: recorded.disagreements.said.clone(),
            subject,
        }
    }

    /// Whether everything fits together.
    pub(crate) fn agrees(&self) -> bool {
        self.disagreements == 0
    }

    /// Everything, for programs.
    pub(crate) fn json(&self) -> String {
        // Numbers, texts and lists of them fail nowhere.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Everything, as a page.
    pub(crate) fn html(&self) -> String {
        html::page(self)
    }

    /// The kinds that the plots show first, the most important first.
    fn foremost(&self) -> impl Iterator<Item = &Took> {
        let at_once = self.at_once.iter().map(|of| &of.what[..]);
        let named = at_once.chain(self.subject.main.iter().copied());
        named.filter_map(|what| self.took.iter().find(|took| took.what == what))
    }

    /// The kinds that the plots over time show, the most important first.
    fn main(&self) -> impl Iterator<Item = &Took> {
        let named = |what: &&str| self.took.iter().find(|took| took.what == *what);
        self.subject.main.iter().filter_map(named)
    }
}

impl Took {
    fn new(what: &str, series: &Series) -> Self {
        let whole = series.whole.histogram();
        let seconds = series.seconds.iter().map(|(second, of)| Second {
            second: *second,
            count: of.count(),
            p50_micros: of.percentile(50),
            p99_micros: of.percentile(99),
            max_micros: of.max(),
        });
        Self {
            what: what.to_owned(),
            count: whole.len(),
            p50_micros: whole.value_at_quantile(0.5),
            p90_micros: whole.value_at_quantile(0.9),
            p99_micros: whole.value_at_quantile(0.99),
            p999_micros: whole.value_at_quantile(0.999),
            max_micros: whole.max(),
            by_quantile: quantiles(whole.len())
                .map(|quantile| (quantile, whole.value_at_quantile(quantile)))
                .collect(),
            by_second: seconds.collect(),
        }
    }
}

/// Quantiles that close in on 1, four for each halving of what is left, as far as so many
/// values can tell apart.
fn quantiles(count: u64) -> impl Iterator<Item = f64> {
    let halvings = u64::BITS - count.leading_zeros();
    let steps = (0..halvings * 4).map(|step| 1.0 - 0.5_f64.powf(f64::from(step) / 4.0));
    steps.chain((count > 0).then_some(1.0))
}

/// How many had each of these by when.
fn so_far(names: &[&str], recorded: &Recorded) -> Vec<SoFar> {
    let named = names.iter().filter_map(|what| {
        let series = recorded.took.get(*what)?;
        let mut count = 0;
        let points = series.whole.histogram().iter_recorded().map(|value| {
            count += value.count_since_last_iteration();
            (value.value_iterated_to(), count)
        });
        Some(SoFar {
            what: (*what).to_owned(),
            points: points.collect(),
        })
    });
    named.collect()
}

/// The stalest answer of each second, or the stalest edge.
fn staleness(outcome: &Outcome) -> Vec<(u32, f64)> {
    let mut stalest: BTreeMap<u32, f64> = BTreeMap::new();
    let told = outcome.recorded.stale.iter();
    let told = told.map(|(second, seconds)| (*second, super::outcome::whole(*seconds)));
    for (second, seconds) in told.chain(outcome.samples.stale_seconds.iter().copied()) {
        let most = stalest.entry(second).or_default();
        *most = most.max(seconds);
    }
    stalest.into_iter().collect()
}

#[cfg(test)]
mod tests;
