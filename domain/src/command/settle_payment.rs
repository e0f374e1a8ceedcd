//! Money has come: on time, twice, late, or for something that is gone.

use super::{Answer, end_reservation, refund};
use crate::keys::{self, Due};
use crate::state::{Decision, Overlay, TicketRecord};
use crate::window;
use crate::{
    Currency, EventId, EventRecord, Happening, Money, PaymentId, PaymentOutcome, PaymentRecord,
    ReservationId, ReservationRecord, ReservationState, Timestamp,
};

/// The provider says that a payment was made. Each payment ends in tickets or in a
/// refund.
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

/// What a payment does to the reservation it names.
enum Effect {
    /// The tickets are the buyer's.
    Sells,
    /// The reservation ends, and the money goes back.
    Ends,
    /// The reservation stays as it is, and the money goes back.
    Nothing,
}

impl SettlePayment {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let record = overlay.reservation(self.reservation)?;
        if overlay.payment(&self.provider, &self.payment)?.is_some() {
            return Ok(record.map_or(Answer::Done, |record| Answer::Reservation(Box::new(record))));
        }
        let Some(mut record) = record else {
            self.file(overlay, now, PaymentOutcome::RefundDue);
            return Ok(Answer::Done);
        };
        let event = overlay.event(record.event)?;
        match self.effect(&record, event.as_deref(), overlay)? {
            Effect::Sells => self.sell(overlay, &mut record, now)?,
            Effect::Ends => self.end(overlay, &mut record, now)?,
            Effect::Nothing => self.file(overlay, now, PaymentOutcome::RefundDue),
        }
        Ok(Answer::Reservation(Box::new(record)))
    }

    fn effect(
        &self,
        record: &ReservationRecord,
        event: Option<&EventRecord>,
        overlay: &mut Overlay,
    ) -> Decision<Effect> {
        let asked_for =
            (record.checkout.as_ref()).is_some_and(|checkout| checkout.provider == self.provider);
        let right = self.amount == record.total && self.currency == record.currency;
        let alive = event.is_some_and(|event| !event.life.is_cancelled());
        Ok(match record.state {
            ReservationState::Paid | ReservationState::RefundDue | ReservationState::Refunded => {
                Effect::Nothing
            }
            _ if !asked_for => Effect::Nothing,
            // The session is spent, and the provider will call it paid for ever: the
            // reservation can't wait to be paid rightly.
            ReservationState::Pending if !right => Effect::Ends,
            _ if !right => Effect::Nothing,
            _ if !alive => Effect::Ends,
            ReservationState::Pending => Effect::Sells,
            ReservationState::Released | ReservationState::Expired => {
                if all_free(record, overlay)? {
                    Effect::Sells
                } else {
                    Effect::Ends
                }
            }
        })
    }

    fn sell(
        &self,
        overlay: &mut Overlay,
        record: &mut ReservationRecord,
        now: Timestamp,
    ) -> Decision<()> {
        overlay.tickets_of(record)?;
        for ticket in &record.tickets {
            let sold = TicketRecord::Sold {
                reservation: record.id,
            };
            overlay.set_ticket(record.event, ticket.id, Some(sold))?;
        }
        if record.state == ReservationState::Pending {
            overlay.clear_due(record.expires_at, Due::Expire(record.id));
        }
        let bought = i64::try_from(record.tickets.len()).unwrap_or(i64::MAX);
        overlay.add(keys::purchases(window::hour_of(now)), bought);
        overlay.count_sales(record, now, 1);
        let what = match record.state {
            ReservationState::Pending => Happening::Paid,
            ReservationState::Released
            | ReservationState::Expired
            | ReservationState::Paid
            | ReservationState::RefundDue
            | ReservationState::Refunded => Happening::Retaken,
        };
        overlay.happens(record.id, now, what);
        record.state = ReservationState::Paid;
        record.ended_at = None;
        record.payment = Some(self.payment.clone());
        overlay.put_reservation(record);
        self.file(overlay, now, PaymentOutcome::Tickets);
        Ok(())
    }

    fn end(
        &self,
        overlay: &mut Overlay,
        record: &mut ReservationRecord,
        now: Timestamp,
    ) -> Decision<()> {
        if record.state == ReservationState::Pending {
            overlay.clear_due(record.expires_at, Due::Expire(record.id));
            end_reservation::free_tickets(overlay, record, ReservationState::RefundDue, now)?;
        }
        overlay.happens(record.id, now, Happening::RefundDue);
        record.state = ReservationState::RefundDue;
        record.payment = Some(self.payment.clone());
        overlay.put_reservation(record);
        self.file(overlay, now, PaymentOutcome::RefundDue);
        Ok(())
    }

    /// Writes where the money is; if it is to go back, the order to send it.
    fn file(&self, overlay: &mut Overlay, now: Timestamp, outcome: PaymentOutcome) {
        let payment = PaymentRecord {
            id: self.payment.clone(),
            provider: self.provider.clone(),
            reservation: self.reservation,
            amount: self.amount,
            currency: self.currency,
            at: now,
            outcome,
        };
        overlay.put_payment(&payment);
        if outcome == PaymentOutcome::RefundDue {
            refund::order(overlay, &payment, self.event, now);
        }
    }
}

