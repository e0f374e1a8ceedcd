//! Lanes: where commands queue, form batches and get their answers.
//!
//! A lane is a thread with one batch in flight; a batch is whatever queued while the
//! last commit was under way. Commands hash by event, so that buyers of one event meet
//! in one lane and not in the store. Nobody is answered before the commit is durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parterre_domain::command::{Answer, Command};
use parterre_domain::{EventId, Refusal, Rev, Timestamp, keys, limits};
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::driver::{Driver, Outcome, Queued, fresh};
use crate::layouts::Layouts;
use crate::metrics::Metrics;
use crate::planning::{BestRequest, Plan, Planning};
use crate::store::any::AnyStore;

/// A handle to the lanes. Cheap to clone; the lanes end when the last one is gone.
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
    bulk: mpsc::Sender<Job>,
}

struct Job {
    work: Work,
    deadline: Timestamp,
    replans: usize,
    answer: oneshot::Sender<Outcome>,
}

enum Work {
    Command(Command),
    Best(BestRequest),
}

impl Lanes {
    /// Starts so many lanes, each a thread of its own. They stop when all handles are
    /// gone and what was queued is done; the second value waits for that.
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
        for number in 0..count.max(1) {
            let (sales, sales_queue) = mpsc::channel(limits::LANE_QUEUE);
            let (bulk, bulk_queue) = mpsc::channel(limits::BULK_QUEUE);
            let marker = keys::marker(core, number);
            let lane = Lane {
                sales: sales_queue,
                bulk: bulk_queue,
                again: VecDeque::new(),
                driver: Driver::new(store.clone(), clock.clone(), metrics.clone(), marker),
                planning: Planning::new(store.clone(), layouts.clone()),
                metrics: metrics.clone(),
            };
            threads.push(spawn(number, lane)?);
            lanes.push(Senders { sales, bulk });
        }
        let lanes = Self {
            lanes: lanes.into(),
            clock: clock.clone(),
            metrics: metrics.clone(),
        };
        Ok((lanes, Running { threads }))
    }

    /// Has a command decided and committed. Answers when the commit is durable. Dropping
    /// the future doesn't take the command back.
    ///
    /// # Errors
    ///
    /// See [`Rejected`].
    pub async fn submit(&self, command: Command) -> Result<Committed, Rejected> {
        let (event, bulk) = (command.event(), command.is_bulk());
        self.enqueue(event, bulk, Work::Command(command)).await
    }

    /// Has the best available tickets planned, reserved and committed.
    ///
    /// # Errors
    ///
    /// See [`Rejected`]; [`Refusal::TicketsTaken`] without tickets when nothing fits.
    pub async fn reserve_best(&self, request: BestRequest) -> Result<Committed, Rejected> {
        self.enqueue(request.event, false, Work::Best(request))
            .await
    }

    async fn enqueue(&self, event: EventId, bulk: bool, work: Work) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let deadline = self.clock.now() + limits::COMMAND_DEADLINE;
        let job = Job {
            work,
            deadline,
            replans: 0,
            answer,
        };
        let lane = self.lane(event);
        let sender = if bulk { &lane.bulk } else { &lane.sales };
        sender.try_send(job).map_err(|_| Rejected::Busy)?;
        self.metrics.lane_depth.inc();
        let outcome = answered.await.unwrap_or(Err(Rejected::OutcomeUnknown));
        self.count(&outcome);
        outcome
    }

    fn lane(&self, event: EventId) -> &Senders {
        // The last bytes of a ULID are random.
        let [.., a, b] = event.to_bytes();
        &self.lanes[usize::from(u16::from_be_bytes([a, b])) % self.lanes.len()]
    }

    fn count(&self, outcome: &Outcome) {
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
        self.metrics.commands.with_label_values(&[word]).inc();
    }
}

/// The lanes' threads.
#[derive(Debug)]
pub struct Running {
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Running {
    /// Waits until every lane has done what was queued, at most so long. All handles
    /// must be gone.
    pub async fn finished(self, at_most: Duration) {
        let joined = tokio::task::spawn_blocking(move || {
            self.threads.into_iter().for_each(|lane| drop(lane.join()))
        });
        if tokio::time::timeout(at_most, joined).await.is_err() {
            tracing::warn!("lanes were still busy when the time to drain was over");
        }
    }
}

fn spawn(number: u8, lane: Lane) -> std::io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let thread = std::thread::Builder::new().name(format!("lane-{number}"));
    thread.spawn(move || runtime.block_on(lane.run()))
}

