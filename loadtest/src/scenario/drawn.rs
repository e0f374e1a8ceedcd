//! Which ticket is reserved when: drawn before the run, so that every process of a crowd
//! knows it, and so that a run whose changes don't fit is refused before it begins.

use std::time::Duration;

use parterre_domain::{EventId, TicketId};

use super::arrivals::{Arrivals, Rate};
use super::crowd::Change;
use super::plan::{Changes, Ending, Events, Plan};
use super::zipf::Zipf;

/// Changes of one run: every process of the crowd is told of all of them.
pub(super) const CHANGES: usize = 50_000;
/// So that arrivals of changes aren't those of looks.
const SEED: u64 = 0x6368_616e_6765;

/// The changes of a run, before its events have names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Drawn {
    wanted: Vec<Wanted>,
    /// Why they end before the run does, where they do.
    pub(super) ended: Option<Ended>,
}

/// One ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    at: Duration,
    /// Which event, by its fame.
    event: usize,
    ticket: TicketId,
}

/// When and why changes end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) at: Duration,
    pub(super) why: Why,
}

/// Why changes end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Every ticket has had its turn.
    SoldOut,
    /// There are [`CHANGES`] already.
    TooMany,
}

impl Drawn {
    /// What a plan asks for.
    ///
    /// # Errors
    ///
    /// One line, when its changes would end before the run does. That a day sells out is
    /// no reason: the report says when.
    pub(super) fn of(plan: &Plan) -> Result<Self, String> {
        let (Some(changes), Events::Own { count, tickets, .. }) = (&plan.changes, &plan.events)
        else {
            return Ok(Self::default());
        };
        let zipf = plan.watching.as_ref().map_or(0.0, |of| of.zipf);
        let (lasts, seed) = (plan.lasts(), plan.run.seed);
        let drawn = draw(changes.rate, lasts, seed, (*count).max(1), *tickets, zipf);
        match drawn.ended.and_then(|ended| refusal(ended, changes, lasts)) {
            Some(refusal) => Err(refusal),
            None => Ok(drawn),
        }
    }

    /// The changes, over these events.
    pub(super) fn changes(&self, events: &[EventId]) -> Vec<Change> {
        let wanted = self.wanted.iter();
        let named = wanted.map(|Wanted { at, event, ticket }| Change {
            at: *at,
            event: events[*event],
            ticket: *ticket,
        });
        named.collect()
    }
}

/// Events by their fame, tickets from the front, each once.
fn draw(rate: Rate, lasts: Duration, seed: u64, events: usize, tickets: u32, zipf: f64) -> Drawn {
    let (fame, mut random) = (Zipf::new(events, zipf), fastrand::Rng::with_seed(seed));
    let mut next = vec![0; events];
    let mut drawn = Drawn::default();
    for at in Arrivals::new(rate, lasts, seed ^ SEED) {
        let wanted = fame.draw(&mut random);
        // Of the next event, where this one is sold out.
        let mut in_turn = (wanted..events).chain(0..wanted);
        let event = in_turn.find(|event| next[*event] < tickets);
        let (why, event) = match event {
            None => (Some(Why::SoldOut), 0),
            Some(_) if drawn.wanted.len() == CHANGES => (Some(Why::TooMany), 0),
            Some(event) => (None, event),
        };
        if let Some(why) = why {
            drawn.ended = Some(Ended { at, why });
            break;
        }
        let ticket = TicketId(next[event]);
        next[event] += 1;
        drawn.wanted.push(Wanted { at, event, ticket });
    }
    drawn
}

/// Why a run isn't begun whose changes end so, and what to do.
fn refusal(ended: Ended, changes: &Changes, lasts: Duration) -> Option<String> {
    let fewer = changes.fewer;
    let until = format!("{:.1} s of {}", ended.at.as_secs_f64(), lasts.as_secs());
    match (ended.why, changes.ending) {
        (Why::SoldOut, Ending::Pay) => None,
        (Why::SoldOut, Ending::LetGo) => Some(format!(
            "all tickets are reserved after {until}, so changes would end there: raise \
             --tickets, {fewer}, or lower --seconds"
        )),
        (Why::TooMany, Ending::Pay | Ending::LetGo) => Some(format!(
            "a run has {CHANGES} changes at most, which are made after {until}: {fewer}, or \
             lower --seconds"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const LASTS: Duration = Duration::from_secs(10);

    fn drawn(per_second: f64, tickets: u32) -> Drawn {
        draw(Rate::Flat { per_second }, LASTS, 1, 3, tickets, 1.0)
    }

    #[test]
    fn no_ticket_is_planned_twice_and_a_plan_ends_when_all_are_sold() {
        let events: Vec<_> = (1..=3).map(EventId::from_number).collect();
        let check = |tickets, expected: std::ops::RangeInclusive<usize>, ends: bool| {
            let drawn = drawn(50.0, tickets);
            let changes = drawn.changes(&events);
            let taken: BTreeSet<_> = changes.iter().map(|of| (of.event, of.ticket)).collect();
            assert_eq!(taken.len(), changes.len());
            assert!(expected.contains(&changes.len()), "{}", changes.len());
            assert!(changes.is_sorted_by_key(|change| change.at));
            let last = changes.last().map(|change| change.at);
            assert_eq!(
                drawn.ended.map(|ended| ended.why),
                ends.then_some(Why::SoldOut)
            );
            assert!(drawn.ended.is_none_or(|ended| Some(ended.at) > last));
        };
        check(1_000, 400..=600, false);
        check(20, 60..=60, true);
    }

    #[test]
    fn changes_that_cannot_fit_are_refused_with_what_to_do() {
        let check = |per_second, tickets, ending, expected: Option<&str>| {
            let changes = Changes {
                rate: Rate::Flat { per_second },
                people: 1,
                ending,
                name: "change",
                fewer: "lower --changes",
            };
            let ended = drawn(per_second, tickets).ended;
            let refused = ended.and_then(|ended| refusal(ended, &changes, LASTS));
            let fits = match (&refused, expected) {
                (Some(refused), Some(expected)) => {
                    refused.contains(expected) && refused.contains("lower --changes")
                }
                (None, None) => true,
                _ => false,
            };
            assert!(fits, "{refused:?}, expected {expected:?}");
        };
        check(5.0, 200, Ending::LetGo, None);
        check(50.0, 20, Ending::LetGo, Some("raise --tickets"));
        check(50.0, 20, Ending::Pay, None);
        check(
            9_000.0,
            90_000,
            Ending::LetGo,
            Some("50000 changes at most"),
        );
        check(9_000.0, 90_000, Ending::Pay, Some("50000 changes at most"));
    }
}
