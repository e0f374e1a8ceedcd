//! All live connections of one shard: who watches what, when the next round is due, who
//! has something to be told, and who is stuck.
//!
//! No socket and no clock, so that tests drive it by hand: time comes in, frames and
//! [`Effect`]s come out. The driver's whole duty is to write [`Hub::next`] to the socket
//! of each connection that [`Hub::pop_ready`] names, and to say how far it got.
//!
//! Here what comes in; in `membership` who watches what, in `rounds` when who is served,
//! in `sweep` what time does, in `render` how it looks on the wire.

mod membership;
mod render;
mod rounds;
mod sweep;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use parterre_domain::wire::live::{CloseCode, FromClient};
use parterre_domain::{Counts, EventId, Rev, Slug, Timestamp, limits};

use super::frame::Violation;
use super::message::Subprotocol;
use super::session::{Climate, Peer, Session};
use super::tally::Tally;
use super::watch::{Source, WatchId, Watches};
use crate::slab::{ConnectionId, Slab};

/// What the hub needs of the edge around it.
pub(crate) trait World {
    /// A cell, kept in memory while it is held.
    type Cell: Source;
    /// The feed's position and the counts of the events named, or of all.
    fn counts(&self, only: Option<&BTreeSet<EventId>>) -> (Rev, BTreeMap<EventId, Counts>);
}

/// How patient a hub is. Tests shorten it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// A quarter of the time between two sweeps.
    pub(crate) pulse: Duration,
    pub(crate) tick_min: Duration,
    pub(crate) tick_max: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) slow_client: Duration,
    pub(crate) close_grace: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pulse: Duration::from_millis(250),
            tick_min: limits::TICK_MIN,
            tick_max: limits::TICK_MAX,
            heartbeat: limits::LIVE_HEARTBEAT,
            slow_client: limits::SLOW_CLIENT,
            close_grace: limits::CLOSE_GRACE,
        }
    }
}

/// Something for the driver to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Load an event's cell and answer with [`Hub::loaded`].
    Load(EventId),
    /// End a connection that both sides have closed.
    End(ConnectionId),
    /// Say on a connection's socket that nothing follows, and let its client end it: what
    /// it still sends would turn an end by us into a reset that swallows the close frame.
    Finish(ConnectionId),
    /// End a connection that doesn't answer, and forget what wasn't sent.
    Cut(ConnectionId),
}

struct Connection {
    session: Session,
    /// The rest of the one frame that the socket hasn't taken yet.
    in_flight: Option<Bytes>,
    /// When the last frame was begun.
    last_frame: Instant,
    /// When the socket last took a byte of `in_flight`.
    last_progress: Instant,
    /// When it began to close.
    closing_since: Option<Instant>,
    /// Whether it stands in the list of those with something to be told.
    is_ready: bool,
}

/// All live connections of one shard.
pub(crate) struct Hub<W: World> {
    world: W,
    pace: Pace,
    random: fastrand::Rng,
    connections: Slab<Connection>,
    watches: Watches<W::Cell>,
    /// Watches that owe a round.
    dirty: Vec<WatchId>,
    tick: Duration,
    /// Each at most once, so never longer than there are connections.
    ready: VecDeque<ConnectionId>,
    effects: Vec<Effect>,
    climate: Climate,
    stale_seconds: u64,
    counts: CountsRound,
    draining: bool,
    wall: Timestamp,
    tally: Tally,
}

/// What the last round of counts told, and what the next will.
#[derive(Default)]
struct CountsRound {
    /// How many connections ask for counts is not tracked: one that ever asked makes
    /// the shard collect.
    wanted: bool,
    changed: BTreeSet<EventId>,
    frames: [Option<Bytes>; 2],
}

impl<W: World> Hub<W> {
    /// A hub without connections. `seed` decides how clients are spread when they must
    /// come back.
    pub(crate) fn new(world: W, pace: Pace, seed: u64) -> Self {
        Self {
            world,
            pace,
            random: fastrand::Rng::with_seed(seed),
            connections: Slab::default(),
            watches: Watches::default(),
            dirty: Vec::new(),
            tick: pace.tick_min,
            ready: VecDeque::new(),
            effects: Vec::new(),
            climate: Climate::default(),
            stale_seconds: 0,
            counts: CountsRound::default(),
            draining: false,
            wall: Timestamp::default(),
            tally: Tally::default(),
        }
    }

    /// A client has connected.
    pub(crate) fn connect(&mut self, subprotocol: Subprotocol, now: Instant) -> ConnectionId {
        let id = self.connections.insert(Connection {
            session: Session::new(subprotocol),
            in_flight: None,
            last_frame: now,
            last_progress: now,
            closing_since: None,
            is_ready: false,
        });
        if self.draining {
            self.close(id, CloseCode::Draining as u16, now);
        }
        self.make_ready(id);
        id
    }

    /// How a connection's messages are written.
    pub(crate) fn subprotocol(&mut self, id: ConnectionId) -> Option<Subprotocol> {
        self.connections
            .get(id)
            .map(|connection| connection.session.subprotocol())
    }

