//! When an event's watchers are served: the first change after quiet at once, then at
//! most once a tick. And to whom: everybody who isn't stuck, in a list without doubles.

use std::time::{Duration, Instant};

use bytes::Bytes;

use parterre_domain::Slug;

use super::{Effect, Hub, World};
use crate::live::session::Peer;
use crate::live::watch::WatchId;
use crate::slab::ConnectionId;

impl<W: World> Hub<W> {
    /// How long until [`Self::begin_round`] has something to do; none while nothing has
    /// changed.
    pub(crate) fn next_round(&mut self, now: Instant) -> Option<Duration> {
        let (watches, tick) = (&mut self.watches, self.tick);
        let wait = |id: &WatchId| {
            let last = watches.get(*id).and_then(|watch| watch.last_round);
            last.map_or(Duration::ZERO, |last| {
                (last + tick).saturating_duration_since(now)
            })
        };
        self.dirty.iter().map(wait).min()
    }

    /// Begins a round with every changed event whose tick has passed: their members are
    /// ready, in another order each time, so that nobody is always last.
    pub(crate) fn begin_round(&mut self, now: Instant) -> bool {
        let (watches, tick) = (&mut self.watches, self.tick);
        let mut due = Vec::new();
        self.dirty.retain(|&id| {
            let is_due = watches
                .get(id)
                .is_none_or(|watch| watch.last_round.is_none_or(|last| last + tick <= now));
            if is_due {
                due.push(id);
            }
            !is_due
        });
        for &id in &due {
            let Some(watch) = self.watches.get(id) else {
                continue;
            };
            // A dirty watch that was forgotten leaves its id to a clean one.
            if !watch.dirty {
                continue;
            }
            if watch.is_gone() {
                self.refuse(id, Slug::NotFound, now);
                continue;
            }
            watch.begin_round(now);
            let mut members = watch.members.clone();
            if let Some(last) = members.len().checked_sub(1) {
                members.rotate_left(self.random.usize(..=last));
            }
            for member in members {
                self.make_ready(member);
            }
        }
        !due.is_empty()
    }

    /// A round's last frame has been handed over. Fan-out takes at most about half of
    /// the shard's time: the rest belongs to those who read.
    pub(crate) fn end_round(&mut self, took: Duration) {
        self.tick = (took * 2).clamp(self.pace.tick_min, self.pace.tick_max);
    }

    /// The next connection that may have something to be told and isn't stuck.
    pub(crate) fn pop_ready(&mut self) -> Option<ConnectionId> {
        while let Some(id) = self.ready.pop_front() {
            let Some(connection) = self.connections.get(id) else {
                continue;
            };
            connection.is_ready = false;
            if connection.in_flight.is_none() {
                return Some(id);
            }
            self.tally.merged += 1;
        }
        None
    }

    /// The next bytes for a connection's socket: the rest of the frame in flight, or a
    /// new frame, or none. The caller says with [`Self::wrote`] what became of them.
    pub(crate) fn next(&mut self, id: ConnectionId, now: Instant) -> Option<Bytes> {
        let connection = self.connections.get(id)?;
        if let Some(rest) = connection.in_flight.take() {
            return Some(rest);
        }
        let session = &mut connection.session;
        let said = session.next(&mut self.watches, &self.climate)?;
        let subprotocol = session.subprotocol();
        connection.last_frame = now;
        connection.last_progress = now;
        self.tally.frames += 1;
        Some(self.render(said, subprotocol))
    }

    /// What a socket did with bytes of [`Self::next`]: it took some of them, if
    /// `progressed`, and left `rest`.
    pub(crate) fn wrote(
        &mut self,
        id: ConnectionId,
        rest: Option<Bytes>,
        progressed: bool,
        now: Instant,
    ) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        if progressed {
            connection.last_progress = now;
        }
        let is_done = rest.is_none();
        connection.in_flight = rest;
        match connection.session.over() {
            Some(Peer::Closed) if is_done => self.effects.push(Effect::End(id)),
            Some(Peer::Broken) if is_done => self.effects.push(Effect::Finish(id)),
            _ => {}
        }
    }
}
