//! Everybody else: reads at random instants that were drawn before, so that a stall of the
//! server shows in how long they took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Events, SlowConfig};
use crate::numbers::{Spread, histogram, micros};
use crate::scenario::arrivals::{Arrivals, Rate};
use crate::scenario::pace::Pace;
use crate::scenario::recorder::Recorder;
use crate::wire::{Call, Client, Failure};

/// How many read at once at most; whoever has to wait for one of them counts as slow.
const CONNECTIONS: usize = 64;
/// Every run has the same instants.
const SEED: u64 = 1;

/// Reads for a while, and gives how long reads took from when they were due, which is
/// recorded under a name. An answer that isn't a 200 ends the test: nobody may suffer.
pub(super) async fn read(
    config: &SlowConfig,
    events: &Events,
    lasts: Duration,
    (recorder, what): (&Arc<Recorder>, &'static str),
) -> Result<Spread, Failure> {
    let per_second = config.rate;
    let instants = Arrivals::new(Rate::Flat { per_second }, lasts, SEED);
    let begins = Instant::now();
    let after = begins.saturating_duration_since(recorder.began());
    recorder.plans(instants.clone().map(|at| after + at));
    let pace = Arc::new(Pace::keep(instants, lasts, begins));
    let call = Call::get(format!("/v1/events/{}/availability", events.small));
    let mut reading = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (mut client, call) = (Client::new(config.edge.clone()), call.clone());
        let (pace, recorder) = (Arc::clone(&pace), Arc::clone(recorder));
        reading.spawn(async move {
            let mut took = histogram();
            while let Some(due) = pace.next().await {
                let answer = client.send(&call).await?;
                if answer.status != 200 {
                    let what = format!("{} was answered {}", call.name(), answer.status);
                    return Err(Failure::Odd(what));
                }
                let now = Instant::now();
                recorder.took(what, due.at, now);
                recorder.done(now);
                took.saturating_record(micros(now - due.at).max(1));
            }
            Ok(took)
        });
    }
    let mut all = histogram();
    while let Some(read) = reading.join_next().await {
        all.add(read??)
            .map_err(|error| Failure::Odd(error.to_string()))?;
    }
    Ok(Spread::of(&all))
}
