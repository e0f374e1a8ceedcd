//! Live push over WebSocket.

mod driver;
mod frame;
pub(crate) mod handshake;
mod hub;
mod message;
pub mod metrics;
mod reader;
mod session;
mod tally;
mod watch;

pub(crate) use driver::{Live, Surroundings};

#[cfg(test)]
mod tests;
