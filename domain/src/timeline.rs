//! What happened to a reservation, in words for its timeline.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that happened to a reservation. The numbers are those of the keys; things of
/// one millisecond are shown in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Happening {
    /// It was made, and holds its tickets.
    Reserved = 0,
    /// The buyer wants to pay; the provider hasn't answered yet.
    CheckoutBegun = 1,
    /// The provider's page is open.
    CheckoutOpened = 2,
    /// The buyer or a cancellation gave the tickets back.
    Released = 3,
    /// Time ran out.
    Expired = 4,
    /// Money came in time, and the tickets are sold.
    Paid = 5,
    /// Money came late, and the tickets, all still free, were taken again and sold.
    Retaken = 6,
    /// Money is to go back.
    RefundDue = 7,
    /// Money went back.
    Refunded = 8,
}

impl Happening {
    const ALL: [Self; 9] = [
        Self::Reserved,
        Self::CheckoutBegun,
        Self::CheckoutOpened,
        Self::Released,
        Self::Expired,
        Self::Paid,
        Self::Retaken,
        Self::RefundDue,
        Self::Refunded,
    ];

    /// The inverse of its number.
    pub(crate) fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}
