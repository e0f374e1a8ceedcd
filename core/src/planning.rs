//! What a lane knows of the events whose best available tickets are asked for, kept up
//! to date from the log: the core's own commits and those of others alike.

use std::sync::Arc;

use parterre_domain::command::best::{Planner, Wish};
use parterre_domain::command::{Command, Idempotency, Reserve};
use parterre_domain::state::TicketRecord;
use parterre_domain::wire::api::BestWish;
use parterre_domain::wire::feed::decode_record;
use parterre_domain::{
    EventId, EventRecord, Layout, Refusal, ReservationId, ReservedTicket, Rev, States, TakenTicket,
    TicketId, TicketState, Token, keys, limits,
};

use crate::driver::Outcome;
use crate::lane::Rejected;
use crate::layouts::{Layouts, decode, event_in};
use crate::recent::Recent;
use crate::store::any::{AnySnapshot, AnyStore};
use crate::store::{Failure, Snapshot, Store};

/// A buyer's request for the best available tickets.
#[derive(Clone, Debug)]
pub struct BestRequest {
    /// Which event.
    pub event: EventId,
    /// The reservation's id, as in [`Reserve`].
    pub reservation: ReservationId,
    /// The reservation's token, as in [`Reserve`].
    pub token: Token,
    /// What the buyer wants.
    pub wish: BestWish,
    /// The client's key, as in [`Reserve`].
    pub idempotency: Option<Idempotency>,
}

/// What planning made of a request.
#[derive(Clone, Debug)]
pub struct Plan {
    /// To be decided; without tickets if none fit, so that a replay or a refusal that
    /// comes first is still answered.
    pub command: Command,
    /// What to answer if the command had no tickets.
    pub nothing: Option<Refusal>,
    /// What is marked as taken until the outcome is known.
    pub tickets: Vec<TicketId>,
}

impl Plan {
    /// The outcome as the buyer is told it.
    pub fn outcome(&self, outcome: Outcome) -> Outcome {
        match (outcome, &self.nothing) {
            (Err(Rejected::Refused(Refusal::Invalid(_))), Some(nothing)) => {
                Err(nothing.clone().into())
            }
            // Which tickets the plan lost means nothing to who asked for any.
            (Err(Rejected::Refused(Refusal::TicketsTaken(_))), _) => {
                Err(Refusal::TicketsTaken(Vec::new()).into())
            }
            (outcome, _) => outcome,
        }
    }
}

/// The cells of one lane.
pub struct Planning {
    store: AnyStore,
    layouts: Layouts,
    cells: Recent<EventId, Cell>,
    /// Every record up to here is in every cell.
    position: Option<Rev>,
}

struct Cell {
    record: EventRecord,
    layout: Arc<Layout>,
    planner: Planner,
    read_at: Rev,
}

impl Planning {
    /// No cells yet.
    pub fn new(store: AnyStore, layouts: Layouts) -> Self {
        Self {
            store,
            layouts,
            cells: Recent::new(limits::PLANNED_TICKETS),
            position: None,
        }
    }

    /// Takes in what was committed since the last call.
    ///
    /// # Errors
    ///
    /// When the store fails; the cells are dropped then.
    pub async fn catch_up(&mut self) -> Result<(), Failure> {
        let caught = self.follow().await;
        if caught.is_err() {
            self.forget_all();
        }
        caught
    }

    async fn follow(&mut self) -> Result<(), Failure> {
        for _ in 0..limits::CATCH_UP_READS {
            let Some(position) = self.position else {
                return Ok(());
            };
            let max_bytes = limits::CATCH_UP_BYTES;
            let page = self.store.log_after(position, max_bytes).await?;
            if page.oldest > position || page.head.epoch != position.epoch {
                break;
            }
            for (rev, record) in &page.records {
                self.apply(*rev, record)?;
                self.position = Some(*rev);
            }
            if self.position >= Some(page.head) {
                return Ok(());
            }
        }
        self.forget_all();
        Ok(())
    }

    fn apply(&mut self, rev: Rev, record: &[u8]) -> Result<(), Failure> {
        let record =
            decode_record(record).map_err(|error| Failure(format!("log record {rev}: {error}")))?;
        for change in record.events {
            let cell = self.cells.peek(change.event);
            let Some(cell) = cell.filter(|cell| cell.read_at < rev) else {
                continue;
            };
            for (ticket, state) in change.tickets {
                cell.planner.set_free(ticket, state == TicketState::Free);
            }
            if let Some(record) = change.record {
                cell.record = *record;
            }
        }
        Ok(())
    }

    fn forget_all(&mut self) {
        self.cells.clear();
        self.position = None;
    }

