//! Cancels an event: a flag in one transaction, then bounded steps that end its
//! reservations.

use super::{Answer, about, end_reservation, refund};
use crate::keys::{self, Due, Key};
use crate::state::{Decision, Overlay};
use crate::{
    EventId, Happening, Life, OutboxId, OutboxRecord, ProviderCall, ReservationRecord,
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
        let mut record = about::event_to_change(overlay, self.event)?;
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

/// Ends the next reservations of a cancelled event: it looks at no more than
/// [`limits::RESERVATIONS_PER_STEP`] and ends as many of them as one commit takes. Answers
/// the event; while its `cancelling` holds there is more to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelStep {
    /// Which event.
    pub event: EventId,
    /// Where its entry in the due index lies.
    pub due_at: Timestamp,
}

impl CancelStep {
    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let mut record = about::event_to_change(overlay, self.event)?;
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
        let mut found = found(overlay, &page.keys)?;
        let fits = fitting(&found);
        let next = match page.keys.get(fits) {
            Some(_) => Some(range.after(&page.keys[fits - 1])),
            None => page.next,
        };
        found.truncate(fits);
        end_all(overlay, found.into_iter().flatten(), now)?;
        match next {
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

/// The reservations that entries among an event's name; none for one that is gone.
fn found(overlay: &mut Overlay, entries: &[Key]) -> Decision<Vec<Option<ReservationRecord>>> {
    let mut found = Vec::with_capacity(entries.len());
    let mut missing = None;
    for id in entries.iter().map(|key| keys::reservation_of(key)) {
        // Going on after a miss notes what else is lacking, so that one pass loads all.
        match id.map_or(Ok(None), |id| overlay.reservation(id)) {
            Ok(record) => found.push(record),
            Err(stop) => missing = Some(stop),
        }
    }
    missing.map_or(Ok(found), Err)
}

/// How many of these, from the first on, one step may end; at least one.
fn fitting(found: &[Option<ReservationRecord>]) -> usize {
    let (mut tickets, mut bytes) = (0, 0);
    let fits = found.iter().take_while(|record| {
        if let Some(record) = record
            && holds(record.state)
        {
            tickets += record.tickets.len();
            bytes += weight_bytes(record);
        }
        tickets <= limits::TICKETS_PER_COMMAND && bytes <= limits::STEP_BYTES
    });
    fits.count().max(1)
}

/// Roughly what ending a reservation writes: itself, a payment and an order to refund,
/// which may be as long as its checkout; entries of indexes, and its tickets.
fn weight_bytes(record: &ReservationRecord) -> usize {
    let checkout = record.checkout.as_ref().map_or(0, |checkout| {
        let session = checkout.session.as_ref();
        let session = session.map_or(0, |session| session.id.len() + session.url.len());
        let urls = checkout.success_url.len() + checkout.cancel_url.len();
        let buyer = checkout.buyer.name.len() + checkout.buyer.email.len();
        300 + 2 * (session + urls + buyer)
    });
    400 + 90 * record.tickets.len() + checkout
}

/// Whether a reservation in this state has tickets.
fn holds(state: ReservationState) -> bool {
    match state {
        ReservationState::Pending | ReservationState::Paid => true,
        ReservationState::Released
        | ReservationState::Expired
        | ReservationState::RefundDue
        | ReservationState::Refunded => false,
    }
}

fn end_all(
    overlay: &mut Overlay,
    records: impl Iterator<Item = ReservationRecord>,
    now: Timestamp,
) -> Decision<()> {
    let mut missing = None;
    for record in records {
        // As above: what one lacks doesn't keep the others from saying what they lack.
        match end(overlay, record, now) {
            Ok(()) => {}
            Err(stop) => missing = Some(stop),
        }
    }
    missing.map_or(Ok(()), Err)
}

fn end(overlay: &mut Overlay, mut record: ReservationRecord, now: Timestamp) -> Decision<()> {
    match record.state {
        ReservationState::Pending => {
            overlay.clear_due(record.expires_at, Due::Expire(record.id));
            end_reservation::free_tickets(overlay, &mut record, ReservationState::Released, now)?;
            close_session(overlay, &record, now);
            overlay.happens(record.id, now, Happening::Released);
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

    /// Cancels a world's event, checks what every step writes, and gives how many there
    /// were.
    fn steps(world: &mut World) -> usize {
        world.cancel().unwrap();
        let mut steps = 0;
        while world.event().cancelling {
            let step = Command::CancelStep(CancelStep {
                event: World::EVENT,
                due_at: world.now,
            });
            let mut overlay = Overlay::default();
            while let Err(stop) = step.decide(world.now, &mut overlay) {
                assert_eq!(stop, crate::state::Stop::Missing);
                overlay.clear_writes();
                for want in overlay.take_wanted() {
                    world.rows.load(&mut overlay, want);
                }
            }
            let (writes, record) = overlay.into_writes(world.now);
            let bytes: usize = writes.iter().map(bytes_of).sum();
            assert!(bytes <= limits::STEP_BYTES, "step {steps} writes {bytes}");
            let told = crate::encode(&record).len();
            let tickets = record.events.iter().map(|event| event.tickets.len());
            assert!(told <= limits::VALUE_BYTES, "{told}");
            assert!(tickets.sum::<usize>() <= limits::TICKETS_PER_COMMAND);
            world.rows.apply(&writes);
            steps += 1;
        }
        assert!(!world.letters().contains(['p', 's']));
        world.assert_sound();
        steps
    }

    fn bytes_of(write: &crate::state::Write) -> usize {
        use crate::state::Write;
        match write {
            Write::Set(key, value) => key.len() + value.len(),
            Write::Clear(key) | Write::Add(key, _) | Write::SetRev(key) => key.len() + 14,
            Write::ClearRange(range) => range.start.len() + range.end.len(),
        }
    }

    #[test]
    fn a_sold_out_event_is_cancelled_in_few_bounded_steps() {
        const MANY: u32 = 2_500;
        let mut world = World::on_sale(MANY);
        (0..MANY).for_each(|number| drop(world.reserve(number, &[number]).unwrap()));
        // A stadium of 200,000 takes eighty times as many commits.
        let pending = steps(&mut world);
        assert!(pending <= 4, "{pending} steps");

        let mut world = World::on_sale(MANY);
        for number in 0..MANY {
            world.reserve(number, &[number]).unwrap();
            world.begin_checkout(number).unwrap();
            world.open_checkout(number, "session").unwrap();
            world.pay(number, &number.to_string()).unwrap();
        }
        let paid = steps(&mut world);
        assert!(paid <= 8, "{paid} steps");

        let mut world = World::on_sale(MANY);
        for number in 0..MANY {
            world.reserve(number, &[number]).unwrap();
            world
                .release(number, super::super::ProviderWord::NotAsked)
                .unwrap();
        }
        assert_eq!(steps(&mut world), 3, "what has ended is only looked at");
    }

    #[test]
    fn the_largest_reservations_are_ended_in_bounded_steps() {
        let largest = u32::from(limits::MAX_TICKETS);
        let mut world = World::on_sale_for(20 * largest, limits::MAX_TICKETS);
        for number in 0..20 {
            let tickets: Vec<u32> = (number * largest..(number + 1) * largest).collect();
            world.reserve(number, &tickets).unwrap();
            world.begin_checkout(number).unwrap();
            world.open_checkout(number, &"s".repeat(2_000)).unwrap();
            world
                .pay(number, &"p".repeat(250 + number as usize))
                .unwrap();
        }
        steps(&mut world);
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
