//! The live part's metrics, shared by all shards of an edge.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};

use super::tally::Tally;

/// The live part's metrics. Shards add to them once a slice of sends, so a delivery
/// touches nothing shared.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each metric's help text below says what it is")]
pub struct LiveMetrics {
    pub connections: IntGauge,
    pub connected: IntCounter,
    pub refused: IntCounter,
    pub frames: IntCounter,
    pub deltas: IntCounter,
    pub snapshots: IntCounter,
    pub merged: IntCounter,
    pub resumed: IntCounter,
    pub slow_closes: IntCounter,
    pub abuse_closes: IntCounter,
    pub errors: IntCounter,
    rounds: Histogram,
}

impl LiveMetrics {
    /// Metrics in an edge's registry.
    ///
    /// # Errors
    ///
    /// When the registry has them already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(format!("parterre_live_{name}_total"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let connections = IntGauge::new("parterre_live_connections", "Live connections now")?;
        registry.register(Box::new(connections.clone()))?;
        let rounds = HistogramOpts::new(
            "parterre_live_round_seconds",
            "A round of fan-out, from its first send to its last",
        )
        .buckets(vec![0.001, 0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5]);
        let rounds = Histogram::with_opts(rounds)?;
        registry.register(Box::new(rounds.clone()))?;
        Ok(Self {
            connections,
            connected: counter("connected", "Live connections made")?,
            refused: counter("refused", "Upgrades refused for want of room")?,
            frames: counter("frames", "Frames of any kind handed to sockets")?,
            deltas: counter("deltas", "Deltas and details handed to sockets")?,
            snapshots: counter("snapshots", "Snapshots handed to sockets")?,
            merged: counter(
                "merged",
                "Times that a client was stuck at a round and got it with a later frame",
            )?,
            resumed: counter("resumed", "Subscriptions whose since was honoured")?,
            slow_closes: counter("slow_closes", "Connections closed for reading too slowly")?,
            abuse_closes: counter("abuse_closes", "Connections closed for misbehaving")?,
            errors: counter("errors", "Error messages")?,
            rounds,
        })
    }

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
                counter.inc_by(more);
            }
        }
    }

    /// Counts one round.
    pub(crate) fn round(&self, took: Duration) {
        self.rounds.observe(took.as_secs_f64());
    }
}
