//! A core as operators see it.

use parterre_domain::limits;

use crate::metrics::Metrics;
use crate::store::Store;
use crate::store::any::AnyStore;

/// Answers operators' questions; keeps nothing of the core from ending.
#[derive(Clone)]
pub struct Probe {
    pub(crate) store: AnyStore,
    pub(crate) metrics: Metrics,
}

impl Probe {
    /// Whether the core can do its work: the store answers in time.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub async fn ready(&self) -> Result<(), String> {
        match tokio::time::timeout(limits::READY_TIMEOUT, self.store.snapshot()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(failure.0),
            Err(_) => Err("the store doesn't answer".into()),
        }
    }

    /// The metrics in Prometheus's text format.
    pub fn metrics(&self) -> String {
        self.metrics.to_text()
    }
}
