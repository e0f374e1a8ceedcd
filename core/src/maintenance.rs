//! Commits that no rule decides, to a store that no core has open.

use bytes::Bytes;
use parterre_domain::keys::{self, Key};
use parterre_domain::state::{Want, Write};
use parterre_domain::{LogRecord, Timestamp, encode};

use crate::driver::fresh;
use crate::store::any::{AnyStore, AnyTransaction};
use crate::store::{Commit, Failure, Loaded, Marker, Retry, Store, Transaction, Value};

/// Commits writes, once, whatever comes between; only while a key still has a value, if one
/// is named.
pub(crate) async fn commit(
    store: &AnyStore,
    now: Timestamp,
    still: Option<(Key, Value)>,
    writes: Vec<Write>,
) -> Result<(), Failure> {
    let record = LogRecord {
        at: now,
        events: Vec::new(),
    };
    let commit = Commit {
        writes,
        record: Bytes::from(encode(&record)),
        marker: Marker {
            key: keys::MAINTENANCE_MARKER.to_vec(),
            batch: fresh(),
        },
    };
    let mut transaction = store.begin().await?;
    loop {
        let why = match load(&mut transaction, &commit.marker.key, still.as_ref()).await {
            Ok((marker, _)) if commit.marker.committed(marker.as_ref()).is_some() => return Ok(()),
            Ok((_, value)) if still.as_ref().map(|(_, value)| value) != value.as_ref() => {
                let why =
                    "the store is in use; stop every core first, and whatever else changes it";
                return Err(Failure(why.to_owned()));
            }
            Err(why) => why,
            Ok(_) => match transaction.commit(commit.clone()).await {
                Ok(_) => return Ok(()),
                Err((back, why)) => {
                    transaction = back;
                    why
                }
            },
        };
        if why == Retry::TooLarge {
            return Err(Failure("one commit would be too large".to_owned()));
        }
        transaction = transaction.again(why).await?;
    }
}

/// The marker, and what the key that must keep its value has.
async fn load(
    transaction: &mut AnyTransaction,
    marker: &Key,
    still: Option<&(Key, Value)>,
) -> Result<(Option<Value>, Option<Value>), Retry> {
    let keys = [marker].into_iter().chain(still.map(|(key, _)| key));
    let wants = keys.map(|key| Want::Key(key.clone())).collect();
    let mut values = transaction.load(wants).await?.into_iter().map(value);
    Ok((values.next().flatten(), values.next().flatten()))
}

fn value(loaded: Loaded) -> Option<Value> {
    match loaded {
        Loaded::Key(_, value) => value,
        Loaded::Range(..) => None,
    }
}
