//! Lanes: where commands queue, form batches and get their answers.
//!
//! A lane is a thread with one batch in flight; a batch is whatever queued while the
//! last commit was under way. Commands hash by event, so that buyers of one event meet
//! in one lane and not in the store. Nobody is answered before the commit is durable.

mod work;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parterre_domain::command::{Answer, Command, Place};
use parterre_domain::{AuditNote, EventId, Refusal, Rev, Timestamp, keys, limits};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use self::work::Lane;
use crate::clock::Clock;
use crate::driver::{Driver, Outcome, fresh};
use crate::layouts::Layouts;
use crate::metrics::{Metrics, command_name};
use crate::planning::{BestRequest, Planning};
use crate::store::any::AnyStore;

/// A handle to the lanes. Cheap to clone.
#[derive(Clone)]
pub struct Lanes {
    lanes: Arc<[Senders]>,
    clock: Clock,
    metrics: Metrics,
}

/// A command that was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// What the rule answered.
    pub answer: Answer,
    /// The commit that it is in; for an answer that wrote nothing, the version it was
    /// read at.
    pub rev: Rev,
}

/// Why a command was not done, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The lane is full; surely not done.
    #[error("the core's queue is full")]
    Busy,
    /// The store didn't take it in time; surely not done.
    #[error("the store doesn't answer")]
    Unavailable,
    /// It may have been done.
    #[error("the outcome isn't known")]
    OutcomeUnknown,
    /// A stored record is broken, or the command is too large; surely not done.
    #[error("{0}")]
    Broken(String),
}

struct Senders {
    sales: mpsc::Sender<Job>,
    steps: mpsc::Sender<Job>,
    bulk: mpsc::Sender<Job>,
}

struct Job {
    work: Work,
    /// Set by whoever comes first: the lane that takes the job, or the caller who has
    /// waited long enough.
    claimed: Arc<AtomicBool>,
    note: Option<AuditNote>,
    deadline: Timestamp,
    replans: usize,
    answer: oneshot::Sender<Outcome>,
}

enum Work {
    Command(Command),
    Best(BestRequest),
}

impl Lanes {
    /// Starts so many lanes, each a thread of its own. The second value stops them.
    ///
    /// # Errors
    ///
    /// When the machine gives no thread.
    pub fn start(
        count: u8,
        store: &AnyStore,
        layouts: &Layouts,
        clock: &Clock,
        metrics: &Metrics,
    ) -> std::io::Result<(Self, Running)> {
        let core = fresh();
        let mut lanes = Vec::new();
        let mut threads = Vec::new();
        let stop = Arc::new(watch::channel(false).0);
        let ended = watch::channel(false).0;
        for number in 0..count.max(1) {
            let (sales, sales_queue) = mpsc::channel(limits::LANE_QUEUE);
            let (steps, steps_queue) = mpsc::channel(limits::BULK_QUEUE);
            let (bulk, bulk_queue) = mpsc::channel(limits::BULK_QUEUE);
            let marker = keys::marker(core, number);
            let lane = Lane {
                sales: sales_queue,
                steps: steps_queue,
                bulk: bulk_queue,
                stop: stop.subscribe(),
                again: VecDeque::new(),
                driver: Driver::new(store.clone(), clock.clone(), metrics.clone(), marker),
                planning: Planning::new(store.clone(), layouts.clone()),
                busy: metrics
                    .lane_busy_seconds
                    .with_label_values(&[&number.to_string()]),
                metrics: metrics.clone(),
            };
            threads.push(spawn(number, lane, Ended(ended.clone()))?);
            lanes.push(Senders { sales, steps, bulk });
        }
        let lanes = Self {
            lanes: lanes.into(),
            clock: clock.clone(),
            metrics: metrics.clone(),
        };
        let running = Running {
            threads,
            stop,
            ended: ended.subscribe(),
        };
        Ok((lanes, running))
    }

    /// Has a command decided and committed. Answers when the commit is durable. Dropping
    /// the future doesn't take the command back.
    ///
    /// # Errors
    ///
    /// See [`Rejected`].
    pub async fn submit(&self, command: Command) -> Result<Committed, Rejected> {
        self.enqueue(Work::Command(command), None).await
    }

    /// The same for a command that an administrator asks for: if it changes anything it
    /// is entered in the audit trail.
    ///
    /// # Errors
    ///
    /// See [`Rejected`].
    pub async fn submit_noted(
        &self,
        command: Command,
        note: AuditNote,
    ) -> Result<Committed, Rejected> {
        self.enqueue(Work::Command(command), Some(note)).await
    }

    /// Has the best available tickets planned, reserved and committed.
    ///
    /// # Errors
    ///
    /// See [`Rejected`]; [`Refusal::TicketsTaken`] without tickets when nothing fits.
    pub async fn reserve_best(&self, request: BestRequest) -> Result<Committed, Rejected> {
        self.enqueue(Work::Best(request), None).await
    }

