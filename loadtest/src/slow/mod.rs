//! Thousands of slow clients, and what they cost the server and everybody else.
//!
//! By turns a run without slow clients and one with them. In both, others read so often a
//! second, and the server's CPU time is divided by their reads. What slow clients cost it
//! by themselves is measured behind each run, when they are alone, and taken off. With the
//! slow ones there, the server's memory is read once a second: it may rise until all of
//! them are in, and then it must stay.

mod clients;
mod others;
mod report;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parterre_domain::{About, EventId};
use tokio::time::{MissedTickBehavior, interval};

use crate::numbers::locked;
use crate::process::{Meter, resident_kib};
use crate::scenario::recorder::Recorder;
use crate::scenario::sampler::{Sampler, Samples};
use crate::smoke::{about, upload};
use crate::wire::{Admin, Failure, Origin, Shop};

pub use clients::Tally;
pub use report::{Cost, Memory, SlowReport};

use clients::Crowd;

/// Tickets of the event that others read: its availability is some 2 KiB.
const SMALL: u32 = 2_000;
/// Tickets of the event that slow clients ask for: no socket takes its layout whole.
const LARGE: u32 = 60_000;
/// After so many seconds memory must stay.
const SETTLED: u64 = 10;

/// Reads while there are no slow clients, and while there are.
const QUIET: &str = "a read without slow clients";
const CROWDED: &str = "a read with slow clients";

/// What to do.
#[derive(Clone, Debug)]
pub struct SlowConfig {
    /// Where an edge listens.
    pub edge: Origin,
    /// Where the core listens.
    pub core: Origin,
    /// An admin token.
    pub token: String,
    /// The process that serves them, whose CPU time and memory are read.
    pub pid: u32,
    /// How many slow clients there are at any time.
    pub clients: usize,
    /// Reads a second of everybody else.
    pub rate: f64,
    /// How long each run with them lasts; a run without them lasts a quarter of it.
    pub lasts: Duration,
    /// Runs of each kind.
    pub rounds: usize,
}

/// The events of a test.
struct Events {
    small: EventId,
    large: EventId,
}

/// Runs the test.
///
/// # Errors
///
/// When the server can't be reached or refuses the token, or its process isn't of this
/// machine.
pub async fn slow(config: &SlowConfig) -> Result<SlowReport, Failure> {
    let events = publish(config).await?;
    let recorder = Arc::<Recorder>::default();
    // The first reads fill every cache and count for nobody.
    others::read(config, &events, config.lasts / 8, (&recorder, QUIET)).await?;
    drop(recorder.take());
    let (began, samples) = (Instant::now(), Mutex::new(Samples::default()));
    recorder.begin(began);
    let sampler = Sampler::new(&[config.pid], &[])?;
    let mut report = tokio::select! {
        report = rounds(config, &events, &recorder) => report?,
        never = sampler.run(began, &samples) => match never {},
    };
    report.lasted = began.elapsed();
    report.recorded = recorder.take();
    report.samples = std::mem::take(&mut *locked(&samples));
    Ok(report)
}

async fn rounds(
    config: &SlowConfig,
    events: &Events,
    recorder: &Arc<Recorder>,
) -> Result<SlowReport, Failure> {
    let mut report = SlowReport {
        clients: config.clients,
        ..SlowReport::default()
    };
    for _ in 0..config.rounds {
        let quiet = measured(config, events, config.lasts / 4, (recorder, QUIET)).await?;
        report.without.push(quiet.cost(0.0));
        let crowd = Crowd::gather(config, events.large).await?;
        let run = measured(config, events, config.lasts, (recorder, CROWDED));
        let (run, memory) = tokio::join!(run, weigh(config));
        let alone = alone(config, config.lasts / 4).await?;
        report.with.push(run?.cost(alone));
        report.alone.push(alone);
        report.memory.push(memory?);
        report.slow.add(crowd.disperse().await);
    }
    Ok(report)
}

async fn publish(config: &SlowConfig) -> Result<Events, Failure> {
    let mut admin = Admin::new(config.core.clone(), config.token.clone());
    let mut event = async |number, tickets| {
        let about: About = about(number, 0, 600)?;
        let published = admin.publish(&about, &upload(tickets)).await?;
        Ok::<_, Failure>(published.summary.id)
    };
    let events = Events {
        small: event(1, SMALL).await?,
        large: event(2, LARGE).await?,
    };
    let mut shop = Shop::new(config.edge.clone());
    for _ in 0..1_000 {
        let small = shop.availability(events.small).await?;
        if small.is_ok() && shop.availability(events.large).await?.is_ok() {
            return Ok(events);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let what = "the edge doesn't show the new events";
    Err(Failure::Odd(what.to_owned()))
}

/// A run in which the others read.
struct Run {
    spent: Duration,
    lasted: Duration,
    reads: f64,
    p99_micros: u64,
}

impl Run {
    /// What a read cost the server, which spent so much of each second on slow clients.
    fn cost(&self, alone: f64) -> Cost {
        let (spent, lasted) = (self.spent.as_secs_f64(), self.lasted.as_secs_f64());
        Cost {
            cpu_micros: (spent - alone * lasted) * 1e6 / self.reads,
            gross_micros: spent * 1e6 / self.reads,
            p99_micros: self.p99_micros,
            per_second: self.reads / lasted,
        }
    }
}

async fn measured(
    config: &SlowConfig,
    events: &Events,
    lasts: Duration,
    to: (&Arc<Recorder>, &'static str),
) -> Result<Run, Failure> {
    let (meter, began) = (Meter::start(config.pid)?, Instant::now());
    let read = others::read(config, events, lasts, to).await?;
    if read.count == 0 {
        let what = "nothing was read, so it can't be said what a read costs: raise --rate";
        return Err(Failure::Odd(what.to_owned()));
    }
    let reads = u32::try_from(read.count).unwrap_or(u32::MAX);
    Ok(Run {
        spent: meter.spent()?,
        lasted: began.elapsed(),
        reads: f64::from(reads),
        p99_micros: read.p99_micros,
    })
}

/// The seconds of CPU time that the server spends in a second when nobody reads.
async fn alone(config: &SlowConfig, lasts: Duration) -> Result<f64, Failure> {
    let (meter, began) = (Meter::start(config.pid)?, Instant::now());
    tokio::time::sleep(lasts).await;
    let spent = meter.spent()?;
    Ok(spent.as_secs_f64() / began.elapsed().as_secs_f64())
}

/// The server's memory while the crowd is there.
async fn weigh(config: &SlowConfig) -> Result<Memory, Failure> {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    second.tick().await;
    let seconds = config.lasts.as_secs().max(2);
    let settled = SETTLED.min(seconds / 2);
    let mut memory = Memory {
        settled_kib: 0,
        most_kib: 0,
    };
    for number in 1..seconds {
        second.tick().await;
        let now = resident_kib(config.pid)?;
        if number <= settled {
            memory.settled_kib = now;
        }
        memory.most_kib = now;
        if number > settled {
            memory.most_kib = memory.most_kib.max(now);
        }
    }
    Ok(memory)
}
