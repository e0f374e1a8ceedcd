//! The small language that the stories are told in: processes, buyers, watchers, events
//! and metrics. Whatever goes wrong in it panics with what a person needs to know.

mod administrator;
mod browser;
mod buyer;
mod client;
mod event;
#[cfg(feature = "fdb")]
mod fight;
#[cfg(feature = "fdb")]
#[path = "../../foundationdb/mod.rs"]
mod foundationdb;
mod metrics;
mod notice;
mod process;
mod prometheus;
mod servers;
mod stored;
mod stream;
mod watcher;

use std::time::{Duration, Instant};

pub(crate) use administrator::Administrator;
pub(crate) use browser::{ALONE, Browser, DESKTOP, PHONE};
pub(crate) use buyer::Buyer;
pub(crate) use client::Client;
pub(crate) use event::{about, bowl, hall, race_track, rows_of_twenty, ticket, tier};
#[cfg(feature = "fdb")]
pub(crate) use fight::Fight;
#[cfg(feature = "fdb")]
pub(crate) use foundationdb::{BackedUp, FoundationDb};
pub(crate) use metrics::Metrics;
pub(crate) use notice::Notice;
pub(crate) use process::{Process, free_address, parterre, parterre_with};
pub(crate) use prometheus::{Prometheus, tool};
pub(crate) use servers::{Cluster, Edge, Plan, Standalone, token_hash};
pub(crate) use stored::Stored;
pub(crate) use stream::Stream;
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
