//! A lane at work: jobs become a batch, plans become commands, outcomes become answers.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use parterre_domain::command::{Answer, Place};
use parterre_domain::{Refusal, TakenTicket, limits};
use prometheus::Counter;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, watch};

use super::{Job, Rejected, Work};
use crate::driver::{Driver, Outcome, Queued};
use crate::metrics::Metrics;
use crate::planning::{Plan, Planning};
use crate::store::any::AnyStore;

/// A lane at work.
pub(super) struct Lane {
    pub(super) sales: mpsc::Receiver<Job>,
    /// Steps of long works that somebody waits for.
    pub(super) steps: mpsc::Receiver<Job>,
    pub(super) bulk: mpsc::Receiver<Job>,
    pub(super) stop: watch::Receiver<bool>,
    /// Requests whose plan lost a race.
    pub(super) again: VecDeque<Job>,
    pub(super) driver: Driver<AnyStore>,
    pub(super) planning: Planning,
    /// Seconds spent on batches.
    pub(super) busy: Counter,
    pub(super) metrics: Metrics,
}

/// A job whose command is part of a batch.
struct Ready {
    job: Job,
    plan: Option<Plan>,
}

impl Lane {
    /// Works until told to stop, and then off what is queued.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.next().await {
            let began = Instant::now();
            let jobs = self.gather(first);
            self.metrics
                .batch_commands
                .observe(f64::from(u32::try_from(jobs.len()).unwrap_or(u32::MAX)));
            let (ready, queued) = self.prepare(jobs).await;
            let outcomes = self.driver.run(&queued).await;
            self.settle(ready, outcomes);
            self.busy.inc_by(began.elapsed().as_secs_f64());
        }
    }

    /// The next job, sales before steps before bulk work; none when told to stop and
    /// nothing is left.
    async fn next(&mut self) -> Option<Job> {
        if let Some(job) = self.again.pop_front() {
            return Some(job);
        }
        loop {
            let job = tokio::select! {
                biased;
                Some(job) = self.sales.recv() => job,
                Some(job) = self.steps.recv() => job,
                Some(job) = self.bulk.recv() => job,
                true = told(&mut self.stop), if !self.sales.is_closed() => {
                    self.sales.close();
                    self.steps.close();
                    self.bulk.close();
                    continue;
                }
                else => return None,
            };
            self.metrics.lane_depth.dec();
            if let Some(job) = job.claim() {
                return Some(job);
            }
        }
    }

    /// Whatever has queued, within the bounds of a batch, and a piece of bulk work: a
    /// large one, or several small ones.
    fn gather(&mut self, first: Job) -> Vec<Job> {
        let mut bytes = first.work.weight_bytes();
        let mut bulk_bytes = match first.work.place() {
            Place::Sales => 0,
            Place::Steps | Place::Bulk => bytes,
        };
        let mut jobs = vec![first];
        while jobs.len() < limits::COMMANDS_PER_BATCH && bytes < limits::BATCH_BYTES {
            let again = self.again.pop_front();
            let Some(job) = again.or_else(|| self.taken(|lane| lane.sales.try_recv())) else {
                break;
            };
            bytes += job.work.weight_bytes();
            jobs.push(job);
        }
        while bulk_bytes < limits::CHUNK_BYTES {
            let Some(job) = self.taken(|lane| {
                let received = lane.steps.try_recv();
                received.or_else(|_| lane.bulk.try_recv())
            }) else {
                break;
            };
            bulk_bytes += job.work.weight_bytes();
            jobs.push(job);
        }
        jobs
    }

    /// The next job of a queue whose caller still waits.
    fn taken(&mut self, receive: impl Fn(&mut Self) -> Result<Job, TryRecvError>) -> Option<Job> {
        loop {
            let job = receive(self).ok()?;
            self.metrics.lane_depth.dec();
            if let Some(job) = job.claim() {
                return Some(job);
            }
        }
    }

    /// Makes a command of each job. Plans come first: what they are made of is as new as
    /// the store, so within its own lane no plan loses a race.
    async fn prepare(&mut self, mut jobs: Vec<Job>) -> (Vec<Ready>, Vec<Queued>) {
        let plans = jobs.iter().any(|job| matches!(job.work, Work::Best(_)));
        if plans && let Err(failure) = self.planning.catch_up().await {
            tracing::error!(%failure, "the plans of best available tickets couldn't catch up");
        }
        jobs.sort_by_key(|job| matches!(job.work, Work::Command(_)));
        let (mut ready, mut queued, mut without_store) = (Vec::new(), Vec::new(), false);
        for job in jobs {
            let (command, plan) = match &job.work {
                Work::Command(command) => (command.clone(), None),
                // The others don't wait for what failed once.
                Work::Best(_) if without_store => {
                    job.reply(Err(Rejected::Unavailable));
                    continue;
                }
                Work::Best(request) => match self.planning.plan(request).await {
                    Ok(plan) => (plan.command.clone(), Some(plan)),
                    Err(failure) => {
                        tracing::error!(%failure, "no plan of best available tickets could be made");
                        without_store = true;
                        job.reply(Err(Rejected::Unavailable));
                        continue;
                    }
                },
            };
            queued.push(Queued {
                command,
                deadline: job.deadline,
                note: job.note.clone(),
            });
            ready.push(Ready { job, plan });
        }
        (ready, queued)
    }

    /// Answers a batch. What is marked as taken and wasn't is unmarked first, so that a
    /// request which found nothing only because of such marks is planned again.
    fn settle(&mut self, ready: Vec<Ready>, outcomes: Vec<Outcome>) {
        let mut freed = HashSet::new();
        for (ready, outcome) in ready.iter().zip(&outcomes) {
            if let Some(plan) = &ready.plan
                && self.take_back(plan, outcome)
            {
                freed.insert(plan.command.event());
            }
        }
        for (mut ready, outcome) in ready.into_iter().zip(outcomes) {
            let outcome = match &ready.plan {
                None => outcome,
                Some(plan) => plan.outcome(outcome),
            };
            let lost = matches!(&outcome, Err(Rejected::Refused(Refusal::TicketsTaken(_))));
            let hopes = ready.plan.as_ref().is_some_and(|plan| {
                !plan.tickets.is_empty() || freed.contains(&plan.command.event())
            });
            if lost && hopes && ready.job.replans < limits::REPLANS {
                ready.job.replans += 1;
                self.metrics.replans.inc();
                self.again.push_back(ready.job);
            } else {
                ready.job.reply(outcome);
            }
        }
    }

    /// Takes a plan's marks back if it wasn't carried out; whether any were.
    fn take_back(&mut self, plan: &Plan, outcome: &Outcome) -> bool {
        let event = plan.command.event();
        let taken: &[TakenTicket] = match outcome {
            Ok(committed) => match &committed.answer {
                Answer::Reservation(_) => return false,
                _ => &[],
            },
            Err(Rejected::Refused(Refusal::TicketsTaken(taken))) => taken,
            Err(
                Rejected::Refused(_) | Rejected::Busy | Rejected::Unavailable | Rejected::Broken(_),
            ) => &[],
            Err(Rejected::OutcomeUnknown) => {
                self.planning.forget(event);
                return false;
            }
        };
        self.planning.unmark(event, &plan.tickets, taken);
        !plan.tickets.is_empty()
    }
}

async fn told(stop: &mut watch::Receiver<bool>) -> bool {
    // An error means that nobody is left to tell.
    drop(stop.wait_for(|stop| *stop).await);
    true
}
