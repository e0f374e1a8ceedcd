//! Parterre's edge: reads from memory, live push, forwarded writes.
//!
//! Stateless: everything it knows comes from a core, by snapshots and by the feed behind
//! them. It never decides who gets a ticket; it only refuses what it knows to be gone.
//!
//! Read [`cell`] first: one event in memory. Then [`cells`] and [`catalog`], which hold
//! them; [`follower`], which keeps them current; [`http`], which answers from them;
//! [`live`], which pushes; [`shard`], which has the connections.

pub mod ahead;
pub mod catalog;
pub mod cell;
pub mod cells;
pub mod clock;
pub mod config;
pub mod context;
pub mod cores;
pub mod cors;
pub mod follower;
pub mod forward;
pub mod freshness;
pub mod http;
pub mod live;
pub mod metrics;
mod neighbours;
mod openapi;
mod process;
pub mod render;
pub mod search;
pub mod shard;
pub mod signals;
pub mod similar;
mod slab;
#[cfg(test)]
mod strange_bytes;

pub use process::{Probe, Process, StartError, build};

/// Why an edge can't be made.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// A core's origin can't be used.
    #[error(transparent)]
    Origin(#[from] cores::BadOrigin),
    /// Two metrics have one name.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}
