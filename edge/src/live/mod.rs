//! Live push over WebSocket.

mod frame;
mod handshake;
mod message;
mod reader;
