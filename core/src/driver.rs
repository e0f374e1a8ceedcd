//! The driver: runs a batch of commands as one transaction, on any store.
//!
//! Load what the commands want, decide each in turn over one overlay, commit, answer. A
//! refusal rolls back to its savepoint and costs its neighbours nothing. Retries happen
//! here and nowhere else, each with a fresh `now`.

use bytes::Bytes;
use parterre_domain::command::{Answer, Command};
use parterre_domain::keys;
use parterre_domain::state::{Overlay, Stop, Want, Write};
use parterre_domain::{AuditNote, LogRecord, Rev, Timestamp, limits};

use crate::clock::Clock;
use crate::lane::{Committed, Rejected};
use crate::metrics::Metrics;
use crate::passages::Passages;
use crate::store::{Commit, Loaded, Marker, Retry, Store, Transaction};

/// A command and until when it may be tried.
#[derive(Clone, Debug)]
pub struct Queued {
    /// What to do.
    pub command: Command,
    /// Past this it isn't attempted any more.
    pub deadline: Timestamp,
    /// Who asks for it, if that is to be entered in the audit trail.
    pub note: Option<AuditNote>,
}

impl Queued {
    fn is_late(&self, now: Timestamp) -> bool {
        now > self.deadline
    }
}

/// What became of a command.
pub type Outcome = Result<Committed, Rejected>;

/// Runs batches on one store under one marker.
pub struct Driver<S> {
    store: S,
    clock: Clock,
    metrics: Metrics,
    marker_key: keys::Key,
}

/// What an attempt decided of each command of a batch.
pub(crate) type Decided = Vec<Result<Answer, Rejected>>;

impl<S: Store> Driver<S> {
    /// A driver whose batches are marked under a key that no other driver uses.
    pub fn new(store: S, clock: Clock, metrics: Metrics, marker_key: keys::Key) -> Self {
        Self {
            store,
            clock,
            metrics,
            marker_key,
        }
    }

    /// Runs commands as one transaction, or as several if they are too large for one.
    /// Outcomes come in the order of the commands.
    pub async fn run(&self, batch: &[Queued]) -> Vec<Outcome> {
        let marker = Marker {
            key: self.marker_key.clone(),
            batch: fresh(),
        };
        match self.attempts(batch, &marker).await {
            Ok(outcomes) => outcomes,
            Err(TooLarge) if batch.len() == 1 => {
                let what = "the command writes more than one transaction may";
                tracing::error!(command = ?batch[0].command.event(), what);
                vec![Err(Rejected::Broken(what.into()))]
            }
            Err(TooLarge) => {
                self.counts(Retry::TooLarge);
                let (first, second) = batch.split_at(batch.len() / 2);
                let mut outcomes = Box::pin(self.run(first)).await;
                outcomes.extend(Box::pin(self.run(second)).await);
                outcomes
            }
        }
    }

    fn counts(&self, why: Retry) {
        self.metrics.retries.with_label_values(&[cause(why)]).inc();
    }

    async fn attempts(&self, batch: &[Queued], marker: &Marker) -> Result<Vec<Outcome>, TooLarge> {
        // What the last attempt decided, if its commit's outcome is unknown.
        let mut unsettled: Option<(Decided, Passages)> = None;
        let mut unknown = false;
        let mut transaction = match self.store.begin().await {
            Ok(transaction) => transaction,
            Err(failure) => return Ok(all(batch, &given_up(&failure, false))),
        };
        loop {
            let now = self.clock.now();
            let why = match self.attempt(&mut transaction, batch, marker, now).await {
                Ok(Attempt::Settled(rev)) => {
                    if let Some((decided, passages)) = unsettled {
                        passages.count(&self.metrics);
                        return Ok(answers(decided, rev));
                    }
                    Retry::Conflict
                }
                Ok(Attempt::Decided(decided, overlay)) if !overlay.has_writes() => {
                    return Ok(answers(decided, transaction.rev()));
                }
                Ok(Attempt::Decided(decided, overlay)) => {
                    let commit = commit(*overlay, now, marker)?;
                    let passages = Passages::of(batch, &decided, &commit.writes);
                    let timer = self.metrics.commit_seconds.start_timer();
                    match transaction.commit(commit).await {
                        Ok(rev) => {
                            timer.observe_duration();
                            passages.count(&self.metrics);
                            return Ok(answers(decided, rev));
                        }
                        Err((_, Retry::TooLarge)) => return Err(TooLarge),
                        Err((back, why)) => {
                            transaction = back;
                            unsettled = Some((decided, passages));
                            unknown = why == Retry::Unknown;
                            why
                        }
                    }
                }
                Err(why) if batch.iter().all(|queued| queued.is_late(now)) => {
                    return Ok(all(batch, &given_up(&why, unknown)));
                }
                Err(why) => why,
            };
            self.counts(why);
            transaction = match transaction.again(why).await {
                Ok(transaction) => transaction,
                Err(failure) => return Ok(all(batch, &given_up(&failure, unknown))),
            };
        }
    }

