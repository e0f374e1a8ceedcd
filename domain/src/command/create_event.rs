//! Makes a draft.

use super::Answer;
use crate::state::{Decision, Overlay};
use crate::{About, EventId, Timestamp};

/// An administrator makes a draft. A repeat with the same id answers the event as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateEvent {
    /// The new event's id.
    pub event: EventId,
    /// What is said of it.
    pub about: About,
}

impl CreateEvent {
    pub(super) fn decide(&self, _now: Timestamp, _overlay: &mut Overlay) -> Decision<Answer> {
        todo!("rule")
    }
}
