//! Keeps the log within its age and size.

use parterre_domain::wire::feed::decode_record;
use parterre_domain::{Position, Rev, Timestamp, limits};

use crate::clock::Clock;
use crate::store::any::AnyStore;
use crate::store::{Failure, Store};

/// Trims for ever, one bounded step at a time.
pub(crate) async fn trim(store: AnyStore, clock: Clock) {
    loop {
        tokio::time::sleep(limits::TRIM_INTERVAL).await;
        let kept_since = clock.now() - limits::LOG_KEPT;
        while let Ok(true) = step(&store, kept_since).await.inspect_err(|failure| {
            tracing::error!(%failure, "the log couldn't be trimmed");
        }) {}
    }
}

/// Drops the oldest records that are older than a time; whether there may be more.
pub(crate) async fn step(store: &AnyStore, kept_since: Timestamp) -> Result<bool, Failure> {
    let page = store
        .log_after(Rev::default(), limits::CATCH_UP_BYTES)
        .await?;
    let old = page
        .records
        .iter()
        .take_while(|(_, record)| decode_record(record).is_ok_and(|record| record.at < kept_since));
    let last: Option<Position> = old.map(|(rev, _)| rev.position).last();
    let Some(last) = last else { return Ok(false) };
    store.trim_log(last).await?;
    Ok(page
        .records
        .last()
        .is_some_and(|(rev, _)| rev.position == last))
}
