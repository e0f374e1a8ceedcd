//! A core as operators see it.

use std::time::Duration;

use parterre_domain::wire::feed::decode_record;
use parterre_domain::{Position, Rev, limits};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::any::AnyStore;
use crate::store::{Failure, Snapshot, Store};

/// Answers operators' questions; keeps nothing of the core from ending.
#[derive(Clone)]
pub struct Probe {
    pub(crate) store: AnyStore,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
}

impl Probe {
    /// Whether the core can do its work: the store answers in time and the clock is sane.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub async fn ready(&self) -> Result<(), String> {
        let looked = sane_clock(&self.store, &self.clock);
        match tokio::time::timeout(limits::READY_TIMEOUT, looked).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(NotSane::Store(failure))) => Err(failure.0),
            Ok(Err(behind @ NotSane::Clock(_))) => Err(behind.to_string()),
            Err(_) => Err("the store doesn't answer".into()),
        }
    }

    /// The metrics in Prometheus's text format.
    pub fn metrics(&self) -> String {
        self.metrics.to_text()
    }
}

/// Why a core must not write by its clock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSane {
    /// Nothing can be compared.
    #[error("{}", .0.0)]
    Store(#[from] Failure),
    /// It lies so far before what has been written already.
    #[error(
        "the store's newest commit is {} ms ahead of this machine's clock; {} ms are allowed: set the clock",
        .0.as_millis(), limits::CLOCK_SKEW.as_millis()
    )]
    Clock(Duration),
}

/// That a clock isn't before what other cores have written. A commit long ago says
/// nothing, so a clock that runs ahead can't be told from one that is right.
pub(crate) async fn sane_clock(store: &AnyStore, clock: &Clock) -> Result<(), NotSane> {
    let head = store.snapshot().await?.rev();
    let before = Position::from_sequence(head.position.sequence().saturating_sub(1));
    let before = Rev {
        position: before,
        ..head
    };
    let page = store.log_after(before, 1).await?;
    let newest = page.records.last();
    let newest = newest.and_then(|(_, record)| decode_record(record).ok());
    let ahead = newest.map_or(Duration::ZERO, |record| record.at.since(clock.now()));
    if ahead > limits::CLOCK_SKEW {
        Err(NotSane::Clock(ahead))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parterre_domain::{LogRecord, Timestamp};

    use super::*;
    use crate::store::memory::MemoryStore;
    use crate::store::{Commit, Marker, Transaction};

    #[tokio::test]
    async fn a_clock_before_the_newest_commit_is_not_sane() {
        let store = AnyStore::Memory(MemoryStore::new());
        let at = Timestamp::from_millis(1_900_000_000_000);
        let clock = Clock::manual(at - Duration::from_secs(1));
        assert_eq!(sane_clock(&store, &clock).await, Ok(()), "an empty store");
        let record = LogRecord {
            at,
            events: Vec::new(),
        };
        let commit = Commit {
            writes: Vec::new(),
            record: Bytes::from(parterre_domain::encode(&record)),
            marker: Marker {
                key: b"mlane".to_vec(),
                batch: [0; 16],
            },
        };
        let transaction = store.begin().await.unwrap();
        let Ok(_) = transaction.commit(commit).await else {
            panic!("no commit")
        };
        let behind = NotSane::Clock(Duration::from_secs(1));
        assert_eq!(sane_clock(&store, &clock).await, Err(behind));
        clock.advance(Duration::from_millis(750));
        assert_eq!(sane_clock(&store, &clock).await, Ok(()), "within the limit");
        clock.advance(Duration::from_secs(3_600));
        assert_eq!(sane_clock(&store, &clock).await, Ok(()), "long after");
    }
}
