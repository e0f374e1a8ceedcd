//! What a test with slow clients found.

use std::fmt;
use std::time::Duration;

use super::{CROWDED, QUIET, Tally};
use crate::numbers::Micros;
use crate::scenario::outcome::Outcome;
use crate::scenario::recorder::Recorded;
use crate::scenario::report::{Report, Subject};
use crate::scenario::sampler::Samples;

/// By how much the others' reads may cost more while slow clients are there.
const RATIO: f64 = 1.1;
/// By how much memory may grow and be called flat: a fiftieth, and what an allocator
/// gives or takes at any time.
const NOISE_KIB: u64 = 2 << 10;

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// The server's CPU time for one read of the others, in microseconds, without what
    /// slow clients cost it when they are alone.
    pub cpu_micros: f64,
    /// The server's whole CPU time by the others' reads, in microseconds.
    pub gross_micros: f64,
    /// 99 in 100 reads took at most this long.
    pub p99_micros: u64,
    /// Reads a second.
    pub per_second: f64,
}

/// The server's memory in one run with slow clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident once all had come.
    pub settled_kib: u64,
    /// The most that was resident from then on.
    pub most_kib: u64,
}

impl Memory {
    /// Whether it stayed.
    pub fn is_flat(&self) -> bool {
        self.most_kib <= self.settled_kib + self.settled_kib / 50 + NOISE_KIB
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlowReport {
    /// How many slow clients there were at any time.
    pub clients: usize,
    /// Runs without them.
    pub without: Vec<Cost>,
    /// Runs with them, by turns with the others.
    pub with: Vec<Cost>,
    /// What slow clients cost the server when they are alone, in seconds of CPU time a
    /// second.
    pub alone: Vec<f64>,
    /// Memory in the runs with them.
    pub memory: Vec<Memory>,
    /// What became of them.
    pub slow: Tally,
    pub(super) recorded: Recorded,
    pub(super) samples: Samples,
    pub(super) lasted: Duration,
}

impl SlowReport {
    /// How much more a read costs with slow clients than without, by the medians.
    pub fn ratio(&self) -> f64 {
        median(&self.with) / median(&self.without)
    }

    /// The report that every scenario makes. `cores` says who ran where.
    pub(crate) fn report(&self, cores: &str) -> Report {
        let mut recorded = self.recorded.clone();
        for wrong in self.wrong() {
            recorded.disagrees(wrong);
        }
        let outcome = Outcome {
            recorded,
            samples: self.samples.clone(),
            ceiling: None,
            deliveries_due: 0,
            sold_out_at: None,
            cut_at: None,
            lasts: self.lasted,
        };
        let chosen = vec![
            ("slow clients", self.clients.to_string()),
            ("rounds", self.with.len().to_string()),
            ("cores", cores.to_owned()),
        ];
        let subject = Subject {
            scenario: "slow",
            question: "What do thousands of clients that stop reading cost everybody else?",
            seed: None,
            seconds: self.lasted.as_secs(),
            processes: 1,
            chosen,
            at_once: &[],
            main: &[CROWDED, QUIET],
        };
        let mut findings = self.findings();
        findings.extend(outcome.late());
        Report::new(subject, findings, &outcome)
    }

    /// What slow clients may not cost, and do.
    fn wrong(&self) -> Vec<String> {
        let ratio = self.ratio();
        let dear = format!("a read costs {ratio:.3} times as much, and may {RATIO} times");
        // Not a number is as wrong as too much.
        let dear = (ratio > RATIO || ratio.is_nan()).then_some(dear);
        let grown = self.memory.iter().filter(|memory| !memory.is_flat());
        let grown = grown.map(|memory| format!("memory grows: {memory}"));
        dear.into_iter().chain(grown).collect()
    }

    fn findings(&self) -> Vec<(String, String)> {
        let mut findings = Vec::new();
        let mut find = |what: &str, found: String| findings.push((what.to_owned(), found));
        for (what, costs) in [(QUIET, &self.without), (CROWDED, &self.with)] {
            let micros = format!("{:.1} µs of the server's CPU", median(costs));
            find(what, format!("{micros}, by rounds {}", by_rounds(costs)));
        }
        let times = format!("{:.3} times as much, at most {RATIO}", self.ratio());
        find("so it costs", times);
        let alone = self.alone.iter();
        let alone = alone.map(|alone| format!("{:.0}", alone * 1e3));
        let alone = alone.collect::<Vec<_>>().join(", ");
        let alone = format!("{alone} ms of the server's CPU a second, which isn't counted above");
        find("slow clients alone", alone);
        for memory in &self.memory {
            let said = if memory.is_flat() { "flat" } else { "GROWS" };
            find("memory", format!("{memory}: {said}"));
        }
        let Tally {
            connected,
            cut,
            refused,
        } = self.slow;
        let slow = format!("connected {connected} times, cut {cut} times, refused {refused} times");
        find("slow clients", slow);
        findings
    }
}

/// Every round of some kind, the slow clients' own share included behind it.
fn by_rounds(costs: &[Cost]) -> String {
    let said = costs.iter().map(|cost| {
        let Cost {
            cpu_micros,
            gross_micros,
            p99_micros,
            per_second,
        } = cost;
        let p99 = Micros(*p99_micros).to_string();
        let p99 = p99.trim();
        format!("{cpu_micros:.1} ({gross_micros:.1} with the slow ones' own; p99 {p99}; {per_second:.0}/s)")
    });
    said.collect::<Vec<_>>().join(", ")
}

fn median(costs: &[Cost]) -> f64 {
    let mut micros: Vec<f64> = costs.iter().map(|cost| cost.cpu_micros).collect();
    micros.sort_by(f64::total_cmp);
    micros.get(micros.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            settled_kib,
            most_kib,
        } = self;
        write!(
            f,
            "{settled_kib} KiB once all had come, then at most {most_kib}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(cpu_micros: f64) -> Cost {
        Cost {
            cpu_micros,
            gross_micros: cpu_micros + 0.5,
            p99_micros: 4_100,
            per_second: 1_000.0,
        }
    }

    fn found(with: &[f64], most_kib: u64) -> Report {
        let costs = |micros: &[f64]| micros.iter().copied().map(cost).collect();
        let report = SlowReport {
            clients: 5,
            without: costs(&[9.0, 10.0, 30.0]),
            with: costs(with),
            alone: vec![0.012],
            memory: vec![Memory {
                settled_kib: 100_000,
                most_kib,
            }],
            ..SlowReport::default()
        };
        report.report("cores shared")
    }

    #[test]
    fn reads_may_cost_a_tenth_more_and_memory_must_stay() {
        let check = |with: &[f64], most_kib, expected: &[&str]| {
            let report = found(with, most_kib);
            let said = report.to_string();
            assert_eq!(report.agrees(), expected.is_empty(), "{said}");
            for expected in expected {
                assert!(said.contains(expected), "{expected:?} isn't in {said}");
            }
        };
        check(&[10.9, 5.0, 99.0], 104_000, &[]);
        check(&[11.1], 104_000, &["a read costs 1.110 times"]);
        check(&[10.0], 104_100, &["memory grows: 100000 KiB"]);
        check(&[], 0, &["a read costs NaN times"]);
    }

    #[test]
    fn a_report_says_what_was_found() {
        let said = found(&[11.0], 1).to_string();
        for expected in [
            "slow: What do thousands",
            "10.0 µs of the server's CPU, by rounds 9.0 (9.5 with the slow ones' own; p99 4.1 ms; 1000/s), 10.0",
            "1.100 times as much, at most 1.1",
            "12 ms of the server's CPU a second",
            "100000 KiB once all had come, then at most 1: flat",
            "Everything agrees.",
        ] {
            assert!(said.contains(expected), "{expected:?} isn't in {said}");
        }
    }
}
