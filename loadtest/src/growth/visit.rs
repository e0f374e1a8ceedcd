//! One size, measured once.

use std::time::Duration;

use super::buyers::{Buyers, WARM};
use super::figures::{Cost, Visited};
use super::pace::{Pace, idle};
use super::plan::Size;
use super::reads::read;
use super::screens::{bare_loop, deliver};
use crate::bench::{Parterre, Stage, comes_to_rest, float, millis};
use crate::numbers::Spread;
use crate::process::SERVER_CORE;
use crate::wire::Failure;

/// How long the server is looked at while nobody wants anything, at most.
const IDLE: Duration = Duration::from_secs(3);
/// Into so many parts a measurement's time is divided, of which reads of one kind get one:
/// there are so many of them that more would tell no more.
const PARTS: u32 = 2;

/// What the bare loop cost this round, by clients and changes: it knows nothing of events
/// and tickets.
#[derive(Default)]
pub(super) struct Loops(Vec<((usize, u32), f64)>);

/// Measures a new server of this size.
pub(super) async fn visit(
    stage: &Stage,
    size: Size,
    loops: &mut Loops,
) -> Result<Visited, Failure> {
    let mut visited = Visited::default();
    let mut parterre = Parterre::start(stage, SERVER_CORE).await?;
    let events = parterre.publish_all(size.events, size.tickets).await?;
    let [watched, sold, ..] = events[..] else {
        return Err(Failure::Odd("it takes two events".to_owned()));
    };
    let lasts = stage.lasts / PARTS;
    let detail = read(&parterre, &events, "", lasts).await?;
    visited.note(Cost::Detail, detail.micros);
    visited.note(Cost::DetailBytes, detail.bytes);
    let availability = read(&parterre, &events, "/availability", lasts).await?;
    visited.note(Cost::Availability, availability.micros);
    visited.note(Cost::AvailabilityBytes, availability.bytes);

    let pace = Pace::new(size.changes, stage.lasts, size.tickets - WARM);
    comes_to_rest(parterre.id()).await?;
    let idle = idle(parterre.id(), stage.lasts.min(IDLE)).await?;
    let buyers = Buyers::open(&parterre, sold, size.changes).await?;
    let alone = buyers.make(pace).await?;
    let unwatched = alone.spent.usually().as_secs_f64();
    let spent = unwatched - idle * alone.spent.watched.as_secs_f64();
    visited.note(Cost::Reservation, spent * 1e6 / f64::from(pace.count));
    let took = Spread::of(&alone.took);
    visited.note(Cost::P50, millis(Duration::from_micros(took.p50_micros)));
    visited.note(Cost::P99, millis(Duration::from_micros(took.p99_micros)));

    let delivered = deliver(&parterre, watched, size.clients, pace).await?;
    drop(parterre);
    let spent = delivered.made.spent.usually().as_secs_f64() - unwatched;
    let frames = float(delivered.frames);
    visited.note(Cost::Delivery, spent * 1e6 / frames);
    let changes = float(size.clients) * f64::from(pace.count);
    visited.note(Cost::Carried, changes / frames);
    visited.note(Cost::Memory, kib(delivered.kib));
    visited.is_cut = delivered.is_cut;
    let bare = loops.of(stage, size, pace, &delivered.frame).await?;
    visited.note(Cost::Loop, bare);
    Ok(visited)
}

impl Loops {
    async fn of(
        &mut self,
        stage: &Stage,
        size: Size,
        pace: Pace,
        frame: &[u8],
    ) -> Result<f64, Failure> {
        let key = (size.clients, size.changes);
        if let Some((_, micros)) = self.0.iter().find(|(known, _)| *known == key) {
            return Ok(*micros);
        }
        let micros = bare_loop(stage, size.clients, pace, frame).await?;
        self.0.push((key, micros));
        Ok(micros)
    }
}

fn kib(kib: u64) -> f64 {
    float(usize::try_from(kib).unwrap_or(usize::MAX))
}
