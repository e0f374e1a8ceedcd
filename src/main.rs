//! Parterre: sells tickets for events. One binary for every role; `parterre --help`
//! lists them.

mod cli;
mod client;
mod demo;
mod file;
mod import;
mod ops;
mod run;
mod secrets;
mod signals;
#[cfg(test)]
mod strange_bytes;
mod telemetry;
mod vitals;

use std::process::ExitCode;

use mimalloc::MiMalloc;
use parterre_core::store::any::Engines;
use parterre_domain::limits;

use crate::run::Ended;

/// Connections that come and go in thousands leave the system's allocator with memory in
/// pieces: with it a server under slow clients grows for a minute, with this one it stays.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(stop) => return stop.exit(),
    };
    telemetry::start();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => ended.exit(),
    }
}

fn run(cli: cli::Cli) -> Result<(), Ended> {
    // Dropped last: stores need it until their end.
    let _engines = Engines::start(&cli.role.stores())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Ended::cannot(format!("can't start: {error}")))?;
    let ended = runtime.block_on(run::run(cli));
    // Whatever blocks has had its time to drain; nobody waits for it much longer.
    runtime.shutdown_timeout(limits::LAST_WORK);
    ended
}
