//! Parterre's gate: what every listener asks of those who come in, whichever role it
//! serves, and how connections go out to other processes of Parterre.
//!
//! It counts clients ([`admission`], by the addresses that [`client`] finds out), watches
//! that connections get on ([`progress`]) while it serves them ([`conversation`]), bounds bodies ([`body`]) and speaks TLS
//! ([`tls`], [`dial`]). It refuses to know what is asked for: no path, no ticket, no role.
//!
//! Read [`admission`] first, then [`progress`].

pub mod admission;
pub mod body;
pub mod client;
pub mod conversation;
pub mod dial;
mod guarded;
pub mod head;
pub mod progress;
pub mod rate;
pub mod server;
#[cfg(test)]
mod strange_bytes;
pub mod stream;
pub mod tls;

pub use guarded::Guarded;
