//! The end of a run: wait until all is quiet, ask the core for everything, and compare.

use std::time::{Duration, Instant};

use parterre_domain::wire::api::Availability;
use parterre_domain::{EventId, ReservationState};

use super::audit::{CoreView, audit};
use super::stage::Stage;
use super::watcher::Folds;
use crate::fold::Fold;
use crate::numbers::locked;
use crate::wire::{Admin, Failure};

/// How long after the last expiry payments may take to settle: late ones come 5 s late.
const SETTLE: Duration = Duration::from_secs(45);
/// How long watchers may take to hear of the last change.
const LAST_NEWS: Duration = Duration::from_secs(20);

/// Waits for quiet, then audits everything.
pub(super) async fn close(stage: &Stage, folds: &[Folds]) {
    for availability in settle(stage).await {
        watchers_agree(stage, folds, &availability).await;
    }
    if let Some(path) = &stage.config.ledger
        && let Err(error) = stage.ledger.save(path)
    {
        let said = format!("the ledger can't be written to {}: {error}", path.display());
        stage.numbers.disagrees(said);
    }
}

/// Waits for quiet and holds the ledger against what the core says; gives the core's
/// states, which watchers should have by then.
pub(crate) async fn settle(stage: &Stage) -> Vec<Availability> {
    let mut admin = Admin::new(stage.config.core.clone(), stage.config.token.clone());
    let settle = Duration::from_secs(stage.config.hold_seconds.into()) * 2 + SETTLE;
    let core = match settled(stage, &mut admin, settle).await {
        Ok(core) => core,
        Err(failure) => {
            let said = format!("the core can't be audited: {failure}");
            stage.numbers.disagrees(said);
            return Vec::new();
        }
    };
    let entries = stage.ledger.entries();
    for wrong in audit(&entries, &core) {
        stage.numbers.disagrees(wrong);
    }
    core.availability.into_values().collect()
}

/// The core's words once no reservation of the run is on its way any more, or the last
/// ones before patience ended.
async fn settled(stage: &Stage, admin: &mut Admin, within: Duration) -> Result<CoreView, Failure> {
    let deadline = Instant::now() + within;
    loop {
        let core = view(stage, admin).await?;
        let moving = core.reservations.values().any(|reservation| {
            matches!(
                reservation.state,
                ReservationState::Pending | ReservationState::RefundDue
            )
        });
        if !moving && stable(admin, &core).await? || Instant::now() > deadline {
            return Ok(core);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn view(stage: &Stage, admin: &mut Admin) -> Result<CoreView, Failure> {
    let mut core = CoreView::default();
    for event in stage.events() {
        let reservations = patiently(stage, admin, event, async |admin, event| {
            admin.reservations(event).await
        });
        for reservation in reservations.await? {
            core.reservations.insert(reservation.id, reservation);
        }
        let availability = patiently(stage, admin, event, async |admin, event| {
            admin.availability(event).await
        });
        core.availability.insert(event, availability.await?);
    }
    Ok(core)
}

/// Asks again while the core can't be reached.
async fn patiently<T>(
    stage: &Stage,
    admin: &mut Admin,
    event: EventId,
    ask: impl AsyncFn(&mut Admin, EventId) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut patience = stage.patience();
    loop {
        match ask(admin, event).await {
            Err(Failure::Broken(_)) if patience.wait(None).await => {}
            reply => return reply,
        }
    }
}

/// Whether nothing has happened since: reservations and states were read one after
/// another, and only what didn't move in between can be compared.
async fn stable(admin: &mut Admin, core: &CoreView) -> Result<bool, Failure> {
    for (&event, before) in &core.availability {
        if admin.availability(event).await?.rev != before.rev {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Every watcher's fold equals the core's states at the same rev.
async fn watchers_agree(stage: &Stage, folds: &[Folds], core: &Availability) {
    let deadline = Instant::now() + LAST_NEWS;
    for (number, folds) in folds.iter().enumerate() {
        let fold = loop {
            let fold: Option<Fold> = locked(folds).get(&core.event).cloned();
            let is_there = fold.as_ref().is_some_and(|fold| fold.rev() >= core.rev);
            if is_there || Instant::now() > deadline {
                break fold;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let wrong = match fold {
            None => Some("heard nothing".to_owned()),
            Some(fold) => fold.differs(core),
        };
        stage.numbers.count("folds compared with the core");
        if let Some(wrong) = wrong {
            let (event, rev) = (core.event, core.rev);
            let said = format!("watcher {number} {wrong} of {event}, the core is at {rev}");
            stage.numbers.disagrees(said);
        }
    }
}
