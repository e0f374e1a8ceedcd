//! The live part driven by hand, without sockets, and over sockets with a world fed by
//! hand.

mod client;
mod histories;
mod hub;
mod model;
mod sockets;
mod stage;
mod streams;