    /// Whether what a connection's client says is dropped.
    pub(crate) fn is_closing(&mut self, id: ConnectionId) -> bool {
        let connection = self.connections.get(id);
        connection.is_none_or(|connection| connection.session.is_closing())
    }

    /// A connection is gone.
    pub(crate) fn disconnect(&mut self, id: ConnectionId) {
        let Some(mut connection) = self.connections.remove(id) else {
            return;
        };
        for subscription in std::mem::take(&mut connection.session.subscriptions) {
            self.leave(subscription.watch, subscription.slot);
        }
    }

    /// A client has sent a message, or something that isn't one.
    pub(crate) fn message(
        &mut self,
        id: ConnectionId,
        message: Result<FromClient, String>,
        now: Instant,
    ) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        if connection.session.admit() {
            match message {
                Ok(FromClient::Subscribe { event, since }) => self.subscribe(id, event, since),
                Ok(FromClient::Unsubscribe { event }) => self.unsubscribe(id, event),
                Ok(FromClient::Catalog {}) => {
                    connection.session.ask_counts();
                    self.counts.wanted = true;
                }
                Err(detail) => connection.session.strike(detail),
            }
        }
        self.note_closing(id, now);
        self.make_ready(id);
    }

    /// A client has sent a ping.
    pub(crate) fn ping(&mut self, id: ConnectionId, payload: &[u8], now: Instant) {
        if let Some(connection) = self.connections.get(id)
            && connection.session.admit()
        {
            connection.session.ping(payload);
        }
        self.note_closing(id, now);
        self.make_ready(id);
    }

    /// A client has sent its close frame, perhaps with a code.
    pub(crate) fn peer_closed(&mut self, id: ConnectionId, code: Option<u16>, now: Instant) {
        if let Some(connection) = self.connections.get(id) {
            connection.session.peer_closed(code);
            let peer = connection.session.over();
            if peer == Some(Peer::Closed) && connection.in_flight.is_none() {
                self.effects.push(Effect::End(id));
            }
        }
        self.note_closing(id, now);
        self.make_ready(id);
    }

    /// A client has broken RFC 6455.
    pub(crate) fn violated(&mut self, id: ConnectionId, violation: Violation, now: Instant) {
        if let Some(connection) = self.connections.get(id) {
            connection.session.violated(violation);
        }
        self.note_closing(id, now);
        self.make_ready(id);
    }

    /// An event that [`Effect::Load`] named has been loaded, or why it can't be.
    pub(crate) fn loaded(&mut self, event: EventId, outcome: Result<W::Cell, Slug>, now: Instant) {
        let Some(id) = self.watches.find(event) else {
            return;
        };
        let Some(watch) = self.watches.get(id) else {
            return;
        };
        if watch.is_loaded() {
            return;
        }
        match outcome {
            Ok(cell) if cell.is_gone() => self.refuse(id, Slug::NotFound, now),
            Ok(cell) => {
                watch.load(cell);
                for member in watch.members.clone() {
                    self.make_ready(member);
                }
            }
            Err(slug) => self.refuse(id, slug, now),
        }
    }

    /// Events have changed.
    pub(crate) fn changed(&mut self, events: impl IntoIterator<Item = EventId>) {
        for event in events {
            if self.counts.wanted {
                self.counts.changed.insert(event);
            }
            let Some(id) = self.watches.find(event) else {
                continue;
            };
            if let Some(watch) = self.watches.get(id)
                && !std::mem::replace(&mut watch.dirty, true)
            {
                self.dirty.push(id);
            }
        }
    }

    /// Closes every connection, now and from now on.
    pub(crate) fn drain(&mut self, now: Instant) {
        self.draining = true;
        for (_, connection) in self.connections.iter_mut() {
            connection.session.close(CloseCode::Draining as u16);
            connection.closing_since.get_or_insert(now);
        }
        self.make_all_ready();
    }

    /// How many connections there are.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether a connection's socket hasn't taken its last frame yet.
    #[cfg(test)]
    pub(crate) fn is_stuck(&mut self, id: ConnectionId) -> bool {
        let connection = self.connections.get(id);
        connection.is_some_and(|connection| connection.in_flight.is_some())
    }

    /// What the driver must do.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// What has happened since the last time.
    pub(crate) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    fn make_ready(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get(id)
            && !std::mem::replace(&mut connection.is_ready, true)
        {
            self.ready.push_back(id);
        }
    }

    fn make_all_ready(&mut self) {
        let all: Vec<_> = self.connections.iter_mut().map(|(id, _)| id).collect();
        for id in all {
            self.make_ready(id);
        }
    }

    fn close(&mut self, id: ConnectionId, code: u16, now: Instant) {
        if let Some(connection) = self.connections.get(id) {
            connection.session.close(code);
            connection.closing_since.get_or_insert(now);
        }
    }

    fn note_closing(&mut self, id: ConnectionId, now: Instant) {
        if let Some(connection) = self.connections.get(id)
            && connection.session.is_closing()
        {
            connection.closing_since.get_or_insert(now);
        }
    }
}
