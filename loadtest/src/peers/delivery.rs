//! One event that everybody watches: what a change costs the server for each screen, how
//! soon it is there, and what a screen costs while nothing changes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use parterre_domain::limits;

use super::hot::Hot;
use super::peer::NCHAN;
use super::report::Report;
use crate::bench::{LOOK, Stage, comes_to_rest, float, millis};
use crate::numbers::{Spread, histogram, locked, micros};
use crate::process::{Aside, Meter, resident_kib};
use crate::raw::{Frame, Screens, Seen};
use crate::wire::Failure;

/// Screens that are there before the weighing begins, so that what the first of them costs
/// alone isn't divided among the others.
const FIRST: usize = 100;
/// Between two changes.
pub(super) const PACE: Duration = Duration::from_secs(1);
/// How long a change may take to all screens.
const ARRIVED: Duration = Duration::from_secs(20);
/// Memory that changes by less than a thousandth in this time has settled.
const STAYS: Duration = Duration::from_secs(2);
/// How long it gets to.
const SETTLED: Duration = Duration::from_secs(20);
/// How long the server is looked at before changes begin: shorter than any heartbeat is
/// away, as none comes while there are changes.
const BEFORE: Duration = Duration::from_secs(3);
/// How long idle screens are looked at: each gets one heartbeat of Parterre's in this time.
const IDLE: Duration = limits::LIVE_HEARTBEAT.saturating_add(Duration::from_secs(1));

const MEMORY: &str = "memory of an idle WebSocket, kernel aside, KiB";

/// What was measured of one server, by what it is: one figure a turn.
#[derive(Default)]
struct Measured(Vec<(String, Vec<f64>)>);

impl Measured {
    fn note(&mut self, what: impl Into<String>, figure: f64) {
        let what = what.into();
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, figures)) => figures.push(figure),
            None => self.0.push((what, vec![figure])),
        }
    }

    fn of(&self, what: &str) -> &[f64] {
        let known = self.0.iter().find(|(known, _)| known == what);
        known.map_or(&[], |(_, figures)| figures)
    }
}

/// Measures Parterre, nchan and the floor by turns.
pub(super) async fn measure(
    stage: &Stage,
    watchers: usize,
    report: &mut Report,
) -> Result<(), Failure> {
    let _aside = Aside::hold()?;
    let mut own = Measured::default();
    let (mut nchan, mut floor) = (Measured::default(), Measured::default());
    for round in 1..=stage.rounds {
        stage.says(format!("screens of Parterre, round {round}"));
        let mut hot = Hot::parterre(stage).await?;
        let frame = hot.sample().await?;
        one(stage, watchers, &mut hot, &mut own).await?;
        drop(hot);
        if NCHAN.is_installed() {
            stage.says(format!("screens of nchan, round {round}"));
            let mut hot = Hot::nchan(stage, &frame).await?;
            one(stage, watchers, &mut hot, &mut nchan).await?;
        }
        stage.says(format!("screens of a bare loop, round {round}"));
        let mut hot = Hot::floor(stage, watchers, &frame).await?;
        one(stage, watchers, &mut hot, &mut floor).await?;
        if round == 1 {
            let bytes = frame.len();
            report.notes.push(format!(
                "{watchers} screens, each told of a change in {bytes} bytes, one change a second"
            ));
        }
    }
    let peers = [(NCHAN.name, nchan), ("bare send() loop", floor)];
    for (what, figures) in &own.0 {
        let measured = peers.iter().map(|(name, peer)| (*name, peer.of(what)));
        let measured: Vec<_> = measured.filter(|(_, its)| !its.is_empty()).collect();
        if measured.is_empty() {
            report.add(what, figures);
        }
        for (name, its) in measured {
            report.compare(what, figures, name, its);
        }
    }
    Ok(())
}

