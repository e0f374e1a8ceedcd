//! What the follower tells the shards: which events have changed, and whether the edge is
//! up to date. Each shard has a set of its own, so that it wakes once however much has
//! changed, and nothing ever waits for a shard that is busy.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use tokio::sync::Notify;

use parterre_domain::EventId;

/// The follower's side.
#[derive(Clone, Debug)]
pub struct Signals {
    shards: Arc<[ShardSignals]>,
}

/// One shard's side.
#[derive(Clone, Debug, Default)]
pub struct ShardSignals {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    pending: Mutex<Pending>,
    notify: Notify,
}

/// Bounded by the number of events that there are.
#[derive(Debug, Default)]
struct Pending {
    events: HashSet<EventId, RandomState>,
    catalog: bool,
    freshness: Option<Option<u64>>,
}

/// What has happened since a shard last looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Events with a new rev, each once, in no order.
    pub events: Vec<EventId>,
    /// Whether events came, went or have a new record.
    pub catalog: bool,
    /// Set when the edge became stale (for so many seconds) or fresh again.
    pub freshness: Option<Option<u64>>,
}

impl Signals {
    /// Signals for so many shards.
    pub fn new(shards: usize) -> Self {
        Self {
            shards: (0..shards).map(|_| ShardSignals::default()).collect(),
        }
    }

    /// The side of one shard.
    ///
    /// # Panics
    ///
    /// When there is no such shard.
    pub fn of(&self, shard: usize) -> ShardSignals {
        self.shards[shard].clone()
    }

    /// These events have a new rev.
    pub fn changed(&self, events: &[EventId]) {
        if !events.is_empty() {
            self.tell(|pending| pending.events.extend(events));
        }
    }

    /// Events came, went or have a new record.
    pub fn catalog_changed(&self) {
        self.tell(|pending| pending.catalog = true);
    }

    /// The edge became stale, for so many seconds by now, or fresh again.
    pub fn freshness(&self, stale_seconds: Option<u64>) {
        self.tell(|pending| pending.freshness = Some(stale_seconds));
    }

    fn tell(&self, note: impl Fn(&mut Pending)) {
        for shard in self.shards.iter() {
            note(&mut shard.pending());
            shard.inner.notify.notify_one();
        }
    }
}

impl ShardSignals {
    /// Ends when there is something to take; at once if there has been since the last
    /// wait. May end once without anything new.
    pub async fn wait(&self) {
        self.inner.notify.notified().await;
    }

    /// What has happened since the last time.
    pub fn take(&self) -> Dirty {
        let mut pending = self.pending();
        Dirty {
            events: pending.events.drain().collect(),
            catalog: std::mem::take(&mut pending.catalog),
            freshness: pending.freshness.take(),
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        let pending = self.inner.pending.lock();
        pending.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parterre_domain::Timestamp;

    #[tokio::test]
    async fn a_shard_learns_of_each_event_once_and_misses_nothing() {
        let signals = Signals::new(2);
        let shard = signals.of(1);
        let event = |n| EventId::new(Timestamp::from_millis(1), n);
        signals.changed(&[event(1), event(2)]);
        signals.changed(&[event(2)]);
        signals.freshness(Some(3));
        signals.freshness(None);
        shard.wait().await;
        let mut dirty = shard.take();
        dirty.events.sort_unstable();
        assert_eq!(dirty.events, [event(1), event(2)]);
        assert_eq!(dirty.freshness, Some(None));
        assert!(!dirty.catalog);
        assert_eq!(shard.take(), Dirty::default());
        assert_eq!(signals.of(0).take().events.len(), 2, "shards share nothing");
    }
}
