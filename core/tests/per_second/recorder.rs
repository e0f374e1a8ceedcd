//! A store in memory that keeps what was loaded and committed, so that another store can
//! be given exactly the same.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use parterre_core::store::memory::{MemorySnapshot, MemoryStore, MemoryTransaction};
use parterre_core::store::{Commit, Failure, Loaded, LogPage, Retry, Store, Transaction};
use parterre_domain::state::Want;
use parterre_domain::{Position, Rev};

/// What one transaction loaded and committed.
pub(crate) type Shape = (Vec<Want>, Commit);

/// The store.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    store: MemoryStore,
    shapes: Arc<Mutex<Vec<Shape>>>,
}

/// A transaction of it.
pub(crate) struct Recording {
    transaction: MemoryTransaction,
    loaded: Vec<Want>,
    shapes: Arc<Mutex<Vec<Shape>>>,
}

impl Recorder {
    /// Everything since the last time.
    pub(crate) fn take(&self) -> Vec<Shape> {
        std::mem::take(&mut *self.shapes.lock().unwrap())
    }
}

impl Store for Recorder {
    type Transaction = Recording;
    type Snapshot = MemorySnapshot;

    async fn begin(&self) -> Result<Recording, Failure> {
        Ok(Recording {
            transaction: self.store.begin().await?,
            loaded: Vec::new(),
            shapes: Arc::clone(&self.shapes),
        })
    }

    async fn snapshot(&self) -> Result<MemorySnapshot, Failure> {
        self.store.snapshot().await
    }

    async fn log_after(&self, after: Rev, max_bytes: usize) -> Result<LogPage, Failure> {
        self.store.log_after(after, max_bytes).await
    }

    async fn wait(&self, after: Rev, at_most: Duration) {
        self.store.wait(after, at_most).await;
    }

    async fn trim_log(&self, up_to: Position) -> Result<(), Failure> {
        self.store.trim_log(up_to).await
    }
}

impl Transaction for Recording {
    fn rev(&self) -> Rev {
        self.transaction.rev()
    }

    async fn load(&mut self, wants: Vec<Want>) -> Result<Vec<Loaded>, Retry> {
        self.loaded.extend(wants.iter().cloned());
        self.transaction.load(wants).await
    }

    async fn commit(self, commit: Commit) -> Result<Rev, (Self, Retry)> {
        let Self {
            transaction,
            loaded,
            shapes,
        } = self;
        shapes
            .lock()
            .unwrap()
            .push((loaded.clone(), commit.clone()));
        let committed = transaction.commit(commit).await;
        committed.map_err(|(transaction, why)| {
            let back = Self {
                transaction,
                loaded,
                shapes,
            };
            (back, why)
        })
    }

    async fn again(self, why: Retry) -> Result<Self, Failure> {
        Ok(Self {
            transaction: self.transaction.again(why).await?,
            loaded: Vec::new(),
            shapes: self.shapes,
        })
    }
}
