//! What passing time does to connections: one look at all of them a second, instead of a
//! timer for each.

use std::time::{Duration, Instant};

use parterre_domain::Timestamp;
use parterre_domain::wire::live::{CloseCode, ToClient};

use super::{Effect, Hub, World};
use crate::live::message::Subprotocol;

impl<W: World> Hub<W> {
    /// Looks after every connection: heartbeats, what the edge's climate is, clients
    /// that are stuck, floods, closings without an end. To be called once a second.
    /// `stale`: for how long the edge hasn't been confirmed up to date, once that is too
    /// long.
    pub(crate) fn sweep(&mut self, now: Instant, wall: Timestamp, stale: Option<Duration>) {
        self.wall = wall;
        self.set_stale(stale);
        for watch in self.watches.iter_mut() {
            watch.forget_frames();
        }
        let mut ready = Vec::new();
        for (id, connection) in self.connections.iter_mut() {
            connection.session.refill();
            if let Some(since) = connection.closing_since {
                if now.saturating_duration_since(since) >= self.pace.close_grace {
                    self.effects.push(Effect::Cut(id));
                }
                continue;
            }
            let stuck = now.saturating_duration_since(connection.last_progress);
            if connection.in_flight.is_some() && stuck >= self.pace.slow_client {
                connection.session.close(CloseCode::TooSlow as u16);
                connection.closing_since = Some(now);
                self.tally.slow_closes += 1;
            }
            if now.saturating_duration_since(connection.last_frame) >= self.pace.heartbeat {
                connection.session.owe_heartbeat();
                ready.push(id);
            }
        }
        for id in ready {
            self.make_ready(id);
        }
        self.counts_round();
    }

    /// Tells every client when the edge becomes stale or fresh.
    pub(crate) fn set_stale(&mut self, stale: Option<Duration>) {
        self.stale_seconds = stale.map_or(0, |age| age.as_secs());
        if self.climate.stale == stale.is_some() {
            return;
        }
        self.climate.stale = stale.is_some();
        self.make_all_ready();
    }

    /// Tells what has changed to those who asked for counts.
    fn counts_round(&mut self) {
        if self.counts.changed.is_empty() {
            return;
        }
        let changed = std::mem::take(&mut self.counts.changed);
        let listeners: Vec<_> = self
            .connections
            .iter_mut()
            .filter_map(|(id, connection)| connection.session.wants_counts().then_some(id))
            .collect();
        self.counts.wanted = !listeners.is_empty();
        self.climate.counts_round = self.climate.counts_round.wrapping_add(1);
        if listeners.is_empty() {
            return;
        }
        let (rev, events) = self.world.counts(Some(&changed));
        let message = ToClient::Counts { rev, events };
        self.counts.frames = [Subprotocol::Json, Subprotocol::Msgpack]
            .map(|subprotocol| Some(subprotocol.encode(&message)));
        for id in listeners {
            self.make_ready(id);
        }
    }
}
