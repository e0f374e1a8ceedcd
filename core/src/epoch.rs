//! A new epoch for a store: after a restore from a backup its log ends before what edges
//! and clients have seen, and a rev of the old epoch may name a commit that never was.
//! Under the next epoch every edge and every client begins anew from snapshots.

use parterre_domain::Timestamp;
use parterre_domain::keys;
use parterre_domain::state::Write;

use crate::maintenance;
use crate::store::any::AnyStore;
use crate::store::{Failure, Snapshot, Store};

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
/// When the store fails, or somebody else renews it meanwhile.
pub async fn renew(store: &AnyStore, now: Timestamp) -> Result<Renewed, Failure> {
    let before = store.snapshot().await?.rev().epoch;
    let after = before + 1;
    let still = (keys::EPOCH.to_vec(), before.to_be_bytes().to_vec());
    let writes = vec![
        Write::Set(keys::EPOCH.to_vec(), after.to_be_bytes().to_vec()),
        Write::SetRev(keys::EPOCH_BEGAN.to_vec()),
    ];
    maintenance::commit(store, now, Some(still), writes).await?;
    Ok(Renewed { before, after })
}