    async fn enqueue(&self, work: Work, note: Option<AuditNote>) -> Outcome {
        let kind = match &work {
            Work::Command(command) => command_name(command),
            Work::Best(_) => "reserve",
        };
        let began = Instant::now();
        let outcome = self.queue(work, note).await;
        let took = began.elapsed().as_secs_f64();
        self.metrics.command_seconds.observe(took);
        self.count(kind, &outcome);
        outcome
    }

    async fn queue(&self, work: Work, note: Option<AuditNote>) -> Outcome {
        let lane = self.lane(work.event());
        let (answer, answered) = oneshot::channel();
        let deadline = self.clock.now() + limits::COMMAND_DEADLINE;
        let claimed = Arc::new(AtomicBool::new(false));
        let job = Job {
            work,
            claimed: Arc::clone(&claimed),
            note,
            deadline,
            replans: 0,
            answer,
        };
        let sender = match job.work.place() {
            Place::Sales => &lane.sales,
            Place::Steps => &lane.steps,
            Place::Bulk => &lane.bulk,
        };
        let place = sender.try_reserve().map_err(|full| match full {
            TrySendError::Full(()) => Rejected::Busy,
            // The lanes have been told to stop.
            TrySendError::Closed(()) => Rejected::Unavailable,
        })?;
        self.metrics.lane_depth.inc();
        place.send(job);
        match tokio::time::timeout(limits::ANSWER_PATIENCE, answered).await {
            Ok(Ok(outcome)) => outcome,
            // No lane will take it any more.
            Err(_) if !claimed.swap(true, Ordering::AcqRel) => Err(Rejected::Unavailable),
            // The store holds its commit, or the lane has died with it in hand.
            Err(_) | Ok(Err(_)) => Err(Rejected::OutcomeUnknown),
        }
    }

    fn lane(&self, event: EventId) -> &Senders {
        // The last bytes of a ULID are random.
        let [.., a, b] = event.to_bytes();
        &self.lanes[usize::from(u16::from_be_bytes([a, b])) % self.lanes.len()]
    }

    fn count(&self, kind: &'static str, outcome: &Outcome) {
        let word = match outcome {
            Ok(_) => "done",
            Err(Rejected::Refused(refusal)) => {
                self.metrics
                    .refusals
                    .with_label_values(&[refusal.slug()])
                    .inc();
                "refused"
            }
            Err(Rejected::Busy) => "busy",
            Err(Rejected::Unavailable) => "unavailable",
            Err(Rejected::OutcomeUnknown) => "unknown",
            Err(Rejected::Broken(_)) => "broken",
        };
        let labels = [kind, word];
        self.metrics.commands.with_label_values(&labels).inc();
    }
}

/// The lanes' threads.
pub struct Running {
    threads: Vec<std::thread::JoinHandle<()>>,
    stop: Arc<watch::Sender<bool>>,
    ended: watch::Receiver<bool>,
}

impl Running {
    /// Waits until a lane has ended. Before [`Self::finished`] that is a bug's doing, and
    /// the process must end: the lane's events can't be sold any more.
    pub async fn ended(&self) {
        // The lanes hold the other end; without it they have all ended.
        drop(self.ended.clone().wait_for(|ended| *ended).await);
    }

    /// Refuses new commands and waits until every lane has done what was queued, at most
    /// so long.
    pub async fn finished(self, at_most: Duration) {
        self.stop.send_replace(true);
        let joined = tokio::task::spawn_blocking(move || {
            for thread in self.threads {
                if thread.join().is_err() {
                    tracing::error!("a lane panicked");
                }
            }
        });
        if tokio::time::timeout(at_most, joined).await.is_err() {
            tracing::warn!("lanes were still busy when the time to drain was over");
        }
    }
}

/// Tells that its lane has ended, by whatever way.
struct Ended(watch::Sender<bool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

fn spawn(number: u8, lane: Lane, ended: Ended) -> std::io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let thread = std::thread::Builder::new().name(format!("lane-{number}"));
    thread.spawn(move || {
        let _ended = ended;
        runtime.block_on(lane.run());
    })
}

impl Work {
    fn event(&self) -> EventId {
        match self {
            Self::Command(command) => command.event(),
            Self::Best(request) => request.event,
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Command(command) => command.place(),
            Self::Best(_) => Place::Sales,
        }
    }

    fn weight_bytes(&self) -> usize {
        match self {
            Self::Command(command) => command.weight_bytes(),
            Self::Best(request) => 64 + 32 * usize::from(request.wish.count),
        }
    }
}

impl Job {
    /// Takes it, unless its caller has gone.
    fn claim(self) -> Option<Self> {
        let is_open = !self.claimed.swap(true, Ordering::AcqRel);
        is_open.then_some(self)
    }

    fn reply(self, outcome: Outcome) {
        // A caller that has gone away needs no answer.
        drop(self.answer.send(outcome));
    }
}
