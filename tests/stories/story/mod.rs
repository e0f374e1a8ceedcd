//! The small language that the stories are told in: processes, buyers, watchers, events
//! and metrics. Whatever goes wrong in it panics with what a person needs to know.

mod buyer;
mod event;
mod metrics;
mod process;
mod prometheus;
mod servers;
mod watcher;

use std::time::{Duration, Instant};

pub(crate) use buyer::Buyer;
pub(crate) use event::{about, bowl, hall, race_track};
pub(crate) use metrics::Metrics;
pub(crate) use process::{Process, free_address, parterre, parterre_with};
pub(crate) use prometheus::{Prometheus, tool};
pub(crate) use servers::{Cluster, Edge, Standalone};
pub(crate) use watcher::Watcher;

/// How long anything may take that should be quick, on a machine that is busy.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Asks again and again until the answer is there.
pub(crate) async fn until<T>(
    what: &str,
    within: Duration,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A number from the environment that makes a story longer.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    text_setting(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number"))
    })
}

/// A text from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "the stories' one reading of the environment"
)]
pub(crate) fn text_setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where a story's randomness begins.
pub(crate) fn seed() -> u64 {
    setting("PARTERRE_TEST_SEED", 1)
}
