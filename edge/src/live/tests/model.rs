//! A world fed by hand: events whose every commit is remembered, so that a client's fold
//! can be compared with what was true.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use parterre_domain::wire::api::EventDetail;
use parterre_domain::{
    About, Counts, Currency, EventId, EventRecord, Life, Position, Rev, SalePhase, States,
    TicketChanges, TicketId, TicketState, Timestamp,
};

use crate::cell::{CatchUp, Delta};
use crate::live::hub::World;
use crate::live::watch::{Snapshot, Source};

/// Commits that a model remembers as deltas, as a cell's ring would.
const RING: usize = 12;

pub(crate) struct Model {
    pub(crate) event: EventId,
    pub(crate) states: States,
    pub(crate) rev: Rev,
    pub(crate) title: String,
    ring: Vec<(Rev, Rev, TicketChanges, bool)>,
    is_lost: bool,
    /// The epoch that the event is known in; its rev may be of an earlier one.
    epoch: u32,
    /// Every state that ever was.
    pub(crate) history: BTreeMap<Rev, States>,
}

impl Model {
    fn counts(&self) -> Counts {
        self.states.count()
    }

    /// One commit. A rev is never used twice in a world.
    pub(crate) fn commit(&mut self, rev: Rev, changes: &[(TicketId, TicketState)], title: bool) {
        assert!(self.rev < rev);
        let mut touched = TicketChanges::default();
        touched.fold(changes.iter().copied());
        for &(ticket, state) in changes {
            self.states.set(ticket, state);
        }
        if title {
            self.title = format!("Title of {rev}");
        }
        self.ring.push((self.rev, rev, touched, title));
        if self.ring.len() > RING {
            self.ring.remove(0);
        }
        self.rev = rev;
        self.epoch = rev.epoch;
        self.history.insert(rev, self.states.clone());
    }

    /// A restore from a backup: another epoch, nothing remembered, and the event as it
    /// was at `rev`.
    pub(crate) fn restore(&mut self, epoch: u32, rev: Rev) {
        self.ring.clear();
        self.states = self.history[&rev].clone();
        self.rev = rev;
        self.epoch = epoch;
    }

    fn catch_up(&self, since: Rev) -> CatchUp {
        if since == self.rev {
            return CatchUp::UpToDate;
        }
        if since.epoch != self.epoch {
            return CatchUp::Snapshot;
        }
        if since > self.rev {
            return CatchUp::Ahead;
        }
        let Some(first) = self
            .ring
            .iter()
            .position(|(from, rev, ..)| *from <= since && since < *rev)
        else {
            return CatchUp::Snapshot;
        };
        let mut changes = TicketChanges::default();
        let mut record_changed = false;
        for (_, _, touched, title) in &self.ring[first..] {
            changes.fold(touched.iter());
            record_changed |= title;
        }
        CatchUp::Delta(Delta {
            from: self.ring[first].0,
            rev: self.rev,
            counts: self.counts(),
            changes,
            record_changed,
        })
    }

    fn detail(&self) -> EventDetail {
        let record = EventRecord {
            id: self.event,
            about: About {
                title: self.title.clone(),
                category: "comedy".into(),
                venue: "Venue".into(),
                city: "City".into(),
                starts_at: Timestamp::from_millis(0),
                sale_opens_at: None,
                sale_closes_at: None,
                currency: "EUR".parse::<Currency>().unwrap(),
                description: String::new(),
                image_url: None,
                max_tickets: 10,
                hold_seconds: 600,
            },
            life: Life::Published,
            phase: SalePhase::Open,
            tiers: Vec::new(),
            uploads: Vec::new(),
            total: self.states.len(),
            created_at: Timestamp::from_millis(0),
            cancelling: false,
        };
        EventDetail::new(&record, self.counts(), self.rev)
    }
}

#[derive(Clone)]
pub(crate) struct FedCell(pub(crate) Rc<RefCell<Model>>);

impl Source for FedCell {
    fn rev(&self) -> Rev {
        self.0.borrow().rev
    }

    fn is_gone(&self) -> bool {
        self.0.borrow().is_lost
    }

    fn catch_up(&self, since: Rev) -> CatchUp {
        self.0.borrow().catch_up(since)
    }

    fn snapshot(&self) -> Snapshot {
        let model = self.0.borrow();
        Snapshot {
            rev: model.rev,
            counts: model.counts(),
            states: model.states.to_letters(),
        }
    }

    fn detail(&self) -> EventDetail {
        self.0.borrow().detail()
    }
}

/// Events and the order of their commits.
#[derive(Clone, Default)]
pub(crate) struct FedWorld(pub(crate) Rc<RefCell<Fed>>);

#[derive(Default)]
pub(crate) struct Fed {
    pub(crate) cells: BTreeMap<EventId, FedCell>,
    pub(crate) head: Rev,
}

pub(crate) fn event(number: u64) -> EventId {
    EventId::new(
        Timestamp::from_millis(1_700_000_000_000),
        u128::from(number),
    )
}

impl FedWorld {
    /// A world of events numbered from 0, each with so many free tickets.
    pub(crate) fn new(events: u64, tickets: u32) -> Self {
        let world = Self::default();
        for number in 0..events {
            let rev = world.next_rev();
            let states = States::all_free(tickets);
            let model = Model {
                event: event(number),
                history: BTreeMap::from([(rev, states.clone())]),
                states,
                rev,
                title: "Title".into(),
                ring: Vec::new(),
                is_lost: false,
                epoch: rev.epoch,
            };
            let cell = FedCell(Rc::new(RefCell::new(model)));
            world.0.borrow_mut().cells.insert(event(number), cell);
        }
        world
    }

    pub(crate) fn next_rev(&self) -> Rev {
        let mut fed = self.0.borrow_mut();
        let sequence = fed.head.position.sequence() + 1;
        fed.head.position = Position::from_sequence(sequence);
        fed.head
    }

    /// Begins another epoch of the log.
    pub(crate) fn next_epoch(&self) -> u32 {
        let mut fed = self.0.borrow_mut();
        fed.head.epoch += 1;
        fed.head.epoch
    }

    pub(crate) fn cell(&self, number: u64) -> FedCell {
        self.0.borrow().cells[&event(number)].clone()
    }

    /// A restore from a backup that has no such event.
    pub(crate) fn lose(&self, number: u64) {
        let lost = self.0.borrow_mut().cells.remove(&event(number));
        lost.unwrap().0.borrow_mut().is_lost = true;
    }

    /// Commits a change of tickets of an event.
    pub(crate) fn commit(&self, number: u64, changes: &[(u32, TicketState)]) -> Rev {
        let rev = self.next_rev();
        let changes: Vec<_> = changes
            .iter()
            .map(|&(ticket, state)| (TicketId(ticket), state))
            .collect();
        self.cell(number)
            .0
            .borrow_mut()
            .commit(rev, &changes, false);
        rev
    }
}

impl World for FedWorld {
    type Cell = FedCell;

    fn counts(&self, only: Option<&BTreeSet<EventId>>) -> (Rev, BTreeMap<EventId, Counts>) {
        let fed = self.0.borrow();
        let counts = fed
            .cells
            .iter()
            .filter(|(event, _)| only.is_none_or(|only| only.contains(event)))
            .map(|(&event, cell)| (event, cell.0.borrow().counts()));
        (fed.head, counts.collect())
    }
}
