//! What is counted of live connections.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge, Registry};

use super::seconds;

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
    pub skipped: IntCounter,
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
            let counter = IntCounter::new(format!("parterre_edge_live_{name}_total"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let connections = IntGauge::new("parterre_edge_live_connections", "Live connections now")?;
        registry.register(Box::new(connections.clone()))?;
        let rounds = seconds(
            registry,
            "parterre_edge_live_round_seconds",
            "A round of fan-out, from its first send to its last",
            &[0.001, 0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5],
        )?;
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
            skipped: counter(
                "skipped",
                "Snapshots in the place of deltas that were forgotten or would weigh more",
            )?,
            resumed: counter("resumed", "Subscriptions whose since was honoured")?,
            slow_closes: counter("slow_closes", "Connections closed for reading too slowly")?,
            abuse_closes: counter("abuse_closes", "Connections closed for misbehaving")?,
            errors: counter("errors", "Error messages")?,
            rounds,
        })
    }

    /// Counts one round.
    pub(crate) fn round(&self, took: Duration) {
        self.rounds.observe(took.as_secs_f64());
    }
}
