//! When to stop.

use tokio::signal::unix::{SignalKind, signal};

use crate::run::Ended;

/// Waits for SIGTERM or SIGINT, from now on.
pub(crate) fn stop() -> Result<impl Future<Output = ()> + Send + 'static, Ended> {
    let failed =
        |error: std::io::Error| Ended::cannot(format!("can't listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
}
