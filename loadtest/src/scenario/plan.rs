//! What a scenario wants: which crowd, over which events, with which changes meanwhile.
//! The engine does it.

use std::time::Duration;

use parterre_domain::{EventId, limits};

use super::args::RunArgs;
use super::arrivals::Rate;
use super::crowd::{Browsing, Part, Rush, Watching};
use super::outcome::Outcome;
use super::report::Subject;

/// How much longer than a run its reservations may last, in seconds.
const HOLD_LONGER: u64 = 120;

/// A scenario, ready to be run.
pub(super) struct Plan {
    pub(super) name: &'static str,
    /// What the report answers.
    pub(super) question: &'static str,
    /// Everything that was chosen, for the report.
    pub(super) chosen: Vec<(&'static str, String)>,
    pub(super) run: RunArgs,
    pub(super) events: Events,
    pub(super) browsing: Option<Browsing>,
    pub(super) watching: Option<Watching>,
    pub(super) rush: Option<Rush>,
    pub(super) changes: Option<Changes>,
    /// Whether to look for this tool's own ceiling first.
    pub(super) finds_ceiling: bool,
    /// What is timed from one instant for everybody, by its name in the report.
    pub(super) at_once: &'static [&'static str],
    /// What the plots over time show, by its name in the report.
    pub(super) main: &'static [&'static str],
    /// What the report says first.
    pub(super) findings: fn(&Outcome) -> Vec<(String, String)>,
}

/// What a crowd looks at.
pub(super) enum Events {
    /// Published for this run.
    Own {
        count: usize,
        tickets: u32,
        /// Whether the sale opens only during the run.
        opens_later: bool,
    },
    /// There already; nothing is changed in them.
    Existing(Vec<EventId>),
}

/// Reservations of one ticket each, made by a few buyers in the parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changes {
    pub(super) rate: Rate,
    /// How many may be under way at once.
    pub(super) people: usize,
    pub(super) ending: Ending,
    /// What the report calls them.
    pub(super) name: &'static str,
    /// What whoever wants fewer of them does on the command line.
    pub(super) fewer: &'static str,
}

/// What becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Let go at the end of the run.
    LetGo,
    /// Paid at once.
    Pay,
}

impl Plan {
    pub(super) fn lasts(&self) -> Duration {
        self.run.lasts()
    }

    /// How long reservations keep their tickets: until the run is over.
    pub(super) fn hold_seconds(&self) -> u32 {
        let seconds = u32::try_from(self.run.seconds + HOLD_LONGER).unwrap_or(u32::MAX);
        seconds.min(*limits::HOLD_SECONDS.end())
    }

    /// The whole crowd, over these events.
    pub(super) fn crowd(&self, events: &[EventId]) -> Part {
        Part {
            edges: self.run.server.edges.clone(),
            core: self.run.server.core.clone(),
            seed: self.run.seed,
            lasts: self.lasts(),
            events: events.to_vec(),
            hold_seconds: self.hold_seconds(),
            browsing: self.browsing.clone(),
            watching: self.watching.clone(),
            rush: self.rush.clone(),
        }
    }

    /// What its report is about.
    pub(super) fn subject(&self, processes: usize) -> Subject {
        Subject {
            scenario: self.name,
            question: self.question,
            seed: Some(self.run.seed),
            seconds: self.lasts().as_secs(),
            processes,
            chosen: self.chosen.clone(),
            at_once: self.at_once,
            main: self.main,
        }
    }

    /// Whether it writes reservations, so that there is something to audit.
    pub(super) fn writes(&self) -> bool {
        self.changes.is_some() || self.rush.is_some()
    }
}
