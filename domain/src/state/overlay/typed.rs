//! Records by what they are: every kind has its key, and what changes with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{Change, Overlay, Value, Write};
use crate::keys::{self, Due, Key};
use crate::state::{Decision, IdempotencyRecord, TicketRecord, counter};
use crate::{
    AuditRecord, EventId, EventRecord, Happening, OutboxId, OutboxRecord, PaymentId, PaymentRecord,
    ReservationId, ReservationRecord, TicketId, TicketState, Timestamp, window,
};

impl Overlay {
    /// An event's record. It may be long, and most commands of a batch ask for the same.
    pub fn event(&mut self, event: EventId) -> Decision<Option<Arc<EventRecord>>> {
        let key = keys::event(event);
        if self.last.contains_key(&key) {
            return Ok(self.read(&key)?.map(Arc::new));
        }
        if let Some(record) = self.events.get(&event) {
            return Ok(Some(Arc::clone(record)));
        }
        let record: Option<Arc<EventRecord>> = self.read(&key)?.map(Arc::new);
        self.events
            .extend(record.iter().map(|record| (event, Arc::clone(record))));
        Ok(record)
    }

    /// The same as a copy, for a rule that changes it.
    pub fn event_to_change(&mut self, event: EventId) -> Decision<Option<EventRecord>> {
        Ok(self.event(event)?.map(Arc::unwrap_or_clone))
    }

    /// Puts an event's record, and tells the world if the world may see it.
    pub fn put_event(&mut self, record: &EventRecord) {
        self.put(keys::event(record.id), record);
        self.changes.push(if record.is_public() {
            Change::Record(Box::new(record.clone()))
        } else {
            Change::Touch(record.id)
        });
    }

    /// Tells the world how many tickets of an event were withdrawn before this batch: it
    /// has not followed the draft. The one place where a rule reads a counter.
    pub fn tell_withdrawn(&mut self, event: EventId) -> Decision<()> {
        let counted = self.get(&keys::counter(event, TicketState::Withdrawn))?;
        let counted = counted.map_or(0, |value| counter(value));
        self.changes.push(Change::Withdrawn {
            event,
            before: u32::try_from(counted).unwrap_or(0),
        });
        Ok(())
    }

    /// Who has a ticket; none when it is free.
    pub fn ticket(&mut self, event: EventId, ticket: TicketId) -> Decision<Option<TicketRecord>> {
        self.read(&keys::ticket(event, ticket))
    }

    /// Who has each of several tickets. All that aren't loaded are noted at once, so that
    /// one more pass is enough however many there are.
    pub fn tickets(
        &mut self,
        event: EventId,
        tickets: impl IntoIterator<Item = TicketId>,
    ) -> Decision<Vec<Option<TicketRecord>>> {
        let mut records = Ok(Vec::new());
        for ticket in tickets {
            match (self.ticket(event, ticket), &mut records) {
                (Ok(record), Ok(records)) => records.push(record),
                (Ok(_), Err(_)) => {}
                (Err(stop), _) => records = Err(stop),
            }
        }
        records
    }

    /// Who has each ticket that a reservation claims or claimed, in its order.
    pub fn tickets_of(
        &mut self,
        reservation: &ReservationRecord,
    ) -> Decision<Vec<Option<TicketRecord>>> {
        let ids = reservation.tickets.iter().map(|ticket| ticket.id);
        self.tickets(reservation.event, ids)
    }

    /// Gives a ticket to `next` (none frees it): its record, the event's counters and
    /// the log, all three.
    ///
    /// # Panics
    ///
    /// On a step that the lifecycle doesn't know: a rule that asks for one is wrong.
    pub fn set_ticket(
        &mut self,
        event: EventId,
        ticket: TicketId,
        next: Option<TicketRecord>,
    ) -> Decision<()> {
        let before = self.ticket(event, ticket)?;
        let (from, to) = (
            TicketRecord::state_of(before.as_ref()),
            TicketRecord::state_of(next.as_ref()),
        );
        assert!(
            from == to || from.may_become(to),
            "ticket {ticket} of event {event} can't go from {from:?} to {to:?}"
        );
        match next {
            Some(record) => self.put(keys::ticket(event, ticket), &record),
            None => self.clear(keys::ticket(event, ticket)),
        }
        if from != to {
            self.count(event, from, -1);
            self.count(event, to, 1);
            self.changes.push(Change::Ticket {
                event,
                ticket,
                from,
                to,
            });
        }
        Ok(())
    }

    fn count(&mut self, event: EventId, state: TicketState, by: i64) {
        if state != TicketState::Free {
            self.add(keys::counter(event, state), by);
        }
    }