struct Lane {
    sales: mpsc::Receiver<Job>,
    bulk: mpsc::Receiver<Job>,
    /// Requests whose plan lost a race.
    again: VecDeque<Job>,
    driver: Driver<AnyStore>,
    planning: Planning,
    metrics: Metrics,
}

/// A job whose command is part of a batch.
struct Ready {
    job: Job,
    plan: Option<Plan>,
}

impl Lane {
    async fn run(mut self) {
        while let Some(first) = self.next().await {
            let jobs = self.gather(first);
            self.metrics
                .batch_commands
                .observe(f64::from(u32::try_from(jobs.len()).unwrap_or(u32::MAX)));
            let (ready, queued) = self.prepare(jobs).await;
            let outcomes = self.driver.run(&queued).await;
            for (ready, outcome) in ready.into_iter().zip(outcomes) {
                self.finish(ready, outcome);
            }
        }
    }

    async fn next(&mut self) -> Option<Job> {
        if let Some(job) = self.again.pop_front() {
            return Some(job);
        }
        let job = tokio::select! {
            biased;
            Some(job) = self.sales.recv() => job,
            Some(job) = self.bulk.recv() => job,
            else => return None,
        };
        self.metrics.lane_depth.dec();
        Some(job)
    }

    /// Whatever has queued, within the bounds of a batch; one piece of bulk work at most.
    fn gather(&mut self, first: Job) -> Vec<Job> {
        let mut bytes = first.weight_bytes();
        let mut jobs = vec![first];
        while jobs.len() < limits::COMMANDS_PER_BATCH && bytes < limits::BATCH_BYTES {
            let job = match self.again.pop_front() {
                Some(job) => job,
                None => match self.sales.try_recv() {
                    Ok(job) => {
                        self.metrics.lane_depth.dec();
                        job
                    }
                    Err(_) => break,
                },
            };
            bytes += job.weight_bytes();
            jobs.push(job);
        }
        if bytes < limits::BATCH_BYTES
            && let Ok(job) = self.bulk.try_recv()
        {
            self.metrics.lane_depth.dec();
            jobs.push(job);
        }
        jobs
    }

    async fn prepare(&mut self, jobs: Vec<Job>) -> (Vec<Ready>, Vec<Queued>) {
        let plans = jobs.iter().any(|job| matches!(job.work, Work::Best(_)));
        if plans && let Err(failure) = self.planning.catch_up().await {
            tracing::error!(%failure, "the plans of best available tickets couldn't catch up");
        }
        let (mut ready, mut queued) = (Vec::new(), Vec::new());
        for job in jobs {
            let (command, plan) = match &job.work {
                Work::Command(command) => (command.clone(), None),
                Work::Best(request) => match self.planning.plan(request).await {
                    Ok(plan) => (plan.command.clone(), Some(plan)),
                    Err(failure) => {
                        tracing::error!(%failure, "no plan of best available tickets could be made");
                        job.reply(Err(Rejected::Unavailable));
                        continue;
                    }
                },
            };
            queued.push(Queued {
                command,
                deadline: job.deadline,
            });
            ready.push(Ready { job, plan });
        }
        (ready, queued)
    }

    fn finish(&mut self, ready: Ready, outcome: Outcome) {
        let Ready { mut job, plan } = ready;
        let Some(plan) = plan else {
            return job.reply(outcome);
        };
        let event = plan.command.event();
        match &outcome {
            Ok(Committed {
                answer: Answer::Reservation(_),
                ..
            }) => return job.reply(outcome),
            Ok(_) => self.planning.unmark(event, &plan.tickets, &[]),
            Err(Rejected::Refused(Refusal::TicketsTaken(taken))) => {
                self.planning.unmark(event, &plan.tickets, taken);
                if job.replans < limits::REPLANS {
                    job.replans += 1;
                    self.metrics.replans.inc();
                    return self.again.push_back(job);
                }
                return job.reply(Err(Refusal::TicketsTaken(Vec::new()).into()));
            }
            Err(Rejected::Refused(Refusal::Invalid(_))) if plan.nothing.is_some() => {
                return job.reply(plan.nothing.map_or(outcome, |refusal| Err(refusal.into())));
            }
            Err(Rejected::Refused(_)) => self.planning.unmark(event, &plan.tickets, &[]),
            Err(_) => self.planning.forget(event),
        }
        job.reply(outcome);
    }
}

impl Job {
    fn weight_bytes(&self) -> usize {
        match &self.work {
            Work::Command(command) => command.weight_bytes(),
            Work::Best(request) => 64 + 32 * usize::from(request.wish.count),
        }
    }

    fn reply(self, outcome: Outcome) {
        // A caller that has gone away needs no answer.
        drop(self.answer.send(outcome));
    }
}
