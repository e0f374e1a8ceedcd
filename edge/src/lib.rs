//! Parterre's edge: reads from memory, live push, forwarded writes.
//!
//! Stateless: everything it knows comes from a core, by snapshots and by the feed behind
//! them. It never decides who gets a ticket; it only refuses what it knows to be gone.
//!
//! Read [`cell`] first: one event in memory. Then [`cells`] and [`catalog`], which hold
//! them; [`follower`], which keeps them current; [`http`], which answers from them, and
//! [`live`], which pushes what changes. [`shard`] has the threads and sockets.

pub mod ahead;
pub mod catalog;
pub mod cell;
pub mod cells;
pub mod clock;
pub mod config;
pub mod context;
pub mod cores;
pub mod follower;
pub mod forward;
pub mod freshness;
pub mod http;
pub mod live;
pub mod metrics;
mod ops;
pub mod render;
pub mod search;
pub mod shard;
pub mod signals;
mod slab;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use config::Config;
use context::Edge;

/// An edge with its sockets bound, ready to run.
#[derive(Debug)]
pub struct Process {
    edge: Arc<Edge>,
    listeners: Vec<std::net::TcpListener>,
    ops: tokio::net::TcpListener,
    address: SocketAddr,
    ops_address: SocketAddr,
}

/// Why an edge can't start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A core's origin can't be used.
    #[error(transparent)]
    Origin(#[from] cores::BadOrigin),
    /// Two metrics have one name.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
    /// An address can't be listened on.
    #[error("can't listen on {address}: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

/// Binds an edge's sockets. Call it within the runtime that is to do everything but
/// serving, which has threads of its own.
///
/// # Errors
///
/// When a setting can't be used or an address is taken.
pub async fn build(config: Config) -> Result<Process, BuildError> {
    let config = Config {
        shards: config.shards.max(1),
        ..config
    };
    let (listen, ops_listen) = (config.listen, config.ops_listen);
    let cant = |address| move |error| BuildError::Listen { address, error };
    let listeners = shard::bind(listen, config.shards).map_err(cant(listen))?;
    let ops = tokio::net::TcpListener::bind(ops_listen)
        .await
        .map_err(cant(ops_listen))?;
    Ok(Process {
        address: listeners[0].local_addr().map_err(cant(listen))?,
        ops_address: ops.local_addr().map_err(cant(ops_listen))?,
        edge: Edge::new(config, Handle::current())?,
        listeners,
        ops,
    })
}

impl Process {
    /// Where it listens: the public, then operators.
    pub fn addresses(&self) -> (SocketAddr, SocketAddr) {
        (self.address, self.ops_address)
    }

    /// What all parts of it share.
    pub fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// Serves until `stop` ends; then stops accepting, finishes what is in flight, closes
    /// live connections, and ends within the configured drain.
    ///
    /// # Errors
    ///
    /// When a shard can't be made, or panics.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let Self {
            edge,
            listeners,
            ops,
            ..
        } = self;
        let (tell_shards, shards_stop) = watch::channel(false);
        // The rest goes on until the shards are done: what they still serve is current.
        let (tell_rest, rest_stop) = watch::channel(false);
        let mut rest = JoinSet::new();
        rest.spawn(follower::run(Arc::clone(&edge), rest_stop.clone()));
        rest.spawn(follower::watch_freshness(
            Arc::clone(&edge),
            rest_stop.clone(),
        ));
        rest.spawn(ahead::run(Arc::clone(&edge), rest_stop.clone()));
        rest.spawn(ops::run(Arc::clone(&edge), ops, rest_stop));
        let mut shards = std::pin::pin!(shard::serve(edge, listeners, shards_stop));
        let served = tokio::select! {
            served = shards.as_mut() => served,
            () = stop => {
                tell_shards.send_replace(true);
                shards.await
            }
        };
        tell_rest.send_replace(true);
        while let Some(ended) = rest.join_next().await {
            ended.map_err(io::Error::other)?;
        }
        served
    }
}