fn all_free(record: &ReservationRecord, overlay: &mut Overlay) -> Decision<bool> {
    Ok(overlay.tickets_of(record)?.iter().all(Option::is_none))
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::super::{Command, ProviderWord};
    use super::*;

    #[derive(Clone, Copy)]
    enum Before {
        NeverCheckedOut,
        Pending,
        PendingPastExpiry,
        Released,
        ReleasedAndTaken,
        Expired,
        Paid,
        Cancelled,
        Forgotten,
    }

    #[test]
    fn each_payment_ends_in_tickets_or_in_a_refund() {
        use Before::{
            Cancelled, Expired, Forgotten, NeverCheckedOut, Paid, Pending, PendingPastExpiry,
            Released, ReleasedAndTaken,
        };
        use PaymentOutcome::{RefundDue, Tickets};
        let rows = [
            (
                NeverCheckedOut,
                RefundDue,
                "pf",
                Some(ReservationState::Pending),
            ),
            (Pending, Tickets, "sf", Some(ReservationState::Paid)),
            (
                PendingPastExpiry,
                Tickets,
                "sf",
                Some(ReservationState::Paid),
            ),
            (Released, Tickets, "sf", Some(ReservationState::Paid)),
            (Expired, Tickets, "sf", Some(ReservationState::Paid)),
            (
                ReleasedAndTaken,
                RefundDue,
                "pf",
                Some(ReservationState::RefundDue),
            ),
            (Paid, RefundDue, "sf", Some(ReservationState::Paid)),
            (
                Cancelled,
                RefundDue,
                "ff",
                Some(ReservationState::RefundDue),
            ),
            (Forgotten, RefundDue, "ff", None),
        ];
        for (at, (before, outcome, letters, state)) in rows.into_iter().enumerate() {
            let mut world = prepare(before);
            world.pay(1, "late").unwrap();
            assert_eq!(world.payment("late").outcome, outcome, "row {at}");
            assert_eq!(world.letters(), letters, "row {at}");
            assert_eq!(world.find(1).map(|record| record.state), state, "row {at}");
            world.assert_sound();
        }
    }

    fn prepare(before: Before) -> World {
        let mut world = World::on_sale(2);
        world.reserve(1, &[0]).unwrap();
        if !matches!(before, Before::NeverCheckedOut | Before::Forgotten) {
            world.begin_checkout(1).unwrap();
        }
        match before {
            Before::Pending | Before::NeverCheckedOut => {}
            Before::PendingPastExpiry => world.now = world.reservation(1).expires_at,
            Before::Released => drop(world.release(1, ProviderWord::Closed).unwrap()),
            Before::ReleasedAndTaken => {
                world.release(1, ProviderWord::Closed).unwrap();
                world.reserve(2, &[0]).unwrap();
            }
            Before::Expired => {
                world.now = world.reservation(1).expires_at;
                world.sweep();
            }
            Before::Paid => drop(world.pay(1, "first").unwrap()),
            Before::Cancelled => drop(world.cancel().unwrap()),
            Before::Forgotten => {
                world.release(1, ProviderWord::NotAsked).unwrap();
                world.now = world.now + crate::limits::IDEMPOTENCY_KEPT;
                world.sweep();
            }
        }
        world
    }

    #[test]
    fn the_same_notice_twice_changes_nothing() {
        let mut world = World::on_sale(2);
        world.reserve(1, &[0]).unwrap();
        world.begin_checkout(1).unwrap();
        world.pay(1, "p").unwrap();
        let before = world.rows.clone();
        world.pay(1, "p").unwrap();
        assert_eq!(world.rows, before);
    }

    #[test]
    fn a_wrong_amount_goes_back_and_sells_nothing() {
        let mut world = World::on_sale(2);
        world.reserve(1, &[0]).unwrap();
        world.begin_checkout(1).unwrap();
        let Command::SettlePayment(mut settle) = world.settle(1, "p") else {
            panic!("not a settle")
        };
        settle.amount = Money(1);
        world.run(Command::SettlePayment(settle)).unwrap();
        assert_eq!(world.payment("p").outcome, PaymentOutcome::RefundDue);
        assert_eq!(world.letters(), "ff");
        assert_eq!(world.rows.range(&keys::outboxes()).count(), 1);
        world.assert_sound();
    }
}
