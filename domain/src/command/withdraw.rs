//! Takes free tickets off sale, or puts withdrawn ones back.

use std::collections::HashSet;

use super::{Answer, about};
use crate::state::{Decision, Overlay, TicketRecord, Want};
use crate::{
    EventId, FieldError, Refusal, TakenTicket, TicketId, TicketState, Timestamp, keys, limits,
};

/// All or nothing, at most [`limits::TICKETS_PER_COMMAND`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdraw {
    /// Which event.
    pub event: EventId,
    /// Which tickets.
    pub tickets: Vec<TicketId>,
    /// Back on sale instead of off.
    pub restore: bool,
}

impl Withdraw {
    /// The records the rule surely reads.
    pub(super) fn hints(&self) -> Vec<Want> {
        let tickets = self.tickets.iter();
        let tickets = tickets.map(|&ticket| keys::ticket(self.event, ticket));
        ([keys::event(self.event)].into_iter().chain(tickets))
            .take(1 + limits::TICKETS_PER_COMMAND)
            .map(Want::Key)
            .collect()
    }

    pub(super) fn decide(&self, _now: Timestamp, overlay: &mut Overlay) -> Decision<Answer> {
        let record = about::event(overlay, self.event)?;
        check_tickets(&self.tickets, record.total, limits::TICKETS_PER_COMMAND)?;
        if self.restore && record.life.is_cancelled() {
            return Err(Refusal::Conflict {
                state: "cancelled",
                reason: "nothing of a cancelled event goes on sale",
            }
            .into());
        }
        let (wanted, next) = match self.restore {
            false => (TicketState::Free, Some(TicketRecord::Withdrawn)),
            true => (TicketState::Withdrawn, None),
        };
        let held = overlay.tickets(self.event, self.tickets.iter().copied())?;
        let (mut taken, mut change) = (Vec::new(), Vec::new());
        for (&id, held) in self.tickets.iter().zip(held) {
            match TicketRecord::state_of(held.as_ref()) {
                state if state == wanted => change.push(id),
                // What is there already needs no step: a repeat is done again.
                state if state == TicketRecord::state_of(next.as_ref()) => {}
                state => taken.push(TakenTicket { id, state }),
            }
        }
        if !taken.is_empty() {
            return Err(Refusal::TicketsTaken(taken).into());
        }
        for ticket in change {
            overlay.set_ticket(self.event, ticket, next)?;
        }
        Ok(Answer::Done)
    }
}

/// That a list of tickets is neither empty nor too long, names only tickets that the event
/// has, and each once.
pub(super) fn check_tickets(tickets: &[TicketId], total: u32, limit: usize) -> Result<(), Refusal> {
    if tickets.is_empty() || tickets.len() > limit {
        return Err(Refusal::invalid(
            "tickets",
            format!("must be 1 to {limit} tickets"),
        ));
    }
    if let Some(&ticket) = tickets.iter().find(|ticket| ticket.0 >= total) {
        return Err(Refusal::NoTicket { ticket, total });
    }
    let mut seen = HashSet::with_capacity(tickets.len());
    let mut errors = Vec::new();
    for (at, ticket) in tickets.iter().enumerate() {
        if !seen.insert(ticket) {
            errors.push(FieldError::new(format!("tickets[{at}]"), "is there twice"));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Invalid(errors))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;
    use crate::command::Command;

    #[test]
    fn a_ticket_that_the_event_does_not_have_is_named_before_one_that_is_there_twice() {
        let check = |tickets: &[u32]| {
            let tickets: Vec<TicketId> = tickets.iter().copied().map(TicketId).collect();
            check_tickets(&tickets, 3, 4)
        };
        let missing = Refusal::NoTicket {
            ticket: TicketId(3),
            total: 3,
        };
        assert_eq!(check(&[0, 0, 3, 4]), Err(missing));
        assert!(matches!(check(&[0, 0]), Err(Refusal::Invalid(_))));
        assert!(matches!(check(&[]), Err(Refusal::Invalid(_))));
        assert!(matches!(check(&[0, 1, 2, 3, 4]), Err(Refusal::Invalid(_))));
        assert_eq!(check(&[2, 0]), Ok(()));
    }

    #[test]
    fn only_free_tickets_are_withdrawn_and_only_withdrawn_ones_restored() {
        // Before, restore, tickets, whether it is done, after.
        let rows: &[(&str, bool, &[u32], bool, &str)] = &[
            ("fff", false, &[0, 2], true, "wfw"),
            ("fpf", false, &[0, 1], false, "fpf"),
            ("fsf", false, &[1], false, "fsf"),
            ("wff", false, &[0, 1], true, "wwf"),
            ("wwf", true, &[0], true, "fwf"),
            ("wpf", true, &[0, 1], false, "wpf"),
            ("fff", true, &[0], true, "fff"),
            ("fff", false, &[], false, "fff"),
            ("fff", false, &[0, 0], false, "fff"),
            ("fff", false, &[3], false, "fff"),
        ];
        for &(before, restore, tickets, done, after) in rows {
            let mut world = World::in_states(before);
            let tickets = tickets.iter().copied().map(TicketId).collect();
            let result = world.run(Command::Withdraw(Withdraw {
                event: World::EVENT,
                tickets,
                restore,
            }));
            assert_eq!(result.is_ok(), done, "{before} {result:?}");
            assert_eq!(world.letters(), after, "{before} {result:?}");
            world.assert_sound();
        }
    }
}
