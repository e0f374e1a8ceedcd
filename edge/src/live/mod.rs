//! Live push: connections that are told what changes, by WebSocket or by Server-Sent
//! Events (API.md, "WebSocket").
//!
//! Bytes of a client become messages in `reader` (over `frame`) and `message`; the `hub`
//! of a shard hands them to the client's `session` and knows who watches what; `watch`
//! makes the frames, once for everybody who stands at the same rev; the `driver` has the
//! sockets and the time. All but the driver is without I/O and driven by hand in tests.
//!
//! Server-Sent Events are a third way to write the same messages: a session that was
//! subscribed by its request and whose client can't speak, and an `outlet` that is the body
//! of an answer instead of a socket.
//!
//! There is no queue for a client, no timer and no task that writes: a client is a mark
//! of what it has, and the rest of at most one frame. What it refuses: to buffer for who
//! doesn't read, and to guess; whoever can't be brought up to date exactly gets a snapshot.
//!
//! Read `session` first, then `hub`.

#[cfg_attr(not(target_os = "linux"), path = "no_batch.rs")]
mod batch;
mod driver;
mod event;
pub mod frame;
pub(crate) mod handshake;
mod hub;
pub mod message;
mod outlet;
pub mod reader;
mod session;
mod socket;
mod tally;
mod watch;

pub(crate) use driver::{Live, Surroundings};
pub(crate) use hub::{Pace, World};
pub(crate) use outlet::EventStream;
pub(crate) use watch::{Snapshot, Source};

#[cfg(test)]
mod tests;
