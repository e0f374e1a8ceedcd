//! An edge as a process: built, then run until told to stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use parterre_gate::listen;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::context::Edge;
use crate::{ahead, follower, neighbours, shard};

/// Why an edge can't start: one line that says what and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting can't be used.
    #[error(transparent)]
    Config(#[from] crate::BadConfig),
    /// The port can't be had.
    #[error("can't listen on {0}: {1}; stop what uses the port or choose another with --listen")]
    Listen(SocketAddr, io::Error),
}

/// An edge that has bound its sockets.
pub struct Process {
    edge: Arc<Edge>,
    listeners: Vec<TcpListener>,
    address: SocketAddr,
}

/// Binds the sockets. The core needn't answer yet. To be called within the runtime that
/// runs all but the shards.
///
/// # Errors
///
/// See [`StartError`].
pub fn build(config: Config) -> Result<Process, StartError> {
    let address = config.listen;
    let failed = |error| StartError::Listen(address, error);
    let listeners = listen::bind_sharded(address, config.shards).map_err(failed)?;
    let address = listeners[0].local_addr().map_err(failed)?;
    let edge = Edge::new(config, Handle::current())?;
    Ok(Process {
        edge,
        listeners,
        address,
    })
}

impl Process {
    /// Where the public reaches it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What all parts of it share.
    pub fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// The edge as operators see it.
    pub fn probe(&self) -> Probe {
        Probe {
            edge: Arc::clone(&self.edge),
        }
    }

    /// Serves until told to stop, then drains.
    ///
    /// # Errors
    ///
    /// When a shard can't run.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let (stopping, stopped) = watch::channel(false);
        // These go on until the shards are done, so that what is still served is current.
        let (_going_on, never) = watch::channel(false);
        let mut background = JoinSet::new();
        background.spawn(follower::run(Arc::clone(&self.edge), never.clone()));
        background.spawn(follower::watch_freshness(
            Arc::clone(&self.edge),
            never.clone(),
        ));
        background.spawn(ahead::run(Arc::clone(&self.edge), never.clone()));
        background.spawn(neighbours::run(Arc::clone(&self.edge), never));
        let stopper = tokio::spawn(async move {
            stop.await;
            stopping.send_replace(true);
        });
        let served = shard::serve(self.edge, self.listeners, stopped).await;
        stopper.abort();
        background.shutdown().await;
        served
    }
}

/// Answers operators' questions.
pub struct Probe {
    edge: Arc<Edge>,
}

impl Probe {
    /// Whether the edge can do its work: it has the programme.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub fn ready(&self) -> Result<(), String> {
        if self.edge.catalog.is_loaded() {
            Ok(())
        } else {
            Err("the catalog isn't loaded yet".into())
        }
    }

    /// The metrics in Prometheus's text format.
    pub fn metrics(&self) -> String {
        self.edge.cells.measure();
        let programme = self.edge.catalog.programme();
        let counts = programme.iter().map(|entry| entry.counts);
        self.edge.metrics.count_tickets(counts);
        String::from_utf8_lossy(&self.edge.metrics.text()).into_owned()
    }
}
