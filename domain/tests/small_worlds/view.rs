//! A world with everything left out that makes no difference to what can happen next:
//! names of tickets and buyers, and where on the clock it stands. Worlds with one view
//! are searched once.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use parterre_domain::keys::{self, Due};
use parterre_domain::state::TicketRecord;
use parterre_domain::{OutboxRecord, ProviderCall, ReservationRecord, ReservationState, Timestamp};

use crate::world::{BUYERS, Buyer, EVENT, PAYMENTS, Purchase, World, buyer_of, id, payment_of};

const DAY_MS: i64 = 24 * 3_600_000;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Ticket {
    state: u8,
    expires_in: i64,
    owner: Option<Buyer>,
    claimed_by: [bool; BUYERS],
}

#[derive(Clone, Default, Hash)]
struct Account {
    reservation: Option<Claim>,
    purchase: Purchase,
    payments: [Option<u8>; PAYMENTS],
    /// What is asked of the provider: which payment or the session, how often, due when.
    outbox: Vec<(Option<usize>, u32, i64)>,
    /// What is due: the kind, and when.
    due: Vec<(u8, i64)>,
}

#[derive(Clone, Hash)]
struct Claim {
    state: ReservationState,
    checkout: Option<bool>,
    payment: Option<usize>,
    expires_in: i64,
    ended_in: i64,
}

/// A number that worlds with one view share.
pub(crate) fn fingerprint(world: &World) -> u128 {
    let reservations = [0, 1].map(|buyer| world.reservation(buyer));
    let tickets: Vec<Ticket> = (0..world.tickets)
        .map(|ticket| of_ticket(world, ticket, &reservations))
        .collect();
    let accounts = accounts(world, &reservations);
    let swapped = tickets.iter().cloned().map(swap).collect();
    let one = hash(world, tickets, [&accounts[0], &accounts[1]]);
    let other = hash(world, swapped, [&accounts[1], &accounts[0]]);
    one.min(other)
}

fn hash(world: &World, mut tickets: Vec<Ticket>, accounts: [&Account; BUYERS]) -> u128 {
    tickets.sort_unstable();
    let mut halves = [0_u64; 2];
    for (salt, half) in (0_u8..).zip(&mut halves) {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        // Nothing in the event's record depends on the clock's stand.
        world.rows.0.get(&keys::event(EVENT)).hash(&mut hasher);
        world
            .rows
            .0
            .get(&keys::cancel_cursor(EVENT))
            .hash(&mut hasher);
        for counter in world.rows.range(&keys::counters(EVENT)) {
            counter.hash(&mut hasher);
        }
        tickets.hash(&mut hasher);
        accounts.hash(&mut hasher);
        let steps = world.due().into_iter();
        steps
            .filter(|(_, due)| matches!(due, Due::CancelStep(_)))
            .for_each(|(at, _)| until(at, world.now).hash(&mut hasher));
        *half = hasher.finish();
    }
    u128::from(halves[0]) << 64 | u128::from(halves[1])
}

fn swap(ticket: Ticket) -> Ticket {
    let [first, second] = ticket.claimed_by;
    Ticket {
        owner: ticket.owner.map(|owner| 1 - owner),
        claimed_by: [second, first],
        ..ticket
    }
}

fn of_ticket(
    world: &World,
    ticket: u32,
    reservations: &[Option<ReservationRecord>; BUYERS],
) -> Ticket {
    let record = world.ticket(ticket);
    let expires_in = match record {
        Some(TicketRecord::Pending { expires_at, .. }) => until(expires_at, world.now),
        Some(TicketRecord::Sold { .. } | TicketRecord::Withdrawn) | None => 0,
    };
    let claimed_by = [0, 1].map(|buyer: Buyer| {
        let reservation = reservations[buyer].as_ref();
        reservation.is_some_and(|r| r.tickets.iter().any(|t| t.id.0 == ticket))
    });
    Ticket {
        state: TicketRecord::state_of(record.as_ref()) as u8,
        expires_in,
        owner: record.and_then(|r| r.reservation()).map(buyer_of),
        claimed_by,
    }
}

fn accounts(
    world: &World,
    reservations: &[Option<ReservationRecord>; BUYERS],
) -> [Account; BUYERS] {
    let mut accounts = [0, 1].map(|buyer: Buyer| Account {
        reservation: reservations[buyer].as_ref().map(|r| claim(r, world.now)),
        purchase: world.purchases[buyer],
        payments: [0, 1].map(|nth| world.payment(buyer, nth).map(|p| p.outcome as u8)),
        ..Account::default()
    });
    for (_, value) in world.rows.range(&keys::outboxes()) {
        let record: OutboxRecord = parterre_domain::decode(value).unwrap();
        let of = match &record.call {
            ProviderCall::Refund(payment) => Some(payment_of(payment).1),
            ProviderCall::CloseSession(_) => None,
        };
        let account = &mut accounts[buyer_of(record.reservation)];
        let call = (of, record.attempts, until(record.due_at, world.now));
        account.outbox.push(call);
        account.outbox.sort_unstable();
    }
    for (at, due) in world.due() {
        let (kind, reservation) = match due {
            Due::Expire(reservation) => (0, reservation),
            Due::Forget(reservation) => (1, reservation),
            _ => continue,
        };
        let entry = (kind, until(at, world.now));
        accounts[buyer_of(reservation)].due.push(entry);
    }
    accounts
}

fn claim(record: &ReservationRecord, now: Timestamp) -> Claim {
    let pending = record.state == ReservationState::Pending;
    let buyer = (0..BUYERS).find(|&buyer| id(buyer) == record.id);
    assert!(buyer.is_some(), "nobody's reservation");
    Claim {
        state: record.state,
        checkout: (record.checkout.as_ref()).map(|checkout| checkout.session.is_some()),
        payment: record.payment.as_ref().map(|payment| payment_of(payment).1),
        expires_in: if pending {
            until(record.expires_at, now)
        } else {
            0
        },
        // Only forgetting looks at it, and only within a day.
        ended_in: (record.ended_at).map_or(1, |at| until(at, now)),
    }
}

/// Milliseconds until a moment. What is over for a day is over.
fn until(at: Timestamp, now: Timestamp) -> i64 {
    (at.as_millis() - now.as_millis()).max(-DAY_MS)
}
