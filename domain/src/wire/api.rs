//! The structures of the HTTP API, as they stand in JSON and, with the same names, in
//! MessagePack.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Buyer, Counts, CreationWindow, Currency, EventId, EventRecord, Hours, Layout, Life, Money,
    ReservationId, ReservationRecord, ReservationState, ReservedTicket, Rev, SalePhase, States,
    TicketId, TicketState, Tier, Timestamp,
};

/// What can be done with an event now, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// Only administrators see it.
    Draft,
    /// It won't take place.
    Cancelled,
    /// The sale is over.
    Closed,
    /// The sale isn't open yet.
    Upcoming,
    /// Nothing is free.
    SoldOut,
    /// Tickets can be reserved.
    OnSale,
}

/// An event in a list.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct EventSummary {
    pub id: EventId,
    pub title: String,
    pub category: String,
    pub venue: String,
    pub city: String,
    pub starts_at: Timestamp,
    pub sale_opens_at: Timestamp,
    pub sale_closes_at: Timestamp,
    pub status: EventStatus,
    pub currency: Currency,
    pub price_from: Option<Money>,
    pub counts: Counts,
}

/// One event.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct EventDetail {
    #[serde(flatten)]
    pub summary: EventSummary,
    pub description: String,
    pub image_url: Option<String>,
    pub max_tickets: u16,
    pub hold_seconds: u32,
    pub tiers: Vec<Tier>,
    pub rev: Rev,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct EventList {
    pub events: Vec<EventSummary>,
    pub next_cursor: Option<String>,
}

/// Everything about an event's tickets that never changes.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct LayoutBody {
    pub event: EventId,
    pub tiers: Vec<Tier>,
    pub sections: Vec<String>,
    pub tickets: LayoutColumns,
}

/// The columns of a layout, in ticket order.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct LayoutColumns {
    pub section: Vec<u16>,
    pub row: Vec<Box<str>>,
    pub seat: Vec<Box<str>>,
    pub tier: Vec<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<Vec<f32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<Vec<f32>>,
}

/// Everything about an event's tickets that changes.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct Availability {
    pub event: EventId,
    pub rev: Rev,
    pub counts: Counts,
    /// One letter a ticket: f p s w.
    pub states: String,
}

/// One ticket.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct Ticket {
    pub id: TicketId,
    pub section: String,
    pub row: String,
    pub seat: String,
    pub tier: String,
    pub price: Money,
    pub currency: Currency,
    pub state: TicketState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<String>,
}

/// A page of tickets.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct TicketList {
    pub tickets: Vec<Ticket>,
    pub rev: Rev,
    pub next_cursor: Option<String>,
}

/// One buyer's claim.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct Reservation {
    pub id: ReservationId,
    pub event: EventId,
    pub tickets: Vec<Ticket>,
    pub total: Money,
    pub currency: Currency,
    pub state: ReservationState,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The body of a request to reserve: tickets by id, or the best available.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReserveRequest {
    /// These tickets and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tickets: Option<Vec<TicketId>>,
    /// The best that there are.
    #[serde(
        default,
        deserialize_with = "crate::object::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub best: Option<BestWish>,
}

/// A wish for the best available tickets.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestWish {
    /// How many.
    #[serde(deserialize_with = "crate::whole::deserialize")]
    #[schemars(range(min = 1, max = 100))]
    pub count: u16,
    /// Only of this tier, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Only in this section, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// Side by side in one row; never dropped silently.
    #[serde(default = "yes")]
    pub together: bool,
}

fn yes() -> bool {
    true
}

/// The body of a request to check out.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct CheckoutRequest {
    #[serde(deserialize_with = "crate::object::deserialize")]
    pub buyer: Buyer,
    pub success_url: String,
    pub cancel_url: String,
}

/// Where to pay.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct CheckoutAnswer {
    pub redirect_url: String,
    pub expires_at: Timestamp,
}

/// Tickets for a draft, as JSON.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct TicketsUpload {
    #[serde(deserialize_with = "crate::upload::tiers")]
    pub tiers: Vec<Tier>,
    #[serde(deserialize_with = "crate::upload::tickets")]
    pub tickets: Vec<crate::NewTicket>,
}

/// What an upload of tickets answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct TicketsAdded {
    pub added: u32,
    pub total: u32,
}

/// When a put-off publishing will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct PublishAt {
    pub at: Timestamp,
}

/// The creation window, with a window that the purchases of late speak for.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct CreationWindowAnswer {
    #[serde(flatten)]
    pub window: CreationWindow,
    /// None before a week of sales.
    pub suggested: Option<Hours>,
}

