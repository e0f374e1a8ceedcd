//! Sends money back, and takes note of what a provider answered.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{EventId, OutboxId, ReservationId, Timestamp};

/// An administrator gives a buyer the money back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Which event.
    pub event: EventId,
    /// Which reservation.
    pub reservation: ReservationId,
    /// Whether the tickets become free; otherwise they are withdrawn.
    pub return_to_sale: bool,
}

impl Refund {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}

/// A call from the outbox was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxAnswered {
    /// Which event.
    pub event: EventId,
    /// Which call.
    pub outbox: OutboxId,
    /// Whether the provider did it; otherwise it is filed again, later and later.
    pub done: bool,
}

impl OutboxAnswered {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}
