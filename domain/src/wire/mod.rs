//! What travels: the public API's structures, live messages, and the feed between core
//! and edge.

pub mod admin;
pub mod api;
pub mod feed;
pub mod live;
