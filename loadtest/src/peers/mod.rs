//! Parterre beside what a user would take instead: the same bytes and the same work, on the
//! same machine, by turns. Nothing here passes or fails: a figure means something only
//! beside another of the same run.
//!
//! It starts everybody by itself, over new state and on free ports of the loopback, and
//! leaves nothing behind. Where the CPU time of a server is measured, the server is alone
//! on core 0 and this process on core 1. Read `reads` first, then `delivery` with the
//! channels in `hot`, `crowd`, `reservations` and `refusals`; `nginx`, `varnish` and
//! `postgres` start the peers, the module `bench` Parterre and a peer of our own.

mod crowd;
mod delivery;
mod hot;
mod nginx;
mod peer;
mod postgres;
mod reads;
mod refusals;
mod report;
mod reservations;
#[cfg(test)]
mod tests;
mod varnish;

use clap::ValueEnum;

use crate::bench::{Stage, alone, machine, version, write_json};
use crate::wire::Failure;
use crate::{Part, PeersArgs};

pub use crate::bench::Figure;
pub use report::{Report, Row};

/// Measures everything.
///
/// # Errors
///
/// When this machine lacks what it takes, a server doesn't start or answers something else
/// than it should, or the run was interrupted. In every case all servers are gone.
pub async fn peers(args: &PeersArgs) -> Result<Report, Failure> {
    let args = args.clone();
    alone("peers", move || async move { measure(&args).await }).await
}

async fn measure(args: &PeersArgs) -> Result<Report, Failure> {
    let stage = Stage::new(args.parterre.clone(), args.seconds, args.rounds)?;
    let mut report = Report {
        command: command(args),
        parterre: version(&stage.parterre)?,
        peers: peer::ALL.iter().map(peer::Peer::said).collect(),
        machine: machine(&stage),
        notes: vec![
            format!(
                "medians of {} rounds of {} s by turns, with the least and the most",
                stage.rounds,
                stage.lasts.as_secs()
            ),
            "server on core 0, client on core 1; for reservations everybody on all cores"
                .to_owned(),
        ],
        rows: Vec::new(),
    };
    let all = Part::value_variants().iter();
    for part in all.filter(|part| args.only.is_empty() || args.only.contains(part)) {
        match part {
            Part::Reads => reads::measure(&stage, &mut report).await?,
            Part::Refusals => refusals::measure(&stage, &mut report).await?,
            Part::Delivery => delivery::measure(&stage, args.watchers.max(1), &mut report).await?,
            Part::Crowd => crowd::measure(&stage, args.watchers.max(1), &mut report).await?,
            Part::Reservations => reservations::measure(&stage, &mut report).await?,
        }
    }
    stage.progress.finish_and_clear();
    if let Some(path) = &args.json {
        write_json(path, &report)?;
    }
    Ok(report)
}

fn command(args: &PeersArgs) -> String {
    let only = args.only.iter().filter_map(ValueEnum::to_possible_value);
    let only: String = only
        .map(|part| format!(" --only {}", part.get_name()))
        .collect();
    format!(
        "parterre loadtest peers --seconds {} --rounds {} --watchers {}{only}",
        args.seconds, args.rounds, args.watchers
    )
}
