//! Parterre's core: the process that writes.
//!
//! Every state change is one serializable transaction, decided by a pure rule of
//! `parterre-domain` and recorded in the log in the same commit. The core never serves a
//! page to the public and remembers nothing that isn't in the store: any number of cores
//! may run, and any may die.
//!
//! Read [`store`] for what is promised below, [`driver`] for how a batch of commands
//! becomes a transaction, [`lane`] for how batches form, `sweeper` for what happens by
//! time, [`payment`] for money, [`feed`] for what edges are told, `http` for who may ask.

mod census;
pub mod check;
pub mod clock;
pub mod config;
pub mod context;
pub mod copy;
#[cfg(test)]
#[path = "../tests/disk/mod.rs"]
mod disk;
pub mod driver;
pub mod epoch;
pub mod feed;
mod http;
pub mod lane;
pub mod layouts;
mod maintenance;
pub mod metrics;
mod passages;
pub mod passes;
pub mod payment;
pub mod planning;
mod probe;
mod recent;
pub mod snapshot;
pub mod store;
#[cfg(test)]
mod strange_bytes;
mod sweeper;
#[cfg(test)]
mod testing;
mod trim;

use std::net::SocketAddr;
use std::sync::Arc;

use parterre_domain::limits;
use parterre_gate::within::Calls;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::{Config, Payments as PaymentsConfig};
use crate::context::{Context, Parts};
use crate::feed::Feed;
use crate::http::Server;
use crate::lane::{Lanes, Running};
use crate::layouts::Layouts;
use crate::metrics::Metrics;
use crate::passes::Passes;
use crate::payment::Payments;
pub use crate::probe::Probe;
use crate::store::Failure;
use crate::store::any::AnyStore;

/// Why a core can't start: one line that says what and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl From<Failure> for StartError {
    fn from(failure: Failure) -> Self {
        Self(failure.0)
    }
}

/// A core that has bound its sockets and opened its store.
pub struct Core {
    context: Context,
    server: Server,
    lanes: Running,
}

/// Opens the store, checks the clock, binds the sockets.
///
/// # Errors
///
/// See [`StartError`].
pub async fn build(config: Config) -> Result<Core, StartError> {
    build_with_clock(config, Clock::Wall).await
}

/// [`build`], with the time from elsewhere than the machine: tests move it by hand.
///
/// # Errors
///
/// See [`StartError`].
pub async fn build_with_clock(config: Config, clock: Clock) -> Result<Core, StartError> {
    let store = AnyStore::open(&config.store).await?;
    if copy::is_unfinished(&store).await? {
        let why = "the store is a copy that isn't finished; run parterre admin copy again";
        return Err(StartError(why.into()));
    }
    probe::sane_clock(&store, &clock)
        .await
        .map_err(|wrong| StartError(wrong.to_string()))?;
    let server = http::bind(config.listen, "--listen (beside an edge: --core-listen)")?;
    let metrics = Metrics::new().map_err(|error| StartError(error.to_string()))?;
    let layouts = Layouts::new(store.clone());
    let (lanes, running) = Lanes::start(store.lanes(), &store, &layouts, &clock, &metrics)
        .map_err(|error| StartError(format!("can't start a thread: {error}")))?;
    let PaymentsConfig::Sandbox = config.payments;
    let payments = Payments::sandbox(
        &lanes,
        &store,
        &clock,
        &metrics,
        &config.public_url,
        &config.cluster_secret,
        &config.dialer,
    );
    let passes = Passes::new(&config.signing_keys)?;
    let feed = Feed::open(&store, passes.public()).await?;
    let context = Context::from(Parts {
        config,
        store,
        lanes,
        layouts,
        clock,
        metrics,
        payments,
        passes,
        feed,
        uploads: Arc::new(Semaphore::new(limits::UPLOADS_AT_ONCE)),
    });
    Ok(Core {
        context,
        server,
        lanes: running,
    })
}

impl Core {
    /// Where edges and administrators reach it.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Takes calls of an edge in this process as well.
    #[must_use]
    pub fn within(self, calls: Calls) -> Self {
        Self {
            server: self.server.within(calls),
            ..self
        }
    }

    /// The core as operators see it.
    pub fn probe(&self) -> Probe {
        Probe {
            store: self.context.store.clone(),
            clock: self.context.clock.clone(),
            metrics: self.context.metrics.clone(),
        }
    }

    /// Serves until told to stop, and until when; then refuses new work, finishes what is
    /// in flight and commits what is queued.
    ///
    /// # Errors
    ///
    /// When the store fails: the process must end, and the next start recovers.
    pub async fn run(
        self,
        stop: impl Future<Output = Instant> + Send + 'static,
    ) -> Result<(), Failure> {
        let Self {
            context,
            server,
            lanes,
        } = self;
        let tls = context.config.tls.clone();
        let (stopping, stopped) = watch::channel(false);
        let mut background = JoinSet::new();
        background.spawn(
            context
                .feed
                .clone()
                .follow(context.store.clone(), context.metrics.clone()),
        );
        background.spawn(sweeper::sweep(context.clone()));
        background.spawn(census::census(context.clone()));
        background.spawn(trim::trim(
            context.store.clone(),
            context.clock.clone(),
            context.metrics.clone(),
        ));
        let feed = context.feed.clone();
        let store = context.store.clone();
        let served = server.run(http::router(context), tls, stopped);
        let mut served = std::pin::pin!(served);
        let deadline = tokio::select! {
            () = &mut served => Ok(Instant::now()),
            deadline = stop => Ok(deadline),
            failure = store.failed() => Err(failure),
            () = lanes.ended() => Err(Failure("a lane has ended; the log says why".into())),
        }?;
        let left = || deadline.saturating_duration_since(Instant::now());
        stopping.send_replace(true);
        // Commands that a request left behind need some of the time as well.
        if tokio::time::timeout(left() * 3 / 4, served).await.is_err() {
            tracing::warn!("requests were still under way when their time to drain was over");
        }
        if tokio::time::timeout(left(), feed.close()).await.is_err() {
            tracing::warn!("edges were still on the feed when the time to drain was over");
        }
        background.shutdown().await;
        lanes.finished(left()).await;
        Ok(())
    }
}

/// Waits until told to stop.
pub(crate) async fn told(mut stopped: watch::Receiver<bool>) {
    // An error means that whoever could tell is gone, which tells as much.
    drop(stopped.wait_for(|stopped| *stopped).await);
}
