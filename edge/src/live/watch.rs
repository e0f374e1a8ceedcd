//! The events that connections of one shard watch, each with the frames that are ready
//! for clients at the same rev.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use foldhash::fast::RandomState;

use parterre_domain::wire::api::EventDetail;
use parterre_domain::wire::live::{Changes, ToClient};
use parterre_domain::{Counts, EventId, Rev, limits};

use super::message::Subprotocol;
use crate::cell::{CatchUp, Delta};
use crate::slab::ConnectionId;

/// What the hub needs of a cell.
pub(crate) trait Source {
    /// The rev of the newest commit that touched the event.
    fn rev(&self) -> Rev;
    /// Whether there is no such event any more.
    fn is_gone(&self) -> bool;
    /// What a client that stands at `since` lacks.
    fn catch_up(&self, since: Rev) -> CatchUp;
    /// All of it, at one rev.
    fn snapshot(&self) -> Snapshot;
    /// The event's detail, at one rev.
    fn detail(&self) -> EventDetail;
}

/// All states of an event at a rev.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) rev: Rev,
    pub(crate) counts: Counts,
    pub(crate) states: String,
}

/// A frame that any client of the same subprotocol, standing at the same rev, can take.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// Where a client stands that took it.
    pub(crate) rev: Rev,
    /// Whether it is a snapshot.
    pub(crate) is_snapshot: bool,
    /// Whether it stands in the place of deltas.
    pub(crate) skips_deltas: bool,
    /// Whether the event's detail must be told with it.
    pub(crate) with_detail: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Snapshot,
    Detail,
    Since(Rev),
}

/// One watched event.
pub(crate) struct Watch<S> {
    pub(crate) event: EventId,
    /// None while the cell is being loaded.
    source: Option<S>,
    /// Clients that stand here lack nothing. Moves at each round, so that a change
    /// between two rounds waits for the next.
    pub(crate) rev: Rev,
    /// Whether a round is owed. Until it comes, nobody gets a delta.
    pub(crate) dirty: bool,
    pub(crate) last_round: Option<Instant>,
    pub(crate) members: Vec<ConnectionId>,
    frames: Vec<(Subprotocol, Wanted, Option<Frame>)>,
}

