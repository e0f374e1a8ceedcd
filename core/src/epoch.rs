//! A new epoch for a store: after a restore from a backup its log ends before what edges
//! and clients have seen, and a rev of the old epoch may name a commit that never was.
//! Under the next epoch every edge and every client begins anew from snapshots.

use bytes::Bytes;
use parterre_domain::keys;
use parterre_domain::state::{Want, Write};
use parterre_domain::{LogRecord, Timestamp, encode};

use crate::driver::fresh;
use crate::store::any::AnyStore;
use crate::store::{Commit, Failure, Loaded, Marker, Store, Transaction};

/// The epochs before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// What revs began with.
    pub before: u32,
    /// What they begin with once the store is opened again.
    pub after: u32,
}

/// Moves a store that nobody else has open to its next epoch.
///
/// # Errors
///
/// When the store fails, or somebody else writes to it meanwhile.
pub async fn renew(store: &AnyStore, now: Timestamp) -> Result<Renewed, Failure> {
    let again = |why| {
        Failure(format!(
            "the store is in use ({why}); stop every core first"
        ))
    };
    let mut transaction = store.begin().await?;
    let wants = vec![Want::Key(keys::EPOCH.to_vec())];
    let loaded = transaction.load(wants).await.map_err(again)?;
    let before = match loaded.as_slice() {
        [Loaded::Key(_, Some(value))] => value.as_slice().try_into().map(u32::from_be_bytes).ok(),
        _ => None,
    };
    let before = before.ok_or_else(|| Failure("the store has no epoch".to_owned()))?;
    let after = before + 1;
    let id = fresh();
    let record = LogRecord {
        at: now,
        events: Vec::new(),
    };
    let commit = Commit {
        writes: vec![
            Write::Set(keys::EPOCH.to_vec(), after.to_be_bytes().to_vec()),
            Write::SetRev(keys::EPOCH_BEGAN.to_vec()),
        ],
        record: Bytes::from(encode(&record)),
        marker: Marker {
            key: keys::marker(id, 0),
            batch: id,
        },
    };
    match transaction.commit(commit).await {
        Ok(_) => Ok(Renewed { before, after }),
        Err((_, why)) => Err(again(why)),
    }
}