    /// Plans a request and marks what it takes.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn plan(&mut self, request: &BestRequest) -> Result<Plan, Failure> {
        let planned = match self.cell(request.event).await? {
            Some(cell) => cell.plan(&request.wish),
            None => Err(Refusal::NotFound("event")),
        };
        let (tickets, nothing) = match planned {
            Ok(tickets) => (tickets, None),
            Err(refusal) => (Vec::new(), Some(refusal)),
        };
        let ids = tickets.iter().map(|ticket| ticket.id).collect();
        let command = Command::Reserve(Reserve {
            event: request.event,
            reservation: request.reservation,
            token: request.token,
            tickets,
            idempotency: request.idempotency.clone(),
        });
        Ok(Plan {
            command,
            nothing,
            tickets: ids,
        })
    }

    /// Takes the marks of a plan back that wasn't carried out, except on what was found
    /// taken.
    pub fn unmark(&mut self, event: EventId, tickets: &[TicketId], taken: &[TakenTicket]) {
        let Some(cell) = self.cells.peek(event) else {
            return;
        };
        for &ticket in tickets {
            if !taken.iter().any(|taken| taken.id == ticket) {
                cell.planner.set_free(ticket, true);
            }
        }
    }

    /// Forgets an event about which nothing is sure any more.
    pub fn forget(&mut self, event: EventId) {
        self.cells.remove(event);
    }

    async fn cell(&mut self, event: EventId) -> Result<Option<&mut Cell>, Failure> {
        if self.cells.peek(event).is_none() {
            let snapshot = self.store.snapshot().await?;
            let Some(cell) = self.load(&snapshot, event).await? else {
                return Ok(None);
            };
            self.position.get_or_insert(cell.read_at);
            let weight = u64::from(cell.record.total);
            self.cells.insert(event, cell, weight);
        }
        Ok(self.cells.get(event))
    }

    async fn load(&self, snapshot: &AnySnapshot, event: EventId) -> Result<Option<Cell>, Failure> {
        let Some(record) = event_in(snapshot, event)
            .await?
            .filter(EventRecord::is_public)
        else {
            return Ok(None);
        };
        let layout = self.layouts.of(snapshot, &record).await?;
        let states = states_in(snapshot, &record).await?;
        let planner = Planner::new(&layout, &states);
        Ok(Some(Cell {
            record,
            layout,
            planner,
            read_at: snapshot.rev(),
        }))
    }
}

impl Cell {
    fn plan(&mut self, wish: &BestWish) -> Result<Vec<ReservedTicket>, Refusal> {
        let wish = self.look_up(wish)?;
        let tickets = self
            .planner
            .plan(&wish)
            .ok_or(Refusal::TicketsTaken(Vec::new()))?;
        tickets
            .iter()
            .for_each(|&ticket| self.planner.set_free(ticket, false));
        let reserved = tickets.into_iter().map(|id| ReservedTicket {
            id,
            tier: self.layout.tier_of(id).unwrap_or(0),
        });
        Ok(reserved.collect())
    }

    fn look_up(&self, wish: &BestWish) -> Result<Wish, Refusal> {
        if !(1..=self.record.about.max_tickets).contains(&wish.count) {
            let reason = format!("must be 1 to {}", self.record.about.max_tickets);
            return Err(Refusal::invalid("best.count", reason));
        }
        let tier = wish.tier.as_ref().map(|id| {
            let found = self.record.tiers.iter().position(|tier| tier.id == *id);
            index(found).ok_or_else(|| Refusal::invalid("best.tier", "the event has no such tier"))
        });
        let section = wish.section.as_ref().map(|name| {
            let found = self
                .layout
                .sections
                .iter()
                .position(|section| section == name);
            index(found)
                .ok_or_else(|| Refusal::invalid("best.section", "the event has no such section"))
        });
        Ok(Wish {
            count: usize::from(wish.count),
            tier: tier.transpose()?,
            section: section.transpose()?,
            together: wish.together,
        })
    }
}

fn index(found: Option<usize>) -> Option<u16> {
    found.and_then(|at| u16::try_from(at).ok())
}

/// The states of an event's tickets in a snapshot.
///
/// # Errors
///
/// When the store fails or a record can't be read.
pub async fn states_in(snapshot: &AnySnapshot, record: &EventRecord) -> Result<States, Failure> {
    let mut states = States::all_free(record.total);
    let mut range = keys::tickets(record.id);
    loop {
        let rows = snapshot.range(&range, limits::ROWS_PER_READ).await?;
        for (key, value) in &rows {
            let held: TicketRecord = decode(key, value)?;
            keys::ticket_of(key).and_then(|ticket| states.set(ticket, held.state()));
        }
        match rows.last() {
            Some((last, _)) if rows.len() == limits::ROWS_PER_READ => range = range.after(last),
            _ => return Ok(states),
        }
    }
}
