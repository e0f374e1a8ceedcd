//! Changes what is said of an event, published or not.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{Currency, EventId, Timestamp};

/// An administrator changes some of what is said of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeEvent {
    /// Which event.
    pub event: EventId,
    /// What changes.
    pub patch: EventPatch,
}

impl ChangeEvent {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}

/// The fields of [`crate::About`] that change; the others stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is that of `About`")]
pub struct EventPatch {
    pub title: Option<String>,
    pub category: Option<String>,
    pub venue: Option<String>,
    pub city: Option<String>,
    pub starts_at: Option<Timestamp>,
    pub sale_opens_at: Option<Timestamp>,
    pub sale_closes_at: Option<Timestamp>,
    pub currency: Option<Currency>,
    pub description: Option<String>,
    pub image_url: Option<String>,
    pub max_tickets: Option<u16>,
    pub hold_seconds: Option<u32>,
}
