//! Begins a checkout: the intent first, the provider's session after it.

use super::{Answer, about, cancel_event, end_reservation, reserve};
use crate::keys::Due;
use crate::state::{Decision, Overlay, TicketRecord};
use crate::{
    Buyer, Checkout, EventId, Happening, Refusal, ReservationId, ReservationRecord,
    ReservationState, Session, Timestamp,
};

/// Commits the intent to open a session at the provider, and holds the tickets once
/// more.
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
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let mut record = end_reservation::reservation(overlay, self.reservation)?;
        let event = about::event(overlay, record.event)?;
        payable(&record, now)?;
        if event.life.is_cancelled() {
            return Err(Refusal::NotOnSale {
                opens_at: None,
                reason: "the event is cancelled",
            }
            .into());
        }
        if record.checkout.is_some() {
            return Ok(Answer::Reservation(Box::new(record)));
        }
        let expires_at = record.expires_at.max(now + reserve::hold(&event));
        hold_until(overlay, &mut record, expires_at)?;
        record.checkout = Some(Checkout {
            provider: self.provider.clone(),
            buyer: self.buyer.clone(),
            success_url: self.success_url.clone(),
            cancel_url: self.cancel_url.clone(),
            session: None,
        });
        overlay.put_reservation(&record);
        overlay.happens(record.id, now, Happening::CheckoutBegun);
        Ok(Answer::Reservation(Box::new(record)))
    }
}

/// Commits the session that the provider opened. Answers the reservation as it is: it may
/// have ended meanwhile.
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
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let mut record = end_reservation::reservation(overlay, self.reservation)?;
        let Some(checkout) = &mut record.checkout else {
            return Ok(Answer::Reservation(Box::new(record)));
        };
        if checkout.session.is_none() {
            checkout.session = Some(self.session.clone());
            overlay.put_reservation(&record);
            overlay.happens(record.id, now, Happening::CheckoutOpened);
            close_if_ended(overlay, &record, now);
        }
        Ok(Answer::Reservation(Box::new(record)))
    }
}

/// The reservation may have ended while the provider opened the session: then nobody is
/// to pay on it.
fn close_if_ended(overlay: &mut Overlay, record: &ReservationRecord, now: Timestamp) {
    match record.state {
        ReservationState::Released | ReservationState::Expired => {
            cancel_event::close_session(overlay, record, now);
        }
        ReservationState::Pending
        | ReservationState::Paid
        | ReservationState::RefundDue
        | ReservationState::Refunded => {}
    }
}

/// That a reservation can be paid now.
fn payable(record: &ReservationRecord, now: Timestamp) -> Result<(), Refusal> {
    match record.state {
        ReservationState::Pending if now < record.expires_at => Ok(()),
        // Nobody has swept it yet, but its time is over.
        ReservationState::Pending => Err(Refusal::ReservationEnded(ReservationState::Expired)),
        ReservationState::Released | ReservationState::Expired => {
            Err(Refusal::ReservationEnded(record.state))
        }
        ReservationState::Paid | ReservationState::RefundDue | ReservationState::Refunded => {
            Err(end_reservation::not_pending(record.state))
        }
    }
}

/// Moves a pending reservation's expiry: the record, its tickets and the due index.
fn hold_until(
    overlay: &mut Overlay,
    record: &mut ReservationRecord,
    expires_at: Timestamp,
) -> Decision<()> {
    if expires_at == record.expires_at {
        return Ok(());
    }
    overlay.clear_due(record.expires_at, Due::Expire(record.id));
    overlay.put_due(expires_at, Due::Expire(record.id));
    record.expires_at = expires_at;
    overlay.tickets_of(record)?;
    for ticket in &record.tickets {
        let held = TicketRecord::Pending {
            reservation: record.id,
            expires_at,
        };
        overlay.set_ticket(record.event, ticket.id, Some(held))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ProviderWord;
    use super::super::testing::World;
    use super::*;

    #[test]
    fn the_hold_is_extended_once() {
        let mut world = World::on_sale(2);
        world.reserve(1, &[0]).unwrap();
        let hold = Duration::from_secs(600);
        world.now = world.now + Duration::from_secs(100);
        world.begin_checkout(1).unwrap();
        let expires_at = world.reservation(1).expires_at;
        assert_eq!(expires_at, world.now + hold);
        world.now = world.now + Duration::from_secs(100);
        world.begin_checkout(1).unwrap();
        assert_eq!(world.reservation(1).expires_at, expires_at);
        world.assert_sound();
    }

    #[test]
    fn only_a_pending_reservation_within_its_time_is_checked_out() {
        let mut world = World::on_sale(4);
        world.reserve(1, &[0]).unwrap();
        world.release(1, ProviderWord::NotAsked).unwrap();
        let ended = |state| Err(Refusal::ReservationEnded(state));
        assert_eq!(world.begin_checkout(1), ended(ReservationState::Released));
        world.reserve(2, &[1]).unwrap();
        world.begin_checkout(2).unwrap();
        world.pay(2, "p").unwrap();
        assert!(matches!(
            world.begin_checkout(2),
            Err(Refusal::Conflict { state: "paid", .. })
        ));
        world.reserve(3, &[2]).unwrap();
        world.now = world.reservation(3).expires_at;
        assert_eq!(world.begin_checkout(3), ended(ReservationState::Expired));
        world.assert_sound();
    }

    #[test]
    fn the_first_session_stays() {
        let mut world = World::on_sale(2);
        world.reserve(1, &[0]).unwrap();
        world.begin_checkout(1).unwrap();
        for id in ["first", "second"] {
            world.open_checkout(1, id).unwrap();
        }
        let session = world
            .reservation(1)
            .checkout
            .and_then(|checkout| checkout.session);
        assert_eq!(session.map(|session| session.id), Some("first".into()));
    }
}