impl<S: Source> Watch<S> {
    fn new(event: EventId) -> Self {
        Self {
            event,
            source: None,
            rev: Rev::default(),
            dirty: false,
            last_round: None,
            members: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// Whether the cell is there.
    pub(crate) fn is_loaded(&self) -> bool {
        self.source.is_some()
    }

    /// Whether the event is no more.
    pub(crate) fn is_gone(&self) -> bool {
        self.source.as_ref().is_some_and(S::is_gone)
    }

    /// Takes the cell in.
    pub(crate) fn load(&mut self, source: S) {
        self.rev = source.rev();
        self.source = Some(source);
    }

    /// Begins a round: clients now lack what has happened until here.
    pub(crate) fn begin_round(&mut self, now: Instant) {
        self.dirty = false;
        self.last_round = Some(now);
        self.forget_frames();
        if let Some(source) = &self.source {
            self.rev = source.rev();
        }
    }

    /// Lets go of encoded frames.
    pub(crate) fn forget_frames(&mut self) {
        self.frames = Vec::new();
    }

    /// What a client at `mark` lacks: a delta, or a snapshot where that is the shorter
    /// way or the only one; none when it lacks nothing.
    pub(crate) fn update(&mut self, mark: Rev, subprotocol: Subprotocol) -> Option<Frame> {
        self.frame(Wanted::Since(mark), subprotocol)
    }

    /// All states.
    pub(crate) fn snapshot(&mut self, subprotocol: Subprotocol) -> Option<Frame> {
        self.frame(Wanted::Snapshot, subprotocol)
    }

    /// The event's detail, as it was at `rev` or later.
    pub(crate) fn detail(&mut self, rev: Rev, subprotocol: Subprotocol) -> Option<Frame> {
        self.frames.retain(|(_, wanted, frame)| {
            *wanted != Wanted::Detail || frame.as_ref().is_some_and(|known| known.rev >= rev)
        });
        self.frame(Wanted::Detail, subprotocol)
    }

    fn frame(&mut self, wanted: Wanted, subprotocol: Subprotocol) -> Option<Frame> {
        let known = self
            .frames
            .iter()
            .find(|(of, what, _)| *of == subprotocol && *what == wanted);
        if let Some((_, _, frame)) = known {
            return frame.clone();
        }
        let source = self.source.as_ref()?;
        let frame = match wanted {
            Wanted::Snapshot => Some(self.encode_snapshot(source, subprotocol)),
            Wanted::Detail => Some(self.encode_detail(source, subprotocol)),
            Wanted::Since(mark) => match source.catch_up(mark) {
                CatchUp::UpToDate | CatchUp::Ahead => None,
                CatchUp::Delta(delta) => {
                    Some(self.encode_shorter(source, subprotocol, mark, &delta))
                }
                CatchUp::Snapshot => Some(Frame {
                    skips_deltas: true,
                    with_detail: true,
                    ..self.snapshot(subprotocol)?
                }),
            },
        };
        if self.frames.len() == limits::FRAMES_PER_EVENT {
            self.frames.remove(0);
        }
        self.frames.push((subprotocol, wanted, frame.clone()));
        frame
    }

    fn encode_snapshot(&self, source: &S, subprotocol: Subprotocol) -> Frame {
        let Snapshot {
            rev,
            counts,
            states,
        } = source.snapshot();
        let event = self.event;
        let message = ToClient::Snapshot {
            event,
            rev,
            counts,
            states,
        };
        Frame {
            bytes: subprotocol.encode(&message),
            rev,
            is_snapshot: true,
            skips_deltas: false,
            with_detail: false,
        }
    }

    fn encode_detail(&self, source: &S, subprotocol: Subprotocol) -> Frame {
        let detail = Box::new(source.detail());
        let rev = detail.rev;
        let event = self.event;
        Frame {
            bytes: subprotocol.encode(&ToClient::Event { event, detail }),
            rev,
            is_snapshot: false,
            skips_deltas: false,
            with_detail: false,
        }
    }

    /// The delta, or a snapshot if that is lighter: it has one letter a ticket.
    fn encode_shorter(
        &self,
        source: &S,
        subprotocol: Subprotocol,
        mark: Rev,
        delta: &Delta,
    ) -> Frame {
        debug_assert!(delta.from <= mark && mark < delta.rev);
        let message = ToClient::Delta {
            event: self.event,
            from: delta.from,
            rev: delta.rev,
            counts: delta.counts,
            changes: Changes::from(&delta.changes),
        };
        let bytes = subprotocol.encode(&message);
        let tickets = usize::try_from(delta.counts.total).unwrap_or(usize::MAX);
        if bytes.len() > tickets.saturating_add(SNAPSHOT_OVERHEAD_BYTES) {
            return Frame {
                skips_deltas: true,
                with_detail: delta.record_changed,
                ..self.encode_snapshot(source, subprotocol)
            };
        }
        Frame {
            bytes,
            rev: delta.rev,
            is_snapshot: false,
            skips_deltas: false,
            with_detail: delta.record_changed,
        }
    }
}

/// About what a snapshot weighs beside its states.
const SNAPSHOT_OVERHEAD_BYTES: usize = 200;

/// Names a watch while it has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchId(u32);

/// All watches of a shard.
pub(crate) struct Watches<S> {
    by_event: HashMap<EventId, WatchId, RandomState>,
    watches: Vec<Option<Watch<S>>>,
    free: Vec<WatchId>,
}

impl<S> Default for Watches<S> {
    fn default() -> Self {
        Self {
            by_event: HashMap::default(),
            watches: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<S: Source> Watches<S> {
    /// The watch of an event.
    pub(crate) fn find(&self, event: EventId) -> Option<WatchId> {
        self.by_event.get(&event).copied()
    }

    /// The watch of an event, made if nobody watched it, in which case the second is
    /// true and the event must be loaded.
    pub(crate) fn find_or_make(&mut self, event: EventId) -> (WatchId, bool) {
        if let Some(id) = self.find(event) {
            return (id, false);
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.watches.push(None);
            WatchId(u32::try_from(self.watches.len() - 1).unwrap_or(u32::MAX))
        });
        self.watches[id.0 as usize] = Some(Watch::new(event));
        self.by_event.insert(event, id);
        (id, true)
    }

    /// A watch by its id.
    pub(crate) fn get(&mut self, id: WatchId) -> Option<&mut Watch<S>> {
        self.watches.get_mut(id.0 as usize)?.as_mut()
    }

    /// Forgets a watch and lets go of its cell.
    pub(crate) fn remove(&mut self, id: WatchId) {
        if let Some(watch) = self.watches.get_mut(id.0 as usize).and_then(Option::take) {
            self.by_event.remove(&watch.event);
            self.free.push(id);
        }
    }

    /// Every watch.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Watch<S>> {
        self.watches.iter_mut().flatten()
    }
}
