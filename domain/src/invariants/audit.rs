//! The predicates, one function an invariant.

use std::collections::{BTreeMap, BTreeSet};

use super::store::Store;
use super::{Breach, Invariant};
use crate::keys::{self, Due};
use crate::state::TicketRecord;
use crate::{
    EventId, EventRecord, Life, OutboxId, PaymentOutcome, ReservationRecord, ReservationState,
    SalePhase, TicketId, TicketState, Timestamp, limits,
};

pub(super) struct Audit<'a> {
    store: &'a Store,
    breaches: Vec<Breach>,
}

impl<'a> Audit<'a> {
    pub(super) fn new(store: &'a Store, breaches: Vec<Breach>) -> Self {
        Self { store, breaches }
    }

    pub(super) fn into_breaches(self) -> Vec<Breach> {
        self.breaches
    }

    fn breach(&mut self, invariant: Invariant, what: String) {
        self.breaches.push(Breach { invariant, what });
    }

    pub(super) fn tickets_have_their_reservations(&mut self) {
        for (&(event, ticket), record) in &self.store.tickets {
            let total = self.store.events.get(&event).map_or(0, |event| event.total);
            if ticket.0 >= total || !self.is_claimed(event, ticket, record) {
                self.breach(
                    Invariant::TicketHasItsReservation,
                    format!("ticket {ticket} of event {event}, which has {total}, is {record:?}"),
                );
            }
        }
    }

    fn is_claimed(&self, event: EventId, ticket: TicketId, record: &TicketRecord) -> bool {
        let Some(id) = record.reservation() else {
            return true;
        };
        let Some(reservation) = self.store.reservations.get(&id) else {
            return false;
        };
        let expiry = match record {
            TicketRecord::Pending { expires_at, .. } => *expires_at == reservation.expires_at,
            TicketRecord::Sold { .. } | TicketRecord::Withdrawn => true,
        };
        let mut claimed = reservation.tickets.iter();
        expiry
            && reservation.event == event
            && claimed.any(|claimed| claimed.id == ticket)
            && holds(reservation.state) == Some(record.state())
    }

    pub(super) fn reservations_have_their_tickets(&mut self) {
        for reservation in self.store.reservations.values() {
            let Some(state) = holds(reservation.state) else {
                continue;
            };
            for ticket in &reservation.tickets {
                let record = self.store.tickets.get(&(reservation.event, ticket.id));
                let right = record.is_some_and(|record| {
                    record.state() == state && record.reservation() == Some(reservation.id)
                });
                if !right {
                    let (id, word) = (reservation.id, reservation.state.as_str());
                    self.breach(
                        Invariant::ReservationHasItsTickets,
                        format!(
                            "reservation {id} is {word}, but its ticket {} is {record:?}",
                            ticket.id
                        ),
                    );
                }
            }
        }
    }

    pub(super) fn counters_match(&mut self) {
        let mut counted: BTreeMap<_, i64> = BTreeMap::new();
        for ((event, _), record) in &self.store.tickets {
            let key = keys::counter(*event, record.state());
            *counted.entry(key).or_default() += 1;
        }
        for &event in self.store.events.keys() {
            for state in TicketState::ALL {
                let key = keys::counter(event, state);
                let of = |counts: &BTreeMap<_, i64>| counts.get(&key).copied().unwrap_or(0);
                let (tickets, kept) = (of(&counted), of(&self.store.counters));
                if tickets != kept {
                    self.breach(
                        Invariant::CountersMatchStates,
                        format!(
                            "event {event} has {tickets} tickets that are {state:?}, \
                             counted as {kept}"
                        ),
                    );
                }
            }
        }
    }

    pub(super) fn nothing_is_overdue(&mut self, now: Timestamp) {
        for reservation in self.pending() {
            let (id, expires_at) = (reservation.id, reservation.expires_at);
            let grace = match reservation.checkout {
                Some(_) => limits::SETTLE_GRACE + limits::SETTLE_RETRY,
                None => std::time::Duration::ZERO,
            };
            if now > expires_at + grace + limits::EXPIRY_SLACK {
                self.breach(
                    Invariant::NothingIsOverdue,
                    format!("reservation {id} expired at {expires_at} and is pending at {now}"),
                );
            }
        }
    }

    pub(super) fn payments_end_once(&mut self) {
        for payment in &self.store.payments {
            let reservation = self.store.reservations.get(&payment.reservation);
            let own = reservation.filter(|r| r.payment.as_ref() == Some(&payment.id));
            let in_tickets = own.is_some_and(|r| r.state == ReservationState::Paid);
            let order = OutboxId::of_refund(&payment.provider, &payment.id);
            let in_refund = self.store.outbox.contains_key(&order);
            let right = match payment.outcome {
                PaymentOutcome::Tickets => in_tickets && !in_refund,
                PaymentOutcome::RefundDue => !in_tickets && in_refund,
                PaymentOutcome::Refunded => !in_tickets && !in_refund,
            };
            if !right {
                let (id, outcome) = (&payment.id.0, payment.outcome);
                self.breach(
                    Invariant::PaymentEndsOnce,
                    format!("payment {id} is {outcome:?}; tickets: {in_tickets}, refund filed: {in_refund}"),
                );
            }
        }
    }

