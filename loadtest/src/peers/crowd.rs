//! How long reads take while thousands of screens are told of a change every second.
//!
//! Reads come at a fixed rate, each at an instant of its own, so that a read which waits
//! for a fan-out is seen to wait. The screens belong to a thread that gives way to the
//! reads: it is the server's waiting that is measured, not this process's. So screens are
//! late by the thread's own waiting, and a fan-out ends here later than at the server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use parterre_domain::EventId;
use tokio::sync::oneshot;

use super::delivery::{Noted, PACE, all_have_it};
use super::report::Report;
use crate::bench::{
    Calls, Parterre, Stage, answered, by_turns, comes_to_rest, expect, float, millis,
};
use crate::numbers::locked;
use crate::process::{Aside, SERVER_CORE, gives_way};
use crate::raw::{Call, Connection, Door, Frame, Screens, Seen, Steady, get, post};
use crate::wire::Failure;

/// Connections of the closed loop that finds out the rate.
const CONNECTIONS: usize = 64;
/// Connections of the reads at a fixed rate.
const STEADY_CONNECTIONS: usize = 256;
/// The share of the rate at which reads come.
const SHARE: f64 = 0.6;

/// When a change was made, and when the last screen had it.
type FanOut = (Instant, Instant);

/// What was measured, a figure a round, in milliseconds.
#[derive(Default)]
struct Measured {
    quiet: Vec<f64>,
    crowded: Vec<f64>,
    outside: Vec<f64>,
    fan_outs: Vec<f64>,
}

/// Measures reads of one event's detail and availability, by turns, with and without
/// changes of the same event.
pub(super) async fn measure(
    stage: &Stage,
    watchers: usize,
    report: &mut Report,
) -> Result<(), Failure> {
    let _aside = Aside::hold()?;
    let mut measured = Measured::default();
    for round in 1..=stage.rounds {
        stage.says(format!("reads beside {watchers} screens, round {round}"));
        measured.round(stage, watchers, round).await?;
    }
    let percent = SHARE * 100.0;
    report.compare(
        &format!("p99 of reads at {percent:.0} % of their rate, {watchers} screens told of a change a second, ms"),
        &measured.crowded,
        "without changes",
        &measured.quiet,
    );
    report.add(
        "the same, but for reads that came during a fan-out, ms",
        &measured.outside,
    );
    report.add(
        "a fan-out beside these reads, until the last screen, which gives way to them, ms",
        &measured.fan_outs,
    );
    Ok(())
}

impl Measured {
    async fn round(&mut self, stage: &Stage, watchers: usize, round: usize) -> Result<(), Failure> {
        let changes = u32::try_from(stage.lasts.as_secs()).unwrap_or(u32::MAX);
        let mut parterre = Parterre::start(stage, SERVER_CORE).await?;
        let event = parterre.publish(changes).await?;
        let crowd = Crowd {
            door: parterre.door(event)?,
            watchers,
            event,
            changes,
        };
        let (ready, is_ready) = oneshot::channel();
        let (go, may_go) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        std::thread::spawn(move || drop(tell.send(crowd.watches(ready, may_go))));
        let gone = |_| Failure::Odd("the thread of the screens ended".to_owned());
        if is_ready.await.is_err() {
            return told.await.map_err(gone)?.map(drop);
        }
        comes_to_rest(parterre.id()).await?;
        let requests = requests(parterre.edge, event);
        let rate = rate(stage, parterre.edge, &requests).await? * SHARE;
        // What comes first isn't always the same.
        let is_quiet_first = round % 2 == 1;
        if is_quiet_first {
            let quiet = reads(stage, parterre.edge, &requests, rate, None).await?;
            self.quiet.extend(p99(quiet.iter()));
        }
        let crowded = reads(stage, parterre.edge, &requests, rate, Some(go)).await;
        // Where both fail, the screens say more.
        let fan_outs = told.await.map_err(gone)??;
        self.note(&crowded?, &fan_outs);
        if !is_quiet_first {
            let quiet = reads(stage, parterre.edge, &requests, rate, None).await?;
            self.quiet.extend(p99(quiet.iter()));
        }
        Ok(())
    }

    fn note(&mut self, crowded: &[Call], fan_outs: &[FanOut]) {
        self.crowded.extend(p99(crowded.iter()));
        let outside = crowded.iter();
        let outside = outside.filter(|call| !is_within(fan_outs, call.due));
        self.outside.extend(p99(outside));
        let lasted = fan_outs.iter();
        let lasted = lasted.map(|(from, until)| millis(*until - *from));
        self.fan_outs
            .push(lasted.sum::<f64>() / float(fan_outs.len()));
    }
}

