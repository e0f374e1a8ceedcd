//! A whole edge over real sockets, behind a core made for the test.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod contract;
mod core;
mod feeding;
mod forwarding;
mod guarding;
mod holding;
mod hurrying;
mod reading;
mod representing;
mod serving;
mod spans;
mod stage;
mod streaming;
mod talking;
