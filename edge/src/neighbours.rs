//! Loading what is likely to be looked at next: people who look at one event look at
//! those near it in kind and date.
//!
//! Only events that were found are followed, each at most once in
//! [`limits::NEIGHBOURS_AGAIN`], by one task that loads one event at a time and pauses in
//! between: whoever walks through the whole programme can't make an edge load faster than
//! that. What doesn't fit the queue is forgotten.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use parterre_domain::{EventId, limits};

use crate::cell::Cell;
use crate::clock;
use crate::context::Edge;
use crate::similar::similar;

/// Events whose neighbours are to be loaded.
#[derive(Debug)]
pub(crate) struct Neighbours {
    started: Instant,
    wanted: Mutex<VecDeque<EventId>>,
    told: Notify,
}

/// When an event was last looked at, as far as its neighbours are concerned: seconds since
/// the edge's start, 0 for never.
#[derive(Debug, Default)]
pub(crate) struct LastLook(AtomicU32);

impl Neighbours {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            wanted: Mutex::default(),
            told: Notify::new(),
        }
    }

    /// Somebody looks at an event.
    pub(crate) fn looked_at(&self, cell: &Cell, now: Instant) {
        let seconds = now.saturating_duration_since(self.started).as_secs() + 1;
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        if !cell.last_look.begins(seconds) {
            return;
        }
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.len() < limits::NEIGHBOURS_QUEUE {
            wanted.push_back(cell.event());
            self.told.notify_one();
        }
    }

    async fn next(&self) -> EventId {
        loop {
            let next = {
                let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
                wanted.pop_front()
            };
            match next {
                Some(event) => return event,
                None => self.told.notified().await,
            }
        }
    }
}

impl LastLook {
    /// Whether so long has passed since the last look that neighbours are to be loaded.
    fn begins(&self, seconds: u32) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        let again = u32::try_from(limits::NEIGHBOURS_AGAIN.as_secs()).unwrap_or(u32::MAX);
        let is_due = last == 0 || seconds.saturating_sub(last) >= again;
        // Of many who look at once, one is enough.
        is_due
            && self
                .0
                .compare_exchange(last, seconds, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// Loads neighbours of what is looked at, until told to stop.
pub(crate) async fn run(edge: Arc<Edge>, mut stop: watch::Receiver<bool>) {
    let work = async {
        loop {
            let event = edge.neighbours.next().await;
            load_around(&edge, event).await;
        }
    };
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|&stop| stop) => {}
    }
}

async fn load_around(edge: &Edge, event: EventId) {
    let programme = edge.catalog.programme();
    let near = similar(&programme, event, clock::now(), limits::NEIGHBOURS);
    let missing: Vec<EventId> = near
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.record.id)
        .filter(|&event| edge.cells.peek(event).is_none())
        .collect();
    drop(programme);
    for event in missing {
        // A core that doesn't answer is no worse for this: it is asked on the next look.
        if matches!(edge.cells.load(event).await, Ok(Some(_))) {
            edge.metrics.neighbours_loaded.inc();
        }
        sleep(limits::NEIGHBOURS_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_followed_once_in_a_while_however_often_it_is_looked_at() {
        let last = LastLook::default();
        let again = u32::try_from(limits::NEIGHBOURS_AGAIN.as_secs()).unwrap();
        let rows = [
            (1, true),
            (1, false),
            (again, false),
            (again + 1, true),
            (again + 2, false),
            (3 * again, true),
        ];
        for (seconds, expected) in rows {
            assert_eq!(last.begins(seconds), expected, "after {seconds} s");
        }
    }
}
