//! When each change was due, and when it was on which screen.
//!
//! A change is known by its ticket: which ticket is reserved when is planned before the
//! run, so every process of a crowd can tell how late a screen is without being told. A
//! frame that merges several changes names the tickets of all, and each is counted.

use std::collections::HashMap;
use std::time::Instant;

use parterre_domain::wire::live::Changes;
use parterre_domain::{EventId, TicketId, TicketState};

use crate::scenario::crowd::Change;
use crate::scenario::recorder::Recorder;

/// The changes of a run.
pub(super) struct Deliveries {
    changes: Vec<Change>,
    of_ticket: HashMap<(EventId, TicketId), u32>,
}

/// Which changes have been on one screen: a bit each.
#[derive(Default)]
pub(super) struct Seen(Vec<u64>);

impl Deliveries {
    pub(super) fn new(changes: &[Change]) -> Self {
        let numbered = (0..).zip(changes);
        Self {
            of_ticket: numbered
                .map(|(number, change)| ((change.event, change.ticket), number))
                .collect(),
            changes: changes.to_vec(),
        }
    }

    /// Notes that a screen has some changes; says how many of them were due before some
    /// instant.
    pub(super) fn on_screen(
        &self,
        event: EventId,
        changes: &Changes,
        seen: &mut Seen,
        recorder: &Recorder,
        before: Option<Instant>,
    ) -> usize {
        let now = Instant::now();
        let began = recorder.began();
        let mut earlier = 0;
        for (ticket, state) in changes.iter() {
            // Free again is no change of the plan. Sold at once may have swallowed pending.
            if !matches!(state, TicketState::Pending | TicketState::Sold) {
                continue;
            }
            let Some(&number) = self.of_ticket.get(&(event, ticket)) else {
                continue;
            };
            let due = began + self.changes[number as usize].at;
            if now < due || !seen.add(number) {
                continue;
            }
            earlier += usize::from(before.is_some_and(|before| due < before));
            recorder.change(number, now - due);
        }
        earlier
    }
}

impl Seen {
    /// False when it was there already.
    fn add(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_change_in_a_merged_frame_counts_once_from_when_it_was_due() {
        let event = EventId::from_number(1);
        let change = |millis, ticket| Change {
            at: Duration::from_millis(millis),
            event,
            ticket: TicketId(ticket),
        };
        let deliveries = Deliveries::new(&[change(100, 7), change(400, 9), change(60_000, 8)]);
        let recorder = Recorder::default();
        recorder.begin(Instant::now() - Duration::from_secs(1));
        let merged = Changes {
            p: vec![TicketId(7), TicketId(8), TicketId(3)],
            s: vec![TicketId(9)],
            ..Changes::default()
        };
        let mut seen = Seen::default();
        let cut = recorder.began() + Duration::from_millis(200);
        let earlier = deliveries.on_screen(event, &merged, &mut seen, &recorder, Some(cut));
        assert_eq!(earlier, 1);
        // The same once more, as when somebody paid.
        deliveries.on_screen(event, &merged, &mut seen, &recorder, None);
        let recorded = recorder.take().changes;
        let late: Vec<_> = recorded
            .iter()
            .map(|(number, screens)| (*number, screens.count(), screens.max() / 100_000))
            .collect();
        assert_eq!(late, [(0, 1, 8), (1, 1, 5)]);
    }
}
