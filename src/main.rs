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
    let ended = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => {
            let ended = runtime.block_on(run::run(cli));
            // Whatever blocks has had its time to drain; nobody waits for it any longer.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(run::Ended::cannot(format!("can't start: {error}"))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => ended.exit(),
    }
}
