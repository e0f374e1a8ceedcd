//! What it costs an edge to say that a race is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::report::Report;
use crate::bench::{Calls, LOOK, Parterre, Stage, again, answered};
use crate::process::{Aside, Meter, SERVER_CORE};
use crate::raw::{Connection, post};
use crate::wire::Failure;

const CONNECTIONS: usize = 64;
/// How long the edge may take to hear that the ticket is gone.
const HEARD: Duration = Duration::from_secs(10);

/// Measures answers to reservations of a ticket that is gone. An edge gives them by itself:
/// the core must not hear of a single one.
pub(super) async fn measure(stage: &Stage, report: &mut Report) -> Result<(), Failure> {
    let _aside = Aside::hold()?;
    let mut parterre = Parterre::start(stage, SERVER_CORE).await?;
    let event = parterre.publish(2_000).await?;
    let authority = parterre.edge.to_string();
    let path = format!("/v1/events/{event}/reservations");
    let wish = post(&authority, &path, &[], r#"{"tickets":[0]}"#);
    let mut connection = Connection::open(parterre.edge).await?;
    let first = connection.call(&wish).await?.status;
    if first != 201 {
        return Err(Failure::Odd(format!("{first} for a free ticket")));
    }
    is_heard(&mut connection, &parterre, &wish).await?;
    let (next, check) = (again(wish), answered(409));
    let (mut micros, mut per_second) = (Vec::new(), Vec::new());
    for round in 1..=stage.rounds {
        stage.says(format!("lost races, round {round}"));
        let calls = Calls::open(parterre.edge, CONNECTIONS).await?;
        let (meter, before) = (Meter::start(parterre.id())?, parterre.commands().await?);
        let made = calls.make(stage.lasts, &Arc::clone(&next), &check).await?;
        micros.push(made.micros_each(meter.spent()?));
        per_second.push(made.per_second());
        let asked = parterre.commands().await? - before;
        if asked > 0.0 {
            let what = format!("the core was asked {asked} times about a lost race");
            return Err(Failure::Odd(what));
        }
    }
    report.add("server CPU for the answer to a lost race, µs", &micros);
    report.add("answers to a lost race, a second on one core", &per_second);
    Ok(())
}

/// Waits until the edge refuses by itself.
async fn is_heard(
    connection: &mut Connection,
    parterre: &Parterre,
    wish: &[u8],
) -> Result<(), Failure> {
    let began = Instant::now();
    while began.elapsed() < HEARD {
        let before = parterre.commands().await?;
        let status = connection.call(wish).await?.status;
        let after = parterre.commands().await?;
        if status == 409 && after == before {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    let what = "the edge doesn't refuse a ticket that is gone by itself";
    Err(Failure::Odd(what.to_owned()))
}
