//! An event as the store keeps it, and what follows from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Currency, EventId, Money, Tier, Timestamp, limits};

/// An event as the store keeps it. Reserving reads it and never writes it, so it holds
/// no counter: two buyers must not conflict over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// The event's id.
    pub id: EventId,
    /// What an administrator may change at any time.
    pub about: About,
    /// Where it stands between draft and cancelled.
    pub life: Life,
    /// The sale's phase as last committed; [`EventRecord::phase_at`] is what it should be.
    pub phase: SalePhase,
    /// Price classes; a ticket points into them.
    pub tiers: Vec<Tier>,
    /// Where the layout's chunks lie, in ticket order.
    pub uploads: Vec<Upload>,
    /// How many tickets the event has, withdrawn ones included.
    pub total: u32,
    /// When the draft was made.
    pub created_at: Timestamp,
    /// Whether steps of cancelling are still to end reservations.
    #[serde(default)]
    pub cancelling: bool,
}

/// What an administrator says about an event.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// What it is called.
    #[schemars(length(min = 1, max = limits::NAME_CHARS))]
    pub title: String,
    /// Its kind, such as `comedy`.
    #[schemars(length(min = 1, max = limits::NAME_CHARS))]
    pub category: String,
    /// Where it is.
    #[schemars(length(min = 1, max = limits::NAME_CHARS))]
    pub venue: String,
    /// In which city.
    #[schemars(length(min = 1, max = limits::NAME_CHARS))]
    pub city: String,
    /// When it begins; may be past.
    pub starts_at: Timestamp,
    /// When the sale opens; none means at once.
    #[serde(default)]
    pub sale_opens_at: Option<Timestamp>,
    /// When the sale closes; none means when the event begins.
    #[serde(default)]
    pub sale_closes_at: Option<Timestamp>,
    /// What its prices are in.
    pub currency: Currency,
    /// Free text.
    #[schemars(length(max = limits::DESCRIPTION_CHARS))]
    #[serde(default)]
    pub description: String,
    /// A picture.
    #[schemars(length(max = limits::URL_CHARS), regex(pattern = "^https?://"))]
    #[serde(default)]
    pub image_url: Option<String>,
    /// Tickets one reservation may hold.
    #[serde(
        default = "default_max_tickets",
        deserialize_with = "crate::whole::deserialize"
    )]
    #[schemars(range(min = 1, max = limits::MAX_TICKETS))]
    pub max_tickets: u16,
    /// How long a reservation holds its tickets, in seconds.
    #[serde(
        default = "default_hold_seconds",
        deserialize_with = "crate::whole::deserialize"
    )]
    #[schemars(range(min = *limits::HOLD_SECONDS.start(), max = *limits::HOLD_SECONDS.end()))]
    pub hold_seconds: u32,
}

fn default_max_tickets() -> u16 {
    limits::DEFAULT_MAX_TICKETS
}

fn default_hold_seconds() -> u32 {
    limits::DEFAULT_HOLD_SECONDS
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Life {
    /// Only administrators see it; tickets can be added.
    Draft,
    /// A draft that is to be published at a time.
    Scheduled {
        /// When.
        at: Timestamp,
    },
    /// Everybody sees it.
    Published,
    /// Everybody sees that it won't take place; nothing of it is sold.
    Cancelled,
    /// A draft that was cancelled: nobody has seen it, and nobody will.
    Dropped,
}

impl Life {
    /// Whether it won't take place.
    pub fn is_cancelled(self) -> bool {
        matches!(self, Self::Cancelled | Self::Dropped)
    }
}

/// Where a published event's sale stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SalePhase {
    /// Not yet open.
    Upcoming,
    /// Tickets can be reserved.
    Open,
    /// Over.
    Closed,
}

/// A run of layout chunks that one upload brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Names the upload; its chunks' keys begin with it.
    pub id: UploadId,
    /// How many chunks it has.
    pub chunks: u32,
    /// How many tickets are in them.
    pub tickets: u32,
    /// How many sections the tickets name.
    pub sections: u32,
}

/// Names one upload of tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UploadId(pub [u8; 16]);

impl EventRecord {
    /// Whether everybody may see it.
    pub fn is_public(&self) -> bool {
        match self.life {
            Life::Published | Life::Cancelled => true,
            Life::Draft | Life::Scheduled { .. } | Life::Dropped => false,
        }
    }

    /// When the sale opens.
    pub fn sale_opens_at(&self) -> Timestamp {
        self.about.sale_opens_at.unwrap_or(self.created_at)
    }

    /// When the sale closes.
    pub fn sale_closes_at(&self) -> Timestamp {
        self.about.sale_closes_at.unwrap_or(self.about.starts_at)
    }

    /// The phase that the sale should have at a time.
    pub fn phase_at(&self, now: Timestamp) -> SalePhase {
        if now >= self.sale_closes_at() {
            SalePhase::Closed
        } else if now >= self.sale_opens_at() {
            SalePhase::Open
        } else {
            SalePhase::Upcoming
        }
    }

    /// The lowest price; none for an event without tiers.
    pub fn price_from(&self) -> Option<Money> {
        self.tiers.iter().map(|tier| tier.price).min()
    }
}
