//! Sends money back, and takes note of what a provider answered.

use std::time::Duration;

use super::{Answer, about, end_reservation};
use crate::keys::Due;
use crate::state::{Decision, Overlay, Stop, TicketRecord};
use crate::{
    EventId, Happening, OutboxId, OutboxRecord, PaymentId, PaymentOutcome, PaymentRecord,
    ProviderCall, Refusal, ReservationId, ReservationRecord, ReservationState, Timestamp, limits,
};

/// An administrator gives a buyer the money back. Repeated: done again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Which event.
    pub event: EventId,
    /// Which reservation.
    pub reservation: ReservationId,
    /// Whether the tickets become free; otherwise, and always when the event is
    /// cancelled, they are withdrawn.
    pub return_to_sale: bool,
}

impl Refund {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let mut record = end_reservation::reservation(overlay, self.reservation)?;
        match record.state {
            ReservationState::Paid => {}
            ReservationState::RefundDue | ReservationState::Refunded => {
                return Ok(Answer::Reservation(Box::new(record)));
            }
            ReservationState::Pending | ReservationState::Released | ReservationState::Expired => {
                let reason = "only a paid reservation can be refunded";
                return Err(Refusal::Conflict {
                    state: record.state.as_str(),
                    reason,
                }
                .into());
            }
        }
        let event = about::event(overlay, record.event)?;
        let free = self.return_to_sale && !event.life.is_cancelled();
        give_back(overlay, &mut record, free, now)?;
        Ok(Answer::Reservation(Box::new(record)))
    }
}

/// Ends a paid reservation: its tickets leave it, its money is to go back.
pub(super) fn give_back(
    overlay: &mut Overlay,
    record: &mut ReservationRecord,
    free: bool,
    now: Timestamp,
) -> Decision<()> {
    let held = overlay.tickets_of(record);
    let paid = payment(overlay, record);
    held?;
    let mut paid = paid?;
    for ticket in &record.tickets {
        let next = (!free).then_some(TicketRecord::Withdrawn);
        overlay.set_ticket(record.event, ticket.id, next)?;
    }
    overlay.happens(record.id, now, Happening::RefundDue);
    record.state = ReservationState::RefundDue;
    record.ended_at = Some(now);
    overlay.put_reservation(record);
    // Where they were counted when they were bought, so that each hour says what of it is
    // still sold.
    overlay.count_sales(record, paid.at, -1);
    paid.outcome = PaymentOutcome::RefundDue;
    overlay.put_payment(&paid);
    order(overlay, &paid, record.event, now);
    Ok(())
}

/// The payment that a reservation's tickets were sold for.
fn payment(overlay: &mut Overlay, record: &ReservationRecord) -> Decision<PaymentRecord> {
    let found = match record.checkout.as_ref().zip(record.payment.as_ref()) {
        Some((checkout, id)) => overlay.payment(&checkout.provider, id)?,
        None => None,
    };
    let broken = || Stop::Corrupt(format!("reservation {} is paid by no payment", record.id));
    found.ok_or_else(broken)
}

/// Files the call that sends a payment back.
pub(super) fn order(
    overlay: &mut Overlay,
    payment: &PaymentRecord,
    event: EventId,
    now: Timestamp,
) {
    overlay.put_outbox(&OutboxRecord {
        id: OutboxId::of_refund(&payment.provider, &payment.id),
        provider: payment.provider.clone(),
        event,
        reservation: payment.reservation,
        call: ProviderCall::Refund(payment.id.clone()),
        attempts: 0,
        due_at: now,
    });
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
    /// Where its entry in the due index lies.
    pub due_at: Timestamp,
}

impl OutboxAnswered {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let Some(mut record) = overlay
            .outbox(self.outbox)?
            .filter(|record| record.due_at == self.due_at)
        else {
            overlay.clear_due(self.due_at, Due::Outbox(self.outbox));
            return Ok(Answer::Done);
        };
        overlay.drop_outbox(&record);
        if !self.done {
            record.attempts += 1;
            record.due_at = now + backoff(record.attempts);
            overlay.put_outbox(&record);
            return Ok(Answer::Done);
        }
        match &record.call {
            ProviderCall::CloseSession(_) => {}
            ProviderCall::Refund(payment) => refunded(overlay, &record, payment, now)?,
        }
        Ok(Answer::Done)
    }
}

fn refunded(
    overlay: &mut Overlay,
    record: &OutboxRecord,
    payment: &PaymentId,
    now: Timestamp,
) -> Decision<()> {
    if let Some(mut payment) = overlay.payment(&record.provider, payment)? {
        payment.outcome = PaymentOutcome::Refunded;
        overlay.put_payment(&payment);
    }
    if let Some(mut reservation) = overlay.reservation(record.reservation)?
        && reservation.payment.as_ref() == Some(payment)
        && reservation.state == ReservationState::RefundDue
    {
        overlay.happens(reservation.id, now, Happening::Refunded);
        reservation.state = ReservationState::Refunded;
        overlay.put_reservation(&reservation);
    }
    Ok(())
}

fn backoff(attempts: u32) -> Duration {
    let doubled = limits::OUTBOX_RETRY.saturating_mul(1 << attempts.min(16).saturating_sub(1));
    doubled.min(limits::OUTBOX_RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::World;
    use super::*;

    #[test]
    fn refunded_tickets_go_where_the_administrator_says() {
        for (return_to_sale, letters) in [(true, "ff"), (false, "wf")] {
            let mut world = World::on_sale(2);
            world.reserve(1, &[0]).unwrap();
            world.begin_checkout(1).unwrap();
            world.pay(1, "p").unwrap();
            let refund = Refund {
                event: World::EVENT,
                reservation: World::id(1),
                return_to_sale,
            };
            for _ in 0..2 {
                world.run(Command::Refund(refund.clone())).unwrap();
            }
            assert_eq!(world.letters(), letters);
            assert_eq!(world.reservation(1).state, ReservationState::RefundDue);
            world.assert_sound();
            world.sweep();
            assert_eq!(world.reservation(1).state, ReservationState::Refunded);
            assert_eq!(world.payment("p").outcome, PaymentOutcome::Refunded);
            world.assert_sound();
        }
    }

    #[test]
    fn a_call_that_fails_is_made_again_later_and_later() {
        let mut world = World::on_sale(2);
        world.reserve(1, &[0]).unwrap();
        world.begin_checkout(1).unwrap();
        world.pay(1, "p").unwrap();
        world.pay(1, "again").unwrap();
        let outbox = OutboxId::of_refund("sandbox", &PaymentId("again".into()));
        let mut due_at = world.now;
        for seconds in [1, 2, 4, 8] {
            let answered = OutboxAnswered {
                event: World::EVENT,
                outbox,
                done: false,
                due_at,
            };
            world.run(Command::OutboxAnswered(answered)).unwrap();
            due_at = world.now + Duration::from_secs(seconds);
            let due = world
                .due()
                .into_iter()
                .filter(|&(_, due)| due == Due::Outbox(outbox));
            assert_eq!(
                due.collect::<Vec<_>>(),
                [(due_at, Due::Outbox(outbox))],
                "after {seconds}"
            );
        }
        assert_eq!(backoff(u32::MAX), limits::OUTBOX_RETRY_MAX);
    }
}
