//! Whichever store a core was told to use.

use std::time::Duration;

use parterre_domain::keys::{Key, Range};
#[cfg(feature = "fdb")]
use parterre_domain::limits;
use parterre_domain::state::Want;
use parterre_domain::{Position, Rev};

use super::embedded::{EmbeddedSnapshot, EmbeddedStore, EmbeddedTransaction};
#[cfg(feature = "fdb")]
use super::fdb::{self, FdbSnapshot, FdbStore, FdbTransaction};
use super::memory::{MemorySnapshot, MemoryStore, MemoryTransaction};
use super::{Commit, Failure, Loaded, LogPage, Retry, Snapshot, Store, Transaction, Value};
use crate::config::StoreConfig;

/// One of the backends.
#[derive(Clone)]
#[expect(missing_docs, reason = "each variant's type says what it is")]
pub enum AnyStore {
    Embedded(EmbeddedStore),
    Memory(MemoryStore),
    #[cfg(feature = "fdb")]
    Fdb(FdbStore),
}

/// What backends need of a process before any store is opened and until every store has
/// been dropped. `main` holds it.
#[derive(Default)]
pub struct Engines {
    #[cfg(feature = "fdb")]
    _network: Option<fdb::Network>,
}

impl Engines {
    /// Starts what these stores need. A process can do so once.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong and how to mend it.
    #[cfg_attr(
        not(feature = "fdb"),
        expect(unused_variables, reason = "the other backends need nothing")
    )]
    pub fn start(stores: &[&StoreConfig]) -> Result<Self, Failure> {
        #[cfg(feature = "fdb")]
        if stores
            .iter()
            .any(|store| matches!(store, StoreConfig::Fdb(_)))
        {
            let network = fdb::Network::start(fdb::Faults::None)?;
            return Ok(Self {
                _network: Some(network),
            });
        }
        Ok(Self::default())
    }
}

/// A transaction of one of the backends.
#[expect(missing_docs, reason = "each variant's type says what it is")]
pub enum AnyTransaction {
    Embedded(EmbeddedTransaction),
    Memory(MemoryTransaction),
    #[cfg(feature = "fdb")]
    Fdb(FdbTransaction),
}

/// A snapshot of one of the backends.
#[expect(missing_docs, reason = "each variant's type says what it is")]
pub enum AnySnapshot {
    Embedded(EmbeddedSnapshot),
    Memory(MemorySnapshot),
    #[cfg(feature = "fdb")]
    Fdb(FdbSnapshot),
}

impl AnyStore {
    /// Opens the store.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong and how to mend it.
    pub async fn open(config: &StoreConfig) -> Result<Self, Failure> {
        Ok(match config {
            StoreConfig::Embedded(directory) => Self::Embedded(EmbeddedStore::open(directory)?),
            StoreConfig::Memory => Self::Memory(MemoryStore::new()),
            #[cfg(feature = "fdb")]
            StoreConfig::Fdb(cluster_file) => Self::Fdb(FdbStore::open(cluster_file).await?),
        })
    }

    /// Opens a store that is there.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and when there is none.
    pub async fn open_existing(config: &StoreConfig) -> Result<Self, Failure> {
        Ok(match config {
            StoreConfig::Embedded(directory) => {
                Self::Embedded(EmbeddedStore::open_existing(directory)?)
            }
            StoreConfig::Memory => Self::Memory(MemoryStore::new()),
            #[cfg(feature = "fdb")]
            StoreConfig::Fdb(cluster_file) => {
                Self::Fdb(FdbStore::open_existing(cluster_file).await?)
            }
        })
    }

    /// How many lanes serve it: as many as it has writers at once.
    pub fn lanes(&self) -> u8 {
        match self {
            Self::Embedded(_) | Self::Memory(_) => 1,
            #[cfg(feature = "fdb")]
            Self::Fdb(_) => limits::FDB_LANES,
        }
    }

