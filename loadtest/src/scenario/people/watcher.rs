//! Somebody who watches one event live and holds every message to what is promised. At a
//! storm's instant everybody's connection is cut, and all come back at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parterre_domain::wire::live::ToClient;
use parterre_domain::{EventId, Rev};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Scene;
use super::picture::Screen;
use crate::scenario::zipf::Zipf;
use crate::wire::{Failure, Heard, Live};

/// Connections that were cut on purpose.
pub(crate) const CUT: &str = "connections cut";
/// From the cut to having a connection again, and to being told that nothing is missing.
pub(crate) const RECONNECTED: &str = "cut to connected";
/// From the cut to `resumed` or to a snapshot.
pub(crate) const BACK: &str = "cut to resumed or snapshot";
/// From the opening of the sale to a screen that shows nothing free.
pub(crate) const SOLD_OUT: &str = "opening to sold out on screen";
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
    /// Whether it has shown that nothing is free.
    was_sold_out: bool,
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
            was_sold_out: false,
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
        let now = Instant::now();
        let recorder = &self.scene.recorder;
        if let Some(event) = about(message)
            && event != self.event
        {
            let mine = self.event;
            return self.disagrees(format!("watches {mine} and was told of {event}"));
        }
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
                if self.scene.is_playing(now) {
                    recorder.count(DELTAS);
                }
                let missed = self.scene.deliveries.on_screen(
                    self.event,
                    changes,
                    &mut self.screen.told(),
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
                self.missed_until = Some(now);
                self.is_back("came back by resuming");
                Ok(())
            }
            ToClient::Stale { seconds } => {
                recorder.count("live stale messages");
                recorder.stale(now, *seconds);
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
        self.may_be_sold_out(now);
    }

    /// Notes when it first showed that nothing is free, if it waited for a sale.
    fn may_be_sold_out(&mut self, now: Instant) {
        let Some(opens) = self.scene.opens() else {
            return;
        };
        let free = self.screen.looked_at(|fold| fold.counts().free);
        if free == Some(0) && !self.was_sold_out {
            self.was_sold_out = true;
            self.scene.recorder.took(SOLD_OUT, opens, now);
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

/// The event that a message is about, where it is about one.
fn about(message: &ToClient) -> Option<EventId> {
    match message {
        ToClient::Snapshot { event, .. }
        | ToClient::Delta { event, .. }
        | ToClient::Resumed { event, .. }
        | ToClient::Event { event, .. } => Some(*event),
        ToClient::Counts { .. }
        | ToClient::Heartbeat { .. }
        | ToClient::Stale { .. }
        | ToClient::Fresh
        | ToClient::Error { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use parterre_domain::wire::api::Availability;
    use parterre_domain::wire::live::Changes;
    use parterre_domain::{Counts, Position, TicketId};

    use super::*;
    use crate::scenario::crowd::{Change, Known, Part, Rush, Watching};
    use crate::scenario::people::TO_SCREEN;

    const SECOND: Duration = Duration::from_secs(1);

    fn event() -> EventId {
        EventId::from_number(1)
    }

    /// The only one there is; the run began three seconds ago.
    fn watcher(watching: Option<Watching>, rush: Option<Rush>, is_folding: bool) -> Watcher {
        let nobody: crate::wire::Origin = "http://127.0.0.1:1".parse().unwrap();
        let scene = Arc::new(Scene::new(Part {
            edges: vec![nobody.clone()],
            core: nobody,
            seed: 1,
            lasts: SECOND * 10,
            events: vec![event()],
            hold_seconds: 600,
            browsing: None,
            watching,
            rush,
        }));
        scene.begin(Instant::now() - SECOND * 3);
        Watcher::new(&scene, 0, event(), is_folding)
    }

    /// Somebody for whom a sale opened two seconds ago.
    fn waiting() -> Watcher {
        let rush = Rush {
            people: 1,
            first: 0,
            opens_at: SECOND,
            reaction: Duration::ZERO,
            best_percent: 0,
            pay_percent: 0,
        };
        watcher(None, Some(rush), true)
    }

    /// Somebody who only marks where the screen is; the ticket was reserved two seconds ago.
    fn marking() -> Watcher {
        let change = Change {
            at: SECOND,
            event: event(),
            ticket: TicketId(0),
        };
        let watching = Watching {
            people: 1,
            first: 0,
            zipf: 1.0,
            fold_one_in: 50,
            changes: vec![change],
            cut_at: None,
        };
        watcher(Some(watching), None, false)
    }

    fn rev(n: u64) -> Rev {
        Rev {
            epoch: 1,
            position: Position::from_sequence(n),
        }
    }

    /// An event of one ticket.
    fn snapshot(event: u128) -> ToClient {
        ToClient::Snapshot {
            event: EventId::from_number(event),
            rev: rev(5),
            counts: counts(1),
            states: "f".to_owned(),
        }
    }

    fn counts(free: u32) -> Counts {
        Counts {
            total: 1,
            free,
            pending: 1 - free,
            sold: 0,
        }
    }

    fn delta(to: u64, free: u32) -> ToClient {
        let ticket = vec![TicketId(0)];
        let mut changes = Changes::default();
        match free {
            0 => changes.p = ticket,
            _ => changes.f = ticket,
        }
        told(to, free, changes)
    }

    fn told(to: u64, free: u32, changes: Changes) -> ToClient {
        ToClient::Delta {
            event: EventId::from_number(1),
            from: rev(to - 1),
            rev: rev(to),
            counts: counts(free),
            changes,
        }
    }

    #[test]
    fn a_screen_is_sold_out_once_when_it_first_shows_so_and_not_while_it_is_blank() {
        let mut watcher = waiting();
        let mut check = |message: ToClient, expected: u64| {
            watcher.take(&message);
            let recorded = watcher.scene.recorder.take();
            let sold_out = recorded.took.get(SOLD_OUT);
            let count = sold_out.map_or(0, |series| series.whole.histogram().len());
            assert_eq!(count, expected, "{message:?}");
            assert_eq!(recorded.disagreements.said, Vec::<String>::new());
            let seconds = sold_out.map_or(2, |of| of.whole.histogram().min() / 990_000);
            assert_eq!(seconds, 2);
        };
        check(ToClient::Fresh, 0);
        check(snapshot(1), 0);
        check(delta(6, 0), 1);
        check(delta(7, 1), 0);
        check(delta(8, 0), 0);
    }

    #[tokio::test]
    async fn a_screen_that_only_marks_misses_a_ticket_that_a_delta_left_out() {
        let check = async |changes: Changes, is_snapped: bool, expected: u64| {
            let mut watcher = marking();
            watcher.take(&snapshot(1));
            // Everybody came before the run began.
            watcher.screen.told().snapshot(Instant::now() - SECOND * 5);
            watcher.take(&told(6, 0, changes.clone()));
            if is_snapped {
                watcher.screen.told().snapshot(Instant::now());
            }
            let known = Known {
                core: vec![Availability {
                    event: event(),
                    rev: rev(6),
                    counts: counts(0),
                    states: "p".to_owned(),
                }],
                may_go_on: false,
                answered: [(0, SECOND)].into(),
            };
            super::super::watchers_agree(&watcher.scene, &known).await;
            let recorded = watcher.scene.recorder.take();
            let said = recorded.disagreements;
            assert_eq!(said.count, expected, "{changes:?}: {said:?}");
            let shown = recorded.took.contains_key(TO_SCREEN);
            assert_eq!(shown, changes != Changes::default());
        };
        let whole = Changes {
            p: vec![TicketId(0)],
            ..Changes::default()
        };
        check(whole, false, 0).await;
        check(Changes::default(), false, 1).await;
        check(Changes::default(), true, 0).await;
    }

    #[test]
    fn a_message_about_an_event_that_nobody_watches_disagrees_and_changes_nothing() {
        let mut watcher = waiting();
        watcher.take(&snapshot(2));
        let recorded = watcher.scene.recorder.take();
        assert_eq!(recorded.disagreements.count, 1);
        assert_eq!(watcher.screen.rev(), None);
    }
}
