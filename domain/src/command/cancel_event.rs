//! Cancels an event: a flag in one transaction, then bounded steps that end its
//! reservations.

use super::{Answer, about, end_reservation, refund};
use crate::keys::{self, Due};
use crate::state::{Decision, Overlay};
use crate::{
    EventId, Life, OutboxId, OutboxRecord, ProviderCall, ReservationId, ReservationRecord,
    ReservationState, Timestamp, limits,
};

/// From this commit on nothing of the event can be reserved, checked out or paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelEvent {
    /// Which event.
    pub event: EventId,
}

impl CancelEvent {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let mut record = about::event(overlay, self.event)?;
        match record.life {
            Life::Published => {
                record.life = Life::Cancelled;
                record.cancelling = true;
                overlay.put_due(now, Due::CancelStep(record.id));
            }
            Life::Draft => record.life = Life::Dropped,
            Life::Scheduled { at } => {
                record.life = Life::Dropped;
                overlay.clear_due(at, Due::Publish(record.id));
            }
            Life::Cancelled | Life::Dropped => return Ok(Answer::Event(Box::new(record))),
        }
        overlay.put_event(&record);
        Ok(Answer::Event(Box::new(record)))
    }
}

/// Ends the next reservations of a cancelled event, at most
/// [`limits::RESERVATIONS_PER_STEP`]. Answers the event; while its `cancelling` holds
/// there is more to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelStep {
    /// Which event.
    pub event: EventId,
    /// Where its entry in the due index lies.
    pub due_at: Timestamp,
}

impl CancelStep {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let mut record = about::event(overlay, self.event)?;
        if !record.cancelling {
            overlay.clear_due(self.due_at, Due::CancelStep(self.event));
            return Ok(Answer::Event(Box::new(record)));
        }
        let cursor = keys::cancel_cursor(self.event);
        let mut range = keys::event_reservations(self.event);
        if let Some(next) = overlay.get(&cursor)? {
            range.start.clone_from(next);
        }
        let page = overlay.page(&range, limits::RESERVATIONS_PER_STEP)?;
        let ids: Vec<ReservationId> = page
            .keys
            .iter()
            .filter_map(|key| keys::reservation_of(key))
            .collect();
        end_all(overlay, &ids, now)?;
        match page.next {
            Some(next) => overlay.set(cursor, next.start),
            None => {
                overlay.clear(cursor);
                overlay.clear_due(self.due_at, Due::CancelStep(self.event));
                record.cancelling = false;
                overlay.put_event(&record);
            }
        }
        Ok(Answer::Event(Box::new(record)))
    }
}

fn end_all(overlay: &mut Overlay, ids: &[ReservationId], now: Timestamp) -> Decision<()> {
    let mut missing = None;
    for &id in ids {
        // Going on after a miss notes what the others lack, so that few passes load all.
        match end(overlay, id, now) {
            Ok(()) => {}
            Err(stop) => missing = Some(stop),
        }
    }
    missing.map_or(Ok(()), Err)
}

fn end(overlay: &mut Overlay, id: ReservationId, now: Timestamp) -> Decision<()> {
    let Some(mut record) = overlay.reservation(id)? else {
        return Ok(());
    };
    match record.state {
        ReservationState::Pending => {
            overlay.clear_due(record.expires_at, Due::Expire(record.id));
            end_reservation::free_tickets(overlay, &mut record, ReservationState::Released, now)?;
            close_session(overlay, &record, now);
            overlay.put_reservation(&record);
            Ok(())
        }
        ReservationState::Paid => refund::give_back(overlay, &mut record, false, now),
        ReservationState::Released
        | ReservationState::Expired
        | ReservationState::RefundDue
        | ReservationState::Refunded => Ok(()),
    }
}

/// Has the provider close an open checkout. If money comes all the same it goes back.
pub(super) fn close_session(overlay: &mut Overlay, record: &ReservationRecord, now: Timestamp) {
    let Some(checkout) = &record.checkout else {
        return;
    };
    let Some(session) = &checkout.session else {
        return;
    };
    overlay.put_outbox(&OutboxRecord {
        id: OutboxId::of_session(record.id),
        provider: checkout.provider.clone(),
        event: record.event,
        reservation: record.id,
        call: ProviderCall::CloseSession(session.id.clone()),
        attempts: 0,
        due_at: now,
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;
    use crate::{Refusal, command::Command};

    #[test]
    fn cancelling_ends_every_reservation_and_refunds_what_was_paid() {
        let mut world = World::on_sale(4);
        world.reserve(1, &[0]).unwrap();
        world.reserve(2, &[1]).unwrap();
        world.begin_checkout(2).unwrap();
        world.pay(2, "p").unwrap();
        world.cancel().unwrap();
        assert!(matches!(
            world.reserve(3, &[3]),
            Err(Refusal::NotOnSale { .. })
        ));
        assert!(matches!(
            world.begin_checkout(1),
            Err(Refusal::NotOnSale { .. })
        ));
        world.sweep();
        assert_eq!(world.letters(), "fwff");
        assert_eq!(world.reservation(1).state, ReservationState::Released);
        assert_eq!(world.reservation(2).state, ReservationState::Refunded);
        assert!(!world.event().cancelling);
        world.assert_sound();
    }

    #[test]
    fn a_sold_out_event_is_cancelled_in_bounded_steps() {
        let count = u32::try_from(2 * limits::RESERVATIONS_PER_STEP + 1).unwrap();
        let mut world = World::on_sale(count);
        for number in 0..count {
            world.reserve(number, &[number]).unwrap();
        }
        world.cancel().unwrap();
        let step = |world: &mut World| {
            let before = world.letters().matches('p').count();
            let due_at = world.now;
            let step = CancelStep {
                event: World::EVENT,
                due_at,
            };
            world.run(Command::CancelStep(step)).unwrap();
            before - world.letters().matches('p').count()
        };
        let limit = limits::RESERVATIONS_PER_STEP;
        assert_eq!(
            [step(&mut world), step(&mut world), step(&mut world)],
            [limit, limit, 1]
        );
        assert!(!world.event().cancelling);
        world.assert_sound();
    }

    #[test]
    fn the_world_never_hears_of_a_cancelled_draft() {
        for put_off in [false, true] {
            let mut world = World::with_tickets(1);
            let at = put_off.then_some(world.now + std::time::Duration::from_secs(60));
            if put_off {
                world.publish(at).unwrap();
            }
            let cancel = Command::CancelEvent(CancelEvent {
                event: World::EVENT,
            });
            let (_, record) = world.rows.run(&cancel, world.now).unwrap();
            assert_eq!(record.events, []);
            assert_eq!(world.event().life, Life::Dropped);
            assert_eq!(world.due_of(Due::Publish(World::EVENT)), []);
        }
    }

    #[test]
    fn a_session_that_comes_after_the_cancellation_is_closed() {
        let mut world = World::on_sale(1);
        world.reserve(1, &[0]).unwrap();
        world.begin_checkout(1).unwrap();
        world.cancel().unwrap();
        world.sweep();
        world.open_checkout(1, "late").unwrap();
        let outbox = OutboxId::of_session(World::id(1));
        assert_eq!(world.due_of(Due::Outbox(outbox)), [world.now]);
        world.assert_sound();
    }
}
