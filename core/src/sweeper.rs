//! The sweeper: does what is due, on every core, harmlessly twice.
//!
//! One task owns the list of what is in work. A sweep reads the due index and queues what
//! isn't queued yet; entries are worked off by tasks of their own, bounded in number.
//! Those that ask a payment provider have a bound of their own, so that a provider that
//! hangs holds up no other entry. What only tidies up has another: a day after a large
//! sale there is much to forget, and nobody waits for it. What can't be done stays in the
//! index for the next sweep.

use std::collections::{HashMap, HashSet, VecDeque};

use futures_util::future::try_join_all;
use futures_util::{StreamExt, stream};
use parterre_domain::command::{
    Answer, CancelStep, Command, DropUpload, Forget, Publish, TurnSale,
};
use parterre_domain::keys::{self, Due};
use parterre_domain::{EventId, ReservationRecord, Timestamp, limits};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use crate::context::Context;
use crate::lane::Rejected;
use crate::layouts::read;
use crate::store::any::AnySnapshot;
use crate::store::{Failure, Snapshot, Store};

/// What is due, and when it became so.
type Entry = (Timestamp, Due);

/// Sweeps for ever. Dropping the future stops what is in work; commands that wait in a
/// lane go on.
pub(crate) async fn sweep(context: Context) {
    let mut works: JoinSet<()> = JoinSet::new();
    let mut queues = Queues::default();
    let mut running: HashMap<Id, (Entry, Kind)> = HashMap::new();
    let mut tick = interval(limits::SWEEP_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                if let Err(failure) = gather(&context, &mut queues).await {
                    tracing::error!(%failure, "the due index can't be read");
                }
            }
            Some(ended) = works.join_next_with_id() => {
                let ended = ended.map(|(id, ())| id).unwrap_or_else(broke);
                if let Some((entry, kind)) = running.remove(&ended) {
                    queues.ended(entry, kind);
                }
            }
        }
        while let Some((entry, kind)) = queues.next() {
            let task = works.spawn(attempt(context.clone(), entry));
            running.insert(task.id(), (entry, kind));
        }
    }
}

fn broke(error: JoinError) -> Id {
    tracing::error!(%error, "the work on a due entry broke off");
    error.id()
}

/// Whom an entry waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The store alone.
    Own,
    /// A payment provider.
    Provider,
    /// Nobody waits for it: what tidies up goes behind everything else.
    Tidying,
}

/// Entries that were read from the index and aren't done.
#[derive(Debug, Default)]
struct Queues {
    known: HashSet<Entry>,
    own: Queue,
    provider: Queue,
    tidying: Queue,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Entry>,
    running: usize,
}

impl Queues {
    fn of(&mut self, kind: Kind) -> (&mut Queue, usize) {
        match kind {
            Kind::Own => (&mut self.own, limits::SWEEPS_AT_ONCE),
            Kind::Provider => (&mut self.provider, limits::PROVIDER_SWEEPS_AT_ONCE),
            Kind::Tidying => (&mut self.tidying, limits::TIDYING_SWEEPS_AT_ONCE),
        }
    }

    /// How many more entries of a kind may wait.
    fn room(&mut self, kind: Kind) -> usize {
        let (queue, at_once) = self.of(kind);
        (at_once * usize::from(limits::DUE_SHARDS)).saturating_sub(queue.waiting.len())
    }

    fn knows(&self, entry: &Entry) -> bool {
        self.known.contains(entry)
    }

    /// Queues an entry, unless enough of its kind wait: then a later sweep finds it.
    fn add(&mut self, entry: Entry, kind: Kind) {
        if self.room(kind) > 0 {
            self.of(kind).0.waiting.push_back(entry);
            self.known.insert(entry);
        }
    }

    /// An entry to begin now.
    fn next(&mut self) -> Option<(Entry, Kind)> {
        for kind in [Kind::Own, Kind::Provider, Kind::Tidying] {
            let (queue, at_once) = self.of(kind);
            if queue.running < at_once
                && let Some(entry) = queue.waiting.pop_front()
            {
                queue.running += 1;
                return Some((entry, kind));
            }
        }
        None
    }

