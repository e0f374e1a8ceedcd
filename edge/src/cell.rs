//! One event in an edge's memory.
//!
//! A cell holds an immutable [`View`] that is swapped whole, so that no reader ever sees
//! half a commit, and beside it the recent deltas, so that a client that was away for a
//! moment is brought up to date without a snapshot.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;

use parterre_domain::wire::feed::EventSnapshot;
use parterre_domain::{
    Counts, CountsChange, EventChange, EventId, EventRecord, Layout, Rev, States, TicketChanges,
    TicketId, TicketState, limits,
};

use crate::neighbours::LastLook;
use crate::render::Bodies;

/// An event at one rev. Never changes; the cell swaps it for the next.
#[derive(Debug)]
pub struct View {
    /// As stored.
    pub record: Arc<EventRecord>,
    /// Where each ticket is; the same for as long as the event exists.
    pub layout: Arc<Layout>,
    /// The state of every ticket.
    pub states: States,
    /// The count of `states`.
    pub counts: Counts,
    /// The last commit that touched the event.
    pub rev: Rev,
    /// When the next view took this one's place; shared with the bodies rendered from
    /// it, so that a body knows since when it is old.
    pub(crate) superseded: Arc<OnceLock<Instant>>,
}

/// What a client lacks that stands at some rev.
#[derive(Clone, Debug, PartialEq)]
pub enum CatchUp {
    /// Nothing.
    UpToDate,
    /// Nothing yet: it has seen an edge that was further than this one.
    Ahead,
    /// Some changes.
    Delta(Delta),
    /// More than is remembered, more than a snapshot weighs, or another epoch's state.
    Snapshot,
}

/// What the commits in (`from`, `rev`] did to an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// Where the client stands.
    pub from: Rev,
    /// Where it stands afterwards.
    pub rev: Rev,
    /// The counts at `rev`.
    pub counts: Counts,
    /// Every ticket touched, with its last state.
    pub changes: TicketChanges,
    /// Whether the event's record changed as well.
    pub record_changed: bool,
}

/// One event in memory, kept current by the follower.
#[derive(Debug)]
pub struct Cell {
    event: EventId,
    view: ArcSwap<View>,
    /// Its lock is what makes writers take turns.
    recent: Mutex<Recent>,
    pub(crate) bodies: Bodies,
    pub(crate) last_look: LastLook,
    is_gone: AtomicBool,
}

/// The deltas that are remembered.
#[derive(Debug)]
struct Recent {
    /// Every commit up to here is in the view.
    as_of: Rev,
    /// The deltas are whole behind this rev.
    begins: Rev,
    deltas: VecDeque<Past>,
    weight_bytes: usize,
}

#[derive(Debug)]
struct Past {
    rev: Rev,
    at: Instant,
    tickets: Box<[(TicketId, TicketState)]>,
    record_changed: bool,
}

/// What one changed ticket takes in a delta, roughly: six digits and a comma.
const TICKET_BYTES: usize = 7;
/// What a frame takes beside its tickets, roughly.
const FRAME_BYTES: usize = 256;

impl Cell {
    /// A cell with the state of a snapshot.
    pub fn new(snapshot: EventSnapshot, layout: Arc<Layout>) -> Self {
        let (event, as_of, rev) = (snapshot.record.id, snapshot.read_at, snapshot.rev);
        Self {
            event,
            view: ArcSwap::from_pointee(view_of(snapshot, layout)),
            recent: Mutex::new(Recent::beginning(as_of, rev)),
            bodies: Bodies::default(),
            last_look: LastLook::default(),
            is_gone: AtomicBool::new(false),
        }
    }

    /// Which event it is.
    pub fn event(&self) -> EventId {
        self.event
    }

    /// The event as it now is.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// The rev of the last commit that touched the event.
    pub fn rev(&self) -> Rev {
        self.view.load().rev
    }

    /// What a client lacks that stands at `since`.
    pub fn catch_up(&self, since: Rev) -> CatchUp {
        let recent = self.recent();
        let view = self.view.load();
        if since == view.rev {
            CatchUp::UpToDate
        } else if since.epoch != recent.as_of.epoch {
            CatchUp::Snapshot
        } else if since > view.rev {
            CatchUp::Ahead
        } else if since < recent.begins {
            CatchUp::Snapshot
        } else {
            recent.folded(since, &view)
        }
    }

    /// There is no such event any more: whoever still holds the cell must let go of it.
    pub(crate) fn bury(&self) {
        self.is_gone.store(true, Ordering::Release);
    }

    /// Whether the event is no more.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// Every commit up to here is in the view.
    pub(crate) fn as_of(&self) -> Rev {
        self.recent().as_of
    }

