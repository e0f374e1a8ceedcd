//! Parterre's shared language: what an event, a ticket and a reservation are, what may
//! happen to them, and how it is said on the wire.
//!
//! Pure: no async, no clock, no randomness, no I/O, no logging. Time and random bytes are
//! handed in. Both roles (core and edge) and the load tester build on this crate and on
//! nothing of each other.
//!
//! Read [`command`] first: one file a command, each a rule over [`state::Overlay`]. Then
//! [`keys`] for where things lie, [`log`] for what a commit tells the world, and [`wire`]
//! for what travels between processes and to clients. Every bound is in [`limits`].

mod audit;
pub mod command;
pub mod delta;
mod event;
mod hex;
mod id;
pub mod invariants;
pub mod keys;
mod layout;
pub mod limits;
pub mod log;
mod money;
mod object;
pub mod openapi;
pub mod pass;
mod problem;
mod refusal;
mod reservation;
mod rev;
pub mod sandbox;
pub mod state;
mod ticket;
mod time;
mod timeline;
pub mod upload;
mod whole;
pub mod window;
pub mod wire;

pub use audit::{AuditAction, AuditNote, AuditRecord};
pub use delta::TicketChanges;
pub use event::{About, EventRecord, Life, SalePhase, Upload, UploadId};
pub use hex::hex;
pub use id::{BadId, EventId, ReservationId, TicketId};
pub use layout::{Layout, LayoutChunk, NewTicket, Tier};
pub use log::{EventChange, LogRecord};
pub use money::{BadCurrency, Currency, Money};
pub use object::Object;
pub use pass::{Jwk, JwkSet, PassClaims, PassKey, PassPublicKey};
pub use problem::{Problem, Slug};
pub use refusal::{FieldError, Refusal, TakenTicket};
pub use reservation::{
    BadToken, Buyer, Checkout, OutboxId, OutboxRecord, PaymentId, PaymentOutcome, PaymentRecord,
    ProviderCall, ReservationRecord, ReservationState, ReservedTicket, Session, Token,
};
pub use rev::{BadRev, Position, Rev};
pub use ticket::{Counts, CountsChange, States, TicketState};
pub use time::{BadTimestamp, Timestamp};
pub use timeline::Happening;
pub use window::{CreationWindow, Hours};

/// Encodes a record for the store or the feed: MessagePack, structs as arrays, so that a
/// new field can be added at the end with a default.
///
/// # Panics
///
/// Never for the types of this crate: encoding to memory fails only on a map without a
/// known length, and none of them has one.
pub fn encode<T: serde::Serialize>(record: &T) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "see Panics")]
    rmp_serde::to_vec(record).expect("records can be encoded")
}

/// Decodes what [`encode`] made.
///
/// # Errors
///
/// When the bytes are no such record.
pub fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    rmp_serde::from_slice(bytes)
}
