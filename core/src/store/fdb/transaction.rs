//! A transaction of FoundationDB, with the errors of its attempts told apart.

use std::sync::Arc;

use foundationdb::options::MutationType;
use foundationdb::{FdbError, FdbResult, RangeOption, Transaction as Trx, TransactionCommitError};
use futures_util::{TryStreamExt, future};
use parterre_domain::keys::{self, Key, Range};
use parterre_domain::state::{Want, Write};
use parterre_domain::{Rev, limits};

use super::{
    Shared, anew, begun_with, code, failure, of_range, patiently, position, put_stamped, row,
    with_stamp,
};
use crate::store::{Commit, Failure, Loaded, Retry, Transaction, Value};

/// A transaction of FoundationDB.
pub struct FdbTransaction {
    shared: Arc<Shared>,
    rev: Rev,
    /// FoundationDB's own, kept across attempts: it remembers how long to back off. The
    /// error is of a commit.
    trx: Result<Trx, TransactionCommitError>,
    /// The error of a read.
    failed: Option<FdbError>,
}

impl FdbTransaction {
    pub(super) async fn begin(shared: Arc<Shared>) -> Result<Self, Failure> {
        let trx = shared.begin()?;
        Self::with(shared, trx).await
    }

    /// Reads where the store stands. The epoch is read serializably: no commit lands
    /// under one that has ended.
    async fn with(shared: Arc<Shared>, trx: Trx) -> Result<Self, Failure> {
        let (trx, rev) = patiently(begun_with(trx, false)).await?;
        Ok(Self {
            shared,
            rev,
            trx: Ok(trx),
            failed: None,
        })
    }
}

impl Transaction for FdbTransaction {
    fn rev(&self) -> Rev {
        self.rev
    }

    async fn load(&mut self, wants: Vec<Want>) -> Result<Vec<Loaded>, Retry> {
        let Ok(trx) = &self.trx else {
            return Err(Retry::TooOld);
        };
        let loads = future::try_join_all(wants.into_iter().map(|want| load(trx, want)));
        match tokio::time::timeout(limits::STORE_PATIENCE, loads).await {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(error)) => {
                self.failed = Some(error);
                Err(retry(error))
            }
            Err(_) => Err(Retry::TooOld),
        }
    }

    async fn commit(mut self, commit: Commit) -> Result<Rev, (Self, Retry)> {
        let trx = match self.trx {
            Ok(trx) => trx,
            refused => {
                self.trx = refused;
                return Err((self, Retry::TooOld));
            }
        };
        write(&trx, &commit, self.rev.epoch);
        let stamp = trx.get_versionstamp();
        let committed = match trx.commit().await {
            Ok(committed) => committed,
            Err(refused) => {
                let why = retry(*refused);
                self.trx = Err(refused);
                return Err((self, why));
            }
        };
        match stamp.await {
            Ok(stamp) => {
                let position = position(Some(&stamp));
                let rev = Rev {
                    position,
                    ..self.rev
                };
                self.shared.committed(rev);
                Ok(rev)
            }
            // It is in; the marker says under which rev.
            Err(error) => {
                self.trx = Ok(committed.reset());
                self.failed = Some(error);
                Err((self, Retry::Unknown))
            }
        }
    }

    async fn again(self, _why: Retry) -> Result<Self, Failure> {
        let trx = match (self.trx, self.failed) {
            (Ok(trx), None) => trx.cancel().reset(),
            (Ok(trx), Some(error)) => anew(trx, error).await?,
            // It may go in yet, so nothing can be decided anew.
            (Err(refused), _)
                if refused.is_maybe_committed() && refused.code() != code::COMMIT_UNKNOWN =>
            {
                return Err(failure(*refused));
            }
            (Err(refused), _) => refused.on_error().await.map_err(failure)?,
        };
        Self::with(self.shared, trx).await
    }
}

async fn load(trx: &Trx, want: Want) -> FdbResult<Loaded> {
    Ok(match want {
        Want::Key(key) => {
            let value = trx.get(&key, false).await?;
            Loaded::Key(key, value.map(|value| value.to_vec()))
        }
        Want::Range(range, limit) => {
            let rows = match limit {
                // To FoundationDB it means all.
                0 => Vec::new(),
                _ => rows(trx, &range, limit).await?,
            };
            Loaded::Range(range, limit, rows)
        }
    })
}

/// The first so many entries of a range.
async fn rows(trx: &Trx, range: &Range, limit: usize) -> FdbResult<Vec<(Key, Value)>> {
    let option = RangeOption {
        limit: Some(limit),
        ..of_range(range)
    };
    let rows = trx.get_ranges_keyvalues(option, false);
    let rows = rows.map_ok(|entry| row(&entry));
    rows.try_collect().await
}

/// All that one batch changes, its record and the doorbell.
fn write(trx: &Trx, commit: &Commit, epoch: u32) {
    let epoch = epoch.to_be_bytes();
    for write in &commit.writes {
        match write {
            Write::Set(key, value) => trx.set(key, value),
            Write::Clear(key) => trx.clear(key),
            Write::ClearRange(range) => trx.clear_range(&range.start, &range.end),
            Write::Add(key, by) => trx.atomic_op(key, &by.to_le_bytes(), MutationType::Add),
            Write::SetRev(key) => put_stamped(trx, key, &epoch),
        }
    }
    let marker = &commit.marker;
    put_stamped(
        trx,
        &marker.key,
        &[marker.batch.as_slice(), &epoch].concat(),
    );
    put_stamped(trx, keys::DOORBELL, &[]);
    let key = with_stamp(&[keys::LOG]);
    trx.atomic_op(&key, &commit.record, MutationType::SetVersionstampedKey);
}

/// What an error of FoundationDB means for an attempt.
fn retry(error: FdbError) -> Retry {
    match error.code() {
        code::NOT_COMMITTED => Retry::Conflict,
        code::TOO_LARGE => Retry::TooLarge,
        _ if error.is_retryable_not_committed() => Retry::TooOld,
        // What isn't known to be out may be in.
        _ => Retry::Unknown,
    }
}