    pub(super) fn paid_reservations_have_payments(&mut self) {
        let outcomes: BTreeMap<_, _> = (self.store.payments.iter())
            .map(|payment| ((payment.reservation, &payment.id), payment.outcome))
            .collect();
        for reservation in self.store.reservations.values() {
            let expected = match reservation.state {
                ReservationState::Paid => PaymentOutcome::Tickets,
                ReservationState::RefundDue => PaymentOutcome::RefundDue,
                ReservationState::Refunded => PaymentOutcome::Refunded,
                ReservationState::Pending
                | ReservationState::Released
                | ReservationState::Expired => continue,
            };
            let payment = reservation.payment.as_ref();
            let found = payment.and_then(|id| outcomes.get(&(reservation.id, id)));
            if found != Some(&expected) {
                let (id, word) = (reservation.id, reservation.state.as_str());
                self.breach(
                    Invariant::PaymentEndsOnce,
                    format!("reservation {id} is {word}, but its payment is {found:?}"),
                );
            }
        }
    }

    pub(super) fn due_index_is_complete(&mut self) {
        let store = self.store;
        let events = store.events.values();
        let steps = events.clone().filter(|event| event.cancelling);
        let missing = (self.pending().map(|pending| Due::Expire(pending.id)))
            .chain(steps.map(|event| Due::CancelStep(event.id)))
            .chain(store.uploads.iter().map(|&upload| Due::DropUpload(upload)))
            .filter(|&due| store.times_of(due).next().is_none());
        let calls = store.outbox.values();
        let missing_at = (calls.map(|call| (Due::Outbox(call.id), call.due_at)))
            .chain(events.flat_map(due_of_event))
            .filter(|entry| !store.due.contains(entry));
        let found: Vec<String> = missing
            .map(|due| format!("{due:?} is missing"))
            .chain(missing_at.map(|(due, at)| format!("{due:?} at {at} is missing")))
            .collect();
        for what in found {
            self.breach(Invariant::DueIndexIsComplete, what);
        }
    }

    pub(super) fn indexes_match(&mut self) {
        let reservations = self.store.reservations.values();
        let events = self.store.events.values();
        let dated = events.filter(|event| event.is_public());
        let expected: BTreeSet<_> = reservations
            .map(|reservation| keys::event_reservation(reservation.event, reservation.id))
            .chain(dated.map(|event| keys::by_date(event.about.starts_at, event.id)))
            .collect();
        let wrong: Vec<String> = expected
            .symmetric_difference(&self.store.indexes)
            .map(|key| {
                let is = if expected.contains(key) {
                    "is missing"
                } else {
                    "names nothing"
                };
                format!("entry {} {is}", key.escape_ascii())
            })
            .collect();
        for what in wrong {
            self.breach(Invariant::IndexesMatchRecords, what);
        }
    }

    pub(super) fn cancelled_events_hold_nothing(&mut self) {
        for reservation in self.store.reservations.values() {
            let event = self.store.events.get(&reservation.event);
            let over = event.is_some_and(|event| event.life.is_cancelled() && !event.cancelling);
            if over && holds(reservation.state).is_some() {
                let (id, word) = (reservation.id, reservation.state.as_str());
                self.breach(
                    Invariant::CancelledHoldsNothing,
                    format!("reservation {id} of a cancelled event is {word}"),
                );
            }
        }
    }

    fn pending(&self) -> impl Iterator<Item = &'a ReservationRecord> + use<'a> {
        let reservations = self.store.reservations.values();
        reservations.filter(|reservation| reservation.state == ReservationState::Pending)
    }
}

/// What an event needs in the due index, with the time: whatever its sale has still to
/// turn to, however late.
fn due_of_event(event: &EventRecord) -> Vec<(Due, Timestamp)> {
    let turns = |times: &[Timestamp]| -> Vec<(Due, Timestamp)> {
        let turns = times.iter().map(|&at| (Due::TurnSale(event.id), at));
        turns.collect()
    };
    let (opens, closes) = (event.sale_opens_at(), event.sale_closes_at());
    match (event.life, event.phase) {
        (Life::Draft | Life::Cancelled | Life::Dropped, _)
        | (Life::Published, SalePhase::Closed) => Vec::new(),
        (Life::Scheduled { at }, _) => vec![(Due::Publish(event.id), at)],
        (Life::Published, SalePhase::Upcoming) => turns(&[opens, closes]),
        (Life::Published, SalePhase::Open) => turns(&[closes]),
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
