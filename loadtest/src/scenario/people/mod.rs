//! The people of one process of a crowd: they look around ([`browser`](self)), watch
//! ([`watcher`](self)), or wait for a sale to open ([`rush`](self)).

mod browser;
mod deliveries;
mod marks;
mod picture;
mod reader;
mod rush;
mod scene;
mod watcher;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parterre_domain::EventId;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub(crate) use browser::{LOOK, LOOKS, SERVED};
pub(crate) use deliveries::{ANSWERED_TO_SCREEN, TO_SCREEN, UNTIMED};
pub(crate) use rush::BOUGHT;
pub(crate) use scene::{Scene, stage};
pub(crate) use watcher::{BACK, CUT, DELTAS, RECONNECTED, SOLD_OUT, event_of};

use marks::Marks;
use picture::Screen;

use super::arrivals::{Arrivals, Rate};
use super::crowd::Known;
use super::pace::{LATE, Pace};
use super::zipf::Zipf;
use crate::smoke::Stage;

/// Connections that are made at a time before a run begins; in a run nobody waits for it.
const CONNECTING: usize = 64;
/// How long it may take until everybody is there.
const GATHERING: Duration = Duration::from_secs(120);
/// How long a call may take that was begun in time.
const ENDING: Duration = Duration::from_secs(40);
/// How long watchers may take to hear of the last change.
const LAST_NEWS: Duration = Duration::from_secs(20);

/// Lets everybody who watches come, subscribe and hear a snapshot. They stay until the
/// tasks are dropped.
pub(crate) async fn gather(scene: &Arc<Scene>, staying: &mut JoinSet<()>) -> Result<(), String> {
    let door = Arc::new(Semaphore::new(CONNECTING));
    let (events, watching) = (&scene.part.events, scene.part.watching.as_ref());
    let fame = Zipf::new(events.len(), watching.map_or(0.0, |of| of.zipf));
    let watchers = watching.into_iter();
    let watchers = watchers.flat_map(|of| of.first..of.first + of.people);
    for number in watchers.clone() {
        let event = event_of(number, events, &fame);
        watcher::spawn(staying, scene, number, event, &door);
    }
    let rush = scene.part.rush.iter();
    let waiting = rush.flat_map(|of| of.first..of.first + of.people);
    for number in waiting.clone() {
        rush::spawn(staying, scene, number, &door);
    }
    let everybody = watchers.count() + waiting.count();
    let mut there = scene.there();
    let all = there.wait_for(|there| *there >= everybody);
    match tokio::time::timeout(GATHERING, all).await {
        Ok(_) => Ok(()),
        Err(_) => {
            let there = *scene.there().borrow();
            Err(format!(
                "of {everybody} people {there} are there after {GATHERING:?}"
            ))
        }
    }
}

/// Everything that happens between the beginning and the end of a part.
pub(crate) async fn play(scene: &Arc<Scene>, stage: &Arc<Stage>) {
    let begins = scene.recorder.began();
    let mut busy = JoinSet::new();
    if let Some(browsing) = &scene.part.browsing {
        let lasts = scene.part.lasts;
        let plan = Arrivals::new(browsing.rate, lasts, scene.part.seed);
        scene.recorder.plans(plan.clone());
        let pace = Arc::new(match browsing.rate {
            Rate::Flood => Pace::flood(lasts, begins),
            Rate::Flat { .. } | Rate::Ramp { .. } | Rate::Day { .. } => {
                Pace::keep(plan, lasts, begins)
            }
        });
        let fame = Arc::new(Zipf::new(scene.part.events.len(), browsing.zipf));
        for number in 0..browsing.people {
            browser::spawn(&mut busy, scene, number, &fame, &pace);
        }
    }
    if scene.part.rush.is_some() {
        rush::buy(&mut busy, scene, stage);
    }
    let over = begins + scene.part.lasts;
    if scene.part.watching.is_some() {
        tokio::time::sleep_until(over.into()).await;
    }
    let end = over + LATE + ENDING;
    let finished = async {
        while let Some(ended) = busy.join_next().await {
            if let Err(error) = ended {
                let said = format!("the load tester itself: {error}");
                scene.recorder.disagrees(said);
            }
        }
    };
    if tokio::time::timeout_at(end.into(), finished).await.is_err() {
        scene
            .recorder
            .count("people who were busy when time was over");
    }
}

/// Every watcher has what the core says, at the same rev, and was told of each change on
/// the way there. Where others change an event too, a watcher may have gone on from there.
pub(crate) async fn watchers_agree(scene: &Scene, known: &Known) {
    let deadline = Instant::now() + LAST_NEWS;
    for availability in &known.core {
        let event = availability.event;
        let answered = scene.deliveries.answered(event, &known.answered);
        for (number, screen) in scene.screens_of(event) {
            while !screen.has(availability.rev) && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if known.may_go_on && screen.rev().is_some_and(|mine| mine > availability.rev) {
                scene.recorder.count("screens that had gone on from there");
                continue;
            }
            screen.count_compared(&scene.recorder);
            if let Some(wrong) = screen.differs(availability) {
                let rev = availability.rev;
                let said = format!("watcher {number} {wrong} of {event}, the core is at {rev}");
                scene.recorder.disagrees(said);
            } else {
                was_told(scene, number, event, &screen, &answered);
            }
        }
    }
    scene.deliveries.resolve(&known.answered, &scene.recorder);
}

/// A screen that only marks where it is can't tell by its states that a delta left a
/// ticket out: every change must have been named to it, unless a snapshot had it.
fn was_told(scene: &Scene, number: usize, event: EventId, screen: &Screen, answered: &Marks) {
    let (deliveries, began) = (&scene.deliveries, scene.recorder.began());
    let missed = deliveries.missed(&screen.told(), answered, began);
    if let Some(first) = missed.first() {
        let said = format!(
            "watcher {number} was never told of {} changes of {event}, of {first} first, and \
             got no snapshot since",
            missed.len()
        );
        scene.recorder.disagrees(said);
    }
}
