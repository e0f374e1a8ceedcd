//! What a core answers: writes, and reads of reservations.

use std::sync::Arc;

use crate::cores::Cores;
use crate::metrics::Metrics;

/// Hands calls on to cores.
#[derive(Debug)]
pub struct Forwarder {
    cores: Arc<Cores>,
    metrics: Arc<Metrics>,
}

impl Forwarder {
    pub(crate) fn new(cores: Arc<Cores>, metrics: Arc<Metrics>) -> Self {
        Self { cores, metrics }
    }
}
