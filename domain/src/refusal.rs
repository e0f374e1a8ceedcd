//! Refusals: the answers that say no. Typed and expected; nothing was changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ReservationState, TicketId, TicketState, Timestamp};

/// Why the rules say no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing, or the asker may not know of it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The event has no such ticket.
    #[error("there is no ticket {ticket}: the event has {total}, numbered from 0")]
    NoTicket {
        /// Which was named.
        ticket: TicketId,
        /// How many the event has.
        total: u32,
    },
    /// At least one wanted ticket isn't free; for `best`, nothing fits and the list is
    /// empty.
    #[error("{}", if .0.is_empty() { "no tickets fit the wish" } else { "some of the tickets are taken" })]
    TicketsTaken(Vec<TakenTicket>),
    /// The lifecycle knows no such step.
    #[error("{reason}")]
    Conflict {
        /// The state that forbids it, in the words of the wire.
        state: &'static str,
        /// A sentence for a person.
        reason: &'static str,
    },
    /// The same idempotency key came with another request.
    #[error("the Idempotency-Key was used for another request")]
    IdempotencyMismatch,
    /// The reservation holds no tickets any more.
    #[error("the reservation has ended")]
    ReservationEnded(ReservationState),
    /// Nothing of the event can be bought now.
    #[error("{reason}")]
    NotOnSale {
        /// When the sale opens, if it will.
        opens_at: Option<Timestamp>,
        /// A sentence for a person.
        reason: &'static str,
    },
    /// A bulk write outside the creation window.
    #[error("bulk writes wait for the creation window")]
    OutsideCreationWindow {
        /// When the window opens next.
        opens_at: Timestamp,
    },
    /// Well-formed, but against a rule.
    #[error("{} of the request break a rule", .0.len())]
    Invalid(Vec<FieldError>),
    /// The payment provider must be asked first and doesn't answer.
    #[error("the payment provider doesn't answer")]
    ProviderUnreachable,
}

/// A ticket that isn't free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct TakenTicket {
    /// Which.
    pub id: TicketId,
    /// What it is instead.
    pub state: TicketState,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name, with dots and indices: `tickets[3].tier`.
    pub field: String,
    /// What is wrong, which limit, what to do.
    pub reason: String,
}

impl FieldError {
    /// One field error.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

impl Refusal {
    /// A refusal over one field.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, reason)])
    }

    /// A short name for metrics: the problem's slug.
    pub fn slug(&self) -> &'static str {
        crate::Problem::from(self).slug()
    }
}
