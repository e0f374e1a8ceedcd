//! A client that costs next to nothing, for whoever measures a server: with the plain one
//! ([`wire`](crate::wire)) the client would be what is measured.
//!
//! [`Connection`] sends requests that were written before and reads answers into one
//! buffer, [`Steady`] sends them at a fixed rate; [`Screens`] are thousands of WebSockets
//! that only read. All understand what a
//! server of this kind says and no more: whatever else comes is an error, and every wait
//! has an end.

mod answer;
mod connection;
mod frames;
mod request;
mod screens;
mod steady;

pub use answer::BadAnswer;
pub use connection::{Answer, Connection};
pub use frames::{BadFrame, Frame, Frames, Kind, framed};
pub use request::{get, post};
pub use screens::{Door, Screens, Seen, upgrade};
pub use steady::{Call, Steady};
