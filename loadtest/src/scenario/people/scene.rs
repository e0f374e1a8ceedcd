//! What everybody in one process of a crowd shares.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parterre_domain::EventId;
use tokio::sync::watch;

use super::deliveries::Deliveries;
use super::picture::Screen;
use crate::SmokeConfig;
use crate::scenario::crowd::Part;
use crate::scenario::recorder::Recorder;
use crate::smoke::Stage;
use crate::wire::Origin;

/// Shared by everybody in one process.
pub(crate) struct Scene {
    pub(crate) part: Part,
    pub(crate) recorder: Recorder,
    pub(super) deliveries: Deliveries,
    /// When the run begins, once that is known.
    begins: watch::Sender<Option<Instant>>,
    /// How many are there.
    there: watch::Sender<usize>,
    /// What each person sees, by its place in this process.
    screens: Vec<OnceLock<(usize, EventId, Arc<Screen>)>>,
}

impl Scene {
    pub(crate) fn new(part: Part) -> Self {
        let watching = part.watching.as_ref().map_or(0, |of| of.people);
        let waiting = part.rush.as_ref().map_or(0, |of| of.people);
        let changes = part.watching.as_ref().map(|of| &of.changes[..]);
        Self {
            recorder: Recorder::default(),
            deliveries: Deliveries::new(changes.unwrap_or_default()),
            begins: watch::Sender::new(None),
            there: watch::Sender::new(0),
            screens: (0..watching + waiting).map(|_| OnceLock::new()).collect(),
            part,
        }
    }

    /// The run begins. What buyers share is made now, since their times count from here.
    pub(crate) fn begin(&self, at: Instant) -> Arc<Stage> {
        self.recorder.begin(at);
        self.begins.send_replace(Some(at));
        Arc::new(stage(&self.part, "", at))
    }

    /// Whether the run is under way at an instant.
    pub(super) fn is_playing(&self, at: Instant) -> bool {
        let begins = *self.begins.borrow();
        begins.is_some_and(|begins| begins <= at && at < begins + self.part.lasts)
    }

    /// When the sale opens, where people wait for that.
    pub(super) fn opens(&self) -> Option<Instant> {
        let rush = self.part.rush.as_ref()?;
        Some(self.recorder.began() + rush.opens_at)
    }

    /// When the run begins, once that is known.
    pub(super) fn begins(&self) -> watch::Receiver<Option<Instant>> {
        self.begins.subscribe()
    }

    /// The edge of the person with this number.
    pub(super) fn edge(&self, number: usize) -> &Origin {
        &self.part.edges[number % self.part.edges.len()]
    }

    /// One more is there, or will never be.
    pub(super) fn arrived(&self) {
        self.there.send_modify(|there| *there += 1);
    }

    pub(super) fn there(&self) -> watch::Receiver<usize> {
        self.there.subscribe()
    }

    /// Hangs up a person's screen, where the end of the run finds it.
    pub(super) fn shows(&self, number: usize, event: EventId, screen: &Arc<Screen>) {
        let watching = self.part.watching.as_ref().map_or(0, |of| of.first);
        let rush = self.part.rush.as_ref().map_or(0, |of| of.first);
        // A crowd watches or waits; no scenario has both.
        let at = number - watching.max(rush);
        if let Some(place) = self.screens.get(at) {
            place.get_or_init(|| (number, event, screen.clone()));
        }
    }

    /// The screens that show an event, with their people's numbers.
    pub(super) fn screens_of(&self, event: EventId) -> impl Iterator<Item = (usize, Arc<Screen>)> {
        let screens = self.screens.iter().filter_map(OnceLock::get);
        let of_event = screens.filter(move |(_, shown, _)| *shown == event);
        of_event.map(|(number, _, screen)| (*number, screen.clone()))
    }
}

/// What smoke's buyers and its audit share, for buyers of a crowd.
pub(crate) fn stage(part: &Part, token: &str, begins: Instant) -> Stage {
    let config = SmokeConfig::new(part.edges.clone(), part.core.clone(), token);
    let config = SmokeConfig {
        seed: part.seed,
        hold_seconds: part.hold_seconds,
        ..config
    };
    let stage = Stage::begun(config, begins);
    for event in &part.events {
        stage.publish(*event);
    }
    stage
}