/// Reads of an event's detail and availability.
fn requests(edge: SocketAddr, event: EventId) -> Vec<Vec<u8>> {
    let authority = edge.to_string();
    let parts = ["", "/availability"].iter();
    let requests = parts.map(|part| get(&authority, &format!("/v1/events/{event}{part}"), &[]));
    requests.collect()
}

/// How many of them a closed loop makes a second.
async fn rate(stage: &Stage, edge: SocketAddr, requests: &[Vec<u8>]) -> Result<f64, Failure> {
    let calls = Calls::open(edge, CONNECTIONS).await?;
    let (next, check) = (by_turns(requests.to_vec()), answered(200));
    Ok(calls.make(stage.lasts, &next, &check).await?.per_second())
}

/// Reads at a fixed rate, from a thread of their own; says when they begin.
async fn reads(
    stage: &Stage,
    edge: SocketAddr,
    requests: &[Vec<u8>],
    rate: f64,
    begin: Option<oneshot::Sender<()>>,
) -> Result<Vec<Call>, Failure> {
    let (requests, lasts) = (requests.to_vec(), stage.lasts);
    let made = tokio::task::spawn_blocking(move || {
        let mut steady = Steady::open(edge, requests, STEADY_CONNECTIONS)?;
        if begin.is_some_and(|begin| begin.send(()).is_err()) {
            return Err(Failure::Odd("the screens are gone".to_owned()));
        }
        steady.run(rate, lasts)
    });
    made.await?
}

fn is_within(fan_outs: &[FanOut], instant: Instant) -> bool {
    fan_outs
        .iter()
        .any(|(from, until)| (*from..=*until).contains(&instant))
}

/// What 99 of 100 calls took at most, in milliseconds; none of no calls.
fn p99<'a>(calls: impl Iterator<Item = &'a Call>) -> Option<f64> {
    let mut took: Vec<_> = calls.map(|call| call.took).collect();
    let last = took.len().checked_sub(1)?;
    took.sort_unstable();
    took.get(last * 99 / 100).copied().map(millis)
}

/// Screens of one event, and who changes it.
struct Crowd {
    door: Door,
    watchers: usize,
    event: EventId,
    /// How many changes there will be, one ticket each.
    changes: u32,
}

impl Crowd {
    /// Comes, says so, and once it may go on makes a change a second.
    fn watches(
        self,
        ready: oneshot::Sender<()>,
        may_go: oneshot::Receiver<()>,
    ) -> Result<Vec<FanOut>, Failure> {
        gives_way()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| Failure::Odd(error.to_string()))?;
        runtime.block_on(self.changes(ready, may_go))
    }

    async fn changes(
        self,
        ready: oneshot::Sender<()>,
        may_go: oneshot::Receiver<()>,
    ) -> Result<Vec<FanOut>, Failure> {
        let noted = Arc::new(Mutex::new(Noted::new()));
        let notes = Arc::clone(&noted);
        let seen: Arc<Seen> =
            Arc::new(move |frame: Frame<'_>, now| locked(&notes).note(&frame, now));
        let mut screens = Screens::open(&self.door, self.watchers, &seen).await?;
        let mut fan_outs = Vec::new();
        // Nobody waits for it any more if either says so.
        if ready.send(()).is_err() || may_go.await.is_err() {
            return Ok(fan_outs);
        }
        let mut buyer = Connection::open(self.door.address).await?;
        let path = format!("/v1/events/{}/reservations", self.event);
        for ticket in 0..self.changes {
            let body = format!(r#"{{"tickets":[{ticket}]}}"#);
            let wish = post(&self.door.address.to_string(), &path, &[], &body);
            let began = Instant::now();
            locked(&noted).begin(began);
            expect(201, buyer.call(&wish).await?)?;
            fan_outs.push((began, all_have_it(&noted, self.watchers).await?));
            tokio::time::sleep(PACE.saturating_sub(began.elapsed())).await;
        }
        match screens.failure() {
            Some(failure) => Err(failure),
            None => Ok(fan_outs),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn call(due: Instant, millis: u64) -> Call {
        let took = Duration::from_millis(millis);
        Call { due, took }
    }

    #[test]
    fn of_a_hundred_calls_the_slowest_is_left_out() {
        let now = Instant::now();
        let calls: Vec<_> = (1..=100).map(|millis| call(now, millis)).collect();
        assert_eq!(p99(calls.iter()), Some(99.0));
        assert_eq!(p99(calls[..1].iter()), Some(1.0));
        assert_eq!(p99([].iter()), None);
    }

    #[test]
    fn a_call_is_within_a_fan_out_from_the_change_to_the_last_screen() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let fan_outs = [(now + second, now + 2 * second)];
        let within = |after: Duration| is_within(&fan_outs, now + after);
        assert!(!within(Duration::ZERO) && !within(3 * second));
        assert!(within(second) && within(3 * second / 2) && within(2 * second));
    }
}