/// One turn of one server: screens come, rest, and then see a change a second.
async fn one(
    stage: &Stage,
    watchers: usize,
    hot: &mut Hot,
    to: &mut Measured,
) -> Result<(), Failure> {
    let noted = Arc::new(Mutex::new(Noted::new()));
    let notes = Arc::clone(&noted);
    let seen: Arc<Seen> = Arc::new(move |frame: Frame<'_>, now| locked(&notes).note(&frame, now));
    let first = FIRST.min(watchers / 2);
    let mut few = Screens::open(&hot.door, first, &seen).await?;
    comes_to_rest(hot.pid()).await?;
    let is_weighed = hot.is_weighed() && to.of(MEMORY).is_empty();
    let before = match is_weighed {
        true => Some((
            settled_kib(hot.pid()).await?,
            idle(hot.pid(), BEFORE).await?,
        )),
        false => None,
    };
    let mut many = Screens::open(&hot.door, watchers - first, &seen).await?;
    comes_to_rest(hot.pid()).await?;
    if let Some((kib, micros)) = before {
        let more = settled_kib(hot.pid()).await?.saturating_sub(kib);
        to.note(MEMORY, each(more, many.count()));
        let more = idle(hot.pid(), IDLE).await? - micros;
        let what = "CPU of an idle WebSocket, heartbeats included, µs a second";
        to.note(what, more / float(many.count()));
    }
    changes(stage, watchers, hot, &noted, to).await?;
    match few.failure().or_else(|| many.failure()) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Resident memory once it stays as it is for a moment.
async fn settled_kib(pid: u32) -> Result<u64, Failure> {
    let (began, mut last) = (Instant::now(), resident_kib(pid)?);
    loop {
        tokio::time::sleep(STAYS).await;
        let now = resident_kib(pid)?;
        if now.abs_diff(last) * 1_000 <= last || began.elapsed() > SETTLED {
            return Ok(now);
        }
        last = now;
    }
}

/// Microseconds of CPU a second while nothing happens.
async fn idle(pid: u32, lasts: Duration) -> Result<f64, Failure> {
    let (meter, began) = (Meter::start(pid)?, Instant::now());
    tokio::time::sleep(lasts).await;
    Ok(meter.spent()?.as_secs_f64() * 1e6 / began.elapsed().as_secs_f64())
}

/// A change a second for as long as a measurement lasts.
async fn changes(
    stage: &Stage,
    watchers: usize,
    hot: &mut Hot,
    noted: &Mutex<Noted>,
    to: &mut Measured,
) -> Result<(), Failure> {
    let idle_micros = idle(hot.pid(), BEFORE).await?;
    let (meter, began) = (Meter::start(hot.pid())?, Instant::now());
    let (mut last, mut accepted) = (Vec::new(), Vec::new());
    locked(noted).forget();
    let changes = stage.lasts.as_secs();
    for _ in 0..changes {
        let submitted = Instant::now();
        locked(noted).begin(submitted);
        hot.change().await?;
        accepted.push(millis(submitted.elapsed()));
        let had = all_have_it(noted, watchers).await?;
        last.push(millis(had - submitted));
        tokio::time::sleep(PACE.saturating_sub(submitted.elapsed())).await;
    }
    let spent = meter.spent()?.as_secs_f64() * 1e6;
    let idle = idle_micros * began.elapsed().as_secs_f64();
    let spread = Spread::of(&locked(noted).took);
    let deliveries = float(watchers) * float(last.len());
    to.note("server CPU for a delivery, µs", (spent - idle) / deliveries);
    for (name, micros) in [
        ("p50", spread.p50_micros),
        ("p99", spread.p99_micros),
        ("the last", spread.max_micros),
    ] {
        let what = format!("from a change to {watchers} screens, {name}, ms");
        to.note(what, each(micros, 1_000));
    }
    let reached = deliveries / last.iter().sum::<f64>() * 1e3;
    to.note("screens reached a second", reached);
    if hot.accepts_what_it_keeps() {
        let accepted = accepted.iter().sum::<f64>() / float(accepted.len());
        to.note("from a change until its buyer has 201, ms", accepted);
    }
    Ok(())
}

/// Waits until so many screens have the change; when the last had it.
///
/// # Errors
///
/// When they don't for a long time.
pub(super) async fn all_have_it(noted: &Mutex<Noted>, screens: usize) -> Result<Instant, Failure> {
    loop {
        let (arrived, last, submitted) = {
            let noted = locked(noted);
            (noted.arrived, noted.last, noted.submitted)
        };
        if arrived >= screens {
            return Ok(last);
        }
        if submitted.elapsed() > ARRIVED {
            let what = format!("{arrived} of {screens} screens saw a change in {ARRIVED:?}");
            return Err(Failure::Odd(what));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What all screens saw. One change is under way at a time.
pub(super) struct Noted {
    submitted: Instant,
    /// How many screens have the change.
    arrived: usize,
    /// When the last of them had it.
    last: Instant,
    /// Microseconds from a change's submission until a screen had it.
    took: Histogram<u64>,
}

impl Noted {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            submitted: now,
            arrived: 0,
            last: now,
            took: histogram(),
        }
    }

    fn forget(&mut self) {
        self.took.reset();
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.submitted = now;
        self.arrived = 0;
    }

    pub(super) fn note(&mut self, frame: &Frame<'_>, now: Instant) {
        if super::hot::is_change(frame) {
            let took = now.saturating_duration_since(self.submitted);
            self.took.saturating_record(micros(took).max(1));
            self.arrived += 1;
            self.last = now;
        }
    }
}

fn each(all: u64, among: usize) -> f64 {
    float(usize::try_from(all).unwrap_or(usize::MAX)) / float(among)
}
