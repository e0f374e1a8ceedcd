//! A view of a cluster at one rev.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foundationdb::{FdbError, FdbResult, RangeOption, Transaction as Trx};
use parterre_domain::Rev;
use parterre_domain::keys::{Key, Range};

use super::{Shared, begun, code, failure, of_range, patiently, row};
use crate::store::{Failure, Snapshot, Value};

/// Before a read that failed is made again.
const PAUSE: Duration = Duration::from_millis(10);

/// A cluster as of one commit.
///
/// FoundationDB lets a version be read for five seconds. A view that is needed longer goes
/// on at a newer version as long as nobody has committed: every commit rings the doorbell,
/// so what lies under the same rev is the same. Once somebody has, it fails.
pub struct FdbSnapshot {
    shared: Arc<Shared>,
    reading: Mutex<Reading>,
    rev: Rev,
}

#[derive(Clone)]
struct Reading {
    trx: Arc<Trx>,
    version: i64,
}

impl FdbSnapshot {
    pub(super) async fn take(shared: Arc<Shared>) -> Result<Self, Failure> {
        let (reading, rev) = patiently(Reading::newest(&shared)).await?;
        Ok(Self {
            reading: Mutex::new(reading),
            shared,
            rev,
        })
    }

    fn reading(&self) -> Arc<Trx> {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&reading.trx)
    }

    /// Goes on at the same version, or at a newer one if nothing was committed since.
    async fn renew(&self, error: FdbError) -> Result<(), Failure> {
        let reading = if error.code() == code::TOO_OLD {
            let (reading, rev) = Reading::newest(&self.shared).await?;
            if rev != self.rev {
                let why = "FoundationDB keeps a version for 5 s, and commits went on meanwhile";
                return Err(Failure(why.to_owned()));
            }
            reading
        } else if error.is_retryable() {
            tokio::time::sleep(PAUSE).await;
            let version = self.version();
            let trx = self.shared.begin()?;
            trx.set_read_version(version);
            Reading {
                trx: Arc::new(trx),
                version,
            }
        } else {
            return Err(failure(error));
        };
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = reading;
        Ok(())
    }

    fn version(&self) -> i64 {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading.version
    }

    /// What FoundationDB gives at once of the first so many entries of a range, and
    /// whether there is more.
    async fn batch(&self, range: &Range, limit: usize) -> Result<Batch, Failure> {
        loop {
            match batch(&self.reading(), range, limit).await {
                Ok(batch) => return Ok(batch),
                Err(error) => self.renew(error).await?,
            }
        }
    }
}

impl Reading {
    async fn newest(shared: &Shared) -> Result<(Self, Rev), Failure> {
        let (trx, rev) = begun(shared, true).await?;
        // It is known by now.
        let version = trx.get_read_version().await.map_err(failure)?;
        let trx = Arc::new(trx);
        Ok((Self { trx, version }, rev))
    }
}

impl Snapshot for FdbSnapshot {
    fn rev(&self) -> Rev {
        self.rev
    }

    async fn get(&self, key: &Key) -> Result<Option<Value>, Failure> {
        let reading = async {
            loop {
                match self.reading().get(key, true).await {
                    Ok(value) => return Ok(value.map(|value| value.to_vec())),
                    Err(error) => self.renew(error).await?,
                }
            }
        };
        patiently(reading).await
    }

    /// Each batch of FoundationDB's has its own patience: a long range takes as long as
    /// it takes.
    async fn range(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Value)>, Failure> {
        let (mut left, mut rows) = (range.clone(), Vec::new());
        while rows.len() < limit {
            let batch = patiently(self.batch(&left, limit - rows.len())).await?;
            if let Some((last, _)) = batch.rows.last() {
                left = left.after(last);
            }
            rows.extend(batch.rows);
            if !batch.more {
                break;
            }
        }
        Ok(rows)
    }
}

struct Batch {
    rows: Vec<(Key, Value)>,
    more: bool,
}

async fn batch(trx: &Trx, range: &Range, limit: usize) -> FdbResult<Batch> {
    let option = RangeOption {
        limit: Some(limit),
        ..of_range(range)
    };
    let values = trx.get_range(&option, 1, true).await?;
    Ok(Batch {
        rows: values.iter().map(row).collect(),
        more: values.more(),
    })
}
