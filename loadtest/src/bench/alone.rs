//! A thread of its own for a whole run.

use tokio::signal::unix::{SignalKind, signal};

use crate::wire::Failure;

/// Measures on one thread that lives through the whole run: servers end with the thread
/// that started them, and as a server that is measured has one core, so has its client.
///
/// # Errors
///
/// When measuring fails, or was interrupted. In every case all servers are gone.
pub(crate) async fn alone<T, F>(
    name: &str,
    measure: impl FnOnce() -> F + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>>,
{
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || drop(tell.send(run(measure))))
        .map_err(|error| Failure::Odd(error.to_string()))?;
    let gone = |_| Failure::Odd("the measuring thread ended".to_owned());
    told.await.map_err(gone)?
}

fn run<T, F>(measure: impl FnOnce() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
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
            measured = Box::pin(measure()) => measured,
            _ = interrupt.recv() => Err(interrupted()),
            _ = terminate.recv() => Err(interrupted()),
            _ = hang_up.recv() => Err(interrupted()),
        }
    })
}

fn interrupted() -> Failure {
    Failure::Odd("interrupted; every server is stopped".to_owned())
}
