//! Parterre's load and correctness tests, as a customer would make them: over the public
//! and the admin API, knowing API.md and nothing of the inside. This crate imports the
//! shared language (`parterre-domain`) and neither role.
//!
//! Read [`smoke`] first: browsers look, watchers fold what they hear, buyers buy, and at
//! the end an audit holds what everybody was told against what the core says. [`wire`]
//! is a plain client for all of it, which the acceptance stories use as well; [`raw`] is
//! one that costs next to nothing. [`peers`] measures Parterre beside what a user would
//! take instead, [`growth`] what it costs as everything grows; both judge nothing. [`slow`]
//! brings thousands of slow clients. [`scenario`] is load as people make it: an open loop, a
//! crowd in several processes, and a report.

mod args;
mod bench;
mod clock;
pub mod fold;
pub mod growth;
mod numbers;
pub mod peers;
mod plot;
pub mod process;
pub mod raw;
pub mod scenario;
pub mod slow;
pub mod smoke;
pub mod wire;

pub use args::{
    GrowthArgs, LoadtestArgs, Outcome, Part, PeersArgs, ServerArgs, SlowArgs, SmokeArgs, run,
};
pub use clock::now;
pub use slow::{SlowConfig, SlowReport, slow};
pub use smoke::{Report, Smoke, SmokeConfig, smoke};
