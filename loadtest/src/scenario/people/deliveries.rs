//! When each change was due, and when it was on which screen.
//!
//! A change is known by its ticket: which ticket is reserved when is planned before the
//! run, so every process of a crowd can tell how late a screen is without being told. A
//! frame that merges several changes names the tickets of all, and each is counted. Which
//! changes were answered 201, and when, only the parent knows: it says so at the end, and
//! until then every process keeps its own numbers as they are.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use parterre_domain::wire::live::Changes;
use parterre_domain::{EventId, TicketId, TicketState};

use super::marks::Marks;
use crate::numbers::{locked, micros};
use crate::scenario::crowd::Change;
use crate::scenario::recorder::Recorder;

/// From the instant at which a change was due to a screen that shows it.
pub(crate) const TO_SCREEN: &str = "change to screen";
/// From a change's 201 to a screen that shows it; nothing for a screen that was faster.
pub(crate) const ANSWERED_TO_SCREEN: &str = "201 to screen";
/// Deliveries beyond those that are kept.
pub(crate) const UNTIMED: &str = "deliveries that were too many to be timed";
/// Deliveries that a process times: some 200 MB, and as much again where lists grow.
const KEPT: usize = 50_000_000;

/// The changes of a run.
pub(super) struct Deliveries {
    changes: Vec<Change>,
    of_ticket: HashMap<(EventId, TicketId), u32>,
    shown: Mutex<Shown>,
}

/// How late changes were on screens.
#[derive(Default)]
struct Shown {
    /// Of each change, the microseconds from its instant to each screen.
    micros: Vec<Vec<u32>>,
    kept: usize,
}

/// What one screen was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Which changes deltas named.
    named: Marks,
    /// When its last snapshot came.
    snapshot_at: Option<Instant>,
}

impl Deliveries {
    pub(super) fn new(changes: &[Change]) -> Self {
        let numbered = (0..).zip(changes);
        Self {
            of_ticket: numbered
                .map(|(number, change)| ((change.event, change.ticket), number))
                .collect(),
            changes: changes.to_vec(),
            shown: Mutex::new(Shown {
                micros: vec![Vec::new(); changes.len()],
                kept: 0,
            }),
        }
    }

    /// Notes that a screen has some changes; says how many of them were due before some
    /// instant.
    pub(super) fn on_screen(
        &self,
        event: EventId,
        changes: &Changes,
        told: &mut Told,
        recorder: &Recorder,
        before: Option<Instant>,
    ) -> usize {
        let now = Instant::now();
        let began = recorder.began();
        let mut earlier = 0;
        for (ticket, state) in changes.iter() {
            let Some(&number) = self.of_ticket.get(&(event, ticket)) else {
                continue;
            };
            let due = began + self.changes[number as usize].at;
            if now < due || !told.named.mark(number) {
                continue;
            }
            match state {
                // Sold at once may have swallowed pending.
                TicketState::Pending | TicketState::Sold => {}
                // Its release came in the same frame, so this isn't when it was shown.
                TicketState::Free | TicketState::Withdrawn => continue,
            }
            earlier += usize::from(before.is_some_and(|before| due < before));
            if !locked(&self.shown).keep(number, now - due) {
                recorder.count(UNTIMED);
            }
        }
        earlier
    }

    /// The changes of an event that were answered 201.
    pub(super) fn answered(&self, event: EventId, answered: &BTreeMap<u32, Duration>) -> Marks {
        let numbers = answered.keys().copied();
        let is_of_it = |number: &u32| {
            let change = self.changes.get(*number as usize);
            change.is_some_and(|change| change.event == event)
        };
        numbers.filter(is_of_it).collect()
    }

    /// Tickets whose change this screen should have been told of and wasn't: of all that
    /// were answered 201 and due after its last snapshot.
    pub(super) fn missed(&self, told: &Told, answered: &Marks, began: Instant) -> Vec<TicketId> {
        // They are in the order in which they were due.
        let is_snapped =
            |change: &Change| told.snapshot_at.is_some_and(|at| began + change.at <= at);
        let snapped = self.changes.partition_point(is_snapped);
        let from = u32::try_from(snapped).unwrap_or(u32::MAX);
        let missed = answered.beyond(&told.named, from);
        missed
            .map(|number| self.changes[number as usize].ticket)
            .collect()
    }

    /// Turns what screens showed of each change into latencies. Of changes that weren't
    /// answered 201, nothing is known: somebody else may have taken the ticket.
    pub(super) fn resolve(&self, answered: &BTreeMap<u32, Duration>, recorder: &Recorder) {
        let shown = std::mem::take(&mut locked(&self.shown).micros);
        for ((number, change), shown) in (0..).zip(&self.changes).zip(shown) {
            let Some(answered) = answered.get(&number) else {
                continue;
            };
            let due = recorder.began() + change.at;
            let since_due = shown.iter().map(|after| u64::from(*after));
            let since_201 = since_due
                .clone()
                .map(|after| after.saturating_sub(micros(*answered)));
            recorder.took_each(TO_SCREEN, due, since_due);
            recorder.took_each(ANSWERED_TO_SCREEN, due, since_201);
        }
    }
}

