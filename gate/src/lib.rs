//! Parterre's gate: what every listener asks of those who come in, whichever role it
//! serves, and how connections go out to other processes of Parterre.
//!
//! It binds listeners ([`listen`]), counts clients ([`admission`], by the addresses that
//! [`client`] finds out), watches that connections get on ([`progress`]) while it serves
//! them ([`conversation`]), bounds bodies ([`body`]) and speaks TLS ([`tls`], [`dial`]). It
//! carries calls between roles of one process ([`within`]), and it knows how answers
//! travel: in which [`encoding`], and whether a client holds them already ([`tag`]). It
//! refuses to know what is asked for: no path, no ticket, no role.
//!
//! Read [`admission`] first, then [`progress`].

pub mod admission;
pub mod body;
pub mod client;
pub mod conversation;
pub mod dial;
pub mod encoding;
mod guarded;
pub mod head;
pub mod listen;
pub mod progress;
pub mod rate;
pub mod server;
#[cfg(test)]
mod strange_bytes;
pub mod stream;
pub mod tag;
pub mod tls;
pub mod weights;
pub mod within;

pub use guarded::Guarded;
