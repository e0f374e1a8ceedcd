//! The change log: one record per committed batch, applied as one.

use serde::{Deserialize, Serialize};

use crate::{CountsChange, EventId, EventRecord, TicketId, TicketState, Timestamp};

/// What one batch changed that the world may see. A batch that changed only drafts has
/// a record without events, so that every commit still has its rev.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// The core's clock when the batch was decided.
    pub at: Timestamp,
    /// At most one entry an event.
    pub events: Vec<EventChange>,
}

/// What one batch changed about one published event. States are absolute, so applying
/// a record twice does no harm; the change of counts must be applied exactly once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventChange {
    /// Which event.
    pub event: EventId,
    /// Tickets with their last state in the batch, ascending by ticket.
    pub tickets: Vec<(TicketId, TicketState)>,
    /// For those who keep counts without tickets.
    pub counts: CountsChange,
    /// The event's record, when the batch changed it.
    pub record: Option<Box<EventRecord>>,
}

impl EventChange {
    /// An entry that says nothing yet.
    pub fn new(event: EventId) -> Self {
        Self {
            event,
            tickets: Vec::new(),
            counts: CountsChange::default(),
            record: None,
        }
    }
}
