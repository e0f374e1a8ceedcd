//! Parterre's core: the process that writes.
pub mod config;
pub mod lane;
pub mod store;
