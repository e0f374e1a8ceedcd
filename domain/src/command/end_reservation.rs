//! Gives tickets back: the buyer releases, time runs out, and an ended reservation is
//! forgotten.

use super::Answer;
use crate::keys::Due;
use crate::state::{Decision, Overlay, TicketRecord};
use crate::{
    EventId, Happening, Refusal, ReservationId, ReservationRecord, ReservationState, Timestamp,
    limits,
};

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
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let mut record = reservation(overlay, self.reservation)?;
        match record.state {
            ReservationState::Pending => {}
            ReservationState::Released => return Ok(Answer::Replayed(Box::new(record))),
            ReservationState::Paid
            | ReservationState::Expired
            | ReservationState::RefundDue
            | ReservationState::Refunded => return Err(not_pending(record.state).into()),
        }
        match (&record.checkout, self.word) {
            (Some(_), ProviderWord::NotAsked | ProviderWord::Unreachable) => {
                return Err(Refusal::ProviderUnreachable.into());
            }
            (Some(_), ProviderWord::Closed) | (None, _) => {}
        }
        free_tickets(overlay, &mut record, ReservationState::Released, now)?;
        overlay.happens(record.id, now, Happening::Released);
        overlay.clear_due(record.expires_at, Due::Expire(record.id));
        overlay.put_reservation(&record);
        Ok(Answer::Reservation(Box::new(record)))
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
    /// Where its entry in the due index lies.
    pub due_at: Timestamp,
}

impl Expire {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let entry = Due::Expire(self.reservation);
        if !overlay.is_due(self.due_at, entry)? {
            // Another core was faster. Filing it once more here would let the entries
            // of a provider that is silent for long double with every sweep.
            return Ok(Answer::Done);
        }
        let Some(mut record) = overlay.reservation(self.reservation)? else {
            overlay.clear_due(self.due_at, entry);
            return Ok(Answer::Done);
        };
        if record.state != ReservationState::Pending
            || (now < record.expires_at && self.due_at != record.expires_at)
        {
            overlay.clear_due(self.due_at, entry);
            return Ok(Answer::Reservation(Box::new(record)));
        }
        if now < record.expires_at {
            return Ok(Answer::Reservation(Box::new(record)));
        }
        match (&record.checkout, self.word) {
            // The fence: a checkout began since the caller looked. Its entry stays.
            (Some(_), ProviderWord::NotAsked) => return Ok(Answer::Reservation(Box::new(record))),
            (Some(_), ProviderWord::Unreachable)
                if now < record.expires_at + limits::SETTLE_GRACE =>
            {
                overlay.clear_due(self.due_at, entry);
                overlay.put_due(now + limits::SETTLE_RETRY, entry);
                return Ok(Answer::Reservation(Box::new(record)));
            }
            (Some(_), ProviderWord::Unreachable | ProviderWord::Closed) | (None, _) => {}
        }
        overlay.clear_due(self.due_at, entry);
        free_tickets(overlay, &mut record, ReservationState::Expired, now)?;
        overlay.happens(record.id, now, Happening::Expired);
        overlay.put_reservation(&record);
        Ok(Answer::Reservation(Box::new(record)))
    }
}

/// Drops the idempotency key of a reservation a day after it was made, and the record of
/// one that ended without a checkout a day after its end. One that had a checkout stays:
/// money may still come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forget {
    /// Which event.
    pub event: EventId,
    /// Which reservation.
    pub reservation: ReservationId,
    /// Where its entry in the due index lies.
    pub due_at: Timestamp,
}

impl Forget {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        if now < self.due_at {
            // The clock went back since the sweep looked; without its entry the record
            // would stay for ever.
            return Ok(Answer::Done);
        }
        overlay.clear_due(self.due_at, Due::Forget(self.reservation));
        let Some(record) = overlay.reservation(self.reservation)? else {
            return Ok(Answer::Done);
        };
        if let Some(key) = &record.idempotency_key {
            let remembered = overlay.idempotency(record.event, key)?;
            let own = remembered.is_some_and(|remembered| remembered.reservation == record.id);
            if own && now.since(record.created_at) >= limits::IDEMPOTENCY_KEPT {
                overlay.clear_idempotency(record.event, key);
            }
        }
        let ended = record
            .ended_at
            .filter(|&at| now.since(at) >= limits::IDEMPOTENCY_KEPT);
        if ended.is_some() && record.checkout.is_none() {
            overlay.drop_reservation(&record);
        }
        Ok(Answer::Done)
    }
}

/// The reservation's record, or the refusal that there is none.
pub(super) fn reservation(
    overlay: &mut Overlay,
    reservation: ReservationId,
) -> Decision<ReservationRecord> {
    Ok(overlay
        .reservation(reservation)?
        .ok_or(Refusal::NotFound("reservation"))?)
}

/// That only a pending reservation can be changed so.
pub(super) fn not_pending(state: ReservationState) -> Refusal {
    Refusal::Conflict {
        state: state.as_str(),
        reason: "the reservation isn't pending any more",
    }
}

