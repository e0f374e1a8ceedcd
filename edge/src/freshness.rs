//! How late the edge may be: when it was last known to hold everything that the core had.
//!
//! A heartbeat says where the log ended, by a read that was so old when it was sent. Once
//! every record up to there is applied, the edge was up to date at the moment of that
//! read. Local time since then is the bound that readers are told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parterre_domain::{Rev, limits};

/// When the edge was last up to date, for all threads to read.
#[derive(Debug)]
pub struct Freshness {
    start: Instant,
    /// Nanoseconds after `start`.
    confirmed: AtomicU64,
}

impl Freshness {
    /// An edge that begins now and knows nothing.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            confirmed: AtomicU64::new(0),
        }
    }

    /// For how long the edge hasn't been confirmed up to date.
    pub fn age(&self, now: Instant) -> Duration {
        let confirmed = Duration::from_nanos(self.confirmed.load(Ordering::Acquire));
        now.saturating_duration_since(self.start)
            .saturating_sub(confirmed)
    }

    /// The same in seconds, once it is longer than [`limits::STALE_AFTER`].
    pub fn stale_seconds(&self, now: Instant) -> Option<u64> {
        let age = self.age(now);
        (age > limits::STALE_AFTER).then_some(age.as_secs())
    }

    /// The edge held everything at `at`.
    pub(crate) fn confirm(&self, at: Instant) {
        let since = at.saturating_duration_since(self.start).as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.confirmed.fetch_max(since, Ordering::AcqRel);
    }
}

/// Heartbeats whose records haven't all been applied yet.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats {
    waiting: VecDeque<(Rev, Instant)>,
}

impl Heartbeats {
    /// A heartbeat came at `received`. Gives the moment at which the edge, which has
    /// applied everything up to `applied`, is known to have been up to date.
    pub(crate) fn note(
        &mut self,
        head: Rev,
        age: Duration,
        received: Instant,
        applied: Rev,
    ) -> Option<Instant> {
        let read = received.checked_sub(age)?;
        if head <= applied {
            return Some(read);
        }
        if self.waiting.len() < limits::HEARTBEATS_WAITING {
            self.waiting.push_back((head, read));
        }
        None
    }

    /// Everything up to `applied` is applied. Gives the latest moment that this confirms.
    pub(crate) fn applied(&mut self, applied: Rev) -> Option<Instant> {
        let mut confirmed = None;
        while let Some(&(head, read)) = self.waiting.front()
            && head <= applied
        {
            confirmed = Some(read);
            self.waiting.pop_front();
        }
        confirmed
    }

    /// The connection that they came by is gone.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parterre_domain::Position;

    fn rev(sequence: u64) -> Rev {
        Rev {
            epoch: 1,
            position: Position::from_sequence(sequence),
        }
    }

    #[test]
    fn an_edge_is_stale_when_two_seconds_pass_without_confirmation() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let freshness = Freshness::new(start);
        assert_eq!(freshness.stale_seconds(at(2_000)), None);
        assert_eq!(freshness.stale_seconds(at(2_001)), Some(2));
        freshness.confirm(at(5_000));
        freshness.confirm(at(4_000));
        assert_eq!(freshness.stale_seconds(at(7_000)), None);
        assert_eq!(freshness.stale_seconds(at(65_500)), Some(60));
    }

    #[test]
    fn a_heartbeat_confirms_the_moment_of_its_read_once_its_records_are_applied() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut heartbeats = Heartbeats::default();
        let old = Duration::from_millis(100);
        assert_eq!(
            heartbeats.note(rev(5), old, at(1_000), rev(5)),
            Some(at(900))
        );
        assert_eq!(heartbeats.note(rev(7), old, at(1_250), rev(5)), None);
        assert_eq!(heartbeats.note(rev(9), old, at(1_500), rev(5)), None);
        assert_eq!(heartbeats.applied(rev(6)), None);
        assert_eq!(heartbeats.applied(rev(8)), Some(at(1_150)));
        assert_eq!(heartbeats.applied(rev(9)), Some(at(1_400)));
        assert_eq!(heartbeats.applied(rev(9)), None);
    }
}
