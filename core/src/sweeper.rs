//! The sweeper: does what is due, on every core, harmlessly twice.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use parterre_domain::command::{
    Answer, CancelStep, Command, DropUpload, Forget, Publish, TurnSale,
};
use parterre_domain::keys::{self, Due};
use parterre_domain::{EventId, ReservationRecord, Timestamp, limits};
use tokio::sync::Semaphore;

use crate::context::Context;
use crate::lane::Rejected;
use crate::layouts::read;
use crate::store::{Failure, Snapshot, Store};

/// Entries being worked off, so that none is in work twice in one process.
type InWork = Arc<Mutex<HashSet<(Timestamp, Due)>>>;

/// Sweeps for ever.
pub(crate) async fn sweep(context: Context) {
    let in_work = InWork::default();
    let places = Arc::new(Semaphore::new(limits::SWEEPS_AT_ONCE));
    loop {
        match due(&context).await {
            Ok(entries) => {
                for entry in entries {
                    begin(&context, &in_work, &places, entry).await;
                }
            }
            Err(failure) => tracing::error!(%failure, "the due index can't be read"),
        }
        tokio::time::sleep(limits::SWEEP_INTERVAL).await;
    }
}

async fn due(context: &Context) -> Result<Vec<(Timestamp, Due)>, Failure> {
    let now = context.clock.now();
    let snapshot = context.store.snapshot().await?;
    let mut entries = Vec::new();
    for shard in 0..limits::DUE_SHARDS {
        let range = keys::due_between(shard, Timestamp::from_millis(0), now);
        let rows = snapshot.range(&range, limits::DUE_PER_SWEEP).await?;
        entries.extend(rows.iter().filter_map(|(key, _)| keys::due_of(key)));
    }
    entries.sort();
    Ok(entries)
}

async fn begin(
    context: &Context,
    in_work: &InWork,
    places: &Arc<Semaphore>,
    entry: (Timestamp, Due),
) {
    if !lock(in_work, |entries| entries.insert(entry)) {
        return;
    }
    let Ok(place) = Arc::clone(places).acquire_owned().await else {
        return;
    };
    let (context, in_work) = (context.clone(), Arc::clone(in_work));
    tokio::spawn(async move {
        let (due_at, due) = entry;
        context.metrics.swept.with_label_values(&[kind(due)]).inc();
        if let Err(rejected) = work(&context, due_at, due).await {
            // The entry stays, and the next sweep finds it.
            tracing::warn!(%rejected, ?due, "what was due couldn't be done yet");
        }
        lock(&in_work, |entries| entries.remove(&entry));
        drop(place);
    });
}

fn lock<T>(in_work: &InWork, act: impl FnOnce(&mut HashSet<(Timestamp, Due)>) -> T) -> T {
    act(&mut in_work.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn work(context: &Context, due_at: Timestamp, due: Due) -> Result<(), Rejected> {
    let command = match due {
        Due::Expire(reservation) => return context.payments.expire(reservation, due_at).await,
        Due::Outbox(outbox) => return context.payments.call(outbox, due_at).await,
        Due::Sandbox(session) => return context.payments.deliver(session, due_at).await,
        Due::CancelStep(event) => return cancel(context, event, due_at).await,
        Due::TurnSale(event) => Command::TurnSale(TurnSale { event, due_at }),
        Due::Publish(event) => Command::Publish(Publish {
            event,
            at: None,
            due_at: Some(due_at),
        }),
        Due::Forget(reservation) => {
            let found: Option<ReservationRecord> =
                find(context, &keys::reservation(reservation)).await?;
            let event = found.map_or(EventId::from_number(0), |record| record.event);
            Command::Forget(Forget {
                event,
                reservation,
                due_at,
            })
        }
        Due::DropUpload(upload) => {
            let snapshot = context
                .store
                .snapshot()
                .await
                .map_err(|_| Rejected::Unavailable)?;
            let value = snapshot
                .get(&keys::upload_event(upload))
                .await
                .map_err(|_| Rejected::Unavailable)?;
            let event = value
                .and_then(|value| value.try_into().ok())
                .map_or(EventId::from_number(0), EventId::from_bytes);
            Command::DropUpload(DropUpload {
                event,
                upload,
                due_at,
            })
        }
    };
    context.lanes.submit(command).await.map(drop)
}

/// Step after step, until nothing of the event is left.
async fn cancel(context: &Context, event: EventId, due_at: Timestamp) -> Result<(), Rejected> {
    loop {
        match context
            .lanes
            .submit(Command::CancelStep(CancelStep { event, due_at }))
            .await?
            .answer
        {
            Answer::Event(record) if record.cancelling => {}
            _ => return Ok(()),
        }
    }
}

async fn find<T: serde::de::DeserializeOwned>(
    context: &Context,
    key: &keys::Key,
) -> Result<Option<T>, Rejected> {
    let snapshot = context
        .store
        .snapshot()
        .await
        .map_err(|_| Rejected::Unavailable)?;
    read(&snapshot, key)
        .await
        .map_err(|failure| Rejected::Broken(failure.0))
}

const fn kind(due: Due) -> &'static str {
    match due {
        Due::Expire(_) => "expire",
        Due::TurnSale(_) => "turn_sale",
        Due::Publish(_) => "publish",
        Due::CancelStep(_) => "cancel_step",
        Due::Outbox(_) => "outbox",
        Due::Forget(_) => "forget",
        Due::DropUpload(_) => "drop_upload",
        Due::Sandbox(_) => "sandbox",
    }
}
