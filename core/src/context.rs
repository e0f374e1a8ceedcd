//! What every part of a core shares.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::config::Config;
use crate::feed::Feed;
use crate::lane::Lanes;
use crate::layouts::Layouts;
use crate::metrics::Metrics;
use crate::passes::Passes;
use crate::payment::Payments;
use crate::store::any::AnyStore;

/// A handle to a core's parts. Each request clones some, so a clone costs one count.
#[derive(Clone)]
pub struct Context(Arc<Parts>);

/// A core's parts.
#[expect(missing_docs, reason = "each field's type says what it is")]
pub struct Parts {
    pub config: Config,
    pub store: AnyStore,
    pub lanes: Lanes,
    pub layouts: Layouts,
    pub clock: Clock,
    pub metrics: Metrics,
    pub payments: Payments,
    pub passes: Passes,
    pub feed: Feed,
    /// A place for each upload that may be under way.
    pub uploads: Arc<Semaphore>,
}

impl From<Parts> for Context {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Context {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