    /// Takes in what commits did to the event, each with its rev, ascending. What the
    /// cell has already seen is passed over. Says whether anything changed.
    pub fn apply<'a>(
        &self,
        changes: impl IntoIterator<Item = (Rev, &'a EventChange)>,
        now: Instant,
    ) -> bool {
        let mut recent = self.recent();
        let before = self.view.load_full();
        let mut next = before.successor();
        for (rev, change) in changes {
            if rev > recent.as_of {
                next.step(rev, change);
                recent.remember(rev, change, now);
            }
        }
        let changed = next.rev != before.rev;
        if changed {
            recent.forget(now, snapshot_bytes(&next.states));
            self.swap(next, &before, now);
        }
        changed
    }

    /// Starts anew from a snapshot, as after a gap in the feed.
    pub(crate) fn reset(&self, snapshot: EventSnapshot, now: Instant) {
        let mut recent = self.recent();
        let before = self.view.load_full();
        let (as_of, rev) = (snapshot.read_at, snapshot.rev);
        *recent = Recent::beginning(as_of, rev);
        self.swap(view_of(snapshot, Arc::clone(&before.layout)), &before, now);
    }

    /// Notes that no commit up to `as_of` has touched the event since its rev.
    pub(crate) fn confirm(&self, as_of: Rev) {
        let mut recent = self.recent();
        recent.as_of = recent.as_of.max(as_of);
    }

    fn swap(&self, next: View, before: &View, now: Instant) {
        self.view.store(Arc::new(next));
        // A view is superseded once, by whoever holds the lock.
        before.superseded.get_or_init(|| now);
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Roughly how many bytes the cell takes, its rendered bodies included.
    pub(crate) fn weight_bytes(&self) -> u64 {
        let view = self.view.load();
        let tickets = u64::from(view.layout.len());
        let about = &view.record.about;
        let text = about.description.len() + about.title.len() + about.venue.len();
        // Per ticket: two boxed labels, two indices, two coordinates; its bits in the
        // view and in the next; its letter in the bodies of today and of yesterday; its
        // share of the remembered deltas. And its part of the rendered layout, if that
        // is asked for in every format and encoding: 32 bytes of JSON, 17 of
        // MessagePack, and up to 35 of both compressed.
        let per_ticket = if view.layout.x.is_some() { 165 } else { 125 };
        4_096 + 6 * u64::try_from(text).unwrap_or(0) + tickets * per_ticket
    }
}

impl View {
    fn successor(&self) -> Self {
        Self {
            record: Arc::clone(&self.record),
            layout: Arc::clone(&self.layout),
            states: self.states.clone(),
            counts: self.counts,
            rev: self.rev,
            superseded: Arc::default(),
        }
    }

    fn step(&mut self, rev: Rev, change: &EventChange) {
        for &(ticket, state) in &change.tickets {
            if let Some(before) = self.states.set(ticket, state) {
                self.counts = self.counts.after(CountsChange::of_step(before, state));
            }
        }
        if let Some(record) = &change.record {
            self.record = Arc::new((**record).clone());
        }
        self.rev = rev;
    }
}

fn view_of(snapshot: EventSnapshot, layout: Arc<Layout>) -> View {
    View {
        counts: snapshot.states.count(),
        record: Arc::new(snapshot.record),
        layout,
        states: snapshot.states,
        rev: snapshot.rev,
        superseded: Arc::default(),
    }
}

fn snapshot_bytes(states: &States) -> usize {
    FRAME_BYTES + states.len() as usize
}

impl Recent {
    fn beginning(as_of: Rev, rev: Rev) -> Self {
        Self {
            as_of,
            begins: rev,
            deltas: VecDeque::new(),
            weight_bytes: 0,
        }
    }

    fn remember(&mut self, rev: Rev, change: &EventChange, at: Instant) {
        self.as_of = rev;
        let past = Past {
            rev,
            at,
            tickets: change.tickets.as_slice().into(),
            record_changed: change.record.is_some(),
        };
        self.weight_bytes += past.weight_bytes();
        self.deltas.push_back(past);
    }

    fn forget(&mut self, now: Instant, snapshot_bytes: usize) {
        while let Some(oldest) = self.deltas.front() {
            let age = now.saturating_duration_since(oldest.at);
            if age <= limits::SINCE_KEPT && self.weight_bytes <= snapshot_bytes {
                break;
            }
            self.begins = oldest.rev;
            self.weight_bytes -= oldest.weight_bytes();
            self.deltas.pop_front();
        }
    }

    fn folded(&self, since: Rev, view: &View) -> CatchUp {
        let first = self.deltas.partition_point(|past| past.rev <= since);
        let mut changes = TicketChanges::default();
        let mut record_changed = false;
        for past in self.deltas.range(first..) {
            changes.fold(past.tickets.iter().copied());
            record_changed |= past.record_changed;
        }
        if changes.len() * TICKET_BYTES > snapshot_bytes(&view.states) {
            return CatchUp::Snapshot;
        }
        CatchUp::Delta(Delta {
            from: since,
            rev: view.rev,
            counts: view.counts,
            changes,
            record_changed,
        })
    }
}

impl Past {
    fn weight_bytes(&self) -> usize {
        32 + self.tickets.len() * TICKET_BYTES
    }
}

#[cfg(test)]
mod tests;
