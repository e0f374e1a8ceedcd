//! Somebody who watches one event live and holds every message to what is promised. At a
//! storm's instant everybody's connection is cut, and all come back at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parterre_domain::wire::live::ToClient;
use parterre_domain::{EventId, Rev};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Scene;
use super::deliveries::Seen;
use super::picture::Screen;
use crate::scenario::zipf::Zipf;
use crate::wire::{Failure, Heard, Live};

/// Connections that were cut on purpose.
pub(crate) const CUT: &str = "connections cut";
/// From the cut to having a connection again, and to being told that nothing is missing.
pub(crate) const RECONNECTED: &str = "cut to connected";
/// From the cut to `resumed` or to a snapshot.
pub(crate) const BACK: &str = "cut to resumed or snapshot";
/// Deltas that were heard.
pub(crate) const DELTAS: &str = "live deltas";
/// How long somebody tries to come in before it is a disagreement.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries; more each time, up to eight times as much.
const AGAIN: Duration = Duration::from_millis(100);

/// One watcher.
pub(super) struct Watcher {
    scene: Arc<Scene>,
    number: usize,
    random: fastrand::Rng,
    event: EventId,
    screen: Arc<Screen>,
    is_folding: bool,
    seen: Seen,
    /// When its connection was cut, until it is back.
    cut_at: Option<Instant>,
    /// What was due before this instant it has missed, until it caught up.
    missed_until: Option<Instant>,
}

/// Starts a watcher, who comes in when the door lets it.
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    scene: &Arc<Scene>,
    number: usize,
    event: EventId,
    door: &Arc<Semaphore>,
) {
    let watching = scene.part.watching.as_ref();
    let is_folding = watching.is_some_and(|of| number.is_multiple_of(of.fold_one_in));
    let mut watcher = Watcher::new(scene, number, event, is_folding);
    let door = door.clone();
    tasks.spawn(async move {
        if let Some(live) = watcher.come(&door).await {
            watcher.watch(live).await;
        }
    });
}

/// What the watcher with this number watches: the same whatever process it is in.
pub(crate) fn event_of(number: usize, events: &[EventId], fame: &Zipf) -> EventId {
    let mut random = fastrand::Rng::with_seed(number as u64);
    events[fame.draw(&mut random)]
}

impl Watcher {
    /// Somebody with a screen of their own, who is not there yet.
    pub(super) fn new(scene: &Arc<Scene>, number: usize, event: EventId, is_folding: bool) -> Self {
        let screen = Arc::<Screen>::default();
        scene.shows(number, event, &screen);
        Self {
            scene: scene.clone(),
            number,
            random: fastrand::Rng::with_seed(number as u64 ^ scene.part.seed),
            event,
            screen,
            is_folding,
            seen: Seen::default(),
            cut_at: None,
            missed_until: None,
        }
    }

    /// Connects, subscribes and hears the first snapshot.
    pub(super) async fn come(&mut self, door: &Semaphore) -> Option<Live> {
        let entered = door.acquire().await;
        let began = Instant::now();
        let mut live = self.connect(None).await;
        if let Some(live) = &mut live {
            while self.screen.rev().is_none() && self.hear(live.hear().await) {}
            let recorder = &self.scene.recorder;
            recorder.lasted("connect to first snapshot", began.elapsed());
        }
        self.scene.arrived();
        drop(entered);
        live
    }

    /// Watches until the run is over or the connection ends.
    pub(super) async fn watch(&mut self, mut live: Live) {
        let mut begins = self.scene.begins();
        let cut_after = self.scene.part.watching.as_ref().and_then(|of| of.cut_at);
        let cut = async {
            let begins = begins.wait_for(Option::is_some).await.ok();
            let at = begins.and_then(|begins| *begins).zip(cut_after);
            match at {
                Some((begins, after)) => {
                    tokio::time::sleep_until((begins + after).into()).await;
                    begins + after
                }
                None => std::future::pending().await,
            }
        };
        tokio::pin!(cut);
        let mut is_cut = false;
        loop {
            tokio::select! {
                heard = live.hear() => if !self.hear(heard) {
                    return;
                },
                at = &mut cut, if !is_cut => {
                    is_cut = true;
                    live.cut();
                    self.scene.recorder.count(CUT);
                    self.cut_at = Some(at);
                    match self.connect(self.screen.rev()).await {
                        Some(again) => live = again,
                        None => return,
                    }
                }
            }
        }
    }

