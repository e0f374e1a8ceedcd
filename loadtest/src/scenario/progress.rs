//! How a run goes, on a terminal; nothing where there is none.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::numbers::locked;

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(250);

/// A line that says how far a run is.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Things done and disagreements, by process.
    processes: Mutex<Vec<(u64, u64)>>,
}

impl Progress {
    /// Indicatif draws on standard error, and only on a terminal.
    pub(crate) fn new(lasts: Duration) -> Self {
        let bar = ProgressBar::new(lasts.as_secs());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} s  {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            processes: Mutex::default(),
        }
    }

    /// What the run is at.
    pub(crate) fn says(&self, what: &'static str) {
        self.bar.set_message(what);
    }

    /// How far a process is.
    pub(crate) fn of(&self, number: usize, done: u64, wrong: u64) {
        let mut processes = locked(&self.processes);
        if processes.len() <= number {
            processes.resize(number + 1, (0, 0));
        }
        processes[number] = (done, wrong);
        let (done, wrong) = processes
            .iter()
            .fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        self.bar
            .set_message(format!("{done} done, {wrong} disagreements"));
    }

    /// Moves the bar from the beginning on, until dropped.
    pub(crate) async fn follow(&self, begins: Instant) -> Infallible {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tick.tick().await;
            self.bar.set_position(begins.elapsed().as_secs());
        }
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
