//! What one shard's live part has done, as plain numbers: added to the shared counters
//! once a slice, so that a delivery touches nothing shared.

use crate::metrics::LiveMetrics;

/// Numbers since they were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Frames of any kind handed to sockets.
    pub(crate) frames: u64,
    /// Deltas handed to sockets.
    pub(crate) deltas: u64,
    /// Snapshots handed to sockets.
    pub(crate) snapshots: u64,
    /// Times that a client couldn't take what a round had for it, and got it merged
    /// into a later frame.
    pub(crate) merged: u64,
    /// Snapshots in the place of deltas.
    pub(crate) skipped: u64,
    /// Subscriptions whose `since` was honoured.
    pub(crate) resumed: u64,
    /// Connections closed because their client read too slowly.
    pub(crate) slow_closes: u64,
    /// Connections closed because their client misbehaved.
    pub(crate) abuse_closes: u64,
    /// Error messages.
    pub(crate) errors: u64,
}

impl LiveMetrics {
    /// Adds what one shard has done.
    pub(crate) fn add(&self, tally: &Tally) {
        let rows = [
            (&self.frames, tally.frames),
            (&self.deltas, tally.deltas),
            (&self.snapshots, tally.snapshots),
            (&self.merged, tally.merged),
            (&self.skipped, tally.skipped),
            (&self.resumed, tally.resumed),
            (&self.slow_closes, tally.slow_closes),
            (&self.abuse_closes, tally.abuse_closes),
            (&self.errors, tally.errors),
        ];
        for (counter, more) in rows {
            if more > 0 {
                counter.inc_by(more);
            }
        }
    }
}