    /// Waits until the store can't go on and says why.
    pub async fn failed(&self) -> Failure {
        match self {
            Self::Embedded(store) => store.failed().await,
            Self::Memory(_) => std::future::pending().await,
            #[cfg(feature = "fdb")]
            Self::Fdb(_) => std::future::pending().await,
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
            #[cfg(feature = "fdb")]
            Self::Fdb(store) => AnyTransaction::Fdb(store.begin().await?),
        })
    }

    async fn snapshot(&self) -> Result<AnySnapshot, Failure> {
        Ok(match self {
            Self::Embedded(store) => AnySnapshot::Embedded(store.snapshot().await?),
            Self::Memory(store) => AnySnapshot::Memory(store.snapshot().await?),
            #[cfg(feature = "fdb")]
            Self::Fdb(store) => AnySnapshot::Fdb(store.snapshot().await?),
        })
    }

    async fn log_after(&self, after: Rev, max_bytes: usize) -> Result<LogPage, Failure> {
        match self {
            Self::Embedded(store) => store.log_after(after, max_bytes).await,
            Self::Memory(store) => store.log_after(after, max_bytes).await,
            #[cfg(feature = "fdb")]
            Self::Fdb(store) => store.log_after(after, max_bytes).await,
        }
    }

    async fn wait(&self, after: Rev, at_most: Duration) {
        match self {
            Self::Embedded(store) => store.wait(after, at_most).await,
            Self::Memory(store) => store.wait(after, at_most).await,
            #[cfg(feature = "fdb")]
            Self::Fdb(store) => store.wait(after, at_most).await,
        }
    }

    async fn trim_log(&self, up_to: Position) -> Result<(), Failure> {
        match self {
            Self::Embedded(store) => store.trim_log(up_to).await,
            Self::Memory(store) => store.trim_log(up_to).await,
            #[cfg(feature = "fdb")]
            Self::Fdb(store) => store.trim_log(up_to).await,
        }
    }
}

impl Transaction for AnyTransaction {
    fn rev(&self) -> Rev {
        match self {
            Self::Embedded(transaction) => transaction.rev(),
            Self::Memory(transaction) => transaction.rev(),
            #[cfg(feature = "fdb")]
            Self::Fdb(transaction) => transaction.rev(),
        }
    }

    async fn load(&mut self, wants: Vec<Want>) -> Result<Vec<Loaded>, Retry> {
        match self {
            Self::Embedded(transaction) => transaction.load(wants).await,
            Self::Memory(transaction) => transaction.load(wants).await,
            #[cfg(feature = "fdb")]
            Self::Fdb(transaction) => transaction.load(wants).await,
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
            #[cfg(feature = "fdb")]
            Self::Fdb(transaction) => transaction
                .commit(commit)
                .await
                .map_err(|(back, why)| (Self::Fdb(back), why)),
        }
    }

    async fn again(self, why: Retry) -> Result<Self, Failure> {
        Ok(match self {
            Self::Embedded(transaction) => Self::Embedded(transaction.again(why).await?),
            Self::Memory(transaction) => Self::Memory(transaction.again(why).await?),
            #[cfg(feature = "fdb")]
            Self::Fdb(transaction) => Self::Fdb(transaction.again(why).await?),
        })
    }
}

impl Snapshot for AnySnapshot {
    fn rev(&self) -> Rev {
        match self {
            Self::Embedded(snapshot) => snapshot.rev(),
            Self::Memory(snapshot) => snapshot.rev(),
            #[cfg(feature = "fdb")]
            Self::Fdb(snapshot) => snapshot.rev(),
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Value>, Failure> {
        match self {
            Self::Embedded(snapshot) => snapshot.get(key).await,
            Self::Memory(snapshot) => snapshot.get(key).await,
            #[cfg(feature = "fdb")]
            Self::Fdb(snapshot) => snapshot.get(key).await,
        }
    }

    async fn range(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Value)>, Failure> {
        match self {
            Self::Embedded(snapshot) => snapshot.range(range, limit).await,
            Self::Memory(snapshot) => snapshot.range(range, limit).await,
            #[cfg(feature = "fdb")]
            Self::Fdb(snapshot) => snapshot.range(range, limit).await,
        }
    }
}
