//! Every invariant, named once: called by tests, by `parterre check` and by fault tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::keys::{self, Due, Key};
use crate::state::{Rows, TicketRecord, counter};
use crate::{
    EventId, EventRecord, OutboxId, OutboxRecord, PaymentOutcome, PaymentRecord, ReservationId,
    ReservationRecord, ReservationState, States, TicketId, TicketState, Timestamp,
};

/// How long a reservation may be pending past its expiry while a core runs.
pub const EXPIRY_SLACK: Duration = Duration::from_secs(2);

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which invariant.
    pub invariant: Invariant,
    /// Where.
    pub what: String,
}

/// The invariants of a store at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// Every record can be read.
    RecordsAreReadable,
    /// A pending or sold ticket belongs to the one reservation that claims it, in the
    /// right state (1).
    TicketHasItsReservation,
    /// A pending or paid reservation has every ticket that it claims (1).
    ReservationHasItsTickets,
    /// The counters equal the count of states (3).
    CountersMatchStates,
    /// No reservation is pending past its expiry, unless its checkout is being settled
    /// (4).
    NothingIsOverdue,
    /// What must happen at a time is in the due index.
    DueIndexIsComplete,
    /// A payment is in tickets or in a refund, never in both, never in neither (5).
    PaymentEndsOnce,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.what)
    }
}

/// Every breach in a whole store. `now` is the time for [`Invariant::NothingIsOverdue`].
pub fn breaches(rows: &Rows, now: Timestamp) -> Vec<Breach> {
    let mut audit = Audit::read(rows);
    audit.tickets_have_their_reservations();
    audit.reservations_have_their_tickets();
    audit.counters_match(rows);
    audit.nothing_is_overdue(now);
    audit.due_index_is_complete();
    audit.payments_end_once();
    audit.breaches
}

/// The states of an event's tickets, read from their records.
pub fn states(rows: &Rows, event: EventId, total: u32) -> States {
    let mut states = States::all_free(total);
    for (key, value) in rows.range(&keys::tickets(event)) {
        if let (Some(ticket), Ok(record)) =
            (keys::ticket_of(key), crate::decode::<TicketRecord>(value))
        {
            states.set(ticket, record.state());
        }
    }
    states
}

#[derive(Default)]
struct Audit {
    events: BTreeMap<EventId, EventRecord>,
    tickets: BTreeMap<(EventId, TicketId), TicketRecord>,
    reservations: BTreeMap<ReservationId, ReservationRecord>,
    payments: Vec<PaymentRecord>,
    outbox: BTreeMap<OutboxId, OutboxRecord>,
    due: BTreeSet<Due>,
    breaches: Vec<Breach>,
}

impl Audit {
    fn read(rows: &Rows) -> Self {
        let mut audit = Self::default();
        for (key, value) in &rows.0 {
            match key.first() {
                Some(b'e') => audit.keep(key, value, |audit, record: EventRecord| {
                    audit.events.insert(record.id, record);
                }),
                Some(b't') => audit.keep(key, value, |audit, record| {
                    if let Some(id) = ticket_key(key) {
                        audit.tickets.insert(id, record);
                    }
                }),
                Some(b'r') => audit.keep(key, value, |audit, record: ReservationRecord| {
                    audit.reservations.insert(record.id, record);
                }),
                Some(b'p') => audit.keep(key, value, |audit, record| audit.payments.push(record)),
                Some(b'o') => audit.keep(key, value, |audit, record: OutboxRecord| {
                    audit.outbox.insert(record.id, record);
                }),
                Some(b'd') => audit.due.extend(keys::due_of(key).map(|(_, due)| due)),
                _ => {}
            }
        }
        audit
    }

    fn keep<T: DeserializeOwned>(
        &mut self,
        key: &Key,
        value: &[u8],
        keep: impl FnOnce(&mut Self, T),
    ) {
        match crate::decode(value) {
            Ok(record) => keep(self, record),
            Err(error) => self.breach(
                Invariant::RecordsAreReadable,
                format!("{}: {error}", key.escape_ascii()),
            ),
        }
    }

    fn breach(&mut self, invariant: Invariant, what: String) {
        self.breaches.push(Breach { invariant, what });
    }

    fn tickets_have_their_reservations(&mut self) {
        let mut found = Vec::new();
        for ((event, ticket), record) in &self.tickets {
            let Some(id) = record.reservation() else {
                continue;
            };
            let claims = self.reservations.get(&id).is_some_and(|reservation| {
                let expiry = match record {
                    TicketRecord::Pending { expires_at, .. } => {
                        *expires_at == reservation.expires_at
                    }
                    TicketRecord::Sold { .. } | TicketRecord::Withdrawn => true,
                };
                let claimed = reservation
                    .tickets
                    .iter()
                    .any(|claimed| claimed.id == *ticket);
                claimed
                    && expiry
                    && reservation.event == *event
                    && holds(reservation.state) == Some(record.state())
            });
            if !claims {
                found.push(format!(
                    "ticket {ticket} of event {event} is {:?} for reservation {id}",
                    record.state()
                ));
            }
        }
        found
            .into_iter()
            .for_each(|what| self.breach(Invariant::TicketHasItsReservation, what));
    }

