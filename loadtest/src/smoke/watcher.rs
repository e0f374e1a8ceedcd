//! Somebody who watches live, folds strictly, and comes back after losing the connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parterre_domain::wire::live::{CloseReason, ToClient};
use parterre_domain::{EventId, Rev};
use tokio::task::JoinSet;

use super::stage::{Phase, Stage};
use crate::fold::{Fold, Wrong};
use crate::numbers::locked;
use crate::wire::{Failure, Heard, Live};

/// What a watcher believes, for the audit at the end.
pub(super) type Folds = Arc<Mutex<BTreeMap<EventId, Fold>>>;

/// API.md: a client that heard nothing for this long reconnects.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest wait that a close reason may ask for here.
const RECONNECT_MAX: Duration = Duration::from_secs(10);

struct Watcher {
    stage: Arc<Stage>,
    number: usize,
    random: fastrand::Rng,
    folds: Folds,
}

/// Why a connection ended.
enum Ended {
    /// The run is over.
    Over,
    /// Come back after a while.
    Back(Duration),
}

/// Starts a watcher; gives its folds.
pub(super) fn spawn(tasks: &mut JoinSet<()>, stage: &Arc<Stage>, number: usize) -> Folds {
    let folds = Folds::default();
    let seed = stage.config.seed.wrapping_mul(7_919) ^ (number as u64) << 20;
    let watcher = Watcher {
        stage: stage.clone(),
        number,
        random: fastrand::Rng::with_seed(seed),
        folds: folds.clone(),
    };
    tasks.spawn(watcher.run());
    folds
}

impl Watcher {
    async fn run(mut self) {
        let mut patience = self.stage.patience();
        loop {
            if *self.stage.phase().borrow() == Phase::Over {
                return;
            }
            match Live::connect(&self.stage.edge(self.number)).await {
                Ok(live) => {
                    self.stage.numbers.count("live connections");
                    match self.watch(live).await {
                        Ended::Over => return,
                        Ended::Back(wait) => tokio::time::sleep(wait).await,
                    }
                    patience = self.stage.patience();
                }
                Err(failure) => {
                    if !patience.wait(None).await {
                        self.disagrees(format!("can't connect: {failure}"));
                        return;
                    }
                }
            }
        }
    }

    /// One connection, until it ends.
    async fn watch(&mut self, mut live: Live) -> Ended {
        let (mut programme, mut phase) = (self.stage.programme(), self.stage.phase());
        let mut subscribed = 0;
        let leave_at = self.leave_at();
        let mut heard_at = Instant::now();
        loop {
            let events = programme.borrow_and_update().clone();
            for &event in &events[subscribed..] {
                let since = locked(&self.folds).get(&event).map(Fold::rev);
                if live.subscribe(event, since).await.is_err() {
                    return self.lost("while subscribing");
                }
            }
            subscribed = events.len();
            tokio::select! {
                heard = live.hear() => match heard {
                    Ok(Heard::Message(message)) => {
                        heard_at = Instant::now();
                        self.take(&message);
                        if self.must_ask_again(&message) {
                            return Ended::Back(Duration::from_millis(500));
                        }
                    }
                    Ok(Heard::Closed(code, reason)) => return self.closed(code, reason),
                    Err(Failure::Broken(broken)) => return self.lost(&broken.to_string()),
                    Err(Failure::Odd(odd)) => self.disagrees(odd),
                },
                _ = programme.changed() => {}
                _ = phase.wait_for(|phase| *phase == Phase::Over) => return Ended::Over,
                () = tokio::time::sleep_until(leave_at.into()) => {
                    // Walks out without a word, as a phone in a tunnel does.
                    self.stage.numbers.count("live connections dropped on purpose");
                    return Ended::Back(Duration::from_millis(self.random.u64(0..300)));
                }
                () = tokio::time::sleep_until((heard_at + SILENCE).into()) => {
                    self.disagrees(format!("silence for {SILENCE:?}, not even a heartbeat"));
                    return Ended::Back(Duration::ZERO);
                }
            }
        }
    }

    /// Half of the watchers drop their connection now and then.
    fn leave_at(&mut self) -> Instant {
        let wait = if self.number.is_multiple_of(2) && self.stage.is_selling() {
            Duration::from_millis(self.random.u64(1_000..8_000))
        } else {
            Duration::from_secs(24 * 3600)
        };
        Instant::now() + wait
    }

