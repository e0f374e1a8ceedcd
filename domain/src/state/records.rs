//! Small records that only rules and audits read.

use serde::{Deserialize, Serialize};

use crate::{ReservationId, TicketState, Timestamp};

/// Who has a ticket. A free ticket has no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TicketRecord {
    /// Held by a pending reservation.
    Pending {
        /// Which.
        reservation: ReservationId,
        /// Until when, as in the reservation.
        expires_at: Timestamp,
    },
    /// Belongs to a paid reservation.
    Sold {
        /// Which.
        reservation: ReservationId,
    },
    /// Off sale.
    Withdrawn,
}

impl TicketRecord {
    /// The state that the world sees.
    pub const fn state(&self) -> TicketState {
        match self {
            Self::Pending { .. } => TicketState::Pending,
            Self::Sold { .. } => TicketState::Sold,
            Self::Withdrawn => TicketState::Withdrawn,
        }
    }

    /// The state that the world sees of a ticket that may have no record.
    pub fn state_of(record: Option<&Self>) -> TicketState {
        record.map_or(TicketState::Free, Self::state)
    }

    /// The reservation that has the ticket.
    pub const fn reservation(&self) -> Option<ReservationId> {
        match self {
            Self::Pending { reservation, .. } | Self::Sold { reservation } => Some(*reservation),
            Self::Withdrawn => None,
        }
    }
}

/// What an `Idempotency-Key` remembers: only a success, for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// What the first request made.
    pub reservation: ReservationId,
    /// A digest of the first request's body.
    pub fingerprint: [u8; 32],
    /// When that was.
    pub at: Timestamp,
}
