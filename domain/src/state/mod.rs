//! The records as rules see them: an overlay of loaded records and writes so far.
//!
//! A rule reads and writes through [`Overlay`]. A record that hasn't been loaded stops
//! the rule with [`Stop::Missing`]; the overlay has noted the want, the driver loads it
//! and the rule decides again. Every change of a ticket goes through
//! [`Overlay::set_ticket`], so that state, counters and log can't part.

mod overlay;
mod records;
mod rows;

pub use overlay::{Overlay, Page, Savepoint, Want, Write};
pub use records::{IdempotencyRecord, TicketRecord};
pub use rows::{Rows, counter};

use crate::Refusal;

/// Why a rule gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The overlay lacks records and has noted which; load them and decide again.
    Missing,
    /// The rules say no; nothing of the command's writes may stay.
    Refused(Refusal),
    /// A stored record can't be read. Nothing of the command's writes may stay.
    Corrupt(String),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What a rule gives.
pub type Decision<T> = Result<T, Stop>;
