//! What everybody in a smoke test shares.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use parterre_domain::{EventId, Rev};
use tokio::sync::watch;

use super::config::SmokeConfig;
use super::ledger::Ledger;
use crate::numbers::{Numbers, locked};
use crate::wire::{Broken, Failure, Origin, Refused, Reply};

/// Counts acknowledged writes.
pub(super) const ACKNOWLEDGED: &str = "writes acknowledged";
/// Changes whose beginning is remembered, to measure how fast they reach screens.
const CHANGES_KEPT: usize = 1_000_000;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Everybody is at work.
    Selling,
    /// Nothing new begins; watchers go on.
    Settling,
    /// Everybody goes home.
    Over,
}

/// Shared by everybody.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) config: SmokeConfig,
    pub(crate) numbers: Numbers,
    pub(crate) ledger: Ledger,
    started: Instant,
    phase: watch::Sender<Phase>,
    programme: watch::Sender<Vec<EventId>>,
    /// When the request left that led to a commit.
    changes: Mutex<BTreeMap<(EventId, Rev), Instant>>,
}

/// How much longer somebody goes on trying.
#[derive(Debug)]
pub(crate) struct Patience {
    deadline: Instant,
    wait: Duration,
}

/// What to do about a reply.
#[derive(Debug)]
pub(crate) enum Verdict<T> {
    /// It is there.
    Done(T),
    /// The server says no, and means it.
    Refused(Box<Refused>),
    /// Ask again; the waiting is done.
    Again,
    /// Patience is over; that was noted.
    GaveUp,
}

impl Stage {
    pub(super) fn new(config: SmokeConfig) -> Self {
        Self::begun(config, Instant::now())
    }

    /// A stage of a run that began at some instant, in this process or in another.
    pub(crate) fn begun(config: SmokeConfig, started: Instant) -> Self {
        Self {
            config,
            numbers: Numbers::default(),
            ledger: Ledger::new(started),
            started,
            phase: watch::Sender::new(Phase::Selling),
            programme: watch::Sender::new(Vec::new()),
            changes: Mutex::default(),
        }
    }

    /// Since the run began.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The edge of the somebody with this number.
    pub(crate) fn edge(&self, number: usize) -> Origin {
        self.config.edges[number % self.config.edges.len()].clone()
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    pub(super) fn is_selling(&self) -> bool {
        *self.phase.borrow() == Phase::Selling
    }

    /// The events of this run, oldest first.
    pub(super) fn programme(&self) -> watch::Receiver<Vec<EventId>> {
        self.programme.subscribe()
    }

    pub(crate) fn events(&self) -> Vec<EventId> {
        self.programme.borrow().clone()
    }

    /// A new event is there.
    pub(crate) fn publish(&self, event: EventId) {
        self.programme.send_modify(|events| events.push(event));
    }

    /// Remembers when the request left that led to a commit.
    pub(super) fn began(&self, event: EventId, rev: Rev, sent: Instant) {
        let mut changes = locked(&self.changes);
        if changes.len() < CHANGES_KEPT {
            changes.insert((event, rev), sent);
        }
    }

    /// Notes how long the changes of an event in (`from`, `rev`] took to a screen.
    /// Changes that are answered after they are seen aren't measured: they are the fast
    /// ones, so what is reported is an upper estimate.
    pub(super) fn seen(&self, event: EventId, from: Rev, rev: Rev) {
        let now = Instant::now();
        let changes = locked(&self.changes);
        let range = (
            std::ops::Bound::Excluded((event, from)),
            std::ops::Bound::Included((event, rev)),
        );
        for (_, &sent) in changes.range(range) {
            let took = now.saturating_duration_since(sent);
            self.numbers.took("request to another's screen", took);
        }
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience {
            deadline: Instant::now() + self.config.patience(),
            wait: Duration::from_millis(20),
        }
    }

    /// Decides what a reply means, and waits where waiting is due.
    pub(super) async fn judge<T>(
        &self,
        what: &str,
        reply: Reply<T>,
        patience: &mut Patience,
    ) -> Verdict<T> {
        let (wait, why) = match reply {
            Ok(Ok(done)) => return Verdict::Done(done),
            Ok(Err(refused)) => {
                self.numbers.refused(&refused.slug);
                if !refused.is_passing() && !refused.leaves_unknown() {
                    return Verdict::Refused(Box::new(refused));
                }
                (refused.retry_after, refused.slug)
            }
            Err(Failure::Broken(broken)) => {
                self.broke(&broken);
                (None, broken.to_string())
            }
            Err(Failure::Odd(odd)) => {
                self.numbers.disagrees(format!("{what}: {odd}"));
                return Verdict::GaveUp;
            }
        };
        if patience.wait(wait).await {
            return Verdict::Again;
        }
        let patience = self.config.patience();
        let said = format!("{what}: no answer in {patience:?}: {why}");
        self.numbers.disagrees(said);
        Verdict::GaveUp
    }

    pub(super) fn broke(&self, broken: &Broken) {
        self.numbers.count(match broken {
            Broken::NotSent(_) => "connections refused",
            Broken::Lost(_) => "answers lost",
        });
    }

    /// One line for the progress bar.
    pub(super) fn summary(&self) -> String {
        let counted = |what| self.numbers.counted(what);
        format!(
            "{} reads, {} reservations, {} frames, {} disagreements",
            counted("reads"),
            counted("reservations"),
            counted("live frames"),
            self.numbers.disagreements().count
        )
    }
}

impl Patience {
    /// Waits a little, each time longer; false when it is over.
    pub(crate) async fn wait(&mut self, at_least: Option<Duration>) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        let wait = at_least.map_or(self.wait, |least| least.max(self.wait));
        tokio::time::sleep(wait.min(Duration::from_secs(2))).await;
        self.wait = (self.wait * 2).min(Duration::from_millis(500));
        true
    }
}
