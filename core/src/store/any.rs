//! Whichever store a core was told to use.

use std::time::Duration;

use parterre_domain::keys::{Key, Range};
use parterre_domain::state::Want;
use parterre_domain::{Position, Rev};

use super::embedded::{EmbeddedSnapshot, EmbeddedStore, EmbeddedTransaction};
use super::memory::{MemorySnapshot, MemoryStore, MemoryTransaction};
use super::{Commit, Failure, Loaded, LogPage, Retry, Snapshot, Store, Transaction, Value};
use crate::config::StoreConfig;

/// One of the backends.
#[derive(Clone)]
#[expect(missing_docs, reason = "each variant's type says what it is")]
pub enum AnyStore {
    Embedded(EmbeddedStore),
    Memory(MemoryStore),
}

/// A transaction of one of the backends.
#[expect(missing_docs, reason = "each variant's type says what it is")]
pub enum AnyTransaction {
    Embedded(EmbeddedTransaction),
    Memory(MemoryTransaction),
}

/// A snapshot of one of the backends.
#[expect(missing_docs, reason = "each variant's type says what it is")]
pub enum AnySnapshot {
    Embedded(EmbeddedSnapshot),
    Memory(MemorySnapshot),
}

impl AnyStore {
    /// Opens the store.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong and how to mend it.
    pub fn open(config: &StoreConfig) -> Result<Self, Failure> {
        Ok(match config {
            StoreConfig::Embedded(directory) => Self::Embedded(EmbeddedStore::open(directory)?),
            StoreConfig::Memory => Self::Memory(MemoryStore::new()),
        })
    }

    /// Waits until the store can't go on and says why.
    pub async fn failed(&self) -> Failure {
        match self {
            Self::Embedded(store) => store.failed().await,
            Self::Memory(_) => std::future::pending().await,
        }
    }
}

impl Store for AnyStore {
    type Transaction = AnyTransaction;
    type Snapshot = AnySnapshot;

    async fn begin(&self) -> Result<AnyTransaction, Failure> {
        Ok(match self {
            Self::Embedded(store) => AnyTransaction::Embedded(store.begin().await?),
            Self::Memory(store) => AnyTransaction::Memory(store.begin().await?),
        })
    }

    async fn snapshot(&self) -> Result<AnySnapshot, Failure> {
        Ok(match self {
            Self::Embedded(store) => AnySnapshot::Embedded(store.snapshot().await?),
            Self::Memory(store) => AnySnapshot::Memory(store.snapshot().await?),
        })
    }

    async fn log_after(&self, after: Rev, max_bytes: usize) -> Result<LogPage, Failure> {
        match self {
            Self::Embedded(store) => store.log_after(after, max_bytes).await,
            Self::Memory(store) => store.log_after(after, max_bytes).await,
        }
    }

    async fn wait(&self, after: Rev, at_most: Duration) {
        match self {
            Self::Embedded(store) => store.wait(after, at_most).await,
            Self::Memory(store) => store.wait(after, at_most).await,
        }
    }

    async fn trim_log(&self, up_to: Position) -> Result<(), Failure> {
        match self {
            Self::Embedded(store) => store.trim_log(up_to).await,
            Self::Memory(store) => store.trim_log(up_to).await,
        }
    }
}

impl Transaction for AnyTransaction {
    fn rev(&self) -> Rev {
        match self {
            Self::Embedded(transaction) => transaction.rev(),
            Self::Memory(transaction) => transaction.rev(),
        }
    }

    async fn load(&mut self, wants: Vec<Want>) -> Result<Vec<Loaded>, Retry> {
        match self {
            Self::Embedded(transaction) => transaction.load(wants).await,
            Self::Memory(transaction) => transaction.load(wants).await,
        }
    }

    async fn commit(self, commit: Commit) -> Result<Rev, (Self, Retry)> {
        match self {
            Self::Embedded(transaction) => transaction
                .commit(commit)
                .await
                .map_err(|(back, why)| (Self::Embedded(back), why)),
            Self::Memory(transaction) => transaction
                .commit(commit)
                .await
                .map_err(|(back, why)| (Self::Memory(back), why)),
        }
    }

    async fn again(self, why: Retry) -> Result<Self, Failure> {
        Ok(match self {
            Self::Embedded(transaction) => Self::Embedded(transaction.again(why).await?),
            Self::Memory(transaction) => Self::Memory(transaction.again(why).await?),
        })
    }
}

impl Snapshot for AnySnapshot {
    fn rev(&self) -> Rev {
        match self {
            Self::Embedded(snapshot) => snapshot.rev(),
            Self::Memory(snapshot) => snapshot.rev(),
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Value>, Failure> {
        match self {
            Self::Embedded(snapshot) => snapshot.get(key).await,
            Self::Memory(snapshot) => snapshot.get(key).await,
        }
    }

    async fn range(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Value)>, Failure> {
        match self {
            Self::Embedded(snapshot) => snapshot.range(range, limit).await,
            Self::Memory(snapshot) => snapshot.range(range, limit).await,
        }
    }
}
