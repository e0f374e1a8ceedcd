//! Money has come: on time, twice, late, or for something that is gone.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{Currency, EventId, Money, PaymentId, ReservationId, Timestamp};

/// The provider says that a payment was made. Each payment ends in tickets or in a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlePayment {
    /// Which event.
    pub event: EventId,
    /// Which reservation.
    pub reservation: ReservationId,
    /// Which provider.
    pub provider: String,
    /// The provider's name for the payment.
    pub payment: PaymentId,
    /// How much.
    pub amount: Money,
    /// Of what.
    pub currency: Currency,
}

impl SettlePayment {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}