    fn ended(&mut self, entry: Entry, kind: Kind) {
        self.of(kind).0.running -= 1;
        self.known.remove(&entry);
    }
}

/// Reads what is due and isn't queued yet, the earliest first.
async fn gather(context: &Context, queues: &mut Queues) -> Result<(), Failure> {
    let now = context.clock.now();
    let snapshot = context.store.snapshot().await?;
    let room = queues.room(Kind::Tidying);
    let shards = (0..limits::DUE_SHARDS).map(|shard| new_in(shard, &snapshot, now, queues, room));
    let mut found = try_join_all(shards).await?.concat();
    found.sort_unstable();
    let kinds = found.into_iter().map(|entry| {
        let kind = kind(&snapshot, entry.1);
        async move { (entry, kind.await) }
    });
    let mut kinds = stream::iter(kinds).buffered(limits::READS_AT_ONCE);
    while let Some((entry, kind)) = kinds.next().await {
        // What came before a read that fails stays queued.
        queues.add(entry, kind?);
    }
    Ok(())
}

/// What is due in one shard of the index and isn't queued yet, with at most so much of what
/// only tidies up.
async fn new_in(
    shard: u8,
    snapshot: &AnySnapshot,
    now: Timestamp,
    queues: &Queues,
    mut room: usize,
) -> Result<Vec<Entry>, Failure> {
    let mut found = Vec::new();
    let mut range = keys::due_between(shard, Timestamp::from_millis(0), now);
    let (mut new, mut read) = (0, 0);
    loop {
        let rows = snapshot.range(&range, limits::DUE_PER_SWEEP).await?;
        let entries = rows.iter().filter_map(|(key, _)| keys::due_of(key));
        for entry in entries.filter(|entry| !queues.knows(entry)) {
            if !is_tidying(entry.1) {
                new += 1;
            } else if room == 0 {
                continue;
            } else {
                room -= 1;
            }
            found.push(entry);
        }
        read += rows.len();
        let enough = new >= limits::DUE_PER_SWEEP || read >= limits::DUE_READ_PER_SWEEP;
        match rows.last() {
            // Beyond what is queued already, and what only tidies up, there may be more.
            Some((last, _)) if rows.len() == limits::DUE_PER_SWEEP && !enough => {
                range = range.after(last);
            }
            _ => return Ok(found),
        }
    }
}

async fn kind(snapshot: &AnySnapshot, due: Due) -> Result<Kind, Failure> {
    Ok(match due {
        Due::Outbox(_) | Due::Sandbox(_) => Kind::Provider,
        Due::Expire(reservation) => {
            let record: Option<ReservationRecord> =
                read(snapshot, &keys::reservation(reservation)).await?;
            match record.and_then(|record| record.checkout) {
                Some(_) => Kind::Provider,
                None => Kind::Own,
            }
        }
        Due::TurnSale(_) | Due::Publish(_) | Due::CancelStep(_) => Kind::Own,
        Due::Forget(_) | Due::DropUpload(_) => Kind::Tidying,
    })
}

/// Whether an entry is of [`Kind::Tidying`].
fn is_tidying(due: Due) -> bool {
    matches!(due, Due::Forget(_) | Due::DropUpload(_))
}

async fn attempt(context: Context, (due_at, due): Entry) {
    let late = context.clock.now().since(due_at).as_secs_f64();
    context.metrics.swept_late_seconds.observe(late);
    let outcome = match work(&context, due_at, due).await {
        Ok(()) => "done",
        Err(Rejected::Refused(refusal)) => {
            tracing::debug!(%refusal, ?due, "what was due is refused");
            "refused"
        }
        Err(rejected) => {
            // The entry stays, and the next sweep finds it.
            tracing::warn!(%rejected, ?due, "what was due couldn't be done yet");
            "failed"
        }
    };
    let labels = [name(due), outcome];
    context.metrics.swept.with_label_values(&labels).inc();
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
            let found = context.payments.find(reservation).await?;
            let event = found.map_or(NOBODY, |record| record.event);
            Command::Forget(Forget {
                event,
                reservation,
                due_at,
            })
        }
        Due::DropUpload(upload) => {
            let event = upload_event(context, upload)
                .await
                .map_err(|_| Rejected::Unavailable)?
                .unwrap_or(NOBODY);
            Command::DropUpload(DropUpload {
                event,
                upload,
                due_at,
            })
        }
    };
    context.lanes.submit(command).await.map(drop)
}

