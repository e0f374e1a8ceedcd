//! What a test with slow clients found.

use std::fmt;

use super::Tally;
use crate::numbers::Micros;

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
}

impl SlowReport {
    /// How much more a read costs with slow clients than without, by the medians.
    pub fn ratio(&self) -> f64 {
        median(&self.with) / median(&self.without)
    }

    /// Whether slow clients cost what they may.
    pub fn agrees(&self) -> bool {
        self.ratio() <= RATIO && self.memory.iter().all(Memory::is_flat)
    }
}

fn median(costs: &[Cost]) -> f64 {
    let mut micros: Vec<f64> = costs.iter().map(|cost| cost.cpu_micros).collect();
    micros.sort_by(f64::total_cmp);
    micros.get(micros.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for SlowReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = [("without", &self.without), ("with", &self.with)];
        for (what, costs) in runs {
            writeln!(
                f,
                "{what} {} slow clients, a read of the others:",
                self.clients
            )?;
            for cost in costs {
                writeln!(
                    f,
                    "  {:.1} µs of the server's CPU ({:.1} with the slow ones' own), p99 {}, {:.0}/s",
                    cost.cpu_micros,
                    cost.gross_micros,
                    Micros(cost.p99_micros),
                    cost.per_second
                )?;
            }
            writeln!(f, "  median {:.1} µs", median(costs))?;
        }
        for alone in &self.alone {
            writeln!(
                f,
                "slow clients alone: {:.0} ms of the server's CPU a second",
                alone * 1e3
            )?;
        }
        writeln!(f, "ratio {:.3}, at most {RATIO}", self.ratio())?;
        for memory in &self.memory {
            let Memory {
                settled_kib,
                most_kib,
            } = memory;
            let said = if memory.is_flat() { "flat" } else { "GROWS" };
            writeln!(
                f,
                "memory {settled_kib} KiB once all had come, then at most {most_kib}: {said}"
            )?;
        }
        let Tally {
            connected,
            cut,
            refused,
        } = self.slow;
        writeln!(
            f,
            "slow clients connected {connected} times, were cut {cut} times, refused {refused} times"
        )
    }
}