    fn take(&mut self, message: &ToClient) {
        let numbers = &self.stage.numbers;
        numbers.count("live frames");
        numbers.count(name(message));
        let taken = match message {
            ToClient::Snapshot {
                event,
                rev,
                counts,
                states,
            } => self.fold(*event, |fold| match fold {
                Some(fold) => fold.replace(*rev, *counts, states),
                None => {
                    *fold = Some(Fold::new(*rev, *counts, states)?);
                    Ok(())
                }
            }),
            ToClient::Delta {
                event,
                from,
                rev,
                counts,
                changes,
            } => {
                let before = locked(&self.folds).get(event).map(Fold::rev);
                self.stage.seen(*event, before.unwrap_or(*from), *rev);
                self.fold(*event, |fold| match fold {
                    Some(fold) => fold.apply(*from, *rev, *counts, changes),
                    None => Err(Wrong::Gap {
                        mine: Rev::default(),
                        from: *from,
                        rev: *rev,
                    }),
                })
            }
            ToClient::Resumed { event, .. } => {
                let known = locked(&self.folds).contains_key(event);
                if !known {
                    self.disagrees(format!("resumed {event}, which it never had"));
                }
                Ok(())
            }
            ToClient::Error { code, detail } => {
                if !self.must_ask_again(message) {
                    self.disagrees(format!("was told off: {code}: {detail}"));
                }
                Ok(())
            }
            ToClient::Heartbeat { .. }
            | ToClient::Stale { .. }
            | ToClient::Fresh
            | ToClient::Event { .. }
            | ToClient::Counts { .. } => Ok(()),
        };
        if let Err(wrong) = taken {
            self.disagrees(wrong);
        }
    }

    /// Whether a subscription was refused only because no core answers: an edge that has
    /// just come back doesn't hold the event yet.
    fn must_ask_again(&self, message: &ToClient) -> bool {
        let is_passing = |code: &str| code == "core-unavailable" || code == "busy";
        self.stage.config.tolerate_restarts
            && matches!(message, ToClient::Error { code, .. } if is_passing(code))
    }

    fn fold(
        &self,
        event: EventId,
        change: impl FnOnce(&mut Option<Fold>) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        let mut folds = locked(&self.folds);
        let mut fold = folds.remove(&event);
        let changed = change(&mut fold);
        if let Some(fold) = fold {
            folds.insert(event, fold);
        }
        changed
    }

    fn closed(&self, code: u16, reason: Option<CloseReason>) -> Ended {
        self.stage.numbers.count("live closes by the edge");
        if !self.stage.config.tolerate_restarts || code != 1012 {
            self.disagrees(format!("closed with {code} {reason:?}"));
        }
        let Some(reason) = reason else {
            self.disagrees(format!("closed with {code} and no reconnect_after_ms"));
            return Ended::Back(Duration::from_millis(500));
        };
        let wait = Duration::from_millis(reason.reconnect_after_ms.into());
        Ended::Back(wait.min(RECONNECT_MAX))
    }

    fn lost(&mut self, why: &str) -> Ended {
        self.stage.numbers.count("live connections lost");
        if !self.stage.config.tolerate_restarts {
            self.disagrees(format!("lost its connection: {why}"));
        }
        Ended::Back(Duration::from_millis(self.random.u64(50..500)))
    }

    fn disagrees(&self, what: impl std::fmt::Display) {
        let said = format!("watcher {}: {what}", self.number);
        self.stage.numbers.disagrees(said);
    }
}

/// A message's name in the report.
fn name(message: &ToClient) -> &'static str {
    match message {
        ToClient::Snapshot { .. } => "live snapshots",
        ToClient::Resumed { .. } => "live resumptions",
        ToClient::Delta { .. } => "live deltas",
        ToClient::Event { .. } => "live event messages",
        ToClient::Counts { .. } => "live counts",
        ToClient::Heartbeat { .. } => "live heartbeats",
        ToClient::Stale { .. } => "live stale messages",
        ToClient::Fresh => "live fresh messages",
        ToClient::Error { .. } => "live errors",
    }
}
