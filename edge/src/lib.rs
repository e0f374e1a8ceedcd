//! Parterre's edge: reads from memory, live push, forwarded writes.
pub mod config;
pub mod live;
pub mod shard;
mod slab;
