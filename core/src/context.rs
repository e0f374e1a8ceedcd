//! What every part of a core shares.

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

/// A core's parts. Cheap to clone.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field's type says what it is")]
pub struct Context {
    pub config: Arc<Config>,
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