    /// Counts the tickets of a reservation among its event's sales, once more or once
    /// less, in the hour in which they were bought.
    pub fn count_sales(&mut self, record: &ReservationRecord, bought_at: Timestamp, by: i64) {
        let hour = window::hour_of(bought_at);
        let mut tiers: BTreeMap<u16, i64> = BTreeMap::new();
        for ticket in &record.tickets {
            *tiers.entry(ticket.tier).or_default() += by;
        }
        for (tier, tickets) in tiers {
            self.add(keys::sales(record.event, hour, tier), tickets);
        }
    }

    /// A reservation's record.
    pub fn reservation(
        &mut self,
        reservation: ReservationId,
    ) -> Decision<Option<ReservationRecord>> {
        self.read(&keys::reservation(reservation))
    }

    /// Puts a new reservation's record and its entry among its event's.
    pub fn add_reservation(&mut self, record: &ReservationRecord) {
        self.set(
            keys::event_reservation(record.event, record.id),
            Value::new(),
        );
        self.put_reservation(record);
    }

    /// Puts the record of a reservation that exists.
    pub fn put_reservation(&mut self, record: &ReservationRecord) {
        self.put(keys::reservation(record.id), record);
    }

    /// Enters in a reservation's timeline what happens to it in this commit.
    pub fn happens(&mut self, reservation: ReservationId, now: Timestamp, what: Happening) {
        let key = keys::happening(reservation, now, what);
        self.blindly(Write::SetRev(key));
    }

    /// Forgets a reservation.
    pub fn drop_reservation(&mut self, record: &ReservationRecord) {
        self.clear_range(keys::timeline(record.id));
        self.clear(keys::reservation(record.id));
        self.clear(keys::event_reservation(record.event, record.id));
    }

    /// What an idempotency key remembers.
    pub fn idempotency(
        &mut self,
        event: EventId,
        key: &str,
    ) -> Decision<Option<IdempotencyRecord>> {
        self.read(&keys::idempotency(event, key))
    }

    /// Makes an idempotency key forget.
    pub fn clear_idempotency(&mut self, event: EventId, key: &str) {
        self.clear(keys::idempotency(event, key));
    }

    /// Makes an idempotency key remember.
    pub fn put_idempotency(&mut self, event: EventId, key: &str, record: &IdempotencyRecord) {
        self.put(keys::idempotency(event, key), record);
    }

    /// What became of a payment.
    pub fn payment(
        &mut self,
        provider: &str,
        payment: &PaymentId,
    ) -> Decision<Option<PaymentRecord>> {
        self.read(&keys::payment(provider, payment))
    }

    /// Puts what became of a payment.
    pub fn put_payment(&mut self, record: &PaymentRecord) {
        self.put(keys::payment(&record.provider, &record.id), record);
    }

    /// A call that must be made.
    pub fn outbox(&mut self, id: OutboxId) -> Decision<Option<OutboxRecord>> {
        self.read(&keys::outbox(id))
    }

    /// Puts a call that must be made, and its entry in the due index.
    pub fn put_outbox(&mut self, record: &OutboxRecord) {
        self.put(keys::outbox(record.id), record);
        self.put_due(record.due_at, Due::Outbox(record.id));
    }

    /// Takes a call away that was made, and its entry in the due index.
    pub fn drop_outbox(&mut self, record: &OutboxRecord) {
        self.clear(keys::outbox(record.id));
        self.clear_due(record.due_at, Due::Outbox(record.id));
    }

    /// Puts an entry of the audit trail.
    pub fn put_audit(&mut self, record: &AuditRecord, id: [u8; 16]) {
        self.put(keys::audit(record.at, id), record);
    }

    /// Drops the entries of the audit trail that were made at a time or before.
    pub fn drop_audit_before(&mut self, at: Timestamp) {
        self.clear_range(keys::audits_until(at));
    }

    /// A record of the sandbox provider.
    pub(crate) fn read_sandbox<T: DeserializeOwned>(&mut self, key: &Key) -> Decision<Option<T>> {
        self.read(key)
    }

    /// Whether an entry is in the due index. One that isn't has been dealt with, by
    /// another core or by another command.
    pub fn is_due(&mut self, at: Timestamp, due: Due) -> Decision<bool> {
        Ok(self.get(&keys::due(at, due))?.is_some())
    }

    /// Puts an entry in the due index.
    pub fn put_due(&mut self, at: Timestamp, due: Due) {
        self.set(keys::due(at, due), Value::new());
    }

    /// Takes an entry out of the due index.
    pub fn clear_due(&mut self, at: Timestamp, due: Due) {
        self.clear(keys::due(at, due));
    }
}
