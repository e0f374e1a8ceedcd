//! What a read, a delivery and a reservation cost as there are more events, tickets,
//! clients and changes: the same run at a base and, for each of these by itself, at some
//! times as much.
//!
//! Every size has a server of its own in every round, and all sizes take turns, so that
//! whatever the machine does befalls all alike. Read [`plan`](self) first, which says what
//! is measured, then `visit`, which measures one size: `reads`, `buyers` who change an
//! event at a `pace`, and `screens` that are `told` of it. `report` finds where it bends.

mod buyers;
mod figures;
mod findings;
mod pace;
mod picture;
mod plan;
mod reads;
mod report;
mod screens;
mod told;
mod visit;

pub use figures::{Cost, Measured};
pub use plan::{Axis, Size};
pub use report::Report;

use figures::Figures;

use crate::GrowthArgs;
use crate::bench::{Stage, alone, machine, version, write, write_json};
use crate::process::Aside;
use crate::wire::Failure;

/// Measures every size.
///
/// # Errors
///
/// When this machine lacks what it takes, a server doesn't do what it should, a screen
/// misses a change, or the run was interrupted. In every case all servers are gone.
pub async fn growth(args: &GrowthArgs) -> Result<Report, Failure> {
    let args = args.clone();
    alone("growth", move || async move { measure(&args).await }).await
}

async fn measure(args: &GrowthArgs) -> Result<Report, Failure> {
    let _aside = Aside::hold()?;
    let stage = Stage::new(args.parterre.clone(), args.seconds, args.rounds)?;
    let points = plan::plan(&args.axis, &args.times);
    let mut figures = Figures::new(&points);
    for round in 1..=stage.rounds {
        let mut loops = visit::Loops::default();
        // There and back again: what comes first isn't always the same.
        let turns: Vec<_> = match round.is_multiple_of(2) {
            true => points.iter().rev().collect(),
            false => points.iter().collect(),
        };
        for point in turns {
            stage.says(format!("{point}, round {round}"));
            let visited = visit::visit(&stage, point.size(), &mut loops).await?;
            figures.note(*point, visited);
        }
    }
    stage.progress.finish_and_clear();
    let report = Report::new(
        command(args),
        version(&stage.parterre)?,
        machine(&stage),
        &stage,
        figures,
    );
    if let Some(path) = &args.json {
        write_json(path, &report)?;
    }
    if let Some(path) = &args.svg {
        write(path, &report.svg())?;
    }
    Ok(report)
}

fn command(args: &GrowthArgs) -> String {
    let axes = args.axis.iter().map(|axis| format!(" --axis {axis}"));
    let axes: String = axes.collect();
    let times: Vec<String> = args.times.iter().map(u32::to_string).collect();
    format!(
        "parterre loadtest growth --seconds {} --rounds {}{axes} --times {}",
        args.seconds,
        args.rounds,
        times.join(",")
    )
}
