//! Every invariant, named once: called by tests, by `parterre check` and by fault tests.

mod audit;
mod store;

use std::fmt;

use crate::keys;
use crate::state::{Rows, TicketRecord};
use crate::{EventId, States, Timestamp};

use audit::Audit;
use store::Store;

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which invariant.
    pub invariant: Invariant,
    /// Where.
    pub what: String,
}

/// The invariants of a store at rest; the numbers are those of API.md.
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
    /// No reservation is pending past its expiry, unless its checkout is being settled,
    /// and then no longer than the provider may be silent (4).
    NothingIsOverdue,
    /// A payment is in tickets or in a refund, never in both, never in neither (5).
    PaymentEndsOnce,
    /// What must happen at a time is in the due index, at that time.
    DueIndexIsComplete,
    /// Every reservation is among its event's, and every published event among the
    /// dates; nothing else is.
    IndexesMatchRecords,
    /// Once the steps of cancelling are done, nobody has a ticket of the event.
    CancelledHoldsNothing,
}

impl Invariant {
    /// A stable name, for lists and exit codes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RecordsAreReadable => "records-are-readable",
            Self::TicketHasItsReservation => "ticket-has-its-reservation",
            Self::ReservationHasItsTickets => "reservation-has-its-tickets",
            Self::CountersMatchStates => "counters-match-states",
            Self::NothingIsOverdue => "nothing-is-overdue",
            Self::PaymentEndsOnce => "payment-ends-once",
            Self::DueIndexIsComplete => "due-index-is-complete",
            Self::IndexesMatchRecords => "indexes-match-records",
            Self::CancelledHoldsNothing => "cancelled-holds-nothing",
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant.name(), self.what)
    }
}

/// Every breach in a whole store. `now` is the time for [`Invariant::NothingIsOverdue`].
pub fn breaches(rows: &Rows, now: Timestamp) -> Vec<Breach> {
    let (store, unreadable) = Store::read(rows);
    let mut audit = Audit::new(&store, unreadable);
    audit.tickets_have_their_reservations();
    audit.reservations_have_their_tickets();
    audit.counters_match();
    audit.nothing_is_overdue(now);
    audit.payments_end_once();
    audit.paid_reservations_have_payments();
    audit.due_index_is_complete();
    audit.indexes_match();
    audit.cancelled_events_hold_nothing();
    audit.into_breaches()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::command::testing::World;
    use crate::state::Rows;
    use crate::{PaymentId, TicketId};

    /// A world with something of everything: pending, paid, to be refunded.
    fn busy() -> World {
        let mut world = World::on_sale(4);
        world.reserve(1, &[0]).unwrap();
        world.reserve(2, &[1, 2]).unwrap();
        world.begin_checkout(2).unwrap();
        world.pay(2, "first").unwrap();
        world.pay(2, "second").unwrap();
        world.assert_sound();
        world
    }

    #[test]
    fn a_lost_or_broken_row_is_a_breach_with_a_name() {
        use keys::{event_reservation, payment, reservation, ticket};
        let (pending, paid) = (World::id(1), World::id(2));
        let at = |number| ticket(World::EVENT, TicketId(number));
        let of = |id: &str| payment("sandbox", &PaymentId(id.into()));
        let due = |rows: &Rows| rows.range(&keys::all_due()).next().unwrap().0.clone();
        let first_due = due(&busy().rows);
        let lost = [
            (at(0), "reservation-has-its-tickets"),
            (at(2), "reservation-has-its-tickets"),
            (reservation(pending), "ticket-has-its-reservation"),
            (reservation(paid), "payment-ends-once"),
            (of("first"), "payment-ends-once"),
            (
                event_reservation(World::EVENT, paid),
                "indexes-match-records",
            ),
            (keys::event(World::EVENT), "ticket-has-its-reservation"),
            (first_due, "due-index-is-complete"),
        ];
        for (key, name) in lost {
            let mut world = busy();
            let shown = key.escape_ascii().to_string();
            assert!(world.rows.0.remove(&key).is_some(), "{shown} isn't there");
            let names: Vec<_> = breaches(&world.rows, world.now)
                .iter()
                .map(|breach| breach.invariant.name())
                .collect();
            assert!(names.contains(&name), "without {shown}: {names:?}");
        }
        let mut world = busy();
        world.rows.0.insert(at(0), vec![0xc1]);
        let first = breaches(&world.rows, world.now).remove(0);
        assert_eq!(first.invariant, Invariant::RecordsAreReadable);
    }

    #[test]
    fn a_provider_may_be_silent_for_a_bounded_time_only() {
        for (checkout, grace) in [
            (false, Duration::ZERO),
            (
                true,
                crate::limits::SETTLE_GRACE + crate::limits::SETTLE_RETRY,
            ),
        ] {
            let mut world = World::on_sale(1);
            world.reserve(1, &[0]).unwrap();
            if checkout {
                world.begin_checkout(1).unwrap();
            }
            world.now = world.reservation(1).expires_at + grace + crate::limits::EXPIRY_SLACK;
            world.assert_sound();
            let late = breaches(&world.rows, world.now + Duration::from_millis(1));
            assert_eq!(late[0].invariant, Invariant::NothingIsOverdue, "{checkout}");
        }
    }
}