    /// Connects and subscribes, however often it takes within patience.
    async fn connect(&mut self, since: Option<Rev>) -> Option<Live> {
        let deadline = Instant::now() + PATIENCE;
        let mut wait = AGAIN;
        loop {
            let failure = match Live::connect(self.scene.edge(self.number)).await {
                Ok(mut live) => match live.subscribe(self.event, since).await {
                    Ok(()) => {
                        if let Some(cut) = self.cut_at {
                            let now = Instant::now();
                            self.scene.recorder.took(RECONNECTED, cut, now);
                        }
                        return Some(live);
                    }
                    Err(broken) => Failure::Broken(broken),
                },
                Err(failure) => failure,
            };
            self.scene.recorder.count("connections that weren't made");
            if Instant::now() > deadline {
                self.disagrees(format!("not connected in {PATIENCE:?}: {failure}"));
                return None;
            }
            tokio::time::sleep(wait.mul_f64(0.5 + self.random.f64())).await;
            wait = (wait * 2).min(AGAIN * 8);
        }
    }

    /// Takes what was heard; false when the connection has ended.
    fn hear(&mut self, heard: Result<Heard, Failure>) -> bool {
        match heard {
            Ok(Heard::Message(message)) => self.take(&message),
            Ok(Heard::Closed(code, reason)) => {
                self.disagrees(format!("closed with {code} {reason:?}"));
                return false;
            }
            Err(failure) => {
                self.disagrees(format!("lost its connection: {failure}"));
                return false;
            }
        }
        true
    }

    fn take(&mut self, message: &ToClient) {
        let recorder = &self.scene.recorder;
        let taken = match message {
            ToClient::Snapshot {
                rev,
                counts,
                states,
                ..
            } => {
                recorder.count("live snapshots");
                self.is_back("came back by a snapshot");
                self.screen.snapshot(self.is_folding, *rev, *counts, states)
            }
            ToClient::Delta {
                from,
                rev,
                counts,
                changes,
                ..
            } => {
                if self.scene.is_playing() {
                    recorder.count(DELTAS);
                }
                let missed = self.scene.deliveries.on_screen(
                    self.event,
                    changes,
                    &mut self.seen,
                    recorder,
                    self.missed_until,
                );
                if missed > 0 {
                    self.missed_until = None;
                    recorder.count("caught up by a delta");
                }
                self.screen.delta(*from, *rev, *counts, changes)
            }
            ToClient::Resumed { .. } => {
                self.missed_until = Some(Instant::now());
                self.is_back("came back by resuming");
                Ok(())
            }
            ToClient::Stale { seconds } => {
                recorder.count("live stale messages");
                recorder.stale(Instant::now(), *seconds);
                Ok(())
            }
            ToClient::Error { code, detail } => {
                self.disagrees(format!("was told off: {code}: {detail}"));
                Ok(())
            }
            ToClient::Heartbeat { .. }
            | ToClient::Fresh
            | ToClient::Event { .. }
            | ToClient::Counts { .. } => Ok(()),
        };
        if let Err(wrong) = taken {
            self.disagrees(wrong);
        }
    }

    /// It has what it needs to go on from, if it was cut.
    fn is_back(&mut self, how: &'static str) {
        if let Some(cut) = self.cut_at.take() {
            let recorder = &self.scene.recorder;
            recorder.took(BACK, cut, Instant::now());
            recorder.count(how);
        }
    }

    fn disagrees(&self, what: impl std::fmt::Display) {
        let said = format!("watcher {}: {what}", self.number);
        self.scene.recorder.disagrees(said);
    }
}