/// Which tickets to withdraw or restore.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct TicketsRequest {
    pub tickets: Vec<TicketId>,
}

/// How to refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "API.md's names")]
pub struct RefundRequest {
    pub return_to_sale: bool,
}

impl EventStatus {
    /// The first word that holds, of an event with these counts.
    pub fn of(record: &EventRecord, counts: &Counts) -> Self {
        match (record.life, record.phase) {
            (Life::Draft | Life::Scheduled { .. }, _) => Self::Draft,
            (Life::Cancelled | Life::Dropped, _) => Self::Cancelled,
            (Life::Published, SalePhase::Closed) => Self::Closed,
            (Life::Published, SalePhase::Upcoming) => Self::Upcoming,
            (Life::Published, SalePhase::Open) if counts.free == 0 => Self::SoldOut,
            (Life::Published, SalePhase::Open) => Self::OnSale,
        }
    }
}

impl EventSummary {
    /// The summary of a stored event.
    pub fn new(record: &EventRecord, counts: Counts) -> Self {
        let about = &record.about;
        Self {
            id: record.id,
            title: about.title.clone(),
            category: about.category.clone(),
            venue: about.venue.clone(),
            city: about.city.clone(),
            starts_at: about.starts_at,
            sale_opens_at: record.sale_opens_at(),
            sale_closes_at: record.sale_closes_at(),
            status: EventStatus::of(record, &counts),
            currency: about.currency,
            price_from: record.price_from(),
            counts,
        }
    }
}

impl EventDetail {
    /// The detail of a stored event.
    pub fn new(record: &EventRecord, counts: Counts, rev: Rev) -> Self {
        Self {
            summary: EventSummary::new(record, counts),
            description: record.about.description.clone(),
            image_url: record.about.image_url.clone(),
            max_tickets: record.about.max_tickets,
            hold_seconds: record.about.hold_seconds,
            tiers: record.tiers.clone(),
            rev,
        }
    }
}

impl LayoutBody {
    /// A layout as the API shows it.
    pub fn new(record: &EventRecord, layout: &Layout) -> Self {
        Self {
            event: record.id,
            tiers: record.tiers.clone(),
            sections: layout.sections.clone(),
            tickets: LayoutColumns {
                section: layout.section.clone(),
                row: layout.row.clone(),
                seat: layout.seat.clone(),
                tier: layout.tier.clone(),
                x: layout.x.clone(),
                y: layout.y.clone(),
            },
        }
    }
}

impl Availability {
    /// The availability of an event's tickets at a rev.
    pub fn new(event: EventId, rev: Rev, counts: Counts, states: &States) -> Self {
        Self {
            event,
            rev,
            counts,
            states: states.to_letters(),
        }
    }
}

impl Ticket {
    /// A ticket of an event, in a state. A ticket that the layout doesn't have shows
    /// empty texts.
    pub fn new(
        record: &EventRecord,
        layout: &Layout,
        ticket: ReservedTicket,
        state: TicketState,
    ) -> Self {
        let at = ticket.id.index();
        let text = |column: &[Box<str>]| {
            column
                .get(at)
                .map_or_else(String::new, |text| text.to_string())
        };
        let tier = record.tiers.get(usize::from(ticket.tier));
        Self {
            id: ticket.id,
            section: layout.section_of(ticket.id).to_owned(),
            row: text(&layout.row),
            seat: text(&layout.seat),
            tier: tier.map_or_else(String::new, |tier| tier.id.clone()),
            price: tier.map_or(Money(0), |tier| tier.price),
            currency: record.about.currency,
            state,
            pass: None,
        }
    }
}

impl Reservation {
    /// A reservation as the API shows it: its tickets in the states that they are in now,
    /// whoever has them, and its token if the asker may have it.
    pub fn new(
        reservation: &ReservationRecord,
        event: &EventRecord,
        layout: &Layout,
        states: impl IntoIterator<Item = TicketState>,
        with_token: bool,
    ) -> Self {
        let tickets = reservation
            .tickets
            .iter()
            .zip(states)
            .map(|(&ticket, state)| Ticket::new(event, layout, ticket, state));
        Self {
            id: reservation.id,
            event: reservation.event,
            tickets: tickets.collect(),
            total: reservation.total,
            currency: reservation.currency,
            state: reservation.state,
            expires_at: reservation.expires_at,
            created_at: reservation.created_at,
            token: with_token.then(|| reservation.token.to_text()),
        }
    }
}
