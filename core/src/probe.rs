//! A core as operators see it.

use std::time::Duration;

use parterre_domain::wire::feed::decode_record;
use parterre_domain::{keys, limits};

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
        "the store's newest commit is {} ms ahead of this machine's clock; {} ms are allowed: set the clock that is wrong, this one or another core's",
        .0.as_millis(), limits::CLOCK_SKEW.as_millis()
    )]
    Clock(Duration),
}

/// That a clock isn't before what other cores have written. A commit long ago says
/// nothing, so a clock that runs ahead can't be told from one that is right.
pub(crate) async fn sane_clock(store: &AnyStore, clock: &Clock) -> Result<(), NotSane> {
    let snapshot = store.snapshot().await?;
    let newest = snapshot.get(&keys::log(snapshot.rev().position)).await?;
    let newest = newest.and_then(|record| decode_record(&record).ok());
    let ahead = newest.map_or(Duration::ZERO, |record| record.at.since(clock.now()));
    if ahead > limits::CLOCK_SKEW {
        Err(NotSane::Clock(ahead))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use bytes::Bytes;
    use parterre_domain::{LogRecord, Timestamp};

    use super::*;
    use crate::disk::Disk;
    use crate::store::embedded::EmbeddedStore;
    use crate::store::memory::MemoryStore;
    use crate::store::{Commit, Marker, Transaction};

    const AT: Timestamp = Timestamp::from_millis(1_900_000_000_000);

    /// Commits a record that says so; whether it is in.
    async fn commits(store: &AnyStore, at: Timestamp) -> bool {
        let events = Vec::new();
        let record = parterre_domain::encode(&LogRecord { at, events });
        let commit = Commit {
            writes: Vec::new(),
            record: Bytes::from(record),
            marker: Marker {
                key: b"mlane".to_vec(),
                batch: [0; 16],
            },
        };
        let transaction = store.begin().await.unwrap();
        transaction.commit(commit).await.is_ok()
    }

    fn probe(store: AnyStore, now: Timestamp) -> Probe {
        Probe {
            store,
            clock: Clock::manual(now),
            metrics: Metrics::new().unwrap(),
        }
    }

    #[tokio::test]
    async fn a_core_is_ready_while_its_store_works_and_its_clock_is_sane() {
        let store = AnyStore::Memory(MemoryStore::new());
        assert!(commits(&store, AT).await);
        assert_eq!(probe(store.clone(), AT).ready().await, Ok(()));
        let behind = probe(store, AT - Duration::from_secs(1)).ready().await;
        let behind = behind.unwrap_err();
        assert!(behind.contains("set the clock"), "{behind}");

        let broken = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&broken);
        let disk = Disk::new(move || match told.load(Ordering::SeqCst) {
            true => Err(io::Error::other("the disk is broken")),
            false => Ok(()),
        });
        let store = AnyStore::Embedded(EmbeddedStore::open_backend(disk).unwrap());
        let probe = probe(store.clone(), AT);
        assert_eq!(probe.ready().await, Ok(()));
        broken.store(true, Ordering::SeqCst);
        assert!(!commits(&store, AT).await);
        let failed = probe.ready().await.unwrap_err();
        assert!(failed.contains("the disk is broken"), "{failed}");
    }

    #[tokio::test]
    async fn a_clock_before_the_newest_commit_is_not_sane() {
        let store = AnyStore::Memory(MemoryStore::new());
        let clock = Clock::manual(AT - Duration::from_secs(1));
        assert_eq!(sane_clock(&store, &clock).await, Ok(()), "an empty store");
        assert!(commits(&store, AT).await);
        let behind = NotSane::Clock(Duration::from_secs(1));
        assert_eq!(sane_clock(&store, &clock).await, Err(behind));
        clock.advance(Duration::from_millis(750));
        assert_eq!(sane_clock(&store, &clock).await, Ok(()), "within the limit");
        clock.advance(Duration::from_secs(3_600));
        assert_eq!(sane_clock(&store, &clock).await, Ok(()), "long after");
    }
}