/// Stands for the event of a record that is gone: the rule then only clears the entry.
const NOBODY: EventId = EventId::from_number(0);

async fn upload_event(
    context: &Context,
    upload: parterre_domain::UploadId,
) -> Result<Option<EventId>, Failure> {
    let snapshot = context.store.snapshot().await?;
    let value = snapshot.get(&keys::upload_event(upload)).await?;
    Ok(value
        .and_then(|value| value.try_into().ok())
        .map(EventId::from_bytes))
}

/// Step after step, until nothing of the event is left.
async fn cancel(context: &Context, event: EventId, due_at: Timestamp) -> Result<(), Rejected> {
    loop {
        let step = Command::CancelStep(CancelStep { event, due_at });
        match context.lanes.submit(step).await?.answer {
            Answer::Event(record) if record.cancelling => {}
            _ => return Ok(()),
        }
    }
}

/// Every kind of what is due, as a label.
pub(crate) const KINDS: [&str; 8] = [
    "expire",
    "turn_sale",
    "publish",
    "cancel_step",
    "outbox",
    "forget",
    "drop_upload",
    "sandbox",
];

/// What is due, as a label: one of [`KINDS`].
pub(crate) const fn name(due: Due) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: usize) -> Entry {
        let id = EventId::from_number(number as u128);
        (Timestamp::from_millis(1), Due::TurnSale(id))
    }

    #[test]
    fn a_provider_that_hangs_holds_up_nothing_else() {
        let mut queues = Queues::default();
        let many = limits::PROVIDER_SWEEPS_AT_ONCE + 1;
        (0..many).for_each(|number| queues.add(entry(number), Kind::Provider));
        let mut begun = 0;
        while let Some((_, kind)) = queues.next() {
            assert_eq!(kind, Kind::Provider);
            begun += 1;
        }
        assert_eq!(begun, limits::PROVIDER_SWEEPS_AT_ONCE);
        queues.add(entry(many), Kind::Own);
        assert_eq!(queues.next(), Some((entry(many), Kind::Own)));
    }

    #[test]
    fn what_tidies_up_holds_up_nothing_else() {
        let mut queues = Queues::default();
        (0..100_000).for_each(|number| queues.add(entry(number), Kind::Tidying));
        assert_eq!(queues.room(Kind::Tidying), 0);
        while let Some((_, kind)) = queues.next() {
            assert_eq!(kind, Kind::Tidying);
        }
        assert_eq!(queues.tidying.running, limits::TIDYING_SWEEPS_AT_ONCE);
        queues.add(entry(100_000), Kind::Own);
        assert_eq!(queues.next(), Some((entry(100_000), Kind::Own)));
    }

    #[test]
    fn every_kind_has_its_label() {
        let (id, bytes) = (EventId::from_number(1), [0; 16]);
        let reservation = parterre_domain::ReservationId::from_bytes(bytes);
        let all = [
            Due::Expire(reservation),
            Due::TurnSale(id),
            Due::Publish(id),
            Due::CancelStep(id),
            Due::Outbox(parterre_domain::OutboxId(bytes)),
            Due::Forget(reservation),
            Due::DropUpload(parterre_domain::UploadId(bytes)),
            Due::Sandbox(bytes),
        ];
        assert_eq!(all.map(name), KINDS);
    }

    #[test]
    fn an_entry_is_known_until_its_work_has_ended() {
        let mut queues = Queues::default();
        queues.add(entry(1), Kind::Own);
        assert!(queues.knows(&entry(1)));
        let (begun, kind) = queues.next().unwrap();
        assert!(queues.knows(&begun));
        assert_eq!(queues.next(), None);
        queues.ended(begun, kind);
        assert!(!queues.knows(&entry(1)));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut queues = Queues::default();
        (0..100_000).for_each(|number| queues.add(entry(number), Kind::Own));
        let most = limits::SWEEPS_AT_ONCE * usize::from(limits::DUE_SHARDS);
        assert_eq!(queues.own.waiting.len(), most);
        assert!(!queues.knows(&entry(99_999)));
    }
}
