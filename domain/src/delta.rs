//! Folding: what several commits did to an event, as one change.

use std::collections::BTreeMap;

use crate::{TicketId, TicketState};

/// Tickets touched in a stretch of the log, each with its last state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketChanges(BTreeMap<TicketId, TicketState>);

impl TicketChanges {
    /// Takes in later changes: a ticket's later state replaces its earlier one.
    pub fn fold(&mut self, later: impl IntoIterator<Item = (TicketId, TicketState)>) {
        self.0.extend(later);
    }

    /// Ascending by ticket.
    pub fn iter(&self) -> impl Iterator<Item = (TicketId, TicketState)> + '_ {
        self.0.iter().map(|(&ticket, &state)| (ticket, state))
    }

    /// How many tickets were touched.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tickets now in a state, ascending.
    pub fn in_state(&self, state: TicketState) -> Vec<TicketId> {
        self.iter()
            .filter(|&(_, now)| now == state)
            .map(|(ticket, _)| ticket)
            .collect()
    }
}
