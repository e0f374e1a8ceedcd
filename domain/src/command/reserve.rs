//! Reserves tickets, all together or not at all.

use std::time::Duration;

use super::{Answer, about, withdraw::check_tickets};
use crate::keys::Due;
use crate::state::{Decision, IdempotencyRecord, Overlay, Stop, TicketRecord, Want};
use crate::{
    EventId, EventRecord, Happening, Life, Money, Refusal, ReservationId, ReservationRecord,
    ReservationState, ReservedTicket, SalePhase, TakenTicket, TicketId, Timestamp, Token, keys,
};

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

/// A client's `Idempotency-Key` and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// As the client sent it.
    pub key: String,
    /// A digest of the request's body.
    pub fingerprint: [u8; 32],
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

    pub(super) fn decide(&self, now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        if let Some(record) = self.replayed(now, overlay)? {
            return Ok(Answer::Replayed(Box::new(record)));
        }
        let event = about::event(overlay, self.event)?;
        on_sale(&event, now)?;
        let tickets: Vec<TicketId> = self.tickets.iter().map(|ticket| ticket.id).collect();
        check_tickets(&tickets, event.total, usize::from(event.about.max_tickets))?;
        all_free(overlay, self.event, &tickets)?;
        let record = self.record(&event, now)?;
        for &ticket in &tickets {
            let held = TicketRecord::Pending {
                reservation: record.id,
                expires_at: record.expires_at,
            };
            overlay.set_ticket(self.event, ticket, Some(held))?;
        }
        overlay.add_reservation(&record);
        overlay.happens(record.id, now, Happening::Reserved);
        overlay.put_due(record.expires_at, Due::Expire(record.id));
        if let Some(Idempotency { key, fingerprint }) = &self.idempotency {
            let remembered = IdempotencyRecord {
                reservation: record.id,
                fingerprint: *fingerprint,
                at: now,
            };
            overlay.put_idempotency(self.event, key, &remembered);
            overlay.put_due(
                now + crate::limits::IDEMPOTENCY_KEPT,
                Due::Forget(record.id),
            );
        }
        Ok(Answer::Reservation(Box::new(record)))
    }

    /// What an earlier attempt, or an earlier request with the same key, made.
    fn replayed(
        &self,
        now: Timestamp,
        overlay: &mut Overlay,
    ) -> Decision<Option<ReservationRecord>> {
        if let Some(record) = overlay.reservation(self.reservation)? {
            return Ok(Some(record));
        }
        let Some(Idempotency { key, fingerprint }) = &self.idempotency else {
            return Ok(None);
        };
        let Some(remembered) = overlay.idempotency(self.event, key)? else {
            return Ok(None);
        };
        if now.since(remembered.at) >= crate::limits::IDEMPOTENCY_KEPT {
            return Ok(None);
        }
        if remembered.fingerprint != *fingerprint {
            return Err(Refusal::IdempotencyMismatch.into());
        }
        overlay.reservation(remembered.reservation)
    }

    fn record(&self, event: &EventRecord, now: Timestamp) -> Decision<ReservationRecord> {
        Ok(ReservationRecord {
            id: self.reservation,
            event: self.event,
            tickets: self.tickets.clone(),
            total: self.total(event)?,
            currency: event.about.currency,
            state: ReservationState::Pending,
            token: self.token,
            created_at: now,
            expires_at: now + hold(event),
            checkout: None,
            payment: None,
            ended_at: None,
            idempotency_key: self
                .idempotency
                .as_ref()
                .map(|idempotency| idempotency.key.clone()),
        })
    }

    /// The sum of the tickets' prices. A tier that the event doesn't have is no price of
    /// 0: the layout that the tickets were looked up in isn't the event's.
    fn total(&self, event: &EventRecord) -> Decision<Money> {
        let prices = self.tickets.iter().map(|ticket| {
            let tier = event.tiers.get(usize::from(ticket.tier));
            tier.map(|tier| tier.price).ok_or_else(|| {
                let (event, ticket, tier) = (event.id, ticket.id, ticket.tier);
                Stop::Corrupt(format!(
                    "ticket {ticket} of event {event} has no tier {tier}"
                ))
            })
        });
        prices.sum()
    }
}

/// How long an event's reservations hold their tickets.
pub(super) fn hold(event: &EventRecord) -> Duration {
    Duration::from_secs(u64::from(event.about.hold_seconds))
}

