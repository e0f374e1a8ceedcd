//! Changes at evenly spaced instants, however long each takes, and what a server spends
//! while it is watched for them.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::process::Meter;
use crate::wire::Failure;

/// How long a server is watched for a change: several times as long as a change takes to ten
/// thousand screens. Where changes are rarer than that, it isn't watched in between: what it
/// does by itself in that time would drown what is measured. Most of that comes every 100 or
/// 250 ms, so that there is as much of it in each such time.
const WATCHED: Duration = Duration::from_millis(500);
/// How much of it is before the change.
const LEAD: Duration = Duration::from_millis(5);
/// The runtime's timer counts in milliseconds; the rest is waited for by looking.
const COARSE: Duration = Duration::from_millis(2);

/// Evenly spaced changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) per_second: u32,
    pub(super) count: u32,
}

/// What a server spent while it was watched, window by window.
#[derive(Clone, Debug, Default)]
pub(super) struct Spent {
    cpu: Vec<Duration>,
    /// How long it was watched in all.
    pub(super) watched: Duration,
}

impl Spent {
    /// CPU time in all, as if the server had spent in every window what it spent in the
    /// middle one: some windows fall upon work of its own that comes once in a while.
    pub(super) fn usually(&self) -> Duration {
        let mut sorted = self.cpu.clone();
        sorted.sort_unstable();
        // Of an even number, the lower of the two in the middle.
        let middle = sorted
            .get(sorted.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or_default();
        middle * u32::try_from(sorted.len()).unwrap_or(u32::MAX)
    }
}

impl Pace {
    /// As many changes as a measurement is long, but no more than there are tickets for.
    pub(super) fn new(per_second: u32, lasts: Duration, tickets: u32) -> Self {
        let seconds = u32::try_from(lasts.as_secs()).unwrap_or(u32::MAX);
        let count = per_second.saturating_mul(seconds).min(tickets);
        Self { per_second, count }
    }

    /// How long after the beginning a change is due.
    pub(super) fn due(self, number: u32) -> Duration {
        LEAD + Duration::from_secs(1) * number / self.per_second
    }

    /// When the last change was watched for long enough.
    pub(super) fn ends(self) -> Duration {
        self.windows()
            .last()
            .map_or(Duration::ZERO, |last| last.end)
    }

    /// When the server is watched, from the beginning on: a while for each change, or one
    /// while after another where changes follow so fast that several fall into one.
    pub(super) fn windows(self) -> Vec<Range<Duration>> {
        let mut windows: Vec<Range<Duration>> = Vec::new();
        for number in 0..self.count {
            let due = self.due(number);
            let last = windows.last().map_or(Duration::ZERO, |last| last.end);
            let from = last.max(due - LEAD);
            if from <= due {
                windows.push(from..from + WATCHED);
            }
        }
        windows
    }
}

/// The share of its core that a server usually takes by itself, looked at for so long.
///
/// # Errors
///
/// When it ends.
pub(super) async fn idle(pid: u32, lasts: Duration) -> Result<f64, Failure> {
    let mut windows = vec![Duration::ZERO..WATCHED];
    while let Some(last) = windows.last().map(|last| last.end)
        && last < lasts
    {
        windows.push(last..last + WATCHED);
    }
    let spent = watch(pid, Instant::now(), windows).await?;
    Ok(spent.usually().as_secs_f64() / spent.watched.as_secs_f64())
}

/// Watches a server through some windows of a time that begins then.
///
/// # Errors
///
/// When it ends.
pub(super) async fn watch(
    pid: u32,
    begins: Instant,
    windows: Vec<Range<Duration>>,
) -> Result<Spent, Failure> {
    let mut spent = Spent::default();
    for window in windows {
        until(begins + window.start).await;
        let (meter, began) = (Meter::start(pid)?, Instant::now());
        until(begins + window.end).await;
        spent.cpu.push(meter.spent()?);
        spent.watched += began.elapsed();
    }
    Ok(spent)
}

/// Waits for an instant, to some microseconds.
pub(super) async fn until(instant: Instant) {
    let coarse = instant.checked_sub(COARSE).unwrap_or(instant);
    tokio::time::sleep_until(coarse.into()).await;
    while Instant::now() < instant {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_watched_around_each_change_and_never_twice_at_once() {
        let check = |per_second, count, expected: &[(u64, u64)]| {
            let windows = Pace { per_second, count }.windows();
            let millis = windows.into_iter().map(|window| {
                let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap();
                (millis(window.start), millis(window.end))
            });
            let millis: Vec<_> = millis.collect();
            assert_eq!(millis, expected, "{per_second} {count}");
        };
        check(1, 0, &[]);
        check(1, 1, &[(0, 500)]);
        check(1, 3, &[(0, 500), (1_000, 1_500), (2_000, 2_500)]);
        check(2, 2, &[(0, 500), (500, 1_000)]);
        check(10, 11, &[(0, 500), (500, 1_000), (1_000, 1_500)]);
        let ends = |per_second, count| Pace { per_second, count }.ends();
        assert_eq!(ends(100, 500), Duration::from_secs(5));
        assert_eq!(ends(1, 0), Duration::ZERO);
    }

    #[test]
    fn a_window_that_is_unlike_the_others_counts_like_them() {
        let check = |millis: &[u64], expected| {
            let cpu = millis.iter().copied().map(Duration::from_millis).collect();
            let watched = Duration::ZERO;
            let usually = Spent { cpu, watched }.usually();
            assert_eq!(usually, Duration::from_millis(expected), "{millis:?}");
        };
        check(&[], 0);
        check(&[700], 700);
        check(&[2, 90, 1, 2, 3], 10);
    }

    #[test]
    fn no_more_changes_than_tickets() {
        let check = |per_second, seconds, tickets, expected| {
            let pace = Pace::new(per_second, Duration::from_secs(seconds), tickets);
            assert_eq!(pace.count, expected, "{per_second} {seconds} {tickets}");
        };
        check(1, 5, 499, 5);
        check(100, 5, 499, 499);
        check(100, 10, 49_999, 1_000);
    }
}
