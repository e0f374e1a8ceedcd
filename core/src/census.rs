//! Counts now and then what waits in the store and how much room it has, for operators.
//! A backlog is in the store, not in a core: any core's count is true for all.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use parterre_domain::{OutboxRecord, ProviderCall, Timestamp, keys, limits};

use crate::config::StoreConfig;
use crate::context::Context;
use crate::store::any::AnySnapshot;
use crate::store::{Failure, Snapshot, Store};
use crate::sweeper;

/// Counts for ever.
pub(crate) async fn census(context: Context) {
    loop {
        if let Err(failure) = count(&context).await {
            tracing::warn!(%failure, "what waits in the store can't be counted");
        }
        if let StoreConfig::Embedded(folder) = &context.config.store {
            measure(&context, folder);
        }
        tokio::time::sleep(limits::CENSUS_INTERVAL).await;
    }
}

async fn count(context: &Context) -> Result<(), Failure> {
    let snapshot = context.store.snapshot().await?;
    let metrics = &context.metrics;
    for (kind, (entries, oldest)) in overdue(&snapshot, context.clock.now()).await? {
        let seconds = whole(oldest.as_secs());
        metrics.overdue.with_label_values(&[kind]).set(entries);
        metrics
            .overdue_seconds
            .with_label_values(&[kind])
            .set(seconds);
    }
    for (call, calls) in outbox(&snapshot).await? {
        metrics.outbox.with_label_values(&[call]).set(calls);
    }
    Ok(())
}

/// Entries of the due index that a sweep should have taken, and how late the oldest is.
async fn overdue(
    snapshot: &AnySnapshot,
    now: Timestamp,
) -> Result<BTreeMap<&'static str, (i64, Duration)>, Failure> {
    let mut kinds: BTreeMap<_, _> = sweeper::KINDS
        .map(|kind| (kind, (0, Duration::ZERO)))
        .into();
    // Two sweeps' time: whatever is younger is no backlog.
    let until = now - 2 * limits::SWEEP_INTERVAL;
    let per_shard = limits::CENSUS_ENTRIES / usize::from(limits::DUE_SHARDS);
    for shard in 0..limits::DUE_SHARDS {
        let range = keys::due_between(shard, Timestamp::from_millis(0), until);
        let rows = snapshot.range(&range, per_shard).await?;
        for (at, due) in rows.iter().filter_map(|(key, _)| keys::due_of(key)) {
            let (entries, oldest) = kinds.entry(sweeper::name(due)).or_default();
            *entries += 1;
            *oldest = now.since(at).max(*oldest);
        }
        tokio::task::yield_now().await;
    }
    Ok(kinds)
}

/// Calls to the provider that wait to be made or to be answered.
async fn outbox(snapshot: &AnySnapshot) -> Result<[(&'static str, i64); 2], Failure> {
    let rows = snapshot
        .range(&keys::outboxes(), limits::CENSUS_ENTRIES)
        .await?;
    let (mut refunds, mut closings) = (0, 0);
    for (_, value) in &rows {
        let record: OutboxRecord = parterre_domain::decode(value)
            .map_err(|error| Failure(format!("a call of the outbox can't be read: {error}")))?;
        match record.call {
            ProviderCall::Refund(_) => refunds += 1,
            ProviderCall::CloseSession(_) => closings += 1,
        }
    }
    Ok([("refund", refunds), ("close", closings)])
}

/// The room that the embedded store takes and has left.
fn measure(context: &Context, folder: &Path) {
    let files = folder.read_dir().into_iter().flatten().flatten();
    let bytes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
    context.metrics.store_bytes.set(whole(bytes.sum()));
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            context.metrics.disk_free_bytes.set(whole(free));
        }
        Err(error) => tracing::warn!(%error, "the store's disk can't be measured"),
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
