//! Everybody else: a closed loop of reads over a few connections.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Events, SlowConfig};
use crate::numbers::{Spread, histogram, micros};
use crate::wire::{Call, Client, Failure};

/// Connections of the loop.
const CONNECTIONS: usize = 16;

/// Reads for a while. An answer that isn't a 200 ends the test: nobody may suffer.
pub(super) async fn read(
    config: &SlowConfig,
    events: &Events,
    lasts: Duration,
) -> Result<Spread, Failure> {
    let until = Instant::now() + lasts;
    let call = Call::get(format!("/v1/events/{}/availability", events.small));
    let mut loops = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (mut client, call) = (Client::new(config.edge.clone()), call.clone());
        loops.spawn(async move {
            let mut took = histogram();
            while Instant::now() < until {
                let answer = client.send(&call).await?;
                if answer.status != 200 {
                    let what = format!("{} was answered {}", call.name(), answer.status);
                    return Err(Failure::Odd(what));
                }
                took.saturating_record(micros(answer.took()).max(1));
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
