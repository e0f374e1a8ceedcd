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
    /// When the batch publishes the event: how many of its tickets were withdrawn before.
    /// Of a draft nobody keeps counts.
    // Left out as it mostly can be, so that a record reads as it did before this field.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withdrawn_before: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl EventChange {
    /// An entry that says nothing yet.
    pub fn new(event: EventId) -> Self {
        Self {
            event,
            tickets: Vec::new(),
            counts: CountsChange::default(),
            record: None,
            withdrawn_before: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_the_newest_field_reads_as_zero_and_is_written_without_it() {
        let event = EventId::from_number(7);
        let old = (event, [(); 0], CountsChange::default(), None::<()>);
        let old = crate::encode(&old);
        let mut change = EventChange::new(event);
        assert_eq!(crate::decode::<EventChange>(&old).unwrap(), change);
        assert_eq!(crate::encode(&change), old);
        change.withdrawn_before = 3;
        let written = crate::encode(&change);
        assert_eq!(crate::decode::<EventChange>(&written).unwrap(), change);
    }
}
