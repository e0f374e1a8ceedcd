//! Parterre beside what a user would take instead: the same bytes and the same work, on the
//! same machine, by turns. Nothing here passes or fails: a figure means something only
//! beside another of the same run.
//!
//! It starts everybody by itself, over new state and on free ports of the loopback, and
//! leaves nothing behind. Where the CPU time of a server is measured, the server is alone
//! on core 0 and this process on core 1. Read `reads` first, then `delivery` with the
//! channels in `hot`, `reservations` and `refusals`; `stage` starts Parterre, `nginx`,
//! `varnish` and `postgres` the peers, `floor` is a peer of our own.

mod calls;
mod delivery;
mod floor;
mod hot;
mod nginx;
mod peer;
mod postgres;
mod program;
mod reads;
mod refusals;
mod report;
mod reservations;
mod stage;
#[cfg(test)]
mod tests;
mod varnish;

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};

use crate::wire::Failure;
use crate::{Part, PeersArgs};

pub use floor::floor;
pub use report::{Figure, Report, Row};

use stage::Stage;

/// Measures everything.
///
/// # Errors
///
/// When this machine lacks what it takes, a server doesn't start or answers something else
/// than it should, or the run was interrupted. In every case all servers are gone.
pub async fn peers(args: &PeersArgs) -> Result<Report, Failure> {
    let (args, (tell, told)) = (args.clone(), tokio::sync::oneshot::channel());
    // Servers end with the thread that started them, so it is one that lives through the
    // whole run; and the client is one thread, as a server that is measured has one core.
    std::thread::Builder::new()
        .name("peers".to_owned())
        .spawn(move || drop(tell.send(alone(&args))))
        .map_err(|error| Failure::Odd(error.to_string()))?;
    let gone = |_| Failure::Odd("the measuring thread ended".to_owned());
    told.await.map_err(gone)?
}

fn alone(args: &PeersArgs) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Odd(error.to_string()))?;
    runtime.block_on(async {
        let listen = |kind| signal(kind).map_err(|error| Failure::Odd(error.to_string()));
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let mut hang_up = listen(SignalKind::hangup())?;
        // What isn't finished is dropped, and with it every server.
        tokio::select! {
            measured = Box::pin(measure(args)) => measured,
            _ = interrupt.recv() => Err(interrupted()),
            _ = terminate.recv() => Err(interrupted()),
            _ = hang_up.recv() => Err(interrupted()),
        }
    })
}

fn interrupted() -> Failure {
    Failure::Odd("interrupted; every server is stopped".to_owned())
}

async fn measure(args: &PeersArgs) -> Result<Report, Failure> {
    let parterre = match &args.parterre {
        Some(path) => path.clone(),
        None => std::env::current_exe().map_err(|error| Failure::Odd(error.to_string()))?,
    };
    let stage = Stage::new(parterre, args)?;
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
            Part::Delivery => delivery::measure(&stage, &mut report).await?,
            Part::Reservations => reservations::measure(&stage, &mut report).await?,
        }
    }
    stage.progress.finish_and_clear();
    if let Some(path) = &args.json {
        let odd =
            |error: &dyn std::fmt::Display| Failure::Odd(format!("{}: {error}", path.display()));
        let text = serde_json::to_string_pretty(&report).map_err(|error| odd(&error))?;
        fs::write(path, text + "\n").map_err(|error| odd(&error))?;
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

/// What the binary says of itself.
fn version(parterre: &Path) -> Result<String, Failure> {
    let asked = Command::new(parterre).arg("--version").output();
    let said = asked.map_err(|error| Failure::Odd(format!("{}: {error}", parterre.display())))?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// Processor, cores, kernel, and where the state lies.
fn machine(stage: &Stage) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let models = processor
        .lines()
        .filter(|line| line.starts_with("model name"));
    let model = models.clone().next().and_then(|line| line.split_once(": "));
    let (cores, model) = (models.count(), model.map_or("?", |(_, model)| model));
    let kernel = read("/proc/sys/kernel/osrelease");
    let asked = Command::new("df")
        .arg("--output=fstype")
        .arg(stage.root())
        .output();
    let said = asked.map(|asked| String::from_utf8_lossy(&asked.stdout).into_owned());
    let said = said.unwrap_or_default();
    let files = said.lines().last().unwrap_or("?");
    let kernel = kernel.trim();
    format!("{cores} cores of {model}, Linux {kernel}, state on {files}")
}