impl Shown {
    /// False when there are too many already.
    fn keep(&mut self, number: u32, after: Duration) -> bool {
        let fits = self.kept < KEPT;
        if fits {
            let after = u32::try_from(micros(after)).unwrap_or(u32::MAX);
            self.micros[number as usize].push(after);
            self.kept += 1;
        }
        fits
    }
}

impl Told {
    /// A snapshot replaces all that deltas could have named so far.
    pub(super) fn snapshot(&mut self, at: Instant) {
        self.snapshot_at = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn event() -> EventId {
        EventId::from_number(1)
    }

    fn change(millis: u64, ticket: u32) -> Change {
        Change {
            at: Duration::from_millis(millis),
            event: event(),
            ticket: TicketId(ticket),
        }
    }

    fn since_a_second() -> Recorder {
        let recorder = Recorder::default();
        recorder.begin(Instant::now() - SECOND);
        recorder
    }

    #[test]
    fn every_change_in_a_merged_frame_counts_once_from_when_it_was_due() {
        let deliveries = Deliveries::new(&[change(100, 7), change(400, 9), change(60_000, 8)]);
        let recorder = since_a_second();
        let merged = Changes {
            p: vec![TicketId(7), TicketId(8), TicketId(3)],
            s: vec![TicketId(9)],
            ..Changes::default()
        };
        let mut told = Told::default();
        let cut = recorder.began() + Duration::from_millis(200);
        let earlier = deliveries.on_screen(event(), &merged, &mut told, &recorder, Some(cut));
        assert_eq!(earlier, 1);
        // The same once more, as when somebody paid.
        deliveries.on_screen(event(), &merged, &mut told, &recorder, None);
        let shown = &locked(&deliveries.shown).micros;
        let tenths = |of: &Vec<u32>| of.iter().map(|micros| micros / 100_000).collect();
        let late: Vec<Vec<u32>> = shown.iter().map(tenths).collect();
        assert_eq!(late, [vec![9], vec![6], vec![]]);
    }

    #[test]
    fn screens_are_timed_from_the_instant_and_from_the_201_of_answered_changes_only() {
        let deliveries = Deliveries::new(&[change(3_000, 1), change(7_000, 2)]);
        let recorder = since_a_second();
        for number in [0, 1] {
            for micros in [4_000, 1_000_777, 1_000_900] {
                locked(&deliveries.shown).keep(number, Duration::from_micros(micros));
            }
        }
        // A second and a little: what is left behind it is far below a hundredth of it.
        let answered = [(1, Duration::from_micros(1_000_700))].into();
        deliveries.resolve(&answered, &recorder);
        let recorded = recorder.take();
        let check = |what, expected: [u64; 3]| {
            let series = &recorded.took[what];
            assert_eq!(series.seconds.keys().collect::<Vec<_>>(), [&7], "{what}");
            let whole = series.whole.histogram();
            let got = whole
                .iter_recorded()
                .map(|value| value.value_iterated_to())
                .collect::<Vec<_>>();
            assert_eq!(got.len(), expected.len(), "{what}: {got:?}");
            for (got, expected) in got.iter().zip(expected) {
                assert!(got.abs_diff(expected) <= expected / 50 + 1, "{what}: {got}");
            }
        };
        check(ANSWERED_TO_SCREEN, [1, 77, 200]);
        assert_eq!(recorded.took[TO_SCREEN].whole.histogram().len(), 3);
        assert!(!recorded.took.contains_key("another"));
    }

    #[test]
    fn a_delta_that_leaves_a_ticket_out_is_missed_unless_a_snapshot_had_it() {
        let deliveries = Deliveries::new(&[change(100, 7), change(200, 8), change(300, 9)]);
        let answered = [0, 1].map(|number| (number, Duration::ZERO)).into();
        let names = |tickets: &[u32]| Changes {
            p: tickets.iter().copied().map(TicketId).collect(),
            ..Changes::default()
        };
        let recorder = since_a_second();
        let check = |changes: Changes, snapshot, expected: &[u32]| {
            let mut told = Told::default();
            deliveries.on_screen(event(), &changes, &mut told, &recorder, None);
            told.snapshot_at = snapshot;
            let answered = deliveries.answered(event(), &answered);
            let missed = deliveries.missed(&told, &answered, recorder.began());
            let expected: Vec<_> = expected.iter().copied().map(TicketId).collect();
            assert_eq!(missed, expected, "{changes:?}");
        };
        let before = recorder.began() - SECOND;
        let between = recorder.began() + Duration::from_millis(150);
        // Nothing is known of what wasn't answered 201.
        check(names(&[7, 8]), Some(before), &[]);
        check(names(&[7]), Some(before), &[8]);
        check(names(&[]), Some(between), &[8]);
        check(names(&[]), Some(Instant::now()), &[]);
        // Reserved and let go within one frame.
        let gone = Changes {
            f: vec![TicketId(8)],
            ..names(&[7])
        };
        check(gone, Some(before), &[]);
    }
}
