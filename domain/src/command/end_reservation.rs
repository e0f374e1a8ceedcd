//! Gives tickets back: the buyer releases, time runs out, and an ended reservation is forgotten.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{EventId, ReservationId, Timestamp};

/// The buyer gives the tickets back. Repeated: done again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which event.
    pub event: EventId,
    /// Which reservation.
    pub reservation: ReservationId,
    /// What the provider says of an open checkout.
    pub word: ProviderWord,
}

impl Release {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}

/// Time has run out. The only thing that ends a reservation by time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expire {
    /// Which event.
    pub event: EventId,
    /// Which reservation.
    pub reservation: ReservationId,
    /// What the provider says of an open checkout.
    pub word: ProviderWord,
}

impl Expire {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}

/// Drops the record of an ended reservation and of its idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forget {
    /// Which event.
    pub event: EventId,
    /// Which reservation.
    pub reservation: ReservationId,
}

impl Forget {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}

/// What the payment provider says when asked to close a checkout. Only its word decides:
/// tickets of an open checkout are freed when it says closed. If it says paid, the
/// caller settles the payment instead of ending the reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderWord {
    /// It wasn't asked: the caller saw no checkout. The rule frees nothing if there is
    /// one by now.
    NotAsked,
    /// Nobody can pay any more, and nobody has.
    Closed,
    /// It doesn't answer.
    Unreachable,
}