    async fn attempt(
        &self,
        transaction: &mut S::Transaction,
        batch: &[Queued],
        marker: &Marker,
        now: Timestamp,
    ) -> Result<Attempt, Retry> {
        let mut overlay = Overlay::default();
        overlay.want([
            Want::Key(marker.key.clone()),
            Want::Key(keys::EPOCH.to_vec()),
        ]);
        batch
            .iter()
            .for_each(|queued| overlay.want(queued.command.hints()));
        for _ in 0..limits::LOAD_PASSES {
            let wants = overlay.take_wanted();
            assert!(
                wants.iter().all(may_be_read),
                "a rule reads the log: {wants:?}"
            );
            for loaded in transaction.load(wants).await? {
                match loaded {
                    Loaded::Key(key, value) => overlay.fill_key(key, value),
                    Loaded::Range(range, limit, rows) => overlay.fill_range(range, limit, rows),
                }
            }
            if let Ok(value) = overlay.get(&marker.key)
                && let Some(rev) = marker.committed(value)
            {
                return Ok(Attempt::Settled(rev));
            }
            overlay.clear_writes();
            let decided = batch
                .iter()
                .map(|queued| decide(queued, now, &mut overlay))
                .collect();
            if !overlay.lacks() {
                return Ok(Attempt::Decided(decided, Box::new(overlay)));
            }
        }
        let broken = Rejected::Broken("the rules never have enough records".into());
        overlay.clear_writes();
        Ok(Attempt::Decided(
            vec![Err(broken); batch.len()],
            Box::new(overlay),
        ))
    }
}

enum Attempt {
    /// An earlier attempt of this batch is in the store.
    Settled(Rev),
    /// What was decided, and the writes to commit.
    Decided(Decided, Box<Overlay>),
}

/// The batch doesn't fit in one transaction; nothing was committed.
struct TooLarge;

/// Decides one command; a stop leaves no trace in the overlay.
fn decide(queued: &Queued, now: Timestamp, overlay: &mut Overlay) -> Result<Answer, Rejected> {
    if queued.is_late(now) {
        return Err(Rejected::Unavailable);
    }
    let savepoint = overlay.savepoint();
    let answer = queued.command.decide(now, overlay).map_err(|stop| {
        overlay.rollback(savepoint);
        match stop {
            Stop::Refused(refusal) => Rejected::Refused(refusal),
            // The overlay has noted what it lacks, so this attempt isn't used.
            Stop::Missing => Rejected::Unavailable,
            Stop::Corrupt(what) => Rejected::Broken(what),
        }
    })?;
    if let Some(note) = &queued.note
        && overlay.wrote_since(savepoint)
    {
        note.enter(&queued.command, now, overlay);
    }
    Ok(answer)
}

/// The writes of an attempt as one commit, within every limit.
fn commit(overlay: Overlay, now: Timestamp, marker: &Marker) -> Result<Commit, TooLarge> {
    let (writes, record): (Vec<Write>, LogRecord) = overlay.into_writes(now);
    let record = Bytes::from(parterre_domain::encode(&record));
    let bytes: usize = writes.iter().map(weight_bytes).sum::<usize>() + record.len();
    let fits = writes.iter().all(within_limits) && record.len() <= limits::VALUE_BYTES;
    if bytes > limits::TRANSACTION_BYTES || !fits {
        return Err(TooLarge);
    }
    Ok(Commit {
        writes,
        record,
        marker: marker.clone(),
    })
}

/// Rules don't read the log: FoundationDB would refuse it in a batch that writes there.
fn may_be_read(want: &Want) -> bool {
    let end = match want {
        Want::Key(key) => key,
        Want::Range(range, _) => &range.end,
    };
    end.as_slice() <= [keys::LOG].as_slice()
}

fn weight_bytes(write: &Write) -> usize {
    match write {
        Write::Set(key, value) => key.len() + value.len(),
        Write::Clear(key) | Write::Add(key, _) | Write::SetRev(key) => key.len() + 14,
        Write::ClearRange(range) => range.start.len() + range.end.len(),
    }
}

fn within_limits(write: &Write) -> bool {
    match write {
        Write::Set(key, value) => {
            key.len() <= limits::KEY_BYTES && value.len() <= limits::VALUE_BYTES
        }
        Write::Clear(key) | Write::Add(key, _) | Write::SetRev(key) => {
            key.len() <= limits::KEY_BYTES
        }
        Write::ClearRange(range) => range.end.len() <= limits::KEY_BYTES,
    }
}

fn answers(decided: Decided, rev: Rev) -> Vec<Outcome> {
    for answer in &decided {
        if let Err(Rejected::Broken(what)) = answer {
            tracing::error!(what, "a command can't be carried out");
        }
    }
    decided
        .into_iter()
        .map(|answer| answer.map(|answer| Committed { answer, rev }))
        .collect()
}

fn all(batch: &[Queued], rejected: &Rejected) -> Vec<Outcome> {
    vec![Err(rejected.clone()); batch.len()]
}

fn given_up(why: &impl std::fmt::Display, unknown: bool) -> Rejected {
    tracing::error!(%why, "a batch was given up");
    if unknown {
        Rejected::OutcomeUnknown
    } else {
        Rejected::Unavailable
    }
}

const fn cause(why: Retry) -> &'static str {
    match why {
        Retry::Conflict => "conflict",
        Retry::TooOld => "too_old",
        Retry::Unknown => "unknown",
        Retry::TooLarge => "too_large",
    }
}

/// Random bytes of the system's: nobody guesses them, and of sixteen no two are alike.
pub(crate) fn fresh<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    #[expect(
        clippy::expect_used,
        reason = "without the system's randomness nothing can go on"
    )]
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}
