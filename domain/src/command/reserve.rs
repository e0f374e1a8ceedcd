//! Reserves tickets, all together or not at all.

use super::Answer;
use crate::state::Want;
use crate::state::{Decision, Overlay};
use crate::{EventId, ReservationId, ReservedTicket, Timestamp, Token, keys};

/// One buyer wants these tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Which event.
    pub event: EventId,
    /// Minted before the first attempt; a repeat finds its record.
    pub reservation: ReservationId,
    /// What will prove the buyer.
    pub token: Token,
    /// Which tickets, each with the tier that the event's layout gives it.
    pub tickets: Vec<ReservedTicket>,
    /// The client's own key, if it sent one.
    pub idempotency: Option<Idempotency>,
}

impl Reserve {
    /// The records the rule surely reads.
    pub(super) fn hints(&self) -> Vec<Want> {
        let own = [keys::event(self.event), keys::reservation(self.reservation)];
        let tickets = self
            .tickets
            .iter()
            .map(|ticket| keys::ticket(self.event, ticket.id));
        let key = self
            .idempotency
            .iter()
            .map(|idempotency| keys::idempotency(self.event, &idempotency.key));
        own.into_iter()
            .chain(tickets)
            .chain(key)
            .map(Want::Key)
            .collect()
    }

    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}

/// A client's `Idempotency-Key` and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// As the client sent it.
    pub key: String,
    /// A digest of the request's body.
    pub fingerprint: [u8; 32],
}
