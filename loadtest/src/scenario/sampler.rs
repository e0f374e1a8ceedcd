//! Looks at the server once a second: CPU time and memory of its processes, where they
//! run on this machine, and what its operators' listeners say.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::recorder::whole_seconds;
use crate::process::{Meter, resident_kib};
use crate::wire::{Call, Client, Failure, Origin};

/// What the names of the server's metrics begin with.
const OURS: &str = "parterre_";

/// What was seen, second by second.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Samples {
    /// CPU time of each process in percent of one core, by its name.
    pub(crate) cpu_percent: BTreeMap<String, Vec<(u32, f64)>>,
    /// Memory of each process that is resident, in MiB.
    pub(crate) resident_mib: BTreeMap<String, Vec<(u32, f64)>>,
    /// How long the stalest edge has not been confirmed up to date, in seconds.
    pub(crate) stale_seconds: Vec<(u32, f64)>,
    /// Calls that the core has answered so far.
    pub(crate) core_calls: Vec<(u32, f64)>,
    /// What couldn't be seen, and why.
    pub(crate) unseen: Vec<String>,
}

/// Where to look.
pub(crate) struct Sampler {
    pids: Vec<u32>,
    ops: Vec<Client>,
    /// The CPU time of each process since the last look, and when that was.
    since: BTreeMap<u32, (Meter, Instant)>,
}

impl Sampler {
    /// Over these processes and listeners.
    ///
    /// # Errors
    ///
    /// When a process isn't of this machine.
    pub(crate) fn new(pids: &[u32], ops: &[Origin]) -> Result<Self, Failure> {
        let mut since = BTreeMap::new();
        for pid in pids {
            since.insert(*pid, (Meter::start(*pid)?, Instant::now()));
        }
        Ok(Self {
            pids: pids.to_vec(),
            ops: ops.iter().cloned().map(Client::new).collect(),
            since,
        })
    }

    /// Looks once a second until dropped; what it saw so far is in `samples`.
    pub(crate) async fn run(mut self, begins: Instant, samples: &Mutex<Samples>) -> Infallible {
        let mut second = tokio::time::interval_at(begins.into(), Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            second.tick().await;
            let at = whole_seconds(begins.elapsed());
            let seen = self.look(at).await;
            crate::numbers::locked(samples).extend(seen);
        }
    }

    async fn look(&mut self, at: u32) -> Samples {
        let mut seen = Samples::default();
        for pid in self.pids.clone() {
            if let Err(failure) = self.process(pid, at, &mut seen) {
                seen.unseen.push(failure.to_string());
            }
        }
        let (mut stale, mut calls) = (None, None);
        for ops in &mut self.ops {
            match ops.send(&Call::get("/metrics")).await {
                Ok(answer) => {
                    let text = String::from_utf8_lossy(&answer.body);
                    let edge = values(&text, "edge_stale_seconds");
                    stale = edge.fold(stale, |most: Option<f64>, next| {
                        Some(most.map_or(next, |most| most.max(next)))
                    });
                    let core = values(&text, "core_requests_total");
                    calls = core.fold(calls, |sum: Option<f64>, next| {
                        Some(sum.unwrap_or(0.0) + next)
                    });
                }
                Err(broken) => seen.unseen.push(format!("metrics: {broken}")),
            }
        }
        seen.stale_seconds.extend(stale.map(|stale| (at, stale)));
        seen.core_calls.extend(calls.map(|calls| (at, calls)));
        seen
    }

    fn process(&mut self, pid: u32, at: u32, seen: &mut Samples) -> Result<(), Failure> {
        let (next, now) = (Meter::start(pid)?, Instant::now());
        if let Some((meter, then)) = self.since.insert(pid, (next, now)) {
            let percent = meter.spent()?.as_secs_f64() / (now - then).as_secs_f64();
            let name = format!("process {pid}");
            let of = seen.cpu_percent.entry(name).or_default();
            of.push((at, percent * 100.0));
        }
        let mib = f64::from(u32::try_from(resident_kib(pid)?).unwrap_or(u32::MAX)) / 1_024.0;
        let of = seen.resident_mib.entry(format!("process {pid}"));
        of.or_default().push((at, mib));
        Ok(())
    }
}

impl Samples {
    /// Calls that the core answered between two moments of the run, to the second; none
    /// where nobody counted.
    pub(crate) fn core_calls_in(&self, from: Duration, to: Duration) -> Option<u64> {
        let at = |moment: u32| {
            let counted = self.core_calls.iter();
            counted.min_by_key(|(second, _)| second.abs_diff(moment))
        };
        let before = at(whole_seconds(from))?.1;
        let after = at(whole_seconds(to) + 1)?.1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a counter's growth is whole and not negative"
        )]
        Some((after - before).max(0.0) as u64)
    }

    fn extend(&mut self, seen: Self) {
        for (mine, others) in [
            (&mut self.cpu_percent, seen.cpu_percent),
            (&mut self.resident_mib, seen.resident_mib),
        ] {
            for (name, samples) in others {
                mine.entry(name).or_default().extend(samples);
            }
        }
        self.stale_seconds.extend(seen.stale_seconds);
        self.core_calls.extend(seen.core_calls);
        // Once in words is enough: it is the same every second.
        if self.unseen.is_empty() {
            self.unseen = seen.unseen;
        }
    }
}

/// The values of one of the server's metrics in Prometheus's text format, whatever its
/// labels.
fn values<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = f64> + 'a {
    let of_metric = text
        .lines()
        .filter_map(move |line| line.strip_prefix(OURS)?.strip_prefix(name));
    let values = of_metric.filter(|rest| rest.starts_with([' ', '{']));
    values.filter_map(|rest| rest.rsplit(' ').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_read_with_all_its_labels_and_no_other() {
        let text = "# HELP @core_requests_total Calls\n\
                    @core_requests_total{path=\"a b\"} 4\n\
                    @core_requests_total{path=\"c\"} 2.5\n\
                    @core_requests_total_more 100\n\
                    @edge_stale_seconds 0.25\n";
        let text = text.replace('@', OURS);
        let read = |name| values(&text, name).collect::<Vec<_>>();
        assert_eq!(read("core_requests_total"), [4.0, 2.5]);
        assert_eq!(read("edge_stale_seconds"), [0.25]);
    }

    #[test]
    fn calls_in_between_are_the_growth_of_the_counter() {
        let samples = Samples {
            core_calls: vec![(0, 10.0), (1, 12.0), (2, 30.0), (3, 31.0)],
            ..Samples::default()
        };
        let calls = |from, to| {
            samples.core_calls_in(Duration::from_millis(from), Duration::from_millis(to))
        };
        assert_eq!(calls(1_200, 1_900), Some(18));
        assert_eq!(calls(0, 9_000), Some(21));
        assert_eq!(
            Samples::default().core_calls_in(Duration::ZERO, Duration::ZERO),
            None
        );
    }
}
