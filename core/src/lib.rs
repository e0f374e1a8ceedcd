//! Parterre's core: the process that writes.
pub mod clock;
pub mod config;
pub mod driver;
pub mod lane;
pub mod layouts;
pub mod metrics;
pub mod planning;
mod recent;
pub mod store;
