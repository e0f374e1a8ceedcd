//! Keeps a schedule: hands out each instant when it comes, to whoever is free. The instants
//! stay as they were planned when nobody is free, so that what waited shows.

use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc};

/// Instants that have come and wait for somebody; the schedule itself waits behind them.
const WAITING: usize = 65_536;
/// How long after the end of the run late things are still begun.
pub(crate) const LATE: Duration = Duration::from_secs(10);

/// A schedule under way.
pub(crate) struct Pace {
    schedule: Schedule,
    /// When the last instant is planned, at the latest.
    ends: Instant,
}

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The how many-th of the schedule, from 0.
    pub(crate) number: usize,
    pub(crate) at: Instant,
}

enum Schedule {
    Planned(Mutex<mpsc::Receiver<Due>>),
    /// Always now.
    Flood,
}

impl Pace {
    /// Begins to keep a schedule, on a thread of its own: the runtime's timer counts in
    /// milliseconds, which is more than what is measured here.
    pub(crate) fn keep(
        plan: impl Iterator<Item = Duration> + Send + 'static,
        lasts: Duration,
        begins: Instant,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        std::thread::spawn(move || {
            for (number, at) in plan.enumerate() {
                let at = begins + at;
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                let due = Due { number, at };
                if sender.blocking_send(due).is_err() {
                    return;
                }
            }
        });
        Self {
            schedule: Schedule::Planned(Mutex::new(receiver)),
            ends: begins + lasts,
        }
    }

    /// No schedule: the next thing is always due now.
    pub(crate) fn flood(lasts: Duration, begins: Instant) -> Self {
        Self {
            schedule: Schedule::Flood,
            ends: begins + lasts,
        }
    }

    /// The next instant, once it has come; none at the end of the schedule, or when the
    /// run has been over for so long that nothing is begun any more.
    pub(crate) async fn next(&self) -> Option<Due> {
        match &self.schedule {
            Schedule::Planned(receiver) => {
                let due = receiver.lock().await.recv().await?;
                (Instant::now() < self.ends + LATE).then_some(due)
            }
            Schedule::Flood => {
                let at = Instant::now();
                (at < self.ends).then_some(Due { number: 0, at })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::arrivals::{Arrivals, Rate};

    #[tokio::test]
    async fn a_stall_leaves_the_schedule_as_it_was() {
        let (rate, lasts) = (Rate::Flat { per_second: 100.0 }, Duration::from_millis(300));
        let begins = Instant::now();
        let plan = Arrivals::new(rate, lasts, 5);
        let pace = Pace::keep(plan.clone(), lasts, begins);
        let first = pace.next().await;
        // Whoever should take the others is busy until all of them have come.
        tokio::time::sleep(lasts).await;
        let mut taken: Vec<_> = first.into_iter().collect();
        while let Some(due) = pace.next().await {
            taken.push(due);
        }
        let planned: Vec<_> = plan
            .enumerate()
            .map(|(number, at)| Due {
                number,
                at: begins + at,
            })
            .collect();
        assert_eq!(taken, planned);
    }
}
