//! Holds what buyers were told against what the core says at the end. Pure: entries and
//! the core's words in, disagreements out.

mod claims;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parterre_domain::wire::api::{Availability, Reservation};
use parterre_domain::{EventId, ReservationId, ReservationState, States, TicketId, TicketState};

use super::ledger::{Entry, Said};
use claims::{Claim, claims};

/// What the core says when all is quiet.
#[derive(Clone, Debug, Default)]
pub(super) struct CoreView {
    pub(super) availability: BTreeMap<EventId, Availability>,
    pub(super) reservations: BTreeMap<ReservationId, Reservation>,
}

/// Everything that doesn't fit together, in words.
pub(super) fn audit(entries: &[Entry], core: &CoreView) -> Vec<String> {
    let claims = claims(entries);
    let mut wrong = Vec::new();
    for (id, claim) in &claims {
        match core.reservations.get(id) {
            Some(reservation) => wrong.extend(kept(claim, reservation)),
            None => wrong.push(format!("{id}: told 201 and lost")),
        }
    }
    wrong.extend(overlaps(&claims, core));
    wrong.extend(unexplained(entries, &claims, core));
    for (event, availability) in &core.availability {
        wrong.extend(explained(*event, availability, core));
    }
    wrong
}

/// What became of a claim is among what its buyer was told and did.
fn kept(claim: &Claim, reservation: &Reservation) -> Option<String> {
    let id = reservation.id;
    let tickets: Vec<TicketId> = reservation.tickets.iter().map(|ticket| ticket.id).collect();
    if reservation.event != claim.event || tickets != claim.tickets {
        let told = &claim.tickets;
        return Some(format!("{id}: told {told:?}, the core has {tickets:?}"));
    }
    let state = reservation.state;
    let may_be = match state {
        ReservationState::Pending => false,
        ReservationState::Paid => claim.paying && !claim.released,
        ReservationState::Released => claim.releasing.is_some() && !claim.charged,
        ReservationState::Expired => !claim.released && !claim.charged,
        ReservationState::RefundDue | ReservationState::Refunded => claim.paying,
    };
    let confirmed = claim.seen_paid.is_none() || state == ReservationState::Paid;
    if may_be && confirmed {
        return None;
    }
    let state = state.as_str();
    Some(format!("{id}: is {state} at the end, though {claim}"))
}

/// No ticket was in two hands at once, as far as buyers can tell.
fn overlaps(claims: &BTreeMap<ReservationId, Claim>, core: &CoreView) -> Vec<String> {
    let mut of_ticket: BTreeMap<(EventId, TicketId), Vec<(&ReservationId, &Claim)>> =
        BTreeMap::new();
    for (id, claim) in claims {
        for &ticket in &claim.tickets {
            of_ticket
                .entry((claim.event, ticket))
                .or_default()
                .push((id, claim));
        }
    }
    let mut wrong = Vec::new();
    for ((event, ticket), mut held) in of_ticket {
        held.sort_by_key(|(id, claim)| (claim.created_at, claim.answered, **id));
        for (at, (first, earlier)) in held.iter().enumerate() {
            for (second, later) in &held[at + 1..] {
                if !earlier.over_before(later) {
                    let buyers = (earlier.buyer, later.buyer);
                    wrong.push(format!(
                        "ticket {ticket} of {event} in two hands: {first} and {second}, buyers {buyers:?}"
                    ));
                }
            }
        }
        let owners = held.iter().filter(|(id, _)| {
            let reservation = core.reservations.get(*id);
            reservation.is_some_and(|found| found.state == ReservationState::Paid)
        });
        let owners: Vec<_> = owners.map(|(id, _)| id.to_string()).collect();
        if owners.len() > 1 {
            wrong.push(format!("ticket {ticket} of {event} sold twice: {owners:?}"));
        }
    }
    wrong
}

/// Reservations that nobody was told of are the outcome of requests without an answer.
fn unexplained(
    entries: &[Entry],
    claims: &BTreeMap<ReservationId, Claim>,
    core: &CoreView,
) -> Vec<String> {
    let unknown = entries.iter().filter_map(|entry| match &entry.said {
        Said::Unknown {
            event,
            tickets,
            count,
        } => Some((*event, tickets.clone(), *count)),
        _ => None,
    });
    let mut unknown: Vec<_> = unknown.collect();
    let mut wrong = Vec::new();
    for (id, reservation) in &core.reservations {
        if claims.contains_key(id) {
            continue;
        }
        let tickets: Vec<TicketId> = reservation.tickets.iter().map(|ticket| ticket.id).collect();
        let asked = unknown.iter().position(|(event, asked, count)| {
            *event == reservation.event
                && (*asked == tickets || asked.is_empty() && *count == tickets.len())
        });
        match asked {
            Some(at) => {
                unknown.swap_remove(at);
            }
            None => wrong.push(format!("{id} of {tickets:?} was asked for by nobody")),
        }
        if reservation.state == ReservationState::Pending {
            wrong.push(format!(
                "{id}, which nobody was told of, is pending for good"
            ));
        }
    }
    wrong
}

/// Every ticket's state follows from the reservations, and counts from states.
fn explained(event: EventId, availability: &Availability, core: &CoreView) -> Vec<String> {
    let Some(states) = States::from_letters(&availability.states) else {
        return vec![format!("{event}: states that can't be read")];
    };
    let mut wrong = Vec::new();
    if states.count() != availability.counts {
        let (told, counted) = (availability.counts, states.count());
        wrong.push(format!("{event}: counts {told:?}, its states {counted:?}"));
    }
    let (mut pending, mut sold) = (BTreeSet::new(), BTreeSet::new());
    let of_event = core.reservations.values().filter(|of| of.event == event);
    for reservation in of_event {
        let into = match reservation.state {
            ReservationState::Pending => &mut pending,
            ReservationState::Paid => &mut sold,
            ReservationState::Released
            | ReservationState::Expired
            | ReservationState::RefundDue
            | ReservationState::Refunded => continue,
        };
        for ticket in &reservation.tickets {
            if !into.insert(ticket.id) {
                let id = ticket.id;
                wrong.push(format!("{event}: ticket {id} is in two reservations"));
            }
        }
    }
    for (at, state) in (0..).zip(states.iter()) {
        let ticket = TicketId(at);
        let expected = match (pending.contains(&ticket), sold.contains(&ticket)) {
            (false, false) => TicketState::Free,
            (true, false) => TicketState::Pending,
            (_, true) => TicketState::Sold,
        };
        if state != expected {
            wrong.push(format!(
                "{event}: ticket {ticket} is {state:?}, its reservations say {expected:?}"
            ));
        }
    }
    wrong
}

/// A moment of the run, for messages.
fn at(moment: Duration) -> String {
    format!("{:.3} s", moment.as_secs_f64())
}

#[cfg(test)]
mod tests;