/// That something of an event can be bought now, by the clock.
fn on_sale(event: &EventRecord, now: Timestamp) -> Result<(), Refusal> {
    let refused = |reason, opens_at| Err(Refusal::NotOnSale { opens_at, reason });
    match (event.life, event.phase_at(now)) {
        (Life::Draft | Life::Scheduled { .. }, _) => Err(Refusal::NotFound("event")),
        (Life::Cancelled | Life::Dropped, _) => refused("the event is cancelled", None),
        (Life::Published, SalePhase::Upcoming) => {
            refused("the sale isn't open yet", Some(event.sale_opens_at()))
        }
        (Life::Published, SalePhase::Closed) => refused("the sale is over", None),
        (Life::Published, SalePhase::Open) => Ok(()),
    }
}

/// That tickets are free; names all that aren't.
fn all_free(overlay: &mut Overlay, event: EventId, tickets: &[TicketId]) -> Decision<()> {
    let held = overlay.tickets(event, tickets.iter().copied())?;
    let taken: Vec<TakenTicket> = (tickets.iter().zip(held))
        .filter_map(|(&id, held)| {
            let state = held?.state();
            Some(TakenTicket { id, state })
        })
        .collect();
    if taken.is_empty() {
        Ok(())
    } else {
        Err(Refusal::TicketsTaken(taken).into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;
    use crate::TicketState;

    #[test]
    fn all_tickets_together_or_none() {
        // Before, wanted tickets, whether they are reserved, after.
        let rows: &[(&str, &[u32], bool, &str)] = &[
            ("ffff", &[0, 2], true, "pfpf"),
            ("ffff", &[3], true, "fffp"),
            ("fpff", &[0, 1], false, "fpff"),
            ("fsff", &[1], false, "fsff"),
            ("fwff", &[1, 2], false, "fwff"),
            ("ffff", &[], false, "ffff"),
            ("ffff", &[0, 0], false, "ffff"),
            ("ffff", &[0, 4], false, "ffff"),
            ("ffff", &[0, 1, 2, 3], false, "ffff"),
        ];
        for &(before, wanted, done, after) in rows {
            let mut world = World::in_states(before);
            let result = world.reserve(1, wanted);
            assert_eq!(result.is_ok(), done, "{before} {wanted:?} {result:?}");
            assert_eq!(world.letters(), after, "{before} {wanted:?}");
            world.assert_sound();
        }
    }

    #[test]
    fn every_taken_ticket_is_named_with_its_state() {
        let mut world = World::in_states("psf");
        let taken = |id, state| TakenTicket {
            id: TicketId(id),
            state,
        };
        let expected = vec![taken(0, TicketState::Pending), taken(1, TicketState::Sold)];
        assert_eq!(
            world.reserve(1, &[0, 1, 2]),
            Err(Refusal::TicketsTaken(expected))
        );
    }

    #[test]
    fn a_repeat_answers_what_the_first_attempt_answered() {
        let mut world = World::on_sale(3);
        let Ok(Answer::Reservation(first)) = world.reserve(1, &[0]) else {
            panic!("not reserved")
        };
        assert_eq!(world.reserve(1, &[0]), Ok(Answer::Replayed(first)));
        world.assert_sound();
    }

    #[test]
    fn a_key_replays_its_request_and_refuses_another() {
        let mut world = World::on_sale(3);
        let Ok(Answer::Reservation(first)) = world.reserve_with_key(1, &[0], 9) else {
            panic!("not reserved")
        };
        assert_eq!(
            world.reserve_with_key(2, &[0], 9),
            Ok(Answer::Replayed(first))
        );
        assert_eq!(
            world.reserve_with_key(3, &[1], 8),
            Err(Refusal::IdempotencyMismatch)
        );
        world.now = world.now + crate::limits::IDEMPOTENCY_KEPT;
        world.sweep();
        assert!(matches!(
            world.reserve_with_key(4, &[1], 8),
            Ok(Answer::Reservation(_))
        ));
        world.assert_sound();
    }

    #[test]
    fn nothing_is_reserved_outside_the_sale() {
        let seconds = Duration::from_secs;
        for (after, open) in [
            (0, false),
            (99, false),
            (100, true),
            (199, true),
            (200, false),
        ] {
            let mut world = World::upcoming(2, seconds(100), seconds(200));
            world.now = world.now + seconds(after);
            let result = world.reserve(1, &[0]);
            assert_eq!(result.is_ok(), open, "after {after} s: {result:?}");
        }
        assert_eq!(
            World::with_tickets(2).reserve(1, &[0]),
            Err(Refusal::NotFound("event"))
        );
    }
}
