//! What a smoke test is told.

use std::path::PathBuf;
use std::time::Duration;

use crate::wire::Origin;

/// A smoke test's settings. [`SmokeConfig::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct SmokeConfig {
    /// The edges to ask; everybody picks one by turns. At least one.
    pub edges: Vec<Origin>,
    /// The core to administer and to audit.
    pub core: Origin,
    /// An administrator's token.
    pub token: String,
    /// How long to sell. Default 30 s.
    pub duration: Duration,
    /// How many look around. Default 8.
    pub browsers: usize,
    /// How many watch live. Default 20.
    pub watchers: usize,
    /// How many buy. Default 16.
    pub buyers: usize,
    /// Where all randomness begins. Default 1.
    pub seed: u64,
    /// Whether the servers may die and come back meanwhile. Default no.
    pub tolerate_restarts: bool,
    /// Where to write what every buyer was told, one JSON object a line. Default nowhere.
    pub ledger: Option<PathBuf>,
    /// How many events are on sale at a time. Default 3.
    pub events: usize,
    /// Tickets of each event. Default 600.
    pub tickets: u32,
    /// How long a reservation holds its tickets, in seconds, 10 or more. Default 10.
    pub hold_seconds: u32,
    /// How long everybody rests between two steps, on average. Default 5 ms.
    pub pause: Duration,
    /// Whether to show a progress bar on standard error. Default no.
    pub show_progress: bool,
}

impl SmokeConfig {
    /// The defaults, for servers at these addresses.
    pub fn new(edges: Vec<Origin>, core: Origin, token: impl Into<String>) -> Self {
        Self {
            edges,
            core,
            token: token.into(),
            duration: Duration::from_secs(30),
            browsers: 8,
            watchers: 20,
            buyers: 16,
            seed: 1,
            tolerate_restarts: false,
            ledger: None,
            events: 3,
            tickets: 600,
            hold_seconds: 10,
            pause: Duration::from_millis(5),
            show_progress: false,
        }
    }

    /// How long somebody goes on trying before it is a disagreement.
    pub(crate) fn patience(&self) -> Duration {
        if self.tolerate_restarts {
            Duration::from_secs(90)
        } else {
            Duration::from_secs(15)
        }
    }
}
