//! What one process of a crowd is told to do.

use std::time::Duration;

use parterre_domain::{EventId, TicketId};
use serde::{Deserialize, Serialize};

use crate::scenario::arrivals::Rate;
use crate::wire::Origin;

/// Sockets that one process of a crowd has at most: a fourth less than what a process may
/// have where limits are low.
const SOCKETS_PER_PROCESS: usize = 15_000;
/// Of so many watchers one folds every delta, at most.
const FOLDS_ONE_IN: usize = 50;
/// So many fold at least, where there are as many.
const FOLDS_LEAST: usize = 20;

/// A crowd, or one process's part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) edges: Vec<Origin>,
    pub(crate) core: Origin,
    /// Where this part's randomness begins.
    pub(crate) seed: u64,
    pub(crate) lasts: Duration,
    /// In the order of their fame.
    pub(crate) events: Vec<EventId>,
    pub(crate) hold_seconds: u32,
    pub(crate) browsing: Option<Browsing>,
    pub(crate) watching: Option<Watching>,
    pub(crate) rush: Option<Rush>,
}

/// People who look around.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Browsing {
    /// How many look at once, at most: each has one connection.
    pub(crate) people: usize,
    pub(crate) rate: Rate,
    /// The exponent of Zipf's law over events.
    pub(crate) zipf: f64,
}

/// People who watch one event each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watching {
    pub(crate) people: usize,
    /// The number of the first of them.
    pub(crate) first: usize,
    /// The exponent of Zipf's law over events.
    pub(crate) zipf: f64,
    /// Of so many one folds every delta; the others only see that each follows on.
    pub(crate) fold_one_in: usize,
    /// What is going to happen, so that everybody knows when it was due.
    pub(crate) changes: Vec<Change>,
    /// When all connections are cut, to come back at once.
    pub(crate) cut_at: Option<Duration>,
}

/// A reservation of one ticket, and when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) at: Duration,
    pub(crate) event: EventId,
    pub(crate) ticket: TicketId,
}

/// People who wait for a sale to open and then want the front rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rush {
    pub(crate) people: usize,
    /// The number of the first of them.
    pub(crate) first: usize,
    pub(crate) opens_at: Duration,
    /// How long the slowest takes to act once the sale is open.
    pub(crate) reaction: Duration,
    /// How many in a hundred ask for the best available instead of picking.
    pub(crate) best_percent: u8,
    /// How many in a hundred pay; the others let go.
    pub(crate) pay_percent: u8,
}

impl Watching {
    /// One in so many that enough of `people` fold.
    pub(crate) fn fold_one_in(people: usize) -> usize {
        (people / FOLDS_LEAST).clamp(1, FOLDS_ONE_IN)
    }
}

impl Part {
    /// People who have a socket or two, and how many that makes.
    fn sockets(&self) -> usize {
        let browsing = self.browsing.as_ref().map_or(0, |of| of.people);
        let watching = self.watching.as_ref().map_or(0, |of| of.people);
        let rush = self.rush.as_ref().map_or(0, |of| of.people * 2);
        browsing + watching + rush
    }

    /// Processes that it takes.
    pub(crate) fn processes(&self) -> usize {
        self.sockets().div_ceil(SOCKETS_PER_PROCESS).max(1)
    }

    /// One part for each process.
    pub(crate) fn split(&self, processes: usize) -> Vec<Self> {
        let parts = (0..processes).map(|number| self.of(number, processes));
        parts.collect()
    }

    fn of(&self, number: usize, processes: usize) -> Self {
        let share = |people: usize| people * (number + 1) / processes - people * number / processes;
        let before = |people: usize| people * number / processes;
        let mut part = self.clone();
        part.seed = (self.seed ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if let Some(browsing) = &mut part.browsing {
            browsing.people = share(browsing.people).max(1);
            let processes = u32::try_from(processes).unwrap_or(u32::MAX);
            browsing.rate = browsing.rate.shared_by(processes.into());
        }
        if let Some(watching) = &mut part.watching {
            watching.first = before(watching.people);
            watching.people = share(watching.people);
        }
        if let Some(rush) = &mut part.rush {
            rush.first = before(rush.people);
            rush.people = share(rush.people);
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(people: usize) -> Part {
        Part {
            edges: Vec::new(),
            core: "http://127.0.0.1:1".parse().unwrap(),
            seed: 1,
            lasts: Duration::from_secs(1),
            events: Vec::new(),
            hold_seconds: 600,
            browsing: Some(Browsing {
                people,
                rate: Rate::Flat { per_second: 90.0 },
                zipf: 1.0,
            }),
            watching: Some(Watching {
                people,
                first: 0,
                zipf: 1.0,
                fold_one_in: 1,
                changes: Vec::new(),
                cut_at: None,
            }),
            rush: None,
        }
    }

    #[test]
    fn parts_make_the_whole_and_nobody_has_two_numbers() {
        for (people, processes) in [(10, 3), (10, 1), (2, 3), (15_001, 2)] {
            let parts = crowd(people).split(processes);
            let mut next = 0;
            for part in &parts {
                let watching = part.watching.as_ref().unwrap();
                assert_eq!(watching.first, next);
                next += watching.people;
            }
            assert_eq!(next, people);
            let mut seeds: Vec<_> = parts.iter().map(|part| part.seed).collect();
            seeds.dedup();
            assert_eq!(seeds.len(), processes);
        }
    }

    #[test]
    fn enough_watchers_fold() {
        for (people, expected) in [(5, 1), (20, 1), (100, 5), (1_000, 50), (100_000, 50)] {
            assert_eq!(Watching::fold_one_in(people), expected, "{people}");
        }
    }
}
