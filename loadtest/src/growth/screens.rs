//! What a change costs for each screen that is told of it: by Parterre, and by a bare loop.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use parterre_domain::EventId;

use super::buyers::{Buyers, Made, WARM};
use super::pace::{Pace, until, watch};
use super::told::{self, Told, noting};
use crate::bench::{Floor, Parterre, Stage, comes_to_rest, door, float};
use crate::numbers::locked;
use crate::process::resident_kib;
use crate::raw::{Screens, framed};
use crate::wire::Failure;

/// What screens were told, and what it cost.
pub(super) struct Delivered {
    pub(super) made: Made,
    /// Frames that brought changes, over all screens.
    pub(super) frames: usize,
    /// What a screen is told of one change.
    pub(super) frame: Vec<u8>,
    /// Resident memory of the server while everybody watches.
    pub(super) kib: u64,
    /// Whether the last change came to some screen when the server wasn't watched any more.
    pub(super) is_cut: bool,
}

/// Changes an event while so many screens watch it.
///
/// # Errors
///
/// When one of them isn't told of every change once.
pub(super) async fn deliver(
    parterre: &Parterre,
    event: EventId,
    clients: usize,
    pace: Pace,
) -> Result<Delivered, Failure> {
    let told = Arc::new(Mutex::new(Told::default()));
    let door = parterre.door(event)?;
    let mut screens = Screens::open(&door, clients, &noting(&told)).await?;
    let all_watch = |told: &Told| Ok(told.tally()?.snapshots == clients);
    told::until("every screen watches", &told, all_watch).await?;
    comes_to_rest(parterre.id()).await?;
    let buyers = Buyers::open(parterre, event, pace.per_second).await?;
    all_are_told(&told, clients, 0..WARM).await?;
    let frame = locked(&told).delta();
    let frame = frame.ok_or_else(|| Failure::Odd("no screen is told of a change".to_owned()))?;
    locked(&told).forget();
    let made = buyers.make(pace).await?;
    all_are_told(&told, clients, WARM..WARM + pace.count).await?;
    if let Some(failure) = screens.failure() {
        return Err(failure);
    }
    let told = locked(&told);
    Ok(Delivered {
        frames: told.tally()?.deltas,
        frame,
        kib: resident_kib(parterre.id())?,
        is_cut: told.latest() > Some(made.ended),
        made,
    })
}

async fn all_are_told(
    told: &Mutex<Told>,
    clients: usize,
    tickets: std::ops::Range<u32>,
) -> Result<(), Failure> {
    let are_told = |told: &Told| Ok(told.tally()?.is_whole(clients, tickets.clone()));
    told::until("every screen is told of every change once", told, are_told).await
}

/// Sends as many screens a frame at each change, and says what one of them cost, in
/// microseconds.
///
/// # Errors
///
/// When one of them doesn't get every frame.
pub(super) async fn bare_loop(
    stage: &Stage,
    clients: usize,
    pace: Pace,
    payload: &[u8],
) -> Result<f64, Failure> {
    let mut floor = Floor::of_deliveries(stage, clients).await?;
    let told = Arc::new(Mutex::new(Told::default()));
    let mut screens = Screens::open(&door(floor.address, "/"), clients, &noting(&told)).await?;
    let frame = framed(0x81, payload);
    let have = async |frames: usize| {
        let has_come = |told: &Told| Ok(told.frames() == frames);
        told::until("every screen has the bare loop's frame", &told, has_come).await
    };
    floor.sends(&frame).await?;
    have(clients).await?;
    comes_to_rest(floor.id()).await?;
    let begins = Instant::now();
    let watching = tokio::spawn(watch(floor.id(), begins, pace.windows()));
    let mut frames = clients;
    for number in 0..pace.count {
        until(begins + pace.due(number)).await;
        floor.sends(&frame).await?;
        frames += clients;
    }
    have(frames).await?;
    let spent = watching.await??;
    if let Some(failure) = screens.failure() {
        return Err(failure);
    }
    Ok(spent.usually().as_secs_f64() * 1e6 / float(frames - clients))
}
