//! The live part's counters, shared by all shards of an edge.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::tally::Tally;

/// Counters for the operators' metrics. Shards add to them once a slice of sends, so a
/// delivery touches nothing shared.
#[derive(Debug, Default)]
pub struct LiveMetrics {
    /// Live connections now.
    pub connections: AtomicI64,
    /// Live connections ever.
    pub connected: AtomicU64,
    /// Upgrades refused because there were too many connections.
    pub refused: AtomicU64,
    /// Frames of any kind handed to sockets.
    pub frames: AtomicU64,
    /// Deltas and details handed to sockets.
    pub deltas: AtomicU64,
    /// Snapshots handed to sockets.
    pub snapshots: AtomicU64,
    /// Times that a client couldn't take what a round had for it and got it merged into
    /// a later frame.
    pub merged: AtomicU64,
    /// Subscriptions whose `since` was honoured.
    pub resumed: AtomicU64,
    /// Connections closed because their client read too slowly.
    pub slow_closes: AtomicU64,
    /// Connections closed because their client misbehaved.
    pub abuse_closes: AtomicU64,
    /// Error messages.
    pub errors: AtomicU64,
    /// Rounds of fan-out.
    pub rounds: AtomicU64,
    /// Microseconds that rounds took, from the first send to the last.
    pub round_micros: AtomicU64,
}

impl LiveMetrics {
    /// Adds what one shard has done.
    pub(crate) fn add(&self, tally: &Tally) {
        let rows = [
            (&self.frames, tally.frames),
            (&self.deltas, tally.deltas),
            (&self.snapshots, tally.snapshots),
            (&self.merged, tally.merged),
            (&self.resumed, tally.resumed),
            (&self.slow_closes, tally.slow_closes),
            (&self.abuse_closes, tally.abuse_closes),
            (&self.errors, tally.errors),
        ];
        for (counter, more) in rows {
            if more > 0 {
                counter.fetch_add(more, Relaxed);
            }
        }
    }

    /// Counts one round.
    pub(crate) fn round(&self, took: Duration) {
        self.rounds.fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.round_micros.fetch_add(micros, Relaxed);
    }
}
