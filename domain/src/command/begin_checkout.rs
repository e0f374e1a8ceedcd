//! Begins a checkout: the intent first, the provider's session after it.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{Buyer, EventId, ReservationId, Session, Timestamp};

/// Commits the intent to open a session at the provider, and holds the tickets once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeginCheckout {
    /// Which event.
    pub event: EventId,
    /// Which reservation.
    pub reservation: ReservationId,
    /// Which provider.
    pub provider: String,
    /// Who pays.
    pub buyer: Buyer,
    /// Where the buyer goes after paying.
    pub success_url: String,
    /// Where the buyer goes after giving up.
    pub cancel_url: String,
}

impl BeginCheckout {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}

/// Commits the session that the provider opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCheckout {
    /// Which event.
    pub event: EventId,
    /// Which reservation.
    pub reservation: ReservationId,
    /// The provider's session.
    pub session: Session,
}

impl OpenCheckout {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}
