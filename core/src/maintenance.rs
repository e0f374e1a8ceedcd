//! Commits that no rule decides, to a store that no core has open.

use bytes::Bytes;
use parterre_domain::keys;
use parterre_domain::state::{Want, Write};
use parterre_domain::{LogRecord, Timestamp, encode};

use crate::driver::fresh;
use crate::store::any::AnyStore;
use crate::store::{Commit, Failure, Loaded, Marker, Retry, Store, Transaction};

/// Commits writes, once, whatever comes between.
pub(crate) async fn commit(
    store: &AnyStore,
    now: Timestamp,
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
        let marker = Want::Key(commit.marker.key.clone());
        let why = match transaction.load(vec![marker]).await.as_deref() {
            Ok([Loaded::Key(_, value)]) if commit.marker.committed(value.as_ref()).is_some() => {
                return Ok(());
            }
            Err(why) => *why,
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