/// Takes all tickets of a pending reservation away from it: its state, each ticket, and
/// the entry by which its record is forgotten.
pub(super) fn free_tickets(
    overlay: &mut Overlay,
    record: &mut ReservationRecord,
    next: ReservationState,
    now: Timestamp,
) -> Decision<()> {
    let held = overlay.tickets_of(record)?;
    for (ticket, held) in record.tickets.iter().zip(held) {
        if held.as_ref().and_then(TicketRecord::reservation) == Some(record.id) {
            overlay.set_ticket(record.event, ticket.id, None)?;
        }
    }
    record.state = next;
    record.ended_at = Some(now);
    if record.checkout.is_none() {
        overlay.put_due(now + limits::IDEMPOTENCY_KEPT, Due::Forget(record.id));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;

    #[test]
    fn only_the_providers_word_frees_tickets_of_a_checkout() {
        use ProviderWord::{Closed, NotAsked, Unreachable};
        // Whether there is a checkout, the word, seconds past expiry, whether it ends.
        let grace = limits::SETTLE_GRACE.as_secs();
        let rows = [
            (false, NotAsked, 0, true),
            (true, NotAsked, 0, false),
            (true, NotAsked, grace, false),
            (true, Closed, 0, true),
            (true, Unreachable, 0, false),
            (true, Unreachable, grace, true),
        ];
        for (checkout, word, late, ends) in rows {
            let mut world = World::on_sale(2);
            world.reserve(1, &[0]).unwrap();
            if checkout {
                world.begin_checkout(1).unwrap();
            }
            let due_at = world.reservation(1).expires_at;
            world.now = due_at + std::time::Duration::from_secs(late);
            world.expire(1, word, due_at).unwrap();
            let state = world.reservation(1).state;
            assert_eq!(
                state == ReservationState::Expired,
                ends,
                "{checkout} {word:?} {late}"
            );
            assert_eq!(world.letters(), if ends { "ff" } else { "pf" });
            world.assert_sound();
        }
    }

    #[test]
    fn nothing_expires_before_its_time() {
        let mut world = World::on_sale(2);
        world.reserve(1, &[0]).unwrap();
        let due_at = world.reservation(1).expires_at;
        world.now = due_at - std::time::Duration::from_millis(1);
        world.expire(1, ProviderWord::NotAsked, due_at).unwrap();
        assert_eq!(world.letters(), "pf");
        world.assert_sound();
    }

    #[test]
    fn releasing_twice_is_done_twice_and_a_paid_reservation_stays() {
        let mut world = World::on_sale(2);
        world.reserve(1, &[0]).unwrap();
        for _ in 0..2 {
            world.release(1, ProviderWord::NotAsked).unwrap();
            assert_eq!(world.letters(), "ff");
        }
        world.reserve(2, &[1]).unwrap();
        world.begin_checkout(2).unwrap();
        world.pay(2, "p").unwrap();
        assert!(matches!(
            world.release(2, ProviderWord::Closed),
            Err(Refusal::Conflict { state: "paid", .. })
        ));
        world.assert_sound();
    }

    #[test]
    fn a_record_is_forgotten_a_day_after_its_end() {
        let mut world = World::on_sale(2);
        world.reserve(1, &[0]).unwrap();
        world.release(1, ProviderWord::NotAsked).unwrap();
        world.now = world.now + limits::IDEMPOTENCY_KEPT;
        world.sweep();
        assert_eq!(world.find(1), None);
        assert_eq!(
            world
                .rows
                .range(&crate::keys::event_reservations(World::EVENT))
                .count(),
            0
        );
        world.assert_sound();
    }

    #[test]
    fn two_cores_that_sweep_one_entry_leave_one_entry() {
        let mut world = World::on_sale(2);
        world.reserve(1, &[0]).unwrap();
        world.begin_checkout(1).unwrap();
        let due_at = world.reservation(1).expires_at;
        world.now = due_at;
        for _ in 0..2 {
            world.expire(1, ProviderWord::Unreachable, due_at).unwrap();
            world.now = world.now + std::time::Duration::from_millis(7);
        }
        let again = due_at + limits::SETTLE_RETRY;
        assert_eq!(world.due_of(Due::Expire(World::id(1))), [again]);
        world.assert_sound();
    }

    #[test]
    fn the_largest_reservation_goes_every_way_in_few_passes() {
        let largest = u32::from(limits::MAX_TICKETS);
        let all: Vec<u32> = (0..largest).collect();
        let letters = |letter: &str| letter.repeat(all.len());
        let mut world = World::on_sale_for(largest, limits::MAX_TICKETS);
        world.reserve(1, &all).unwrap();
        world.begin_checkout(1).unwrap();
        world.release(1, ProviderWord::Closed).unwrap();
        assert_eq!(world.letters(), letters("f"));
        world.pay(1, "late").unwrap();
        assert_eq!(world.letters(), letters("s"));
        world.cancel().unwrap();
        world.sweep();
        assert_eq!(world.letters(), letters("w"));
        world.assert_sound();
    }
}