    fn reservations_have_their_tickets(&mut self) {
        let mut found = Vec::new();
        for reservation in self.reservations.values() {
            let Some(state) = holds(reservation.state) else {
                continue;
            };
            for ticket in &reservation.tickets {
                let record = self.tickets.get(&(reservation.event, ticket.id));
                let right = record.is_some_and(|record| {
                    record.state() == state && record.reservation() == Some(reservation.id)
                });
                if !right {
                    let (id, word) = (reservation.id, reservation.state.as_str());
                    found.push(format!(
                        "reservation {id} is {word}, but ticket {} is {record:?}",
                        ticket.id
                    ));
                }
            }
        }
        found
            .into_iter()
            .for_each(|what| self.breach(Invariant::ReservationHasItsTickets, what));
    }

    fn counters_match(&mut self, rows: &Rows) {
        for (event, total) in self
            .events
            .values()
            .map(|event| (event.id, event.total))
            .collect::<Vec<_>>()
        {
            let mut counted = BTreeMap::new();
            for record in self
                .tickets
                .range((event, TicketId(0))..=(event, TicketId(u32::MAX)))
                .map(|(_, r)| r)
            {
                *counted.entry(record.state()).or_insert(0) += 1;
            }
            for state in [
                TicketState::Pending,
                TicketState::Sold,
                TicketState::Withdrawn,
            ] {
                let kept = rows
                    .0
                    .get(&keys::counter(event, state))
                    .map_or(0, |value| counter(value));
                let counted = counted.get(&state).copied().unwrap_or(0);
                if kept != counted {
                    let what = format!(
                        "event {event} of {total}: {counted} tickets are {state:?}, counted as {kept}"
                    );
                    self.breach(Invariant::CountersMatchStates, what);
                }
            }
        }
    }

    fn nothing_is_overdue(&mut self, now: Timestamp) {
        let overdue = self.reservations.values().filter(|reservation| {
            reservation.state == ReservationState::Pending
                && reservation.checkout.is_none()
                && now > reservation.expires_at + EXPIRY_SLACK
        });
        let found: Vec<_> = overdue
            .map(|r| format!("reservation {} expired at {}", r.id, r.expires_at))
            .collect();
        found
            .into_iter()
            .for_each(|what| self.breach(Invariant::NothingIsOverdue, what));
    }

    fn due_index_is_complete(&mut self) {
        let pending = self
            .reservations
            .values()
            .filter(|r| r.state == ReservationState::Pending);
        let expected = (pending.map(|r| Due::Expire(r.id)))
            .chain(self.outbox.keys().map(|&id| Due::Outbox(id)))
            .chain(
                self.events
                    .values()
                    .filter(|e| e.cancelling)
                    .map(|e| Due::CancelStep(e.id)),
            );
        let missing: Vec<_> = expected.filter(|due| !self.due.contains(due)).collect();
        missing.into_iter().for_each(|due| {
            self.breach(Invariant::DueIndexIsComplete, format!("{due:?} is missing"));
        });
    }

    fn payments_end_once(&mut self) {
        let mut found = Vec::new();
        for payment in &self.payments {
            let reservation = self.reservations.get(&payment.reservation);
            let owns = reservation.is_some_and(|r| r.payment.as_ref() == Some(&payment.id));
            let in_tickets = owns && reservation.is_some_and(|r| r.state == ReservationState::Paid);
            let in_refund = self
                .outbox
                .contains_key(&OutboxId::of_refund(&payment.provider, &payment.id));
            let right = match payment.outcome {
                PaymentOutcome::Tickets => in_tickets && !in_refund,
                PaymentOutcome::RefundDue => !in_tickets && in_refund,
                PaymentOutcome::Refunded => !in_tickets && !in_refund,
            };
            if !right {
                let (id, outcome) = (&payment.id.0, payment.outcome);
                found.push(format!(
                    "payment {id} is {outcome:?}; tickets: {in_tickets}, refund filed: {in_refund}"
                ));
            }
        }
        let paid: BTreeSet<_> = self.payments.iter().map(|payment| &payment.id).collect();
        for reservation in self.reservations.values() {
            let needs = match reservation.state {
                ReservationState::Paid
                | ReservationState::RefundDue
                | ReservationState::Refunded => true,
                ReservationState::Pending
                | ReservationState::Released
                | ReservationState::Expired => false,
            };
            if needs
                && !reservation
                    .payment
                    .as_ref()
                    .is_some_and(|id| paid.contains(id))
            {
                let (id, word) = (reservation.id, reservation.state.as_str());
                found.push(format!("reservation {id} is {word} without a payment"));
            }
        }
        found
            .into_iter()
            .for_each(|what| self.breach(Invariant::PaymentEndsOnce, what));
    }
}

/// The state of every ticket of a reservation in this state; none when it has none.
fn holds(state: ReservationState) -> Option<TicketState> {
    match state {
        ReservationState::Pending => Some(TicketState::Pending),
        ReservationState::Paid => Some(TicketState::Sold),
        ReservationState::Released
        | ReservationState::Expired
        | ReservationState::RefundDue
        | ReservationState::Refunded => None,
    }
}

fn ticket_key(key: &[u8]) -> Option<(EventId, TicketId)> {
    let event: [u8; 16] = key.get(1..17)?.try_into().ok()?;
    Some((EventId::from_bytes(event), keys::ticket_of(key)?))
}
