use parterre_domain::wire::api::Ticket;
use parterre_domain::{Money, Rev, Timestamp};

use super::*;

const EVENT: EventId = EventId::from_number(1);

fn id(number: u128) -> ReservationId {
    ReservationId::from_number(number)
}

/// Entries a second apart, each of the buyer with its reservation's number.
fn entries(said: &[Said]) -> Vec<Entry> {
    let numbered = said.iter().enumerate();
    let entry = |(at, said): (usize, &Said)| Entry {
        at: Duration::from_secs(at as u64 + 1),
        buyer: at,
        said: said.clone(),
    };
    numbered.map(entry).collect()
}

/// Reservation `number` of ticket 0, from one time of the core's clock to another, told
/// at the `at`-th entry.
fn told(number: u128, from: i64, until: i64, at: u64) -> Said {
    Said::Reserved {
        reservation: id(number),
        event: EVENT,
        tickets: vec![TicketId(0)],
        token: String::new(),
        rev: Rev::default(),
        created_at: Timestamp::from_millis(from),
        expires_at: Timestamp::from_millis(until),
        sent: Duration::from_millis(at * 1_000 + 500),
    }
}

fn releasing(number: u128) -> Said {
    Said::Releasing {
        reservation: id(number),
    }
}

fn released(number: u128) -> Said {
    Said::Released {
        reservation: id(number),
    }
}

fn seen(number: u128, state: ReservationState) -> Said {
    Said::Seen {
        reservation: id(number),
        state,
        expires_at: Timestamp::from_millis(0),
    }
}

fn paying(number: u128) -> Said {
    Said::Paying {
        reservation: id(number),
        behave: "prompt".into(),
    }
}

fn charged(number: u128) -> Said {
    Said::Charged {
        reservation: id(number),
    }
}

/// An event of one ticket, and the reservations that the core has of it.
fn core(letter: &str, reservations: &[(u128, ReservationState)]) -> CoreView {
    let states = States::from_letters(letter).unwrap();
    let availability = Availability::new(EVENT, Rev::default(), states.count(), &states);
    let reservation = |&(number, state): &(u128, ReservationState)| {
        let currency = "EUR".parse().unwrap();
        let ticket = Ticket {
            id: TicketId(0),
            section: String::new(),
            row: String::new(),
            seat: String::new(),
            tier: String::new(),
            price: Money(1),
            currency,
            state: TicketState::Free,
            pass: None,
        };
        let reservation = Reservation {
            id: id(number),
            event: EVENT,
            tickets: vec![ticket],
            total: Money(1),
            currency,
            state,
            expires_at: Timestamp::from_millis(0),
            created_at: Timestamp::from_millis(0),
            token: None,
        };
        (id(number), reservation)
    };
    CoreView {
        availability: [(EVENT, availability)].into(),
        reservations: reservations.iter().map(reservation).collect(),
    }
}

#[track_caller]
fn check(said: &[Said], core: &CoreView, expected: &[&str]) {
    let wrong = audit(&entries(said), core);
    let fits = wrong.len() == expected.len()
        && wrong
            .iter()
            .zip(expected)
            .all(|(wrong, part)| wrong.contains(part));
    assert!(fits, "expected {expected:?}, got {wrong:#?}");
}

use ReservationState::{Expired, Paid, Pending, Refunded, Released};

#[test]
fn what_was_told_must_be_there_in_a_state_that_fits() {
    let one = told(1, 0, 10, 0);
    check(std::slice::from_ref(&one), &core("f", &[(1, Expired)]), &[]);
    check(
        std::slice::from_ref(&one),
        &core("f", &[]),
        &["told 201 and lost"],
    );
    check(
        std::slice::from_ref(&one),
        &core("p", &[(1, Pending)]),
        &["is pending"],
    );
    check(
        std::slice::from_ref(&one),
        &core("s", &[(1, Paid)]),
        &["is paid"],
    );
    check(
        std::slice::from_ref(&one),
        &core("f", &[(1, Released)]),
        &["is released"],
    );
    let given_back = [one.clone(), releasing(1), released(1)];
    check(&given_back, &core("f", &[(1, Released)]), &[]);
    check(&given_back, &core("f", &[(1, Expired)]), &["is expired"]);
    let bought = [one, paying(1), charged(1), seen(1, Paid)];
    check(&bought, &core("s", &[(1, Paid)]), &[]);
    check(&bought, &core("f", &[(1, Expired)]), &["is expired"]);
    check(&bought, &core("f", &[(1, Refunded)]), &["is refunded"]);
    check(&bought[..3], &core("f", &[(1, Refunded)]), &[]);
}

#[test]
fn a_ticket_is_in_one_hand_at_a_time() {
    let both = core("f", &[(1, Expired), (2, Expired)]);
    let after = [told(1, 0, 10, 0), told(2, 10, 20, 1)];
    check(&after, &both, &[]);
    let during = [told(1, 0, 10, 0), told(2, 9, 20, 1)];
    check(&during, &both, &["in two hands"]);
    let one_released = core("f", &[(1, Released), (2, Expired)]);
    let handed_over = [told(1, 0, 10, 0), releasing(1), told(2, 5, 20, 2)];
    check(&handed_over, &one_released, &[]);
    let too_late = [told(1, 0, 10, 0), told(2, 5, 20, 1), releasing(1)];
    check(&too_late, &one_released, &["in two hands"]);
}

#[test]
fn a_ticket_that_was_seen_paid_never_goes_to_another() {
    let said = [
        told(1, 0, 10, 0),
        paying(1),
        charged(1),
        seen(1, Paid),
        told(2, 20, 30, 4),
    ];
    let sold = core("s", &[(1, Paid), (2, Expired)]);
    check(&said, &sold, &["in two hands"]);
    let twice = core("s", &[(1, Paid), (2, Paid)]);
    let said = [said.as_slice(), &[paying(2)]].concat();
    check(
        &said,
        &twice,
        &["in two hands", "sold twice", "in two reservations"],
    );
}

#[test]
fn a_reservation_that_nobody_was_told_of_must_have_been_asked_for() {
    let unknown = Said::Unknown {
        event: EVENT,
        tickets: vec![TicketId(0)],
        count: 1,
    };
    let best = Said::Unknown {
        event: EVENT,
        tickets: vec![],
        count: 1,
    };
    let made = core("f", &[(1, Expired)]);
    check(std::slice::from_ref(&unknown), &made, &[]);
    check(&[best], &made, &[]);
    check(&[], &made, &["asked for by nobody"]);
    let two = core("f", &[(1, Expired), (2, Expired)]);
    check(&[unknown], &two, &["asked for by nobody"]);
}

#[test]
fn states_follow_from_reservations() {
    check(&[], &core("p", &[]), &["its reservations say Free"]);
    let bought = [told(1, 0, 10, 0), paying(1)];
    check(
        &bought,
        &core("f", &[(1, Paid)]),
        &["its reservations say Sold"],
    );
}
