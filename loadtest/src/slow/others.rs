//! Everybody else: a closed loop of reads over a few connections. What a read costs the
//! server is told best while it has no time to rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Events, SlowConfig};
use crate::numbers::{Spread, histogram, micros};
use crate::scenario::recorder::Recorder;
use crate::wire::{Call, Client, Failure};

/// Connections of the loop.
const CONNECTIONS: usize = 16;

/// Reads for a while, and gives how long reads took, which is recorded under a name. An
/// answer that isn't a 200 ends the test: nobody may suffer.
pub(super) async fn read(
    config: &SlowConfig,
    events: &Events,
    lasts: Duration,
    (recorder, what): (&Arc<Recorder>, &'static str),
) -> Result<Spread, Failure> {
    let until = Instant::now() + lasts;
    let call = Call::get(format!("/v1/events/{}/availability", events.small));
    let mut loops = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (mut client, call) = (Client::new(config.edge.clone()), call.clone());
        let recorder = Arc::clone(recorder);
        loops.spawn(async move {
            let mut took = histogram();
            while Instant::now() < until {
                let answer = client.send(&call).await?;
                if answer.status != 200 {
                    let what = format!("{} was answered {}", call.name(), answer.status);
                    return Err(Failure::Odd(what));
                }
                let now = Instant::now();
                let lasted = answer.took();
                recorder.took(what, now.checked_sub(lasted).unwrap_or(now), now);
                recorder.done(now);
                took.saturating_record(micros(lasted).max(1));
            }
            Ok(took)
        });
    }
    let mut all = histogram();
    while let Some(read) = loops.join_next().await {
        let took = read.map_err(|error| Failure::Odd(error.to_string()))??;
        all.add(&took)
            .map_err(|error| Failure::Odd(error.to_string()))?;
    }
    Ok(Spread::of(&all))
}
